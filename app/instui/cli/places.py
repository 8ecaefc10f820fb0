"""The environment of home: which it is, how it is, what is recorded in it. Looked at again and again, so cheaply."""

import argparse
import os
import time
from collections.abc import Set
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from instui.monitor import sessions
from instui.monitor.fold import Fold
from instui.monitor.reader import read
from instui.monitor.sessions import KnownSession
from instui.tui.host import Place
from instui_engine.commit import writeahead
from instui_engine.doctor.leftovers import searched, temporary
from instui_engine.errors import InstuiError
from instui_engine.session.session import alive, journal_path, stages
from instui_engine.target.installed import scan

from .parsed import environment_from

if TYPE_CHECKING:
    from instui_engine.target.environment import Environment

RECORDED = 50  # recordings in the list: as many as are kept
_SHORT = 1_000_000  # bytes of a journal that is read whole, in some 20 ms
_BUDGET = 0.02  # seconds of one look that are spent on that
_STRAYS = 100  # leftovers of pip and uv that are counted
_AT_WORK = 60.0  # seconds for which what they would leave if they were killed may be in use
_AGAIN = 3.0  # seconds after which an environment that was not found is looked for again


class PlaceFinder:
    """The environment that `parsed` means. What has not changed on the disk is not looked at again."""

    def __init__(self, parsed: argparse.Namespace) -> None:
        self._parsed = parsed
        self._environment: Environment | None = None
        self._missing = ""
        self._looked = 0.0
        self._strays: list[Path] = []
        self._listed: tuple[object, Place] = (None, Place())
        self._journals: tuple[object, list[KnownSession]] = (None, [])
        self.waited: dict[str, float] = {}  # seconds for which locks held up these sessions, by id

    def look(self) -> Place:
        """The environment as it is now."""
        environment = self._find()
        if environment is None:
            return Place(missing=self._missing)
        stamps = []
        for directory in searched(environment):
            with suppress(OSError):
                stamps.append((environment.top / directory).stat().st_mtime_ns)
        if self._listed[0] != stamps or not stamps:
            self._listed = stamps, _described(environment)
            # where distributions have nothing but directories of their own is not looked at: that would take long
            self._strays = [environment.top / path for path in islice(temporary(environment, (), ()), _STRAYS)]
        changing = {writeahead.session_of(path.name) for path in writeahead.pending(environment.top)}
        staging = {identity for _, identity in stages(environment)} - changing
        return self._listed[1]._replace(
            unfinished=_killed(changing, environment),
            leftovers=_killed(staging, environment),
            strays=sum(map(_is_left, self._strays)),
        )

    def _find(self) -> "Environment | None":
        if self._environment is not None and self._environment.top.is_dir():
            return self._environment
        now = time.monotonic()
        if self._looked and now - self._looked < _AGAIN:
            return None
        self._looked, self._environment = now, None
        try:
            self._environment = environment_from(self._parsed, writable=False, any_python=True)
        except InstuiError as error:
            self._missing = str(error)
        return self._environment

    def recorded(self) -> list[KnownSession]:
        """The recordings of the environment, the newest first; also of sessions that run and do not answer."""
        environment = self._environment
        if environment is None:
            return []
        stamps = []
        for directory in sessions.journal_directories(environment):
            with suppress(OSError):
                stamps.append(directory.stat().st_mtime_ns)
        known_stamps, known = self._journals
        if known_stamps != stamps or any(one.is_live for one in known):
            self._journals = stamps, sessions.recorded(environment, RECORDED)
        self._find_waits()
        return self._journals[1]

    def _find_waits(self) -> None:
        """Find out of some more recordings how long they waited, which only all of their lines say."""
        deadline = time.monotonic() + _BUDGET
        for one in self._journals[1]:
            if one.is_live or one.session in self.waited:
                continue
            if time.monotonic() > deadline:
                return
            self.waited[one.session] = 0.0
            with suppress(OSError):
                if os.stat(one.journal).st_size <= _SHORT:
                    fold = Fold()
                    for t, event in read(Path(one.journal)):
                        fold.feed(t, event)
                    self.waited[one.session] = fold.snapshot(fold.now).totals.held_up


def _described(environment: "Environment") -> Place:
    interpreter = environment.interpreter
    name = environment.top.name
    parent = environment.top.parent.name
    implementation = interpreter.markers.get("platform_python_implementation", "Python")
    try:
        found = scan(environment)
        incomplete = sum(not found.is_whole(one) for one in found)
    except OSError:
        return Place(f"{parent}/{name}", f"{implementation} {interpreter.version}")
    return Place(f"{parent}/{name}", f"{implementation} {interpreter.version}", tuple(found), incomplete=incomplete)


def _is_left(path: Path) -> bool:
    """Whether it is there so long that no installer can be at work with it any more."""
    try:
        return time.time() - path.lstat().st_ctime > _AT_WORK
    except OSError:
        return False


def _killed(sessions: Set[str], environment: "Environment") -> int:
    """How many of these sessions have left something there, and run no longer."""
    return sum(not alive(journal_path(environment, one)) for one in sessions)
