"""What plain output prints, to the letter."""

import errno
import io
import os
from collections.abc import Iterator

import pytest

from instui.lines.plain import block
from instui.monitor import units
from instui.monitor.fold import Fold
from instui_engine.errors import ENVIRONMENT, remedy
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder
from support.plain_lines import GO_A, GO_B, SITE, START, UV, A, B, Stage, Terminal

# PyJWT and jwt collide; rich was in the store; jwt waits for PyJWT.
SCRIPT: list[tuple[float, Event]] = [
    (0.0, START),
    (0.0, events.Caption("Two wheels want one directory")),
    (0.0, events.ResolveStarted(["pyjwt", "jwt", "rich"])),
    (1.0, events.ResolveFinished(3, 2)),
    (1.0, events.WheelAdded("rich", "14.0", "rich.whl", 240_000, True)),
    (1.0, events.WheelAdded("pyjwt", "2.9", "PyJWT.whl", 22_000, False, True)),
    (1.0, events.WheelAdded("jwt", "1.4.0", "jwt.whl", 18_000, False, True)),
    (1.0, events.FetchStarted("pyjwt", 0, 22_000)),
    (1.1, events.FetchStarted("jwt", 0, 18_000)),
    (1.5, events.FetchProgress("jwt", 9_000, 18_000)),
    (1.6, events.FetchFinished("pyjwt", 22_000)),
    (2.0, events.FetchFinished("jwt", 18_000)),
    (2.0, events.UnpackStarted("pyjwt", 30, 60_000)),
    (2.1, events.UnpackFinished("pyjwt", 30, 60_000)),
    (2.1, events.UnpackStarted("jwt", 12, 40_000)),
    (2.2, events.UnpackFinished("jwt", 12, 40_000)),
    (2.3, events.PlanWheel("rich", 0, 1200, 3, [f"{SITE}/rich"], [".", "lib", SITE], "rich 13.0")),
    (2.3, events.PlanWheel("pyjwt", 1, 30, 3, [f"{SITE}/jwt"], [".", "lib", SITE], "")),
    (2.3, events.PlanWheel("jwt", 2, 12, 2, [f"{SITE}/jwt"], [".", "lib", SITE], "")),
    (2.3, events.PlanCollision(f"{SITE}/jwt", ["pyjwt", "jwt"])),
    *((2.3, events.PlanConflict(f"{SITE}/jwt/{name}.py", "PyJWT 2.9", "jwt 1.4.0")) for name in "abcdefg"),
    (2.3, events.PlanFinished(3, 1242, 1, 7)),
    (2.4, events.StageStarted("rich", 1200)),
    (2.4, events.StageStarted("pyjwt", 30)),
    (2.5, events.StageFinished("rich")),
    (2.5, events.StageFinished("pyjwt")),
    (2.5, events.StageStarted("jwt", 12)),
    (2.6, events.StageFinished("jwt")),
    (2.6, events.LockRequested("pyjwt")),
    (2.6, events.LockGranted("pyjwt", 0.0)),
    (2.6, events.CommitStarted("pyjwt", 3)),
    (2.7, events.LockRequested("jwt")),
    (2.7, events.LockWaiting("jwt", f"{SITE}/jwt", "X", [Holder("pyjwt", "s1", 42)])),
    (2.8, events.Warned("rich", "ships a .pth file")),
    (8.7, events.CommitFinished("pyjwt", 30)),
    (8.7, events.LockReleased("pyjwt", 6.1)),
    (8.7, events.LockGranted("jwt", 6.0)),
    (8.7, events.CommitStarted("jwt", 2)),
    *((8.7, events.Overwrite("jwt", f"{SITE}/jwt/{n}.py", "PyJWT 2.9", "jwt 1.4.0", n == "g")) for n in "abcdefg"),
    (8.8, events.CommitFinished("jwt", 12)),
    (8.8, events.LockReleased("jwt", 0.1)),
    (8.8, events.LockRequested("rich")),
    (8.8, events.LockGranted("rich", 0.0)),
    (8.8, events.CommitStarted("rich", 3)),
    (8.9, events.DistributionRemoved("rich", "13.0", 1100)),
    (9.0, events.CommitFinished("rich", 1200)),
    (9.0, events.LockReleased("rich", 0.2)),
    (9.1, events.SessionFinished(0, "", 3, 9.1)),
]

