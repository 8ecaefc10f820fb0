"""The rows of home: what runs, what is recorded, what there is to learn; and the line about the environment."""

from collections.abc import Mapping, Sequence

from instui.monitor import units
from instui.monitor.command_words import in_room
from instui.monitor.installers import Installer
from instui.monitor.names import short_command
from instui.monitor.sessions import KnownSession, State
from instui.tui.host import Demonstration, Place, Sight
from instui.tui.text.columns import Column, TableRows, widths
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, Piece, fit, joined, line, middle, safe, spread, tail, width_of, wrapped
from instui_engine.values import NamedTuple

from .filter import Filter
from .keys import FOLD

COLUMNS = (
    Column("section", "", 8, needs=76),
    Column("command", "command", 18, weight=4, most=44),
    Column("environment", "environment", 11, weight=1, most=26, needs=100),
    Column("when", "when", 10, needs=64),
    Column("took", "took", 7, right=True),
    Column("facts", "", 12, weight=6),
)
INVITATION = "\0invitation"  # the row that stands where nothing is recorded yet
_SPACE = "\0space "  # how the keys of blank rows begin, which cannot be selected
_ROOMY = 20  # rows from which there are some
_RUNNING, _OTHER, _RECORDED, _LEARN = "running\0", "running\0pid ", "recorded\0", "learn\0"
_LEAST = 3  # recordings that are shown, however small the screen is
_PLACE = 22  # columns of the environment's name, where nothing is recorded in it
_NAME = 14  # columns of a demonstration's name
_APART = Piece("  ")  # between two facts
_SHORT_WAIT = 0.1  # seconds; nobody waited for less


class Chosen(NamedTuple):
    """What a row is about: a section's name, and the key of what is in it."""

    section: str
    key: str


def chosen(key: str) -> Chosen:
    """What the row of that key is about."""
    section, separator, rest = key.partition("\0")
    return Chosen(section, rest) if separator and section else Chosen("", key)


def demonstration_key(name: str) -> str:
    """The row of a demonstration."""
    return f"{_LEARN}{name}"


def running_of(sight: Sight, key: str) -> KnownSession | None:
    """The running session of a row; None for another row."""
    return next((one for one in sight.running if key == f"{_RUNNING}{one.session}"), None)


def other_of(sight: Sight, key: str) -> Installer | None:
    """The installer of another program of a row; None for another row."""
    return next((one for one in sight.others if key == f"{_OTHER}{one.pid}"), None)


def recording_of(sight: Sight, key: str) -> KnownSession | None:
    """The recorded session of a row; None for another row."""
    return next((one for one in sight.recorded if key == f"{_RECORDED}{one.session}"), None)


def command_line(one: KnownSession) -> str:
    """The command of a session as it was typed, without the name of this program."""
    return one.command.removeprefix("instui ") or "does not say what it does"


def still_selected(key: str, keys: Sequence[str]) -> str:
    """The row to select after that of `key`: the same, that of its session when it is over, or the first."""
    now_over = f"{_RECORDED}{chosen(key).key}"
    return next((one for one in (key, now_over) if one in keys), keys[0] if keys else "")


def newest(sight: Sight, than: Sight) -> str:
    """The row of a session that runs or is recorded, and was neither in the earlier sight; "" if there is none."""
    before = {one.session for one in (*than.running, *than.recorded)}
    live = [f"{_RUNNING}{one.session}" for one in sight.running if one.session not in before]
    over = [f"{_RECORDED}{one.session}" for one in sight.recorded if one.session not in before]
    return next(iter([*live[::-1], *over]), "")


def section_starts(keys: Sequence[str]) -> list[str]:
    """The first row of each section."""
    return list({_section(key): key for key in reversed(keys) if not is_blank(key)}.values())[::-1]


def is_blank(key: str) -> bool:
    """Whether the row is a blank one between two sections."""
    return key.startswith(_SPACE)


def _section(key: str) -> str:
    return "recorded" if key in (FOLD, INVITATION) else key.partition("\0")[0]


