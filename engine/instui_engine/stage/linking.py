"""Hard-linking many files of the store: as functions, and as a helper process.

Most of an install from a warm store is link(2) and mkdir(2), between which threads hand the GIL to and fro; processes
need not (measured on 2 cores, 25,000 links: 0.26-0.31 s in two threads, 0.20-0.27 s in two processes). The helper runs
this file alone, without any other module of the package, so that it starts in a few milliseconds.

A file of the store is shared by all environments that link it: whoever edits it in place edits it for all of them. So
each file is checked right after it was linked, by the new name, which nobody else can exchange. Its mtime must be the
one that all files of the entry got when it was unpacked (`Manifest.sealed`), since every write sets another.
"""

import marshal
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

Directories = tuple[tuple[str, tuple[str, ...]], ...]
Job = tuple[str, tuple[tuple[str, str, Directories], ...], tuple[tuple[str, str], ...], int]
"""A directory to make; trees (source, target, directories with their file names); single files (source, target); the
mtime that the sources have."""

_KIND, _REGULAR = 0o170000, 0o100000  # S_IFMT, S_IFREG: `stat` costs the helper another import


class Changed(Exception):
    """A file of the store is not as it was unpacked, or gone. `path`: where it lies in the store."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def link_sealed(sealed: int) -> Callable[[str, str], None]:
    """A function that hard-links files of an entry with that seal. It raises OSError, or Changed after the link."""
    link, lstat = os.link, os.lstat

    def link_checked(source: str, target: str) -> None:
        link(source, target)
        status = lstat(target)
        if status.st_mtime_ns != sealed or status.st_mode & _KIND != _REGULAR:
            raise Changed(source)

    return link_checked


def _nothing(files: int) -> None:
    pass


def link_tree(
    source: str, target: str, directories: Directories, link: Callable[[str, str], None], done: Callable[[int], None]
) -> None:
    """Make `target` with all that `directories` lists, parents first. Raises OSError."""
    mkdir = os.mkdir
    for directory, names in directories:
        here, there = (f"{source}/{directory}", f"{target}/{directory}") if directory else (source, target)
        mkdir(there)
        for name in names:
            link(f"{here}/{name}", f"{there}/{name}")
        done(len(names))


def run_job(job: Job, link: Callable[[str, str], None], done: Callable[[int], None] = _nothing) -> None:
    """Do all of `job`, and tell `done` the number of files after each directory.

    Raises OSError at the first that fails, Changed where the reason is that its source is gone.
    """
    base, trees, files, _ = job
    os.mkdir(base)
    try:
        for source, target, directories in trees:
            link_tree(source, target, directories, link, done)
        for source, target in files:
            link(source, target)
    except (FileNotFoundError, NotADirectoryError) as error:
        if error.filename2 is not None and not os.path.lexists(error.filename):
            raise Changed(error.filename) from None
        raise


def serve(jobs: "BinaryIO", answers: "BinaryIO") -> None:
    """The helper process: do the marshalled list of jobs, answer each with a byte, "1" for done and "0" for failed.

    When the process that started us is dead, this one ends with its first answer.
    """
    todo: list[Job] = marshal.load(jobs)  # noqa: S302 - from the process that started us
    for job in todo:
        try:
            run_job(job, link_sealed(job[3]))
            answers.write(b"1")
        except (OSError, Changed):
            answers.write(b"0")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
