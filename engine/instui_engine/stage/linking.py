"""Hard-linking many files of the store: as functions, and as the program of a helper process.

Most of an install from a warm store is link(2) and mkdir(2). Between these calls threads pass the GIL to and fro, which
processes need not do (measured on 2 cores with 25,000 links: 0.26-0.31 s in two threads, 0.20-0.27 s in two processes).
A helper imports nothing of the package but this module and `queue`, so that it starts in a few milliseconds.

All environments that link a file of the store share it: an edit in place changes it for all of them. So each file is
checked right after it is linked, by the new name, which nobody else can replace. Its mtime must be the one that all
files of the entry got when it was unpacked (`Manifest.sealed`), since every write sets another.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .queue import BEGUN, DONE, FAILED, Queue, message

if TYPE_CHECKING:
    from typing import BinaryIO

Directories = tuple[tuple[str, tuple[str, ...]], ...]
Tree = tuple[str, str, Directories, tuple[str, ...]]
"""Source, target, directories with their file names (parents first), and those directories that are `bases`."""
Job = tuple[tuple[str, ...], tuple[Tree, ...], tuple[tuple[str, str], ...], int]
"""Bases: directories to make, which other jobs may make, too; trees; single files (source, target); the mtime that the
sources have."""

_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
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


def link_tree(tree: Tree, link: Callable[[str, str], None], done: Callable[[int], None]) -> None:
    """Make the directories of `tree` that are no bases, and all its files. Raises OSError."""
    mkdir = os.mkdir
    source, target, directories, bases = tree
    for directory, names in directories:
        here, there = (f"{source}/{directory}", f"{target}/{directory}") if directory else (source, target)
        if directory not in bases:
            mkdir(there)
        for name in names:
            link(f"{here}/{name}", f"{there}/{name}")
        done(len(names))


def run_job(job: Job, link: Callable[[str, str], None], done: Callable[[int], None] = _nothing) -> None:
    """Do all of `job`, and call `done` with the number of files after each directory.

    Raises OSError at the first file that fails, or Changed if its source is gone.
    """
    bases, trees, files, _ = job
    _make(bases)
    try:
        for tree in trees:
            link_tree(tree, link, done)
        for source, target in files:
            link(source, target)
    except (FileNotFoundError, NotADirectoryError) as error:
        if error.filename2 is not None and not os.path.lexists(error.filename):
            raise Changed(error.filename) from None
        raise


def link_job(job: Job) -> None:
    """Do all of `job` by hard links, and check the seal of each file.

    Raises OSError at the first file that fails, or Changed if its source is gone or was changed.
    """
    bases, trees, files, sealed = job
    _make(bases)
    link_file = link_sealed(sealed)
    try:
        for tree in trees:
            _link_tree(tree, sealed)
        for source, target in files:
            link_file(source, target)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Changed(str(error.filename)) from None


def _link_tree(tree: Tree, sealed: int) -> None:
    """As `link_tree`, with the seals checked. The paths begin at open directories.

    So the system does not walk down long paths three times for each file (measured: 10 us a file instead of 14).
    """
    mkdir, link, stat = os.mkdir, os.link, os.stat
    source, target, directories, bases = tree
    above, _, name = target.rpartition("/")
    with _open(source) as here, _open(above) as there:
        for directory, names in directories:
            old = f"{directory}/" if directory else ""
            new = f"{name}/{old}"
            if directory not in bases:
                mkdir(new, dir_fd=there)
            for file in names:
                made = new + file
                # like link(2), it must not follow a symbolic link
                link(old + file, made, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
                status = stat(made, dir_fd=there, follow_symlinks=False)
                if status.st_mtime_ns != sealed or status.st_mode & _KIND != _REGULAR:
                    raise Changed(f"{source}/{old}{file}")


@contextmanager
def _open(directory: str) -> Iterator[int]:
    descriptor = os.open(directory, _DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(bases: Iterable[str]) -> None:
    for base in bases:
        with suppress(FileExistsError):  # another part has made it, in a stage that nobody else can write to
            os.mkdir(base)


def serve(requests: "BinaryIO", answers: "BinaryIO", tickets: int, jobs: int, *signs_of_life: int) -> None:
    """Run a helper process: take jobs from the queue, and say which are begun, done or failed."""
    queue = Queue(tickets, jobs)
    answer = answers.fileno()
    while (ticket := queue.take()) is not None:
        number, job = ticket[0], queue.read(ticket)
        if job is None:
            continue
        os.write(answer, message(number, BEGUN))
        try:
            link_job(job)
        except (OSError, Changed):
            os.write(answer, message(number, FAILED))
        else:
            os.write(answer, message(number, DONE))
