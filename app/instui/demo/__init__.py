"""`instui demo`: the real engine on wheels made on the fly, slowed down so that eyes can follow, in a throw-away place.

No network, nothing left behind; `--keep DIR` leaves the environment there to be looked at.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from instui.fullscreen import watch_child
from instui_engine.context import Options
from instui_engine.control import Control
from instui_engine.environment import PRIVATE, Environment, discover
from instui_engine.errors import UsageError, printable
from instui_engine.events import Event, kind_of
from instui_engine.install import Outcome, install
from instui_engine.journal import Listener
from instui_engine.request import Request
from instui_engine.session import new_id

from .scenarios import SCENARIOS, Scenario

Session = Callable[[Control, tuple[Listener, ...]], Outcome]
_ENVIRONMENT = ".venv"
_JOBS = 8  # so that there is something to see on any machine


def play(parsed: argparse.Namespace, words: list[str], watch: Callable[[argparse.Namespace, Session], int]) -> int:
    """Play the scenario that the command line names, shown by `watch`; returns the exit code."""
    scenario = SCENARIOS[parsed.scenario]
    with ExitStack() as stack:
        place = _place(parsed, stack)
        if parsed.ui == "tui":
            identity = new_id()
            journal = place / _ENVIRONMENT / PRIVATE / "sessions" / f"{identity}.jsonl"
            words = [words[0], "--keep", str(place), *words[1:]]
            return watch_child(parsed, words, identity, journal, may_be_left=False)
        environment = _make_environment(place)
        wheels = place / "wheels"
        wheels.mkdir()
        request = Request(words=tuple(str(path) for path in scenario.make(wheels)), no_deps=True, offline=True)
        options = Options(
            cache=place / "cache",
            jobs=_JOBS,
            lock_timeout=parsed.lock_timeout,
            fsync=False,
            slow=parsed.slow * scenario.slow,
            journal_file=parsed.journal,
        )

        recorded = ["instui", "demo", scenario.name]

        def session(control: Control, listeners: tuple[Listener, ...]) -> Outcome:
            narrate = Narration(scenario, environment)
            return install(request, environment, options, control, listeners, recorded, narrate, parsed.child)

        return watch(parsed, session)


class Narration:
    """Says what to watch now: gives the caption that belongs before an event, once."""

    def __init__(self, scenario: Scenario, environment: Environment) -> None:
        self._captions = dict(scenario.captions)
        self._result = scenario.result
        self._site_packages = environment.top / environment.roots["purelib"]

    def __call__(self, event: Event) -> str:
        """The caption to show before `event`, "" for none."""
        kind = kind_of(event)
        if kind == "session.finished" and getattr(event, "exit", 1) == 0:
            return self._result(self._site_packages)
        return self._captions.pop(kind, "")


def _place(parsed: argparse.Namespace, stack: ExitStack) -> Path:
    """A new directory: the one that --keep names, else one that goes away with `stack`."""
    if parsed.child:
        return Path(parsed.keep)  # made by the parent
    if not parsed.keep:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="instui-demo-", ignore_cleanup_errors=True)))
    place = Path(parsed.keep).absolute()
    try:
        place.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"{printable(parsed.keep)} exists; --keep wants the name of a new directory") from None
    except OSError as error:
        raise UsageError(f"cannot make {printable(parsed.keep)}: {error.strerror}") from error
    return place


def _make_environment(place: Path) -> Environment:
    import venv

    directory = place / _ENVIRONMENT
    venv.create(directory, symlinks=os.name == "posix", with_pip=False)
    return discover(place / "cache", python=str(directory))


__all__ = ["SCENARIOS", "Narration", "play"]
