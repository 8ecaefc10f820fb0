"""The rows of the Overwrites view: pairs of owners, and under each pair the files."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.overwritten.files import OverwrittenFile, overwritten_files
from instui.tui.text.columns import Column
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, line, middle, safe, tail
from instui_engine.values import NamedTuple

from .filter import NOTHING, Filter
from .keys import FOLD
from .labels import lock_label, short

FOLDED_FROM = 12  # a pair with more files is folded at first, if there are several pairs
_SEPARATOR = "\0"
COLUMNS = (
    Column("path", "replaced → by", 22, weight=3, most=90),
    Column("content", "content", 9),
    Column("t", "at", 8, right=True, needs=60),
)


class OverwriteQuery(NamedTuple):
    """What the user wants to see in the Overwrites view."""

    filter: Filter = NOTHING
    everything: bool = False
    sort: str = ""
    reverse: bool = False
    toggled: Collection[str] = ()  # pairs that the user folded or unfolded


class Groups(NamedTuple):
    """The rows in order, and what they show."""

    keys: list[str]
    files: Mapping[str, OverwrittenFile]
    pairs: Mapping[str, list[OverwrittenFile]]
    closed: Collection[str]
    equal: int  # files of equal content that are left out


def arrange(snapshot: Snapshot, query: OverwriteQuery) -> Groups:
    """The pairs, those with the most files first, and the files of the unfolded ones."""
    equal = 0
    pairs: defaultdict[str, list[OverwrittenFile]] = defaultdict(list)
    for file in overwritten_files(snapshot):
        if file.same and not query.everything and not query.filter:
            equal += 1
        elif query.filter.keeps(lambda file=file: _fields(file)):  # type: ignore[misc]
            back = f"{_SEPARATOR}back" if file.back else ""
            pairs[f"{file.old}{_SEPARATOR}{file.new}{back}"].append(file)
    names = sorted(pairs, key=lambda name: _order(name, pairs[name], query.sort), reverse=query.reverse)
    many = len(names) > 1
    closed = {name for name in names if (many and len(pairs[name]) > FOLDED_FROM) is not (name in query.toggled)}
    keys: list[str] = []
    files: dict[str, OverwrittenFile] = {}
    for name in names:
        keys.append(name)
        if name in closed:
            continue
        for file in sorted(pairs[name], key=lambda file: file.path if query.sort != "t" else ""):
            key = f"{name}{_SEPARATOR}{file.path}"
            keys.append(key)
            files[key] = file
    if equal:
        keys.append(FOLD)
    return Groups(keys, files, pairs, closed, equal)


def path_of(found: Groups, key: str) -> str:
    """The path of the file in a row, of a pair that of its first file; "" for none."""
    file = found.files.get(key) or next(iter(found.pairs.get(key, ())), None)
    return file.path if file else ""


def _fields(file: OverwrittenFile) -> dict[str, str]:
    state = "restored" if file.back else "planned" if file.t < 0 else "same" if file.same else "different"
    return {"lock": file.path.casefold(), "wheel": f"{file.old} {file.new}".casefold(), "state": state}


def _order(name: str, files: list[OverwrittenFile], sort: str) -> tuple[float, str]:
    old, _, new = name.partition(_SEPARATOR)
    if sort == "t":
        return files[0].t, name
    return (0.0, {"old": old, "new": new}[sort]) if sort in ("old", "new") else (-float(len(files)), name)


def cells(snapshot: Snapshot, found: Groups, key: str, sizes: Mapping[str, int], glyphs: Glyphs) -> Mapping[str, Line]:
    """The cells of one row."""
    if key == FOLD:
        text = f"… {units.count(found.equal, 'file')} replaced by equal content   (a shows all)"
        return {"": line((text, "dim"))}
    if key in found.pairs:
        room = sum(sizes.values()) + 2 * (len(sizes) - 1)
        return {"": _pair(key, found.pairs[key], glyphs, key in found.closed, snapshot.finished is not None, room)}
    file = found.files.get(key)
    if file is None:
        return {}
    content = (
        ("restored", "commit")
        if file.back
        else ("not done" if snapshot.finished else "planned", "dim")
        if file.t < 0
        else ("same", "dim")
        if file.same
        else ("different", "age")
    )
    return {
        "path": line((f"  {middle(lock_label(snapshot, file.path), sizes['path'] - 2)}", "text")),
        "content": line(content),
        "t": line((units.seconds(file.t), "dim")) if file.t >= 0 else (),
    }


def _pair(key: str, files: list[OverwrittenFile], glyphs: Glyphs, closed: bool, over: bool, width: int) -> Line:
    old, new = key.split(_SEPARATOR)[:2]
    back = sum(file.back for file in files)
    planned, same = sum(file.t < 0 for file in files), sum(file.same for file in files)
    counts = [
        (len(files) - planned - same - back, "different", "age"),
        (back, "restored", "commit"),
        (same, "with equal content", "dim"),
        (planned, "that were not done" if over else "to come", "dim"),
    ]
    texts = [(f"   {units.number(count)} {word}", style) for count, word, style in counts if count]
    names = [safe(name) or "nobody's file" for name in (old, new)]
    left = width - 5 - sum(units.cells(text) for text, _ in texts)
    if sum(map(units.cells, names)) > left:  # what is cut off is told by the rows below, or on the map
        names = [short(name, max(left // 2, 8)) for name in names]
    return line(
        (f"{glyphs.folded if closed else glyphs.branch} ", "dim"),
        (names[0], "strong"),
        (f" {glyphs.arrow} ", "dim"),
        (names[1], "strong"),
        *texts,
    )


def describe(found: Groups, key: str) -> str:
    """A row as text for the clipboard."""
    if (file := found.files.get(key)) and file.back:
        return tail(f"{safe(file.path)}: of {safe(file.new) or 'nobody'} again, no longer {safe(file.old)}", 1000)
    if file := found.files.get(key):
        return tail(f"{safe(file.path)}: {safe(file.old) or 'nobody'} -> {safe(file.new)}", 1000)
    return " -> ".join(safe(part) for part in key.split(_SEPARATOR)[:2])
