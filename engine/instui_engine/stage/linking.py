"""Hard-linking many files of the store: as functions, and as a helper process.

Most of an install from a warm store is link(2) and mkdir(2). Between these calls threads pass the GIL to and fro, which
processes need not do (measured on 2 cores with 25,000 links: 0.26-0.31 s in two threads, 0.20-0.27 s in two processes).
The helper runs only this file, without any other module of the package, so that it starts in a few milliseconds.

All environments that link a file of the store share it: an edit in place changes it for all of them. So each file is
checked right after it is linked, by the new name, which nobody else can replace. Its mtime must be the one that all
files of the entry got when it was unpacked (`Manifest.sealed`), since every write sets another.
"""

import marshal
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

Directories = tuple[tuple[str, tuple[str, ...]], ...]
Job = tuple[tuple[str, ...], tuple[tuple[str, str, Directories], ...], tuple[tuple[str, str], ...], int]
"""Directories to make; trees (source, target, directories with their file names); single files (source, target); the
mtime that the sources have."""

_KIND, _REGULAR = 0o170000, 0o100000  # S_IFMT, S_IFREG: `stat` costs the helper another import


class Changed(Exception):
    """A file of the store is gone, or no longer as it was unpacked. `path` is its place in the store."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def link_sealed(sealed: int) -> Callable[[str, str], None]:
    """A function that hard-links files of an entry with that seal. It raises OSError and, after the link, Changed."""
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
    """Make `target` with everything that `directories` lists, parents first. Raises OSError."""
    mkdir = os.mkdir
    for directory, names in directories:
        here, there = (f"{source}/{directory}", f"{target}/{directory}") if directory else (source, target)
        mkdir(there)
        for name in names:
            link(f"{here}/{name}", f"{there}/{name}")
        done(len(names))


def run_job(job: Job, link: Callable[[str, str], None], done: Callable[[int], None] = _nothing) -> None:
    """Do all of `job`, and call `done` with the number of files after each directory.

    Raises OSError at the first file that fails, or Changed if its source is gone.
    """
    bases, trees, files, _ = job
    for base in bases:
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
    """Run the helper process: do the marshalled list of jobs; answer each with a byte, "1" if done and "0" if failed.

    If the parent process is dead, this one ends with its next answer.
    """
    todo: list[Job] = marshal.load(jobs)  # noqa: S302 - from the parent process
    for job in todo:
        try:
            run_job(job, link_sealed(job[3]))
            answers.write(b"1")
        except (OSError, Changed):
            answers.write(b"0")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
