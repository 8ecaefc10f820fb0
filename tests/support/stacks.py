"""What a serial run of installs, upgrades, reinstalls and uninstalls leaves: a model without any code of the engine.

At each path lies a stack: who put which content there, the latest on top, a file of the user's at the bottom. What one
sees of it is its top.
"""

from collections.abc import Mapping

USER = ""


class Stacks:
    """The files of an environment, by their paths."""

    def __init__(self, user: Mapping[str, bytes]) -> None:
        """`user`: what lies there before anything is installed, and belongs to nobody."""
        self._stacks = {path: [(USER, content)] for path, content in user.items()}
        self._shipped: dict[str, Mapping[str, bytes]] = {}

    @property
    def installed(self) -> list[str]:
        """The names of what is installed."""
        return sorted(self._shipped)

    def install(self, name: str, files: Mapping[str, bytes]) -> None:
        """Put a distribution's files on top; an older version of it is gone then."""
        self.uninstall(name)
        self._shipped[name] = files
        for path, content in files.items():
            self._stacks.setdefault(path, []).append((name, content))

    def uninstall(self, name: str) -> None:
        """Take a distribution's files out, wherever in the stacks they are; nothing if it is not installed."""
        for path in self._shipped.pop(name, {}):
            self._stacks[path] = [entry for entry in self._stacks[path] if entry[0] != name]
            if not self._stacks[path]:
                del self._stacks[path]

    def files(self) -> dict[str, bytes]:
        """What one sees."""
        return {path: stack[-1][1] for path, stack in self._stacks.items()}

    def directories(self) -> set[str]:
        """All directories that hold something."""
        found = set()
        for path in self._stacks:
            while "/" in path:
                path = path.rpartition("/")[0]
                found.add(path)
        return found

    def whole(self) -> list[str]:
        """The names of those whose files one sees, all of them."""
        seen = self.files()
        return [name for name in self.installed if self._shipped[name].items() <= seen.items()]
