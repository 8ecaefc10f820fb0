"""What plain output says at the end of a session."""

import errno

import pytest

from instui.explain.summary import ending, summary
from instui.monitor.fold import Fold
from instui_engine.errors import CACHE, remedy
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support.plain_lines import GO_A, GO_B, START, A, B


def closing(*happened: Event, exit_code: int = 0) -> list[str]:
    fold = Fold()
    for event in (START, *happened):
        fold.feed(1.0, event)
    fold.feed(2.0, events.SessionFinished(exit_code, "", 0, 2.0))
    return summary(fold.snapshot(2.0))


GOES = events.PlanWheel("d", 0, 3, 3, [], [], "4")  # never announced as a wheel: a removal
BACK = events.Restored("a", "lib/x", "c 3")


@pytest.mark.parametrize(
    ("happened", "exit_code", "expected"),
    [
        ([], 0, ["nothing to install"]),
        (
            [events.RequirementSatisfied("a", "1"), events.ResolveFinished(0, 3)],
            0,
            ["already installed: a 1 (and 2 dependencies); nothing to do"],
        ),
        ([A, events.CommitFinished("a", 1)], 0, ["installed 1 wheel, 1 file in 2.0 s"]),
        (
            [A, B, events.WheelDropped("b"), events.CommitFinished("a", 1)],
            0,
            ["installed 1 wheel, 1 file in 2.0 s"],
        ),
        (
            [A, events.RequirementSatisfied("a", "0"), events.WheelDropped("a")],
            0,
            ["already installed: a 0; nothing to do"],
        ),
        (
            [
                A,
                B,
                events.WheelAdded("c", "3", "c-3.whl", 0, False),
                events.PlanWheel("c", 2, 0, 0, [], [], "2"),
                events.PlanCollision("lib/a", ["a", "b"]),
            ],
            0,
            [
                "would install 3 wheels (planned in 2.0 s); installed none",
                "  a 1",
                "  b 2",
                "  c 3 (replaces 2)",
                "  a 1, b 2 would take turns at lib/a",
                "  1 wheel is not in the cache: its files are not known",
            ],
        ),
        (
            [A, B, *(events.DistributionRemoved(name, "1", 3) for name in "ab")]
            + [events.CommitFinished(name, 1) for name in "ab"],
            0,
            ["installed 2 wheels, 2 files in 2.0 s", "  installed again: 1 · replaced: 1 old version"],
        ),
        ([events.DistributionRemoved("a", "1", 3)], 0, ["removed 1 distribution, 3 files in 2.0 s"]),
        (
            [A, GOES, events.DistributionRemoved("d", "4", 3), events.CommitFinished("a", 1)],
            0,
            ["installed 1 wheel, 1 file, and removed 1 distribution, 3 files in 2.0 s"],
        ),
        (
            [A, GOES, events.PlanWheel("a", 1, 1, 1, [], [], "")],
            0,
            [
                "would install 1 wheel, 1 file, and remove 1 distribution, 3 files (planned in 2.0 s); changed nothing",
                "  d 4 (to be removed, 3 files)",
                "  a 1",
            ],
        ),
        (
            [A, GOES, events.DistributionRemoved("d", "4", 3)],
            130,
            ["removed 1 distribution, 3 files in 2.0 s", "  removed: d 4", "  not installed (not begun): a 1"],
        ),
        (
            [GO_A, GO_B],
            0,
            [
                "would remove 2 distributions, 5 files (planned in 2.0 s); removed none",
                "  a 1, 3 files",
                "  b 2, 2 files",
            ],
        ),
        (
            [GO_A, BACK, BACK, events.DistributionRemoved("a", "1", 3)],
            0,
            ["removed 1 distribution, 3 files in 2.0 s", "  restored: 2 files of c 3"],
        ),
        (
            [GO_A, GO_B, events.DistributionRemoved("a", "1", 3), events.WheelFailed("b", "disk full")],
            1,
            [
                "removed 1 of 2 distributions, 3 files in 2.0 s",
                "  removed: a 1",
                "  failed: b 2: disk full",
            ],
        ),
        ([GO_A, events.WheelFailed("a", "disk full")], 1, []),
        (
            [A, events.RecoveryFinished("c", "3", "s0", "undone", ["lib/x"]), events.CommitFinished("a", 1)],
            0,
            [
                "installed 1 wheel, 1 file in 2.0 s",
                "  recovered: c 3 of a killed session was undone: all is as it was before; 1 file left as found",
            ],
        ),
        (
            [events.RecoveryStarted("c", "3", "s0")],
            1,
            ["  recovered: c 3 of a killed session could not be settled"],
        ),
        (
            [A, B, events.WheelFailed("b", "disk full")],
            1,
            [],
        ),
        (
            [A, B, events.CommitFinished("a", 1)],
            130,
            ["installed 1 of 2 wheels, 1 file in 2.0 s", "  installed: a 1", "  not installed (not begun): b 2"],
        ),
    ],
)
def test_the_summary_says_what_is_installed_and_what_is_not(
    happened: list[Event], exit_code: int, expected: list[str]
) -> None:
    assert closing(*happened, exit_code=exit_code) == expected


def test_a_removal_session_without_anything_to_remove_says_so() -> None:
    fold = Fold()
    fold.feed(0.0, START._replace(command=["instui", "uninstall", "a"]))
    fold.feed(1.0, events.Warned("", "a is not installed"))
    fold.feed(2.0, events.SessionFinished(0, "", 0, 2.0))
    assert summary(fold.snapshot(2.0)) == ["nothing to remove"]


