"""The frame of every screen: header, counters, tabs, caption and footer."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from instui.monitor import units
from instui.monitor.command_words import in_room
from instui.monitor.model import Snapshot
from instui.tui.actions import Action
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, line, middle, safe, spread, tail, width_of, wrapped
from instui_engine.values import NamedTuple

from .transport import Stand, stand_text


class Badge(NamedTuple):
    """The state of the screen and the session, in the header."""

    text: str
    style: str


class Facts(NamedTuple):
    """The facts in the header that are not in the snapshot."""

    glyphs: Glyphs
    badge: str = "LIVE"  # what the controller calls the session
    stand: Stand | None = None  # where the display stands; None: in the present
    exit_code: int | None = None
    can_control: bool = False
    catching_up: bool = False


_ASKED = (130, 143)  # exit codes of a session that was asked to stop


def badge(snapshot: Snapshot, facts: Facts) -> Badge:
    """The badge for the most important state."""
    finished = snapshot.finished
    if facts.stand is not None:
        return Badge(stand_text(facts.stand), "badge-age" if facts.stand.held else "badge-fetch")
    if finished is not None:
        if finished.exit in _ASKED and snapshot.cancelling:
            return Badge(f"CANCELLED exit {finished.exit}", "badge-age")
        return (
            Badge("FINISHED", "badge-commit")
            if finished.exit == 0
            else Badge(f"FAILED exit {finished.exit}", "badge-failed")
        )
    if snapshot.over:
        code = facts.exit_code
        asked = code in _ASKED  # it was asked to end before it could write so into the journal
        return Badge("DIED" if code is None or (code > 128 and not asked) else f"FAILED exit {code}", "badge-failed")
    if snapshot.standstill is not None:
        return Badge("STOPPED", "badge-age")
    if snapshot.cancelling:
        return Badge("CANCELLING", "badge-failed")
    if snapshot.paused:
        return Badge("INSTALL PAUSED", "badge-age")
    if facts.catching_up:
        return Badge("CATCHING UP", "badge-fetch")
    if facts.badge == "LIVE":
        return Badge("LIVE", "badge-commit")
    if facts.badge.startswith("ATTACHED"):
        pid = f" pid {snapshot.session.pid}" if snapshot.session and facts.badge == "ATTACHED" else ""
        return Badge(f"{safe(facts.badge)}{pid}{'' if facts.can_control else ' read-only'}", "badge-fetch")
    return Badge(safe(facts.badge), "badge-fetch")


def header(snapshot: Snapshot, facts: Facts, width: int) -> Line:
    """Line 1: environment, command, badge, elapsed time and ETA."""
    session = snapshot.session
    mark = badge(snapshot, facts)
    glyph = facts.glyphs.live
    before = session.ran if session is not None else 0.0
    shown = snapshot.wall - (before if facts.stand is not None else 0.0)  # beside a transport bar: the times of events
    clock = units.age(shown) if snapshot.finished is None else units.seconds(shown)
    left = None if snapshot.over else snapshot.left
    right = [Piece(f"{glyph} {mark.text}", mark.style), Piece(f"  {clock:>6}", "text")]
    if left is not None and width >= 64:
        right += [
            Piece(" ETA ", "dim"),
            Piece(f"{_whole(left):<4}", "text"),
        ]
    right.append(Piece(" "))
    where = PurePosixPath(session.top).name if session else ""
    parent = PurePosixPath(session.top).parent.name if session and width >= 90 else ""
    place = f"{parent}/{where}" if parent else where
    start = [Piece(" instui ", "logo"), Piece(middle(safe(place), max(width // 5, 8)), "strong"), Piece("  ")]
    room = width - width_of(start) - width_of(right) - 1
    command = in_room(session.command[1:], room) if session else "waiting for the session to begin"
    return spread([*start, Piece(tail(safe(command), room) if room > 8 else "", "dim")], right, width)


def _whole(left: float) -> str:
    """The seconds that are left, in whole ones; never none, as it is not over."""
    if left < 1:
        return "<1 s"
    return units.age(round(left)) if left >= 10 else f"{left:.0f} s"


class News(NamedTuple):
    """How much happened in a view, and the style of that number."""

    number: int = 0
    style: str = "text"


class Tab(NamedTuple):
    """The tab of a view: its key, its title, the action that opens it, and its news."""

    key: str
    title: str
    action: str
    news: News = News()


_LONG, _SHORT, _SHORTEST = 100, 5, 4  # letters of a title


def tabs(views: Sequence[Tab], chosen: str, width: int, glyphs: Glyphs) -> Line:
    """The tabs of the views, with their news. `chosen` is the title of the present one, which is marked."""
    ways = [_tabs(views, chosen, room, news, glyphs) for news in (True, False) for room in (_LONG, _SHORT, _SHORTEST)]
    return fit(next((way for way in ways if width_of(way) <= width), ways[-1]), width)


def _tabs(views: Sequence[Tab], chosen: str, room: int, news: bool, glyphs: Glyphs) -> Line:
    """The tabs, with about `room` letters of each title."""
    pieces = [Piece(" ")]
    for view in views:
        cut = f"{view.title[:room]}{'.' if room > _SHORTEST else ''}"
        title = view.title if len(view.title) <= len(cut) else cut
        pieces.append(Piece(f" {view.key} {title} ", "chosen" if view.title == chosen else "dim", view.action))
        mark = f"{glyphs.alert}{units.number(view.news.number)} " if news and view.news.number else " "
        pieces.append(Piece(mark, view.news.style))
    return tuple(pieces)


def caption(texts: Sequence[str], width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The caption, in at most `height` lines: what there is to watch now or, at the end, how it went.

    The first text is the most important one. If there is no room for all, the last line says how much is left.
    """
    rows = [row for text in texts for row in wrapped(text, width - 4)]
    lines: list[Line] = [line((f" {glyphs.marker} ", "accent"), row) for row in rows]
    if len(lines) <= height:
        return lines
    if len(texts) == 1:
        return [line((f" {glyphs.marker} ", "accent"), row) for row in wrapped(texts[0], width - 4, height)]
    more = units.count(len(lines) - height + 1, "more line")
    return [
        *lines[: height - 1],
        line((f" {glyphs.marker} ", "accent"), (f"… {more}   (s shows all)", "dim", "view_ending")),
    ]


