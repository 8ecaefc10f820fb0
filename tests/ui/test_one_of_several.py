"""Several sessions as one picture: what one of them waits for as a whole is said of it, and not of the others."""

from instui.explain.slow_now import slow_now
from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.tui.rows import event_log, wheels
from instui.tui.rows.counters import counters
from instui.tui.rows.keys import FOLD, session_key
from instui.tui.rows.locks import LockQuery
from instui.tui.rows.one_of_several import one_of_several
from instui.tui.rows.session_waits import present_keys
from instui.tui.tape import Log, Tape
from instui.tui.text.columns import widths
from instui.tui.text.glyphs import UNICODE
from instui.tui.text.pieces import plain
from instui.tui.views.locks import GROUPINGS
from instui_engine.journal import events
from instui_engine.journal.events import Holder, SessionStarted

FIRST = SessionStarted(2, "s1", 11, 1e9, 100.0, "0", ["instui", "install", "a"], "/env", "3.11", {"purelib": "lib"}, 2)
SECOND = FIRST._replace(session="s2", pid=22, command=["instui", "install", "b"])
UV = Holder("", "", 9, "uv sync")


def waiting(*, first_commits: bool) -> Snapshot:
    """The second session waits for uv, which the first one does as well unless it commits already."""
    fold = Fold()
    for event in (FIRST, FIRST, SECOND):  # as `Joined` tells it
        fold.feed(0.0, event)
    for order, name in enumerate(("a", "b@2")):
        fold.feed(0.1, events.WheelAdded(name, "1", f"{name}.whl", 9, True))
        fold.feed(0.2, events.PlanWheel(name, order, 1, 1, [f"lib/{name}/"], ["lib"], ""))
    if first_commits:
        fold.feed(1.0, events.EnvironmentGranted(".lock", 0.0))
        fold.feed(1.0, events.LockGranted("a", 0.0))
        fold.feed(1.0, events.CommitStarted("a", 2))
    else:
        fold.feed(1.0, events.WaitStarted("@1", "environment", ".lock", [UV]))
    fold.feed(2.0, events.WaitStarted("@2", "environment", ".lock", [UV]))
    return fold.snapshot(5.0)


def rows(grouping: int, snapshot: Snapshot) -> list[list[str]]:
    """The words of each row of a grouping of the Locks view, column by column."""
    way = GROUPINGS[grouping]
    found, sizes = way.arrange(snapshot, LockQuery()), widths(way.columns, 118)
    cells = [way.cells(snapshot, found, key, sizes, UNICODE) for key in found.keys]
    return [[plain(row[column.id]).strip() for column in way.columns if row.get(column.id)] for row in cells]


def test_the_row_of_the_session_says_that_it_waits_and_for_whom() -> None:
    shown = waiting(first_commits=True)
    assert plain(one_of_several(shown, 1)) == "pid 11  0 of 1  install a"
    assert plain(one_of_several(shown, 2)) == "@2 pid 22  0 of 1  waits 3 s for .lock, held by pid 9  install b"
    assert present_keys(shown) == []  # no row of its own
    # though none of its wheels has a row now
    assert wheels.keys(shown, wheels.WheelQuery()) == [session_key(1), "a", session_key(2), FOLD]


def test_only_where_none_of_them_goes_on_do_all_wait() -> None:
    assert "waiting all" in plain(counters(waiting(first_commits=False), UNICODE, 120)).replace("  ", " ")
    assert "waiting 0" in plain(counters(waiting(first_commits=True), UNICODE, 120)).replace("  ", " ")


def test_the_line_above_the_table_names_the_session_that_waits() -> None:
    found = slow_now(waiting(first_commits=True))
    assert found is not None
    assert (found.kind, found.text) == ("environment-lock", "pid 22 waits 3 s for .lock, held by pid 9 `uv sync`")


def test_each_session_that_waits_is_a_row_below_the_environments_lock() -> None:
    one = rows(0, waiting(first_commits=True))
    assert one[:2] == [
        [".lock (environment)", "SH", "pid 9 (uv sync)", "4 s", "1", "3 s"],
        ["║ pid 22, all of it", "SH", "waits for pid 9 (uv sync)", "3 s"],
    ]
    both = rows(0, waiting(first_commits=False))
    assert both[:3] == [
        [".lock (environment)", "X", "pid 9 (uv sync)", "2", "4 s"],
        ["║ pid 11, all of it", "SH", "waits for pid 9 (uv sync)", "4 s"],
        ["║ pid 22, all of it", "SH", "waits for pid 9 (uv sync)", "3 s"],
    ]


def test_the_chain_has_them_below_the_one_that_they_wait_for() -> None:
    chain = rows(2, waiting(first_commits=False))
    assert [row[0] for row in chain] == ["▾ pid 9 (uv sync)", "║ pid 11, all of it", "║ pid 22, all of it"]


def test_the_log_names_the_session_that_waits() -> None:
    log = Log(Tape())
    log._tape.add(2.0, events.WaitStarted("@2", "environment", ".lock", [UV]))
    cells = event_log.cells(waiting(first_commits=True), log, "0", {"kind": 18, "wheel": 28, "text": 60})
    assert plain(cells["wheel"]) == "pid 22, all of it"
