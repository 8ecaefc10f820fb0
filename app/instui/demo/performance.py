"""The performance of a demonstration: its wheels, its environment, and a session of the engine."""

import os
from contextlib import ExitStack
from pathlib import Path

from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import install
from instui_engine.errors import InstuiError
from instui_engine.journal.writer import Listener
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.session import journal_path
from instui_engine.target.environment import PRIVATE, Environment, discover

from .captions import Captions
from .collisions import COLLISIONS
from .crash import CRASH
from .other_process import OTHER_PROCESS
from .process import Gate
from .scenario import Scenario, Scene

SCENARIOS = {scenario.name: scenario for scenario in (*COLLISIONS, *OTHER_PROCESS, CRASH)}
_ENVIRONMENT = ".venv"
_LEAST_JOBS = 2  # one of them waits for the other process, and the rest shall go on
_QUICKEST = 0.4  # --slow shortens a scenario's lock timeout to no less than this share


def perform(
    scenario: Scenario,
    place: Path,
    control: Control,
    listeners: tuple[Listener, ...],
    identity: str,
    *,
    jobs: int,
    slow: float,
    lock_timeout: float,
    journal_file: str = "",
) -> Outcome:
    """Play `scenario` in the new directory `place`, as the session `identity`.

    Fewer `jobs` than any demonstration needs count as so many. `slow` multiplies the scenario's own factor;
    `lock_timeout` applies if the scenario has none of its own. The outcome is a success if the scenario went as it
    should, even if its session was meant to fail. Raises InstuiError.
    """
    environment = _make_environment(place)
    if scenario.lock_timeout:
        lock_timeout = min(lock_timeout, scenario.lock_timeout * max(slow, _QUICKEST))
    journal = journal_path(environment, identity)
    scene = Scene(place, environment, slow * scenario.slow, lock_timeout, journal)
    wheels = place / "wheels"
    wheels.mkdir()
    request = Request(arguments=tuple(str(path) for path in scenario.make(wheels)), no_deps=True, offline=True)
    options = Options(
        cache=place / "cache",
        jobs=max(jobs, _LEAST_JOBS),
        lock_timeout=lock_timeout,
        fsync=False,
        slow=scene.slow,
        journal_file=journal_file,
    )
    with ExitStack() as stack:
        if scenario.before is not None:
            scenario.before(scene, control)
        captions = Captions(scenario, scene, control, _start_process(scenario, scene, control, stack))
        recording = Recording(listeners, ("instui", "demo", scenario.name), captions, identity)
        outcome = install(request, environment, options, control, recording)
    return _as_promised(scenario, outcome, captions.well)


def journal_of(place: Path, identity: str) -> Path:
    """The path to which the session `identity` of a demonstration in `place` will write its journal."""
    return place / _ENVIRONMENT / PRIVATE / "sessions" / f"{identity}.jsonl"


def _start_process(scenario: Scenario, scene: Scene, control: Control, stack: ExitStack) -> Gate | None:
    """Start the scenario's other process, which `stack` will end; return the gate that holds the session back."""
    if scenario.process is None:
        return None
    scene.process = scenario.process(scene)
    stack.callback(scene.process.close)
    gate = Gate(control)
    gate.open_when(scene.process)
    return gate


def _as_promised(scenario: Scenario, outcome: Outcome, well: bool) -> Outcome:
    """The outcome of the demonstration: a session that was meant to fail, and did, is no failure."""
    if outcome.exit_code != scenario.exit:
        unexpected = scenario.exit and not outcome.exit_code
        error = f"the session was to end with exit {scenario.exit}, and ended well"
        return outcome._replace(failure=InstuiError(error)) if unexpected else outcome
    if well:
        return outcome._replace(failure=None)
    broken = InstuiError("what this demonstration promises did not happen; its last words say why")
    return outcome._replace(failure=broken)


def _make_environment(place: Path) -> Environment:
    import venv

    directory = place / _ENVIRONMENT
    venv.create(directory, symlinks=os.name == "posix", with_pip=False)
    return discover(place / "cache", python=str(directory))