PLAIN = """\
» Two wheels want one directory
resolved 3 wheels (2 already installed) in 1.00 s
fetching 2 wheels, 40 kB (1 is in the cache)
fetched 2 wheels, 40 kB in 1.00 s (40 kB/s)
unpacked 2 wheels, 100 kB in 0.20 s
conflict: site-packages/jwt/a.py of PyJWT 2.9 is replaced by jwt 1.4.0
conflict: site-packages/jwt/b.py of PyJWT 2.9 is replaced by jwt 1.4.0
conflict: site-packages/jwt/c.py of PyJWT 2.9 is replaced by jwt 1.4.0
conflict: site-packages/jwt/d.py of PyJWT 2.9 is replaced by jwt 1.4.0
conflict: site-packages/jwt/e.py of PyJWT 2.9 is replaced by jwt 1.4.0
conflict: and 2 more files of PyJWT 2.9 replaced by jwt 1.4.0
staged 3 wheels, 1 242 files in 0.20 s
warning: rich 14.0: ships a .pth file
jwt 1.4.0 waits for site-packages/jwt (for itself alone), held by pyjwt 2.9, for 1.0 s
installed 0 of 3 wheels; under way: pyjwt 2.9 (0 of 3 renames)
jwt 1.4.0 waits for site-packages/jwt (for itself alone), held by pyjwt 2.9, for 5 s
installed pyjwt 2.9
jwt 1.4.0 waited 6.0 s for site-packages/jwt (for itself alone), at first held by pyjwt 2.9
installed jwt 1.4.0
installed rich 14.0
installed 3 wheels, 1 242 files in 9.1 s
  already installed: 2 · replaced: 1 old version
  why 9.1 s, without a wait for other processes:
   67 %    6.1 s  jwt 1.4.0 stood behind pyjwt 2.9, which committed 30 files
   11 %   1.00 s  uv decided which wheels satisfy 3 requirements
   11 %   1.00 s  fetched 2 wheels, 40 kB in 1.00 s, 40 kB/s; the slowest: jwt 1.4.0, 18 kB in 0.90 s
  overwrote: 6 files of PyJWT 2.9 by jwt 1.4.0 (different content)
"""


def test_lines_where_there_is_no_terminal() -> None:
    assert "".join(Stage(io.StringIO()).play(SCRIPT)) == PLAIN


def test_a_dumb_terminal_gets_the_same_lines() -> None:
    assert "".join(Stage(Terminal(), environ={"TERM": "dumb"}).play(SCRIPT)) == PLAIN


def test_quiet_keeps_warnings_and_conflicts() -> None:
    lines = "".join(Stage(Terminal(), quiet=True).play(SCRIPT)).splitlines()
    assert {line.split(":")[0] for line in lines} == {"conflict", "warning"}
    assert len(lines) == 7


def test_a_conflict_for_which_nothing_is_written_replaces_nothing() -> None:
    found = [event._replace(refused=True) if isinstance(event, events.PlanConflict) else event for _, event in SCRIPT]
    script = [(t, event) for (t, _), event in zip(SCRIPT, found, strict=True)]
    lines = "".join(Stage(io.StringIO()).play(script)).splitlines()
    assert "conflict: site-packages/jwt/a.py of PyJWT 2.9 would be replaced by jwt 1.4.0" in lines
    assert "conflict: and 2 more files of PyJWT 2.9 would be replaced by jwt 1.4.0" in lines
    assert not any("is replaced" in line for line in lines)


def test_verbose_tells_collisions_and_removals_too() -> None:
    text = "".join(Stage(io.StringIO(), verbose=True).play(SCRIPT))
    assert "instui 0.1.0, environment /v\n" in text
    assert "pyjwt 2.9, jwt 1.4.0 take turns at site-packages/jwt\n" in text
    assert "removed rich 13.0, 1 100 files\n" in text


def test_verbose_tells_the_turns_of_a_dry_run_once() -> None:
    script: list[tuple[float, Event]] = [(1.0, A), (1.0, B), (1.0, events.PlanCollision("lib/a", ["a", "b"]))]
    script = [(0.0, START), *script, (2.0, events.SessionFinished(0, "", 0, 2.0))]
    for verbose in (False, True):
        text = "".join(Stage(io.StringIO(), verbose=verbose).play(script))
        assert "would install 2 wheels" in text
        assert text.count("take turns at lib/a") == 1


def screen(frames: Iterator[str], columns: int) -> list[str]:
    """What a terminal shows after `frames`: just the three sequences that the block is allowed to use."""
    rows: list[str] = []
    for frame in frames:
        text = frame
        if text.startswith("\x1b["):
            up, _, text = text[2:].partition("A\r\x1b[J")
            del rows[len(rows) - int(up) :]
        assert "\x1b" not in text and "\r" not in text
        rows += text.splitlines()
    return rows


