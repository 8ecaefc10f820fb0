"""Removal of whole trees, without recursion (wheels may be 1,000 directories deep) and without following links.

An upgrade of many wheels ends with the removal of all their old files, which is work of the kernel. So a helper process
does half of it: it begins at the last tree, this process at the first, and whoever comes to what is gone goes on. This
process comes to all of them, so nothing depends on the helper.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_MANY = 200  # trees from which on a helper pays off: it takes some 20 ms to be ready
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: "Path | str") -> None:
    """Remove `path` and everything below it as far as possible; what cannot be removed is left, without an error."""
    directories: list[str] = []
    stack = [os.fspath(path)]
    while stack:
        directory = stack.pop()
        try:
            descriptor = os.open(directory, _DIRECTORY)
        except FileNotFoundError:
            continue
        except OSError:  # a file, a link, or a directory that cannot be read but may be empty
            try:
                os.unlink(directory)
            except OSError:
                directories.append(directory)
            continue
        directories.append(directory)
        try:
            stack += [f"{directory}/{name}" for name in _unlinked(descriptor)]
        finally:
            os.close(descriptor)
    for directory in reversed(directories):
        with suppress(OSError):
            os.rmdir(directory)


def _unlinked(descriptor: int) -> list[str]:
    """Remove all files of a directory; return the names that may be directories.

    Names below a descriptor, and no look at what each is, take two thirds of the time for 50,000 files.
    """
    left = []
    try:
        for name in os.listdir(descriptor):
            try:
                os.unlink(name, dir_fd=descriptor)
            except (IsADirectoryError, PermissionError):  # the latter as POSIX has it
                left.append(name)
            except OSError:
                pass
    except OSError:
        pass
    return left


def remove_content(
    directories: Sequence["Path"],
    inherited: Sequence[int] = (),
    *,
    together: bool = True,
    after: Callable[[], object] = lambda: None,
) -> None:
    """Remove `directories`, whose entries may be many trees, as `remove_tree` does, and call `after` after each.

    With `together`, a helper process takes part if there are many. `inherited` are descriptors that it keeps open.
    """
    trees = [tree for directory in directories for tree in _entries(os.fspath(directory))]
    other = None
    if together and len(trees) >= _MANY and (os.cpu_count() or 1) > 1:
        from instui_engine import helper

        other = helper.start(__name__, inherited)
    try:
        if other is not None:
            with suppress(OSError):
                other.requests.write(b"".join(os.fsencode(directory) + b"\0" for directory in directories))
                other.requests.close()
        for tree in trees:
            remove_tree(tree)
            after()
    finally:
        if other is not None:
            other.close()
    for directory in directories:
        remove_tree(directory)


def _entries(directory: str) -> list[str]:
    try:
        descriptor = os.open(directory, _DIRECTORY)  # which fails for a link
    except OSError:
        return []
    try:
        return [f"{directory}/{name}" for name in sorted(os.listdir(descriptor))]
    except OSError:
        return []
    finally:
        os.close(descriptor)


def serve(requests: "BinaryIO", answers: "BinaryIO", *inherited: int) -> None:
    """Run a helper process: remove all entries of some directories, the last ones first."""
    *directories, _ = requests.read().split(b"\0")  # behind the last end there is nothing, or half a path
    for directory in map(os.fsdecode, reversed(directories)):
        for tree in reversed(_entries(directory)):
            remove_tree(tree)
