"""The lines about one overwritten file: who had it, who has it, and what differs between the two contents."""

from collections.abc import Iterable

from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.overwritten.difference import Difference, FileContent
from instui.overwritten.files import OverwrittenFile
from instui.tui.text.pieces import Line, line, middle, safe

from .difference import laid
from .labels import lock_label


def lines_of(snapshot: Snapshot, file: OverwrittenFile, difference: Difference | None, width: int) -> list[Line]:
    """Everything known about an overwritten file: its owners, where the contents are, and the difference."""
    old, new = (difference.old, difference.new) if difference else (FileContent(), FileContent())
    here = _place(snapshot, file.path, width)
    lines: list[Line] = [line(("path       ", "dim"), (middle(safe(file.path), width - 11), "text"))]
    lines += _side("old owner", file.old or "nobody", old, difference, _old_place(file, width), width)
    lines += _side("new owner", file.new or "nobody", new, difference, _new_place(file, here, width), width)
    lines.append(())
    if difference is None:
        return [*lines, line(("reading …", "dim"))]
    if file.back:
        return [*lines, line(("the file that had been overwritten is back", "commit"))]
    if file.same:
        return [*lines, line(("same content", "commit"), (", so only one of them is there", "dim"))]
    if file.t < 0:
        remark = "it was not replaced" if snapshot.finished else "not replaced yet; there is nothing to compare"
        return [*lines, line((remark, "dim"))]
    style = "commit" if difference.verdict == "same content" else "text"
    lines.append(line((difference.verdict, style)))
    return [*lines, *([()] if difference.rows else []), *laid(difference, width)]


def _place(snapshot: Snapshot, path: str, width: int) -> str:
    return middle(lock_label(snapshot, path), max(width - 40, 12))


def _old_place(file: OverwrittenFile, width: int) -> str:
    if file.back:
        return "its own is gone"
    if file.t < 0:
        return "as it is now"
    if file.kept:
        return f"kept in {middle(safe(file.kept), max(width - 20, 12))}"
    return "not kept, as the new one is equal" if file.same else "not kept"


def _new_place(file: OverwrittenFile, here: str, width: int) -> str:
    if file.t < 0:
        return f"to come at {here}"
    if file.moved:
        return f"replaced in turn, and kept in {middle(safe(file.moved), max(width - 50, 12))}"
    return "as it is now"


def _side(
    title: str, owner: str, content: FileContent, difference: Difference | None, place: str, width: int
) -> Iterable[Line]:
    yield line((f"{title:<11}", "dim"), (middle(safe(owner), width - 11), "strong"))
    facts = place
    if difference is not None and (content.there or content.why):
        facts = f"{place}: {content.why}" if not content.there else f"{units.size(content.size)}, {place}"
    yield line((" " * 11, "dim"), (middle(facts, width - 11), "text" if content.there else "dim"))
    if content.there and content.text is None:
        yield line((" " * 11, "dim"), (f"{content.why}; {units.number(content.size)} bytes", "text"))
        yield line((" " * 11, "dim"), (middle(f"sha256 {content.digest}", width - 11), "dim"))
