"""Who lists which file, in little memory: an environment of 10,000 distributions lists half a million.

Only a hash of each path is kept, with the distributions whose RECORD has a path of that hash. Few paths are ever asked
for; then the RECORDs of these distributions say whether they list it, and with which hash of its content.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from .environment import Environment
from .installed import Distribution, recorded_hashes

_ROWS = 20_000  # of RECORDs that were read last and are kept, as one is often asked for many paths


class FileOwners:
    """The owners of the files of an environment. Not thread-safe."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._numbers: dict[str, int] = {}  # .dist-info -> number of the distribution there
        self._distributions: dict[int, Distribution] = {}
        self._next = 0
        self._candidates: dict[int, int | tuple[int, ...]] = {}  # hash of a path's key -> numbers, also of dropped ones
        self._asked: dict[str, dict[int, str | None]] = {}  # key -> what RECORDs say of it; None: they do not list it
        self._rows: dict[int, Mapping[str, str]] = {}  # number -> key -> hash, those that were read last
        self._kept = 0  # number of these rows

    def add(self, distribution: Distribution) -> bool:
        """Note what a distribution lists, unless that is known; return whether it lists anything. Raises OSError."""
        number = self._numbers.get(distribution.info)
        if number is not None and self._distributions[number] == distribution:
            return True
        self.drop(distribution.info)
        number, self._next = self._next, self._next + 1
        self._distributions[number] = distribution
        rows = self._read(number)
        if not rows:
            del self._distributions[number]
            return False
        self._numbers[distribution.info] = number
        for key in map(hash, rows):
            before = self._candidates.setdefault(key, number)
            if before is not number:
                self._candidates[key] = (*(before if isinstance(before, tuple) else (before,)), number)
        return True

    def drop(self, info: str) -> None:
        """Forget the distribution at `info`."""
        number = self._numbers.pop(info, None)
        if number is not None:
            del self._distributions[number]
            self._kept -= len(self._rows.pop(number, ()))

    def keep(self, infos: Collection[str]) -> None:
        """Forget all distributions that are not at one of `infos`."""
        for info in [info for info in self._numbers if info not in infos]:
            self.drop(info)

    def of(self, path: str) -> dict[Distribution, str]:
        """The distributions that list `path`, with the hash of its content ("algorithm=digest" or "")."""
        key = self._environment.key(path)
        found = self._candidates.get(hash(key), ())
        known = self._asked.setdefault(key, {}) if found != () else {}
        owners: dict[Distribution, str] = {}
        for number in found if isinstance(found, tuple) else (found,):
            if number not in self._distributions:
                continue
            if number not in known:
                known[number] = self._read(number).get(key)
            value = known[number]
            if value is not None:
                owners[self._distributions[number]] = value
        return owners

    def _read(self, number: int) -> Mapping[str, str]:
        rows: Mapping[str, str] | None = self._rows.pop(number, None)
        if rows is None:
            key = self._environment.key
            listed = recorded_hashes(self._environment, self._distributions[number].info)
            rows = {key(path): value for path, value in listed.items()} if self._environment.folds else listed
            self._kept += len(rows)
        self._rows[number] = rows  # the latest at the end
        while self._kept > _ROWS and len(self._rows) > 1:
            self._kept -= len(self._rows.pop(next(iter(self._rows))))
        return rows


class OwnersByKey(Mapping[str, list[str]]):
    """The owners' names of single paths, for `Installed`: read when the first one is asked for."""

    def __init__(self, files: FileOwners, distributions: Callable[[], Iterable[Distribution]]) -> None:
        """`distributions` are those that the environment lists."""
        self._files = files
        self._distributions = distributions
        self._is_read = False

    def __getitem__(self, key: str) -> list[str]:
        if not self._is_read:
            listed = {distribution.info: distribution for distribution in self._distributions()}
            self._files.keep(listed)
            for distribution in listed.values():
                self._files.add(distribution)
            self._is_read = True
        owners = sorted(self._files.of(key), key=lambda distribution: distribution.info)
        if not owners:
            raise KeyError(key)
        return [distribution.name for distribution in owners]

    def __iter__(self) -> Iterator[str]:
        raise TypeError("the paths themselves are not kept")

    def __len__(self) -> int:
        raise TypeError("the paths themselves are not kept")