def until(t: float) -> list[tuple[float, Event]]:
    return [(when, event) for when, event in SCRIPT if when <= t]


LIVE_ABOVE = [
    "» Two wheels want one directory",
    *(f"conflict: site-packages/jwt/{name}.py of PyJWT 2.9 is replaced by jwt 1.4.0" for name in "abcde"),
    "conflict: and 2 more files of PyJWT 2.9 replaced by jwt 1.4.0",
    "warning: rich 14.0: ships a .pth file",
]


def test_a_terminal_shows_a_block_below_what_is_finished() -> None:
    stage = Stage(Terminal(), 120)
    frames = [stage.at(t, event) for t, event in until(2.8)]
    frames.append(stage.at(5.2))
    assert screen(iter(frames), 120) == [
        *LIVE_ABOVE,
        "resolved 3 · cached 1 · fetched 2 · unpacked 2 · staged 3 · waiting 1 · committed 0 · failed 0 · 5 s",
        "  wait   jwt 1.4.0                         site-packages/jwt -> pyjwt 2.9" + 43 * " " + "3 s",
        "  commit pyjwt 2.9                         0 of 3 renames" + 59 * " " + "3 s",
    ]


def test_a_narrow_terminal_shows_less_of_it() -> None:
    stage = Stage(Terminal(), 50)
    frames = [stage.at(t, event) for t, event in until(2.8)]
    frames.append(stage.at(5.2))
    rows = screen(iter(frames), 50)[len(LIVE_ABOVE) :]
    assert rows == [
        "unpacked 2 · staged 3 · waiting 1 · 5 s",
        "  wait   jwt 1.4.0       site…jwt -> pyjw…2.9 3 s",
        "  commit pyjwt 2.9       0 of 3 renames       3 s",
    ]
    assert all(units.cells(row) <= 49 for row in rows)


def test_at_the_end_the_block_gives_way_to_the_summary() -> None:
    rows = screen(Stage(Terminal(), 120).play(SCRIPT), 120)
    waited = "jwt 1.4.0 waited 6.0 s for site-packages/jwt (for itself alone), at first held by pyjwt 2.9"
    assert rows == [*LIVE_ABOVE, waited, *PLAIN.splitlines()[-7:]]


def test_nothing_is_written_while_nothing_changes() -> None:
    stage = Stage(Terminal())
    assert stage.at(0.0, START)
    assert stage.at(0.01) == ""


def test_a_terminal_that_shrank_is_cleared_of_the_wrapped_rows() -> None:
    stage = Stage(Terminal(), 120)
    for t, event in until(2.8):
        stage.at(t, event)
    stage.size = os.terminal_size((60, 24))
    assert stage.at(6.0).startswith("\x1b[6A\r\x1b[J")  # 3 rows of up to 119 columns are 6 of 60


def test_colour_marks_the_state_word_and_no_color_takes_it_away() -> None:
    stage = Stage(Terminal(), environ={"TERM": "xterm", "NO_COLOR": ""})  # an empty value does not count
    text = "".join([stage.at(t, event) for t, event in until(2.8)])
    assert "  \x1b[33mwait\x1b[0m   jwt 1.4.0" in text
    assert "[33m" not in "".join(Stage(Terminal()).play(SCRIPT))


def test_hostile_names_are_harmless_and_cut_by_columns() -> None:
    evil, wide = "x[/bad]\x1b[31m\u202e", "包" * 40
    stage = Stage(Terminal(), 50)
    text = stage.at(0.0, START, events.Caption("\x1b]0;title\x07"))
    text += stage.at(
        1.0,
        events.WheelAdded(evil, "1\r2", "f", 1, False),
        events.WheelAdded(wide, "1", "f", 1, False),
        events.FetchStarted(evil, 0, 9),
        events.LockWaiting(wide, f"{SITE}/{evil}", "X", [Holder(pid=3, command="sh\x1b[2J\n-c")]),
        events.Warned(evil, "a\nb\x1bc"),
        events.WheelFailed("e\u0301" * 60, "no\x9b31m"),
    )
    text += stage.at(2.0, events.SessionFinished(1, "x", 0, 2.0), ended=True)
    for allowed in ("\x1b[J", "\r", *(f"\x1b[{up}A" for up in range(9))):
        text = text.replace(allowed, "")
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "warning: x[/bad]\\x1b[31m\\u202e 1\\r2: a\\nb\\x1bc\n" in text
    fold = stage.ui._fold
    for width in (1, 2, 5, 20, 33, 50, 120):
        rows = block(fold.snapshot(2.0), width, 10)
        assert all(units.cells(row) <= width for row in rows), width
    assert "包包…包包" in units.cut(wide, 10) and units.cells(units.cut(wide, 10)) <= 10


