"""How a tree is made again, quickly: what `shutil.copytree` would read each time is read once."""

import os
import stat
from pathlib import Path


class Recipe:
    """The tree `source`, with modes and mtimes."""

    def __init__(self, source: Path) -> None:
        top = os.fspath(source)
        status = os.lstat(top)
        self._directories = [("", status.st_mode, status.st_mtime_ns)]
        self._symlinks: list[tuple[str, str]] = []
        self._linked: list[tuple[str, str]] = []
        self._files: list[tuple[str, int, int, bytes]] = []
        for place, directories, files in os.walk(top):
            for name in [*directories, *files]:
                path = os.path.join(place, name)
                self._add(path, path[len(top) :])

    def _add(self, path: str, name: str) -> None:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            self._symlinks.append((name, os.readlink(path)))
        elif stat.S_ISDIR(status.st_mode):
            self._directories.append((name, status.st_mode, status.st_mtime_ns))
        elif status.st_nlink > 1:  # hard links of the store stay hard links of it; a copy would hide what that means
            self._linked.append((name, path))
        else:
            with open(path, "rb") as file:
                self._files.append((name, status.st_mode, status.st_mtime_ns, file.read()))

    def follow(self, target: Path) -> None:
        """Make the tree at `target`, where nothing is yet."""
        top = os.fspath(target)
        for name, _, _ in self._directories:
            os.mkdir(f"{top}{name}")
        for name, text in self._symlinks:
            Path(f"{top}{name}").symlink_to(text)
        for name, path in self._linked:
            os.link(path, f"{top}{name}")
        for name, mode, mtime, content in self._files:
            with open(f"{top}{name}", "wb", buffering=0) as file:  # the time comes after the content
                file.write(content)
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
                os.utime(file.fileno(), ns=(mtime, mtime))
        for name, mode, mtime in reversed(self._directories):
            os.chmod(f"{top}{name}", stat.S_IMODE(mode))
            os.utime(f"{top}{name}", ns=(mtime, mtime))
