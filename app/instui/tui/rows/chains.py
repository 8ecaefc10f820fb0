"""The Locks view as wait chains: holders that wait for nobody and, below each, those that wait for it."""

from collections.abc import Mapping, Sequence

from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.tui.text.columns import Column
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, line, middle
from instui.tui.text.styles import age_style
from instui_engine.journal.events import Holder
from instui_engine.values import NamedTuple

from . import wait_graph
from .keys import ENVIRONMENT_WAITER, About, lock_key, other_key, waiter_key, wheel_key
from .labels import holder_label, holder_pieces, lock_label, short, wheel_label
from .locks import LockQuery
from .session_waits import ALL
from .wait_graph import SESSION, Edge

COLUMNS = (
    Column("who", "holder, and who waits for it", 18, weight=5, most=70, short="who waits"),
    Column("path", "path", 12, weight=3, most=52),
    Column("mode", "mode", 4, needs=56),
    Column("for", "for", 8, right=True),
    Column("behind", "waiting", 7, right=True, needs=76),
)


class Node(NamedTuple):
    """A row: a holder at the root (`edge` is None), or a wait below it. `behind` is the number of waits below it."""

    depth: int
    holder: Holder
    edge: Edge | None
    path: str  # what it holds, or waits for
    behind: int
    over: bool  # it is past


class Chains(NamedTuple):
    """The rows in order, and what they show."""

    keys: list[str]
    rows: Mapping[str, About]
    nodes: Mapping[str, Node]


def arrange(snapshot: Snapshot, query: LockQuery) -> Chains:
    """The present waits; also the past ones if everything is wanted or the session is over."""
    found = wait_graph.present(snapshot)
    if query.everything or snapshot.finished is not None:
        found += wait_graph.past(snapshot)
    parents = wait_graph.parents(snapshot, found)
    below: dict[int | None, list[int]] = {}
    for position, parent in enumerate(parents):
        below.setdefault(parent, []).append(position)
    nodes: dict[str, Node] = {}

    def add_wait(position: int, depth: int) -> int:
        """Add the row of a wait and the rows below it; return their number."""
        edge = found[position]
        key = _wait_key(edge, nodes)
        nodes[key] = Node(depth, edge.blocker, edge, edge.path, 0, edge.end is not None)
        behind = add_all(below.get(position, ()), depth + 1)
        nodes[key] = nodes[key]._replace(behind=behind)
        return behind + 1

    def add_all(positions: Sequence[int], depth: int) -> int:
        return sum(add_wait(position, depth) for position in _longest(positions, found, snapshot.t))

    for root in _roots(below.get(None, ()), found, snapshot):
        first = found[root[0]]
        own = wait_graph.own_blocker(first, snapshot)
        over = first.end is not None
        key = (wheel_key(own) if own else other_key(first.blocker)) + ("\0past" if over else "")
        nodes[key] = Node(0, first.blocker, None, first.path, 0, over)
        nodes[key] = nodes[key]._replace(behind=add_all(root, 1))
    rows = {key: _about(node, snapshot) for key, node in nodes.items() if _kept(node, snapshot, query)}
    return Chains([*rows], rows, nodes)


def _wait_key(edge: Edge, nodes: Mapping[str, Node]) -> str:
    """The key of a wait. The latest wait of a wheel for a path has the same key as its row in the grouping by lock."""
    if edge.waiter == SESSION and edge.end is None and ENVIRONMENT_WAITER not in nodes:
        return ENVIRONMENT_WAITER
    again = 0
    while waiter_key(edge.path, edge.waiter, again) in nodes:
        again += 1
    return waiter_key(edge.path, edge.waiter, again)


def _kept(node: Node, snapshot: Snapshot, query: LockQuery) -> bool:
    return query.filter.keeps(lambda: fields(node, snapshot))


def _longest(positions: Sequence[int], found: list[Edge], t: float) -> list[int]:
    return sorted(positions, key=lambda position: -found[position].seconds(t))


def _roots(positions: Sequence[int], found: list[Edge], snapshot: Snapshot) -> list[list[int]]:
    """The waits that are below no other wait, by holder: present ones before past ones, then longest first."""
    by_holder: dict[tuple[object, bool], list[int]] = {}
    for position in _longest(positions, found, snapshot.t):
        edge = found[position]
        who = wait_graph.own_blocker(edge, snapshot) or edge.blocker
        by_holder.setdefault((who, edge.end is not None), []).append(position)
    return sorted(by_holder.values(), key=lambda root: found[root[0]].end is not None)


def _about(node: Node, snapshot: Snapshot) -> About:
    path = lock_key(snapshot, node.path)
    if node.edge is not None:
        return About(path, node.edge.waiter)
    return About(path, node.holder.wheel if wait_graph.is_ours(node.holder, snapshot) else "")


def fields(node: Node, snapshot: Snapshot) -> Mapping[str, str]:
    """The fields for a filter; `wheel:` finds a wait by its waiter and by its blocker."""
    waiter = node.edge.waiter if node.edge else ""
    names = f"{waiter} {holder_label(snapshot, node.holder)}"
    state = "held" if node.edge is None else "over" if node.over else "wait"
    return {"wheel": names.casefold(), "lock": lock_label(snapshot, node.path).casefold(), "state": state}


def cells(snapshot: Snapshot, found: Chains, key: str, sizes: Mapping[str, int], glyphs: Glyphs) -> Mapping[str, Line]:
    """The cells of one row."""
    node = found.nodes.get(key)
    if node is None:
        return {}
    lock = middle(lock_label(snapshot, node.path), sizes["path"])
    behind = line((str(node.behind), "dim" if node.over else "wait")) if node.behind else ()
    if node.edge is None:
        return {
            "who": _holder(node, snapshot, sizes["who"], glyphs),
            "path": line((lock, "dim" if node.over else "commit")),
            "mode": line((_mode(node, snapshot), "dim")),
            "for": _held(node, snapshot),
            "behind": behind,
        }
    edge = node.edge
    age = edge.seconds(snapshot.t)
    style = "dim" if node.over else "wait"
    name = wheel_label(snapshot, edge.waiter) if edge.waiter != SESSION else ALL
    indent = "  " * min(node.depth, 8)
    more = f" +{edge.others}" if edge.others else ""
    room = sizes["who"] - len(indent) - 2 - len(more)
    return {
        "who": line((f"{indent}{glyphs.waiter} ", style), (short(name, room), style), (more, "dim")),
        "path": line((lock, style)),
        "mode": line((edge.mode, style)),
        "for": line((units.spent(age, not node.over), "dim" if node.over else age_style(age, "wait"))),
        "behind": behind,
    }


def _holder(node: Node, snapshot: Snapshot, room: int, glyphs: Glyphs) -> Line:
    pieces = holder_pieces(snapshot, node.holder, room - 2)
    if node.over:
        pieces = tuple(piece._replace(style="dim") for piece in pieces)
    return (*line((f"{glyphs.branch} ", "dim")), *pieces)


def _mode(node: Node, snapshot: Snapshot) -> str:
    lock = snapshot.lock(node.path)
    hold = next((hold for hold in lock.holders if hold.wheel == node.holder.wheel), None) if lock else None
    return hold.mode if hold else ""


def _held(node: Node, snapshot: Snapshot) -> Line:
    """How long the root has held the lock, as far as this session knows."""
    lock = snapshot.lock(node.path)
    hold = next((hold for hold in lock.holders if hold.wheel == node.holder.wheel), None) if lock else None
    if hold is None or node.over:
        return ()
    age = snapshot.t - hold.since
    return line((units.age(age), age_style(age)))