def test_a_failure_that_ends_the_session_is_told_by_the_command_alone() -> None:
    begun = (START, events.WheelAdded("a", "1", "f", 1, False), events.WheelAdded("b", "1", "g", 1, False))
    failures = (events.WheelFailed("a", "no route"), events.WheelFailed("b", "disk full"))
    stage = Stage(io.StringIO())
    assert "no route" not in (text := stage.at(1.0, *begun, *failures)) and "disk full" not in text
    assert stage.at(2.0, events.SessionFinished(1, "no route", 0, 2.0), ended=True) == "failed: b 1: disk full\n"
    listed = START._replace(command=["instui", "install-many", "list.txt"])
    assert "failed: a 1: no route\n" in Stage(io.StringIO()).at(1.0, listed, *begun[1:], *failures)
    killed = Stage(io.StringIO())
    killed.at(1.0, *begun)
    assert "failed: a 1: no route\n" in killed.at(2.0, *failures, ended=True)


def test_a_full_disk_is_one_failure_however_many_wheels_it_stops() -> None:
    begun = (START, *(events.WheelAdded(name, "1", name, 1, False) for name in "abc"))
    full = remedy(OSError(errno.ENOSPC, "No space left"), ENVIRONMENT)
    of_a, of_b = f"cannot stage a 1 (/p: No space left); {full}", f"cannot stage b 1 (/p: No space left); {full}"
    failures = [events.WheelFailed(*told) for told in (("a", of_a), ("b", of_b), ("c", "no route"))]
    stage = Stage(io.StringIO())
    stage.at(1.0, *begun, *failures)
    assert stage.at(2.0, events.SessionFinished(1, of_b, 0, 2.0), ended=True) == "failed: c 1: no route\n"
    stage = Stage(io.StringIO())
    stage.at(1.0, *begun, *failures)
    said = stage.at(2.0, events.SessionFinished(1, "no route", 0, 2.0), ended=True)
    assert said == f"failed: a 1: {of_a}\nfailed: b 1: {of_b}\n"
    listed = START._replace(command=["instui", "install-many", "list.txt"])
    assert Stage(io.StringIO()).at(1.0, listed, *begun[1:], *failures) == "failed: c 1: no route\n"


def test_the_block_keeps_to_six_rows_and_to_the_height() -> None:
    fold = Fold()
    fold.feed(0.0, START)
    for number in range(30):
        fold.feed(1.0 + number, events.FetchStarted(f"w{number}", 0, 10_000_000))
    fold.feed(31.0, events.FetchProgress("w0", 5_000_000, 10_000_000))
    rows = block(fold.snapshot(31.0), 80, 24)
    assert len(rows) == 7
    assert rows[1] == "  fetch  w0                        5.0 MB of 10 MB, 167 kB/s" + 16 * " " + "30 s"
    assert rows[-1] == "  and 25 more"
    assert len(block(fold.snapshot(31.0), 80, 3)) == 3


def test_waits_are_told_after_1_5_15_60_seconds_and_each_further_minute() -> None:
    stage = Stage(io.StringIO())
    stage.at(0.0, START, events.WheelAdded("jwt", "1", "f", 1, True))
    stage.at(0.0, events.LockWaiting("jwt", f"{SITE}/jwt", "X", [UV]))
    lines = [line for tick in range(2000) for line in stage.at(tick / 10).splitlines()]
    held = "jwt 1 waits for site-packages/jwt (for itself alone), held by pid 4242 (uv pip install flask), for"
    assert lines == [f"{held} {length}" for length in ("1.0 s", "5 s", "15 s", "1m00s", "2m00s", "3m00s")]


def test_the_environments_lock_is_told_with_its_foreign_holder() -> None:
    stage = Stage(io.StringIO())
    stage.at(0.0, START, events.EnvironmentWaiting(".lock", [UV]))
    held = "the environment's lock, held by pid 4242 (uv pip install flask)"
    assert stage.at(1.0) == f"waiting for {held}, for 1.0 s\n"
    assert stage.at(1.5, events.EnvironmentGranted(".lock", 1.5)) == f"waited 1.50 s for {held}\n"
    live = Stage(Terminal())
    live.at(0.0, START, events.EnvironmentWaiting(".lock", [UV]))
    assert live.at(1.0).endswith(
        "waiting for the environment's lock, held by pid 4242 (uv pip install flask) · 1.0 s\n"
    )


