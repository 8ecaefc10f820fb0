"""Who is in the way of a wheel or of the session: now, behind others that wait too, and when it is over."""

from instui.monitor.fold import Fold
from instui.monitor.model import Snapshot
from instui.tui.rows import chains, lock_history, locks, wait_graph, wheels
from instui.tui.rows.filter import parse
from instui.tui.rows.keys import ENVIRONMENT, session_wait_key
from instui.tui.rows.labels import blocker_of, holder_pieces
from instui.tui.rows.queue import before, told
from instui.tui.text.columns import widths
from instui.tui.text.glyphs import UNICODE
from instui.tui.text.pieces import plain
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder

PURE = "lib/python3.11/site-packages"
START = events.SessionStarted(
    2, "s1", 42, 1000.0, 100.0, "0.1", ["instui", "install"], "/v/.venv", "py", {"purelib": PURE}, 2, "", 0.5
)
FLOCK = Holder(pid=31817, command="flock -x .venv/.lock sleep 20", state="asleep", began=998.5)
OTHER = Holder("", "s2", 5120, "python -m instui sync", "fetches and unpacks")
UNPACKING = session_wait_key("wheel", "a")


def snapshot(*timed: tuple[float, Event], at: float) -> Snapshot:
    fold = Fold()
    fold.feed(0.0, START)
    for key in "abc":
        fold.feed(0.0, events.WheelAdded(key, "1", f"{key}.whl", 9, False))
    for t, event in timed:
        fold.feed(t, event)
    return fold.snapshot(at)


def waits(key: str, *holders: Holder, path: str = f"{PURE}/x") -> tuple[float, Event]:
    return 1.0, events.LockWaiting(key, path, "X", list(holders))


def lock_rows(shot: Snapshot, width: int = 150) -> list[str]:
    tree = locks.arrange(shot, locks.LockQuery())
    sizes = widths(locks.COLUMNS, width)
    rows = [locks.cells(shot, tree, key, sizes, UNICODE) for key in tree.keys]
    return [" ".join(" ".join(plain(cell).strip() for cell in row.values()).split()) for row in rows]


def test_a_wheel_that_waits_itself_holds_nothing_so_it_is_said_whom_it_waits_for() -> None:
    shot = snapshot(waits("b", FLOCK), waits("c", Holder("b")), at=2.0)
    assert before(shot, "c").waiting == ("b",)
    assert told(shot, "c") == (
        "behind b 1, which waits for pid 31817 (flock -x .venv/.lock sleep 20), asleep, "
        "started 1.0 s before this session"
    )
    row = wheels.cells(shot, "c", widths(wheels.COLUMNS, 150), UNICODE)
    assert "pid 31817" in plain(row["lock"])
    assert "behind b 1" in plain(row["lock"])
    assert "behind b 1" in "\n".join(lock_rows(shot))


def test_a_chain_of_waiters_ends_with_who_commits_and_says_where() -> None:
    commits = (0.5, events.LockGranted("a", 0.0))
    plan = (0.4, events.PlanWheel("a", 0, 1, 1, [f"{PURE}/y/"], [PURE], ""))
    shot = snapshot(plan, commits, waits("b", Holder("a"), path=f"{PURE}/y"), waits("c", Holder("b")), at=2.0)
    assert told(shot, "c") == "behind b 1, which waits at y/ for a 1, which commits"
    assert told(shot, "b") == "held by a 1, which commits"


def test_a_circle_of_waiters_in_a_journal_ends() -> None:
    shot = snapshot(waits("a", Holder("b")), waits("b", Holder("a")), waits("c", Holder("b")), at=2.0)
    assert told(shot, "c").startswith("behind b 1, which waits for a 1, which waits for b 1")


def test_a_wait_that_is_over_keeps_its_holder_in_the_history_of_the_environments_lock() -> None:
    shot = snapshot(
        (1.0, events.EnvironmentWaiting(".lock", [FLOCK])), (8.7, events.EnvironmentGranted(".lock", 7.7)), at=9.0
    )
    history = [plain(line) for line in lock_history.lanes(shot, ENVIRONMENT, 150, 6, UNICODE)]
    assert history[2:] == [
        "from 1.0 to 8.7 s it was held by pid 31817 (flock -x .venv/.lock sleep 20), asleep, "
        "started 1.0 s before this session"
    ]
    edges = wait_graph.past(shot)
    assert [(edge.waiter, edge.path, edge.blocker) for edge in edges] == [("", ".lock", FLOCK)]
    found = chains.arrange(shot, locks.LockQuery(everything=True))
    assert len(found.keys) == 2


def test_what_is_waited_for_though_it_is_no_claim_has_a_row_with_its_holder() -> None:
    began = (1.0, events.WaitStarted("a", "wheel", "/cache/a.lock", [OTHER]))
    over = (3.0, events.WaitFinished("a", "wheel", "/cache/a.lock", 2.0))
    now = snapshot(began, at=2.5)
    assert UNPACKING in wheels.keys(now, wheels.WheelQuery())
    everything = wheels.keys(now, wheels.WheelQuery(everything=True))
    assert everything == [UNPACKING, "b", "c"]  # no second row of that wheel
    assert wheels.folded(now) == "… 2 queued   (a shows all)"
    assert "a" in wheels.keys(now, wheels.WheelQuery(parse("wheel:a"), everything=True))
    row = wheels.cells(now, UNPACKING, widths(wheels.COLUMNS, 150), UNICODE)
    assert (plain(row["wheel"]), plain(row["age"])) == ("a 1", "1.5 s")
    assert "pid 5120 (instui sync)" in plain(row["lock"])
    assert lock_rows(now)[:2] == [
        "a 1 (unpacking) pid 5120 (instui sync), fetches and unpacks 1 1.5 s",
        "║ a 1 waits for pid 5120 (instui sync) 1.5 s",
    ]
    assert "pid 5120" in blocker_of(now, "a")[1]
    past = snapshot(began, over, at=4.0)
    assert UNPACKING not in wheels.keys(past, wheels.WheelQuery())
    assert lock_rows(past)[0].startswith("a 1 (unpacking) free; was held by pid 5120")
    assert "from 1.0 to 3.0 s it was held by pid 5120" in plain(lock_history.lanes(past, UNPACKING, 150, 6, UNICODE)[1])


def test_a_holder_whose_state_changes_is_one_holder() -> None:
    began = (1.0, events.EnvironmentWaiting(".lock", [FLOCK]))
    stopped = (2.0, events.EnvironmentWaiting(".lock", [FLOCK._replace(state="stopped")]))
    (wait,) = snapshot(began, stopped, at=3.0).session_waits
    assert [holder.state for holder in wait.holders] == ["stopped"]


def test_where_there_is_no_room_that_it_sleeps_goes_first_and_that_it_is_stopped_stays() -> None:
    shot = snapshot(at=1.0)
    assert plain(holder_pieces(shot, FLOCK, 30)).startswith("pid 31817 (flock")
    assert plain(holder_pieces(shot, FLOCK, 12)) == "pid 31817"
    assert plain(holder_pieces(shot, FLOCK._replace(state="stopped"), 24)) == "pid 31817, stopped"
