"""The owner index: what is installed now, and who owns which file, for all commits of one session.

Listing an environment and reading all its RECORDs for each wheel would make K overlapping wheels cost K times K. So
both are done once and kept up to date: by the session's own commits, and by another listing whenever somebody else may
have changed the environment. Then only the RECORDs of distributions with a new fingerprint are read.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

from instui_engine.fs.paths import parent_of

from .environment import Environment
from .file_owners import FileOwners
from .installed import Distribution, Installed, is_there, listed_at, read_distribution, scan
from .installed import find as find_listed

_AGAIN = 0.1  # seconds for which a program that takes no lock may go unnoticed
_SHARE = 20  # or that many times as long as a listing takes: 5 % of the time

Undisturbed = Callable[[], object]
"""A token that is the same for as long as no other cooperating process can have changed the environment; else None."""


class OwnerIndex:
    """The distributions of an environment and the owners of their files, as they are now. Thread-safe.

    The environment stays authoritative: whatever the index cannot be sure of, it looks up.
    """

    def __init__(
        self, environment: Environment, installed: Installed, undisturbed: Undisturbed, files: FileOwners | None = None
    ) -> None:
        """`installed` is an earlier listing. `undisturbed` is called at every access; it returns a token, or None.

        `files` may be known from an earlier index.
        """
        self._environment = environment
        self._undisturbed = undisturbed
        self._mutex = threading.RLock()
        self._token: object = None  # the token under which the index was right
        self._mtimes: tuple[int, ...] = ()  # of the listed directories then, or after our last commit
        self._has_committed = False  # whether the session itself has, since the last listing
        self._next = 0.0  # monotonic time from which such an index is no longer trusted
        self._infos: dict[str, Distribution] = {}  # .dist-info -> distribution
        self._names: dict[str, dict[str, None]] = {}  # name -> its .dist-info directories, duplicates included
        self._arrivals: list[Distribution] = []  # what others have installed since, in the order in which it was found
        self._own: dict[str, Distribution] = {}  # what the session itself has installed
        self._changing: list[str] = []  # the distributions of the session's own commits that are under way
        self._has_owners = False  # whether owners were ever asked for; most sessions never do
        self._files = files or FileOwners(environment)
        self._unread: dict[str, None] = {}  # .dist-info directories whose RECORD is to be read before the next answer
        for distribution in all_of(installed):
            self._add(distribution)

    # -- what is installed

    def find(self, name: str) -> Distribution | None:
        """The distribution of that normalized name, None where it is not installed. Raises OSError."""
        with self._mutex:
            if not self._is_current():
                if self._changing or self._undisturbed() is None:  # it will soon be outdated again
                    return find_listed(self._environment, name)
                self._refresh()
            known = self._first(name)
            if known is None or is_there(self._environment, known):
                return known
            self._token = None  # it was changed in place
            return find_listed(self._environment, name)

    def mark(self) -> int:
        """A mark of the present moment, for `newcomers`. Raises OSError."""
        with self._mutex:
            self._refresh()
            return len(self._arrivals)

    def newcomers(self, since: int) -> list[Distribution]:
        """What others have installed since that mark, as far as it is still there. Raises OSError."""
        with self._mutex:
            self._refresh()
            return [
                distribution
                for distribution in self._arrivals[since:]
                if self._infos.get(distribution.info) == distribution
                and distribution != self._own.get(distribution.name)
                and distribution.name not in self._changing
            ]

    def own(self, name: str) -> Distribution | None:
        """What the session itself has installed under that name, unless it has removed that again."""
        with self._mutex:
            return self._own.get(name)

    @contextmanager
    def changing(self, name: str) -> Iterator[None]:
        """In the block the session itself changes that distribution, which is nobody else's newcomer, then."""
        with self._mutex:
            self._changing.append(name)
        try:
            yield
        finally:
            with self._mutex:
                self._changing.remove(name)

    def committed(self, name: str, info: str) -> None:
        """Record that the session itself has installed the distribution at `info`, or removed it if that is ""."""
        with self._mutex:
            for old in list(self._names.get(name, ())):
                self._drop(old)
            self._own.pop(name, None)
            try:
                found = read_distribution(self._environment, info) if info else None
            except OSError:  # the commit is complete all the same
                self._token = None
                return
            if found is not None:
                self._own[name] = found
                self._add(found)
            self._mtimes = listed_at(self._environment)
            self._has_committed = True

    # -- the owners of files

    def look(self) -> None:
        """Read what is new since the last call; the answers of the methods below are as of then. Raises OSError."""
        with self._mutex:
            self._refresh()
            unread: dict[str, None] = {}
            if not self._has_owners:
                self._files.keep(self._infos)
            for info in self._unread if self._has_owners else list(self._infos):
                if not self._files.add(self._infos[info]) and not self._infos[info].is_legacy:
                    unread[info] = None  # another installer may be about to write it
            self._has_owners = True
            self._unread = unread

    def owners_of(self, path: str, but: str) -> dict[str, str]:
        """Owner -> hash in its RECORD ("algorithm=digest" or ""), for all that list `path`, except the name `but`."""
        with self._mutex:
            found = sorted(self._files.of(path).items(), key=lambda entry: entry[0].info)
        return {distribution.owner: value for distribution, value in found if distribution.name != but}

    def is_owned(self, path: str, but: str) -> bool:
        """Whether a distribution other than the name `but` lists `path`."""
        with self._mutex:
            return any(distribution.name != but for distribution in self._files.of(path))

    def lists(self, distribution: Distribution, path: str) -> bool:
        """Whether `distribution` lists `path`."""
        with self._mutex:
            return distribution in self._files.of(path)

    # -- keeping the index up to date

    def _refresh(self) -> None:
        """List the environment again if somebody can have changed it."""
        if self._is_current():
            return
        begun = time.monotonic()
        token, mtimes = self._undisturbed(), listed_at(self._environment)
        found = {distribution.info: distribution for distribution in all_of(scan(self._environment))}
        for info in [info for info, old in self._infos.items() if found.get(info) != old]:
            self._drop(info)
        for info, distribution in found.items():
            if info not in self._infos:
                self._add(distribution)
                self._arrivals.append(distribution)
        self._token, self._mtimes, self._has_committed = token, mtimes, False
        now = time.monotonic()
        self._next = now + max(_AGAIN, _SHARE * (now - begun))

    def _is_current(self) -> bool:
        """Whether nobody else has changed the environment since the last check.

        Those who take no lock, pip for one, are seen by the mtimes of the listed directories; but a commit of the
        session itself changes these, too. So after commits the environment is listed again now and then.
        """
        token = self._undisturbed()
        if token is None or token != self._token or listed_at(self._environment) != self._mtimes:
            return False
        return not self._has_committed or time.monotonic() < self._next

    def _first(self, name: str) -> Distribution | None:
        """The one of several that counts, as in `installed.scan`."""
        roots = self._environment.site_packages
        infos = sorted(self._names.get(name, ()), key=lambda info: (roots.index(parent_of(info)), info))
        return self._infos[infos[0]] if infos else None

    def _add(self, distribution: Distribution) -> None:
        self._infos[distribution.info] = distribution
        self._names.setdefault(distribution.name, {})[distribution.info] = None
        if self._has_owners:
            self._unread[distribution.info] = None

    def _drop(self, info: str) -> None:
        distribution = self._infos.pop(info)
        self._names[distribution.name].pop(info)
        self._unread.pop(info, None)
        self._files.drop(info)


def all_of(installed: Installed) -> Iterator[Distribution]:
    """Every distribution that is listed, duplicates included."""
    return chain(installed.values(), chain.from_iterable(map(installed.duplicates, installed)))