def header(sight: Sight, width: int, glyphs: Glyphs) -> Line:
    """Line 1: the environment and how it is, and how many sessions run."""
    place = sight.place
    number = len(sight.running)
    right = [Piece(f"{glyphs.live} {number} running ", "badge-commit")] if number else []
    start = [Piece(" instui ", "logo")]
    if place.missing:
        return spread([*start, Piece("no environment", "age")], right, width)
    if not place.name:
        return spread([*start, Piece("looking for the environment", "dim")], right, width)
    start += [Piece(middle(safe(place.name), max(width // 3, 8)), "strong"), Piece("  ")]
    many = units.count(len(place.installed), "distribution")
    parts: list[Line] = [line((safe(place.python), "dim")), line((many, "dim")), line(_health(place))]
    dot = Piece(f" {glyphs.dot} ", "dim")
    while width_of([*start, *joined(parts, dot), *right]) > width and len(parts) > 1:
        parts.pop(0)
    return spread([*start, *joined(parts, dot)], right, width)


def _health(place: Place) -> tuple[str, str]:
    if place.unfinished:
        return f"{units.count(place.unfinished, 'change')} half done: the next install settles that", "age"
    if place.incomplete:
        return f"{place.incomplete} incomplete: see instui doctor", "age"
    if place.leftovers:
        return f"{units.count(place.leftovers, 'killed session')} left files: see instui doctor", "age"
    if place.strays:
        return f"{units.count(place.strays, 'leftover')} of pip or uv: see instui doctor", "age"
    return "whole", "commit"


def ago(seconds: float) -> str:
    """How long ago something was, in the largest unit."""
    for size, noun in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {noun} ago"
    return "just now"


def table_rows(
    sight: Sight, rows: int, filter: Filter, everything: bool, glyphs: Glyphs, *, told: str = ""
) -> TableRows:
    """All rows, in a table with room for so many `rows`. Without `everything`, old recordings are folded.

    `told` is the row about which `about` is shown: an error for which it has no room is said there alone.
    """
    running = {f"{_RUNNING}{one.session}": one for one in sight.running if _keeps(filter, one)}
    others = {f"{_OTHER}{one.pid}": one for one in sight.others if _keeps(filter, one)}
    recorded = {f"{_RECORDED}{one.session}": one for one in sight.recorded if _keeps(filter, one)}
    learn = {
        demonstration_key(one.name): (number, one)
        for number, one in enumerate(sight.demonstrations, 1)
        if filter.keeps(lambda one=one: one._asdict())  # type: ignore[misc]
    }
    live = [*running, *others]
    keys = [*live, *_unfolded(list(recorded), rows - len(live) - len(learn), everything or bool(filter))]
    if not sight.recorded and not filter and sight.place != Place():
        keys.append(INVITATION)
    keys += learn
    hidden = len(recorded) - sum(key in recorded for key in keys)
    heads = {_section(key): key for key in reversed(keys)}
    if rows >= _ROOMY:
        keys = [row for key in keys for row in ((f"{_SPACE}{key}", key) if key in heads.values() else (key,))][1:]

    def cells(key: str, sizes: Mapping[str, int]) -> Mapping[str, Line]:
        section = _section(key)
        title = line((section, "strong")) if heads.get(section) == key else ()
        if key in running:
            return {"section": title, **_running(running[key], sizes, glyphs)}
        if key in others:
            return {"section": title, **_other(others[key], sight.now, sizes, glyphs)}
        if key in recorded:
            one = recorded[key]
            waited = sight.waited.get(one.session, 0.0)
            return {"section": title, **_recorded(one, sight.now, waited, sizes, glyphs, key == told)}
        indent = fit(title, sizes["section"] + 2) if "section" in sizes else ()
        if key in learn:
            return {"": (*indent, *_demonstration(*learn[key]))}
        if key == FOLD:
            return {"": (*indent, Piece(f"… {hidden} older   (a shows all)", "dim"))}
        return {"": (*indent, *_invitation(sight.place))} if key == INVITATION else {}

    return TableRows(keys, cells)


def _keeps(filter: Filter, one: KnownSession | Installer) -> bool:
    return filter.keeps(lambda: {name: str(value) for name, value in one._asdict().items()})


def _unfolded(keys: list[str], room: int, everything: bool) -> list[str]:
    """The recordings that are shown; a row for the others, if there are more than a few."""
    room = max(room, _LEAST)
    return keys if everything or len(keys) <= room else [*keys[: room - 1], FOLD]


def _command(sign: str, style: str, command: str, width: int, *, ours: bool = True) -> Line:
    words = [word.rpartition("/")[2] or word if word.startswith("/") else word for word in command.split(" ")]
    text = in_room(words, width - 2) if ours else " ".join(words)
    return line((f"{sign} ", style), tail(safe(text), width - 2))


def _place(top: str, sizes: Mapping[str, int]) -> Line:
    parent, _, name = top.rpartition("/")
    shown = f"{parent.rpartition('/')[2]}/{name}" if name in (".venv", "venv", "env") else name
    return line((middle(safe(shown), sizes.get("environment", 0)), "dim"))


def _running(one: KnownSession, sizes: Mapping[str, int], glyphs: Glyphs) -> Mapping[str, Line]:
    facts: list[Line] = []
    if one.state != "running":
        facts.append(line((safe(one.state), "dim" if one.state == "silent" else "age")))
    if one.doing:
        facts.append(line(safe(one.doing)))
    facts += [line((f"{many} wait for {safe(_short(path))}", "wait")) for path, many in one.waits if path != ".lock"]
    if one.wheels > 0:
        facts.append(line((f"{units.number(one.done)} of {units.count(one.wheels, 'wheel')}", "dim")))
    return {
        "command": _command(glyphs.live, "commit", command_line(one), sizes["command"]),
        "environment": _place(one.environment, sizes),
        "when": line((f"pid {one.pid}", "dim")),
        "took": line(units.spent(one.wall, True)) if one.started else (),
        "facts": _fitting(facts, sizes["facts"]),
    }


def _fitting(facts: Sequence[Line], width: int) -> Line:
    """The facts, the most important first, without those for which there is no room as a whole."""
    shown = list(facts)
    while len(shown) > 1 and width_of(joined(shown, _APART)) > width:
        shown.pop()
    return joined(shown, _APART)


def _short(path: str) -> str:
    return path.rpartition("site-packages/")[2].removeprefix("@") or path


def _other(one: Installer, now: float, sizes: Mapping[str, int], glyphs: Glyphs) -> Mapping[str, Line]:
    facts = [line(("not ours", "dim")), line(("has .lock", "wait"))]  # why it cannot be cancelled is first
    if one.state in ("stopped", "traced"):
        facts.append(line((safe(one.state), "wait")))
    return {
        "command": _command(glyphs.live, "wait", short_command(one.command), sizes["command"], ours=False),
        "environment": _place(one.environment, sizes),
        "when": line((f"pid {one.pid}", "dim")),
        "took": line(units.spent(one.seconds(now), True)) if one.began else (),
        "facts": _fitting(facts, sizes["facts"]),
    }


_SIGNS: Mapping[State, tuple[str, str, str]] = {  # of what is over: the sign, that in ASCII, the style
    "done": ("✓", "+", "commit"),
    "failed": ("✗", "x", "failed"),
    "cancelled": ("‖", "=", "age"),
    "killed": ("†", "!", "failed"),
}


def _recorded(
    one: KnownSession, now: float, waited: float, sizes: Mapping[str, int], glyphs: Glyphs, told: bool
) -> Mapping[str, Line]:
    sign, plain, style = _SIGNS.get(one.state, ("·", ".", "dim"))
    facts: list[Line] = []
    if one.state != "done":
        is_here = one.state == "failed" and one.error and (not told or _has_room(one.error, sizes["facts"]))
        facts.append(line((tail(safe(one.error), sizes["facts"]) if is_here else one.state, style)))
    if one.wheels > 0:
        facts.append(line(units.count(one.wheels, "wheel")))
    if waited >= _SHORT_WAIT:
        facts.append(line((f"waited {units.seconds(waited)}", "wait")))
    return {
        "command": _command(plain if glyphs.is_ascii else sign, style, command_line(one), sizes["command"]),
        "environment": _place(one.environment, sizes),
        "when": line((ago(now - one.started), "dim")),
        "took": line(units.spent(one.wall, False)),
        "facts": _fitting(facts, sizes["facts"]) or line(("nothing to do", "dim")),
    }


def _has_room(error: str, room: int) -> bool:
    return units.cells(safe(error)) <= room


def _demonstration(number: int, one: Demonstration) -> Line:
    return line((f"{number} ", "key"), f"{one.name:<{_NAME}}", (safe(one.about), "dim"))


def _invitation(place: Place) -> Line:
    if place.missing.startswith("no environment found"):
        words = (" makes one; demonstrations need none", "dim")
        return line(("no environment: ", "age"), "`uv venv` or `python3 -m venv .venv`", words)
    if place.missing:
        return line((safe(place.missing), "age"))
    where = middle(safe(place.name), _PLACE)  # an install into another environment is listed there
    return line(f"nothing yet in {where}: ", ("i", "key", "type"), (" installs there", "dim"))


def about(sight: Sight, key: str, width: int, most: int, room: int = 0) -> list[Line]:
    """What there is to know of a row, in at most `most` lines: what the row itself has no room for.

    `room` are the columns of the table, if it has fewer than the screen.
    """
    texts: list[tuple[str, str]] = []
    if (one := running_of(sight, key) or recording_of(sight, key)) is not None:
        is_above = one.state == "failed" and _has_room(one.error, widths(COLUMNS, room or width)["facts"])
        texts = [(f"instui {command_line(one)}", "strong"), ("" if is_above else one.error, "failed")]
        texts.append((f"{one.environment or 'environment unknown'} · session {one.session}", "dim"))
    elif (other := other_of(sight, key)) is not None:
        waits = "an install there waits for it before it commits; it cannot be watched from here"
        texts = [(other.command, "strong"), (waits, "text")]
        texts.append((other.environment, "dim"))
    elif key == INVITATION and sight.place.missing:
        texts = [(sight.place.missing, "text")]
    elif demonstration := next((one for one in sight.demonstrations if demonstration_key(one.name) == key), None):
        texts = [(f"instui demo {demonstration.name}", "strong"), (demonstration.about, "text")]
    rows = [(row, style) for text, style in texts if text for row in wrapped(text, width - 4)]
    return [line("  ", row) for row in rows[:most]]


def describe(sight: Sight, key: str) -> str:
    """A row in a sentence, for the clipboard: the command, as it can be typed."""
    one = running_of(sight, key) or recording_of(sight, key)
    if one is not None:
        return f"instui {command_line(one)}"
    if (other := other_of(sight, key)) is not None:
        return other.command
    section, name = chosen(key)
    return f"instui demo {name}" if section == "learn" else name