@pytest.mark.parametrize("waited, told", [(0.04, False), (0.06, True)])
def test_waits_are_told_unless_all_together_are_but_a_moment(waited: float, told: bool) -> None:
    """Two wheels wait for a third one, and all of them for the environment."""
    fold = Fold()
    for event in (START, A, B, GO_A, GO_B):
        fold.feed(1.0, event)
    fold.feed(1.0, events.EnvironmentGranted(".lock", 2 * waited))
    for wheel in ("a", "b"):
        fold.feed(1.0, events.LockWaiting(wheel, "lib/c", "X", []))
    for wheel in ("a", "b"):
        fold.feed(1.0 + waited, events.LockGranted(wheel, waited))
        fold.feed(1.5, events.CommitFinished(wheel, 1))
    fold.feed(2.0, events.SessionFinished(0, "", 2, 2.0))
    lines = [line.split(":")[0] for line in summary(fold.snapshot(2.0))]
    assert lines[1:] == ["  waited for the environment's lock", "  waited for locks"] * told


def test_a_wait_for_the_environments_lock_in_which_the_session_was_killed_is_told_with_its_holder() -> None:
    fold = Fold()
    fold.feed(0.0, START)
    fold.feed(0.0, events.WheelAdded("a", "1.0", "a.whl", 100, True))
    fold.feed(1.0, events.EnvironmentWaiting("/v/.lock", [Holder("", "", 77, "uv pip install", "asleep", 0.0)]))
    lines = summary(fold.snapshot(6.0))
    assert [line for line in lines if "waited for" in line] == [
        "  waited for the environment's lock: 5.0 s, held by pid 77 (uv pip install), asleep"
    ]


def test_waits_of_one_of_several_sessions_for_others_are_told_by_holder_the_longest_first() -> None:
    fold = Fold()
    fold.feed(0.0, START)
    fold.feed(0.0, A)
    uv, pip = (Holder("", "", pid, command, "", 0.0) for pid, command in ((77, "uv sync"), (78, "pip install")))
    for begin, took, holder in (
        (1.0, 2.0, uv),
        (4.0, 5.0, pip),
        (10.0, 1.0, uv),
        (12.0, 0.05, Holder("", "", 79, "", "", 0.0)),
    ):
        fold.feed(begin, events.WaitStarted("#2", "environment", ".lock", [holder]))
        fold.feed(begin + took, events.WaitFinished("#2", "environment", ".lock", took))
    lines = summary(fold.snapshot(14.0)._replace(sessions=("1", "2")))
    assert [line.partition(": ")[2] for line in lines if "waited for" in line] == [
        "8.1 s, held by pid 78 (pip install) for 5.0 s, by pid 77 (uv sync) for 3.0 s"
    ]


@pytest.mark.parametrize("own", [True, False])
def test_a_full_disk_that_stops_lines_of_a_list_is_told_once(own: bool) -> None:
    full = [remedy(OSError(errno.ENOSPC, f"no room for {name}"), CACHE) for name in "abc"]
    full = [f"{name}: {text}" for name, text in zip("abc", full, strict=True)]
    fold = Fold()
    listed = START._replace(command=["instui", "install-many", "list.txt"])
    for event in (listed, A, B, *(events.WheelFailed(name, text) for name, text in zip("abc", full, strict=True))):
        fold.feed(1.0, event)
    error = full[1] if own else f"3 of 4 lines failed (the first one: {full[0]})"
    fold.feed(2.0, events.SessionFinished(1, error, 0, 2.0))
    said = [line for line in summary(fold.snapshot(2.0)) if "failed" in line]
    assert said == ([] if own else [f"  failed: a 1: {full[0]}", "  failed, as the disk was full: b 2, c"])


def test_a_screen_tells_a_full_disk_once() -> None:
    fold = Fold()
    full = [f"cannot stage {name} ({name}); {remedy(OSError(errno.ENOSPC, 'full'), CACHE)}" for name in "ab"]
    for event in (START, A, B, *(events.WheelFailed(name, text) for name, text in zip("ab", full, strict=True))):
        fold.feed(1.0, event)
    fold.feed(2.0, events.SessionFinished(1, full[1], 0, 2.0))
    assert [line for line in ending(fold.snapshot(2.0)) if "cannot" in line] == [full[1]]


@pytest.mark.parametrize(
    ("holder", "who"),
    [
        (Holder("a", "other", 31, "instui install"), "session other (pid 31)"),
        (Holder("", "", 32, "uv pip"), "somebody else"),
    ],
)
def test_what_others_had_just_installed_is_told_with_who_it_was(holder: Holder, who: str) -> None:
    plan = events.PlanWheel("a", 0, 1, 1, ["lib/a/"], ["."], "")
    waits = [
        events.LockRequested("a"),
        events.LockWaiting("a", "lib/a", "X", [holder]),
        events.LockGranted("a", 0.5),
        events.LockReleased("a", 0.0),
    ]
    again = [plan._replace(replaces="1"), events.LockGranted("a", 0.0), events.DistributionRemoved("a", "1", 1)]
    lines = closing(A, plan, *waits, *again, events.CommitFinished("a", 1))
    assert f"  installed again: 1, which {who} had just installed" in lines
    asked = closing(A, *again, events.CommitFinished("a", 1))
    assert "  installed again: 1" in asked
