"""`instui demo`: the real engine on wheels made on the fly, slowed down so that eyes can follow, in a throw-away place.

No network, nothing left behind; `--keep DIR` leaves the environment there to be looked at.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from instui.cli.fullscreen import watch_child
from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import install
from instui_engine.errors import InstuiError, UsageError, printable
from instui_engine.journal.writer import Listener
from instui_engine.resolve.request import Request
from instui_engine.session.context import Options
from instui_engine.session.control import Control
from instui_engine.session.session import journal_path, new_id
from instui_engine.target.environment import PRIVATE, Environment, discover

from .narration import Narration
from .process import Gate
from .scenario import Scenario, Scene
from .scenarios import SCENARIOS

Session = Callable[[Control, tuple[Listener, ...]], Outcome]
_ENVIRONMENT = ".venv"
_JOBS = 8  # so that there is something to see on any machine
_QUICKEST = 0.2  # of a patience: what --slow makes of it at most


def play(parsed: argparse.Namespace, words: list[str], watch: Callable[[argparse.Namespace, Session], int]) -> int:
    """Play the scenario that the command line names, shown by `watch`; returns the exit code.

    That is 0 where what was to be seen happened, even where it is a session that fails.
    """
    scenario = SCENARIOS[parsed.scenario]
    with ExitStack() as stack:
        place = _place(parsed, stack)
        identity = parsed.child or new_id()
        if parsed.ui == "tui":
            journal = place / _ENVIRONMENT / PRIVATE / "sessions" / f"{identity}.jsonl"
            words = [words[0], "--keep", str(place), *words[1:]]
            return watch_child(parsed, words, identity, journal, may_be_left=False)
        environment = _make_environment(place)
        scene = _scene(scenario, parsed, place, environment, identity)
        wheels = place / "wheels"
        wheels.mkdir()
        request = Request(arguments=tuple(str(path) for path in scenario.make(wheels)), no_deps=True, offline=True)
        options = Options(
            cache=place / "cache",
            jobs=_JOBS,
            lock_timeout=scene.lock_timeout,
            fsync=False,
            slow=scene.slow,
            journal_file=parsed.journal,
        )
        recorded = ("instui", "demo", scenario.name)

        def session(control: Control, listeners: tuple[Listener, ...]) -> Outcome:
            if scenario.before is not None:
                scenario.before(scene, control)
            narration = Narration(scenario, scene, control, _company(scenario, scene, control, stack))
            recording = Recording(listeners, recorded, narration, identity)
            outcome = install(request, environment, options, control, recording)
            return _as_promised(scenario, outcome, narration.well)

        return watch(parsed, session)


def _scene(
    scenario: Scenario, parsed: argparse.Namespace, place: Path, environment: Environment, identity: str
) -> Scene:
    patience = parsed.lock_timeout
    if scenario.patience:
        patience = min(patience, scenario.patience * max(parsed.slow, _QUICKEST))
    slow = parsed.slow * scenario.slow
    return Scene(place, environment, slow, patience, journal_path(environment, identity))


def _company(scenario: Scenario, scene: Scene, control: Control, stack: ExitStack) -> Gate | None:
    """Start the companion of the scenario, which `stack` will end; what keeps the session back until it is ready."""
    if scenario.companion is None:
        return None
    scene.companion = scenario.companion(scene)
    stack.callback(scene.companion.close)
    gate = Gate(control)
    gate.open_when(scene.companion)
    return gate


def _as_promised(scenario: Scenario, outcome: Outcome, well: bool) -> Outcome:
    """The outcome of the demonstration: a session that fails as it was to fail is no failure."""
    if outcome.exit_code != scenario.exit:
        unexpected = scenario.exit and not outcome.exit_code
        told = f"the session was to end with exit {scenario.exit}, and ended well"
        return replace(outcome, failure=InstuiError(told)) if unexpected else outcome
    if well:
        return replace(outcome, failure=None)
    broken = InstuiError("what this demonstration promises did not happen; its last words say why")
    return replace(outcome, failure=broken)


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