def finding(found: Line, width: int, most: int) -> list[Line]:
    """What holds the session up, its last piece a text that goes on below itself, in at most `most` lines."""
    *sign, text = found
    indent = width_of(sign)
    rows = wrapped(text.text, width - indent - 1, most)
    return [(*sign, text._replace(text=rows[0])), *(line(" " * indent, (row, text.style)) for row in rows[1:])]


def ending(texts: Sequence[str], width: int) -> list[Line]:
    """The same texts in full, a paragraph for each."""
    return [line(row) for text in texts for row in (*wrapped(text, width - 2), "")]


def footer(
    actions: Sequence[Action], width: int, glyphs: Glyphs, labels: dict[str, str], leaves_in: int | None = None
) -> Line:
    """As many of the keys as fit, the most important first. `labels` replace those of the registry.

    Before them, how many seconds it takes until the screen leaves by itself (None: it does not).
    """
    shown: list[Action] = []
    leaves = [] if leaves_in is None else [Piece(f"leaves in {leaves_in} s (any key stays)  ", "strong")]
    room = width - 1 - width_of(leaves)
    for action in actions:
        size = len(_key(action, glyphs)) + len(labels.get(action.id, action.label)) + 3
        if size <= room:
            shown.append(action)
            room -= size
    pieces = [Piece(" "), *leaves]
    for action in shown:
        pieces.append(Piece(f"{_key(action, glyphs)} ", "key", action.id))
        pieces.append(Piece(f"{labels.get(action.id, action.label)}  ", "dim", action.id))
    return fit(pieces, width)


def _key(action: Action, glyphs: Glyphs) -> str:
    return action.shown.replace("↵", glyphs.enter)