def test_many_waits_are_told_in_few_lines() -> None:
    stage = Stage(io.StringIO())
    stage.at(0.0, START, *(events.LockWaiting(f"w{i}", "@x", "X", [UV]) for i in range(40)))
    lines = stage.at(1.0).splitlines()
    assert len(lines) == 6 and lines[-1] == "35 more wheels wait"


@pytest.mark.parametrize("quiet", [False, True])
def test_a_recovery_is_news_also_for_who_wants_none(quiet: bool) -> None:
    stage = Stage(io.StringIO(), quiet=quiet)
    script: list[tuple[float, Event]] = [
        (0.0, START),
        (1.0, events.RecoveryStarted("jwt", "1.4.0", "s0")),
        (
            2.0,
            events.RecoveryFinished("jwt", "1.4.0", "s0", "completed", [f"{SITE}/jwt/\x1b[2J.py", f"{SITE}/jwt/b.py"]),
        ),
        (3.0, events.RecoveryFinished("[/x]", "1", "s0", "withdrawn", [])),
        (4.0, events.SessionFinished(0, "", 0, 4.0)),
    ]
    lines = "".join(stage.play(script)).splitlines()
    if not quiet:
        assert lines.pop(0) == "recovering jwt 1.4.0, which a session that was killed had in hand"
    assert lines[:3] == [
        "recovered: what a killed session had begun with jwt 1.4.0 is complete now",
        "recovered: 2 files that others have changed since are left as found: "
        "site-packages/jwt/\\x1b[2J.py, site-packages/jwt/b.py",
        "recovered: what a killed session had begun with [/x] 1 was withdrawn: another version was installed since",
    ]
    assert len(lines) == (3 if quiet else 6)


def test_a_session_that_removes_says_so_line_by_line() -> None:
    stage = Stage(io.StringIO())
    script: list[tuple[float, Event]] = [
        (0.0, START),
        (1.0, GO_A),
        (1.0, events.PlanFinished(1, 3, 0, 0)),
        (1.0, events.LockGranted("a", 0.0)),
        (1.0, events.CommitStarted("a", 1)),
        (1.5, events.DistributionRemoved("a", "1", 3)),
        (1.5, events.LockReleased("a", 0.5)),
        (2.0, events.SessionFinished(0, "", 1, 2.0)),
    ]
    assert "".join(stage.play(script)) == "removed a 1, 3 files\nremoved 1 distribution, 3 files in 2.0 s\n"


def test_the_block_counts_what_is_removed() -> None:
    fold = Fold()
    for event in (START, GO_A, GO_B, events.LockGranted("a", 0.0), events.CommitStarted("a", 8)):
        fold.feed(1.0, event)
    fold.feed(1.5, events.CommitProgress("a", 4, 8))
    rows = block(fold.snapshot(2.0), 80, 10)
    assert rows[0] == "removing 2 · waiting 0 · removed 0 · failed 0 · 2 s"
    assert rows[1].startswith("  remove a 1 ")
    assert "4 of 8 renames" in rows[1]


def test_a_session_that_died_is_called_so() -> None:
    stage = Stage(io.StringIO())
    stage.at(0.0, START, A, B)
    stage.at(1.0, events.CommitFinished("a", 1))
    assert stage.at(3.0, ended=True).splitlines()[:2] == [
        "the session ended abruptly after 3.0 s: 1 of 2 wheels installed",
        "  installed: a 1",
    ]


def test_a_wait_for_another_process_is_told_while_it_lasts_with_who_is_in_the_way() -> None:
    stage = Stage(io.StringIO(), environ={})
    other = Holder("", "s2", 5120, "instui sync", "fetches and unpacks")
    stage.at(0.0, START, events.WheelAdded("a", "1", "a.whl", 9, False))
    assert "pid 5120" in stage.at(0.5, events.WaitStarted("a", "wheel", "/cache/a.lock", [other]))
    assert stage.at(2.0) == ""
    told = "a 1 waits for a process that fetches or unpacks the same wheel, held by pid 5120 (instui sync), "
    assert stage.at(5.6) == f"{told}fetches and unpacks, for 5 s\n"
    assert stage.at(6.0, events.WaitFinished("a", "wheel", "/cache/a.lock", 5.5)) == ""
