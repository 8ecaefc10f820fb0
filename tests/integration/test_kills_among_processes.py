"""One of several processes is killed in the middle of a commit; the others inherit its claims, settle it and go on.

What is there in the end is what the serial order of all that was done leaves, the half-done commit settled as the one
says that settled it.
"""

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from test_concurrent_histories import (
    Group,
    aftermath,
    case,
    do,
    held_back,
    in_order,
    judge,
    simple,
    site,
    start_all,
    variables,
)

from conftest import Start
from instui_engine.journal.events import CommitStarted, RecoveryFinished, SessionStarted
from support import trees
from support.environments import PATIENCE, Session, Venv

__all__ = ["site"]  # a fixture


def kill_in_a_commit(session: Session, later: float) -> None:
    """SIGKILL it `later` seconds after it has begun to commit, if it still runs then."""
    end = time.monotonic() + PATIENCE
    while not session.lines.of(CommitStarted):
        assert time.monotonic() < end
        if session.process.poll() is not None:
            return
        time.sleep(0.002)
    time.sleep(later)
    session.process.send_signal(signal.SIGKILL)


def nothing_came_of(victim: Session, settled: Sequence[RecoveryFinished]) -> set[str]:
    """The wheels of the killed session that held their claims and yet changed nothing, as "session/wheel"."""
    (started,) = victim.lines.of(SessionStarted)
    outcomes = {one.wheel: one.outcome for one in settled if one.session == started.session}
    begun = {one.wheel for one in victim.lines.of(CommitStarted)}
    names = {getattr(event, "wheel", "") for _, event in victim.lines.events} - {""}
    # all that was begun and left no record was at its end
    done = {name for name in names if outcomes.get(name, "completed" if name in begun else "undone") == "completed"}
    return {f"{started.session}/{name}" for name in names - done}


def torn(target: Venv) -> list[str]:
    """The rows of all RECORDs that no RECORD which lists the file confirms: it is missing, or has nobody's content."""
    wrong: dict[str, int] = {}
    owners: dict[str, int] = {}
    for name, info in trees.distributions(target.site).items():
        for path, _, _ in trees.rows(info / "RECORD"):
            owners[path] = owners.get(path, 0) + 1
        for problem in trees.wrong_rows(target.site, name):
            path = problem.partition(" ")[0]
            wrong[path] = wrong.get(path, 0) + 1 if " bytes, not " not in problem else wrong.get(path, 0)
    return sorted(path for path, count in wrong.items() if count >= owners.get(path, 0))


def left_behind(target: Venv) -> list[str]:
    """Records and stages."""
    records = target.top / ".instui" / "records"
    return [*(path.name for path in records.iterdir()), *target.stages()]


@pytest.mark.sweep
def test_who_inherits_the_claims_of_a_killed_process_settles_it_and_all_is_as_in_some_serial_order(
    tmp_path: Path,
    make_venv: Callable[[Path], Venv],
    start_instui: Start,
    site: Path,
    rounds: Callable[[int, int], range],
) -> None:
    settled_in_all = 0
    for seed in rounds(8, 150):
        chance = Random(seed)
        place = tmp_path / str(seed)
        place.mkdir()
        before = case(place, chance, removals=True)
        target = make_venv(place / "venv")
        before.lay(target)
        groups: list[Group] = list(before.groups[:3])
        env = variables(site, chance.choice([0.0, 0.002]))
        with held_back(target):
            sessions = start_all(start_instui, target, groups, env, "--slow", 0.05)
        number = chance.randrange(len(groups))
        victim = sessions[number]
        kill_in_a_commit(victim, chance.random() * 0.05)
        ends = [session.finish() for session in sessions]
        assert ends.pop(number)[0] in (-signal.SIGKILL, 0), (seed, ends)
        assert ends == [(0, "")] * 2, seed
        groups.append([simple(place, "last", "1.0")])  # one more run
        sessions.append(start_instui(target, *groups[-1], env=env | {"HISTORY_SEED": "9"}))
        assert sessions[-1].finish() == (0, ""), seed
        assert left_behind(target) == [], seed
        assert torn(target) == [], seed
        assert set(trees.unlisted(target.site)) <= set(before.user), seed
        settled = [one for session in sessions for one in session.lines.of(RecoveryFinished)]
        assert [one for one in settled if one.left or one.outcome == "withdrawn"] == [], seed
        settled_in_all += len(settled)
        report = judge(sessions)
        assert report.violations == (), seed
        futile = nothing_came_of(victim, settled) if victim.process.returncode else set()
        order = [one for name, one in in_order(report, sessions, groups).items() if name not in futile]
        found = aftermath(target)
        target.move_away()
        serial = make_venv(target.top)
        before.lay(serial)
        for one in order:
            do(serial, one)
        for one_tree, other in zip(found, aftermath(serial), strict=True):
            assert trees.differences(one_tree, other) == [], (seed, order)
    assert settled_in_all > 0, "hardly ever was anything in hand when the process was killed"
