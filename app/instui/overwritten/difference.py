"""The difference of two contents, as a unified diff.

Anybody may have written these files: who shows a line must escape its control characters.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher

from instui.monitor import units
from instui_engine.values import NamedTuple

CONTEXT = 3  # equal lines around a change
MOST_LINES = 4000  # lines of a diff that are shown
_MOST_WORK = 4_000_000  # pairs of lines that are compared; beyond that, the rest is one change


class FileContent(NamedTuple):
    """What is at a path. `text` is None if there is no text to show; `why` then says why, in a few words."""

    size: int = -1  # -1 if there is no readable file
    digest: str = ""  # sha256, in hexadecimal digits
    text: str | None = None
    why: str = ""

    @property
    def there(self) -> bool:
        """Whether there is a file and it could be read."""
        return self.size >= 0


class DiffLine(NamedTuple):
    """One line of a diff; `sign` is "@", " ", "-", "+", or "!" for a remark."""

    sign: str
    text: str


class Difference(NamedTuple):
    """Two contents, and their diff if both are text. `verdict` sums it up in a few words."""

    old: FileContent
    new: FileContent
    verdict: str
    rows: tuple[DiffLine, ...] = ()


def compare(old: FileContent, new: FileContent) -> Difference:
    """The difference between two contents."""
    if not old.there or not new.there:
        return Difference(old, new, "there is nothing to compare")
    if old.digest == new.digest and old.size == new.size:
        return Difference(old, new, "same content")
    if old.text is None or new.text is None:
        return Difference(old, new, "different content, which is not shown as text")
    rows: list[DiffLine] = []
    gone = come = 0
    for row in unified(old.text.split("\n"), new.text.split("\n")):
        gone += row.sign == "-"
        come += row.sign == "+"
        if len(rows) < MOST_LINES:
            rows.append(row)
    left = gone + come - sum(row.sign in "+-" for row in rows)
    if left:
        rows.append(DiffLine("!", f"… {units.count(left, 'more changed line')}"))
    verdict = f"{units.count(gone, 'line')} less, {units.count(come, 'line')} more"
    return Difference(old, new, verdict, tuple(rows))


def unified(old: list[str], new: list[str]) -> Iterator[DiffLine]:
    """The lines of a unified diff. The last line of each text is what follows its last newline, and may be ""."""
    last_old, last_new = len(old) - (old[-1] == ""), len(new) - (new[-1] == "")
    for group in _groups(old, new, last_old, last_new):
        first, last = group[0], group[-1]
        yield DiffLine("@", f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@")
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (DiffLine(" ", text) for text in old[i:j])
                continue
            yield from (DiffLine("-", text) for text in old[i:j])
            if i < j == last_old == len(old):
                yield DiffLine("!", "no newline at the end")
            yield from (DiffLine("+", text) for text in new[k:m])
            if k < m == last_new == len(new):
                yield DiffLine("!", "no newline at the end")


_Change = tuple[str, int, int, int, int]


def _groups(old: list[str], new: list[str], last_old: int, last_new: int) -> list[list[_Change]]:
    """Changes with some equal lines around them, like `SequenceMatcher.get_grouped_opcodes`, but with bounded work."""
    a, b = old[:last_old], new[:last_new]
    if last_old == len(old) and a:  # a line without its newline is a different line
        a[-1] += "\0"
    if last_new == len(new) and b:
        b[-1] += "\0"
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    foot = 0
    while foot < min(len(a), len(b)) - head and a[-1 - foot] == b[-1 - foot]:
        foot += 1
    middle_a, middle_b = a[head : len(a) - foot], b[head : len(b) - foot]
    if len(middle_a) * len(middle_b) > _MOST_WORK:
        inner: list[_Change] = [("replace", 0, len(middle_a), 0, len(middle_b))]
    else:
        inner = list(SequenceMatcher(None, middle_a, middle_b, autojunk=True).get_opcodes())
    changes: list[_Change] = [("equal", 0, head, 0, head)] if head else []
    changes += [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in inner]
    if foot:
        changes.append(("equal", len(a) - foot, len(a), len(b) - foot, len(b)))
    return _grouped(changes)


def _grouped(changes: list[_Change]) -> list[list[_Change]]:
    groups: list[list[_Change]] = [[]]
    for place, (tag, i, j, k, m) in enumerate(changes):
        if tag != "equal":
            groups[-1].append((tag, i, j, k, m))
            continue
        first, last = place == 0, place == len(changes) - 1
        if first:
            i, k = max(i, j - CONTEXT), max(k, m - CONTEXT)
        elif last:
            j, m = min(j, i + CONTEXT), min(m, k + CONTEXT)
        elif j - i > 2 * CONTEXT:
            groups[-1].append((tag, i, i + CONTEXT, k, k + CONTEXT))
            groups.append([])
            i, k = j - CONTEXT, m - CONTEXT
        groups[-1].append((tag, i, j, k, m))
    return [group for group in groups if any(change[0] != "equal" for change in group)]


def _range(begin: int, end: int) -> str:
    """A range as diff writes it: its first line and its length, without the length if that is 1."""
    count = end - begin
    return str(begin + 1) if count == 1 else f"{begin + 1 if count else begin},{count}"
