"""The content of a table, as data: its columns with their widths, and its rows."""

from collections.abc import Callable, Mapping, Sequence

from instui_engine.values import NamedTuple

from .pieces import Line

GUTTER = 2  # columns before the first cell, for the marker of the selected row


class Column(NamedTuple):
    """A column. It gets `width` and, by its `weight`, a share of what is left."""

    id: str
    title: str
    width: int
    weight: int = 0
    right: bool = False
    needs: int = 0  # the least width of a table that shows it
    most: int = 1000  # its greatest width
    short: str = ""  # the title if there is no room for `title`
    style: str = "dim"  # of the title


class TableRows(NamedTuple):
    """The keys of the rows in order, and a function that makes the cells of one row when it becomes visible.

    It is called with the key and the widths of the columns. Cells are by column id; "" is a cell as wide as the row.
    `position` finds a key, None if it is not there; without it a table has to go through all keys.
    """

    keys: Sequence[str]
    cells: Callable[[str, Mapping[str, int]], Mapping[str, Line]]
    position: Callable[[str], int | None] | None = None


NO_ROWS = TableRows((), lambda _key, _widths: {})


def widths(columns: Sequence[Column], width: int) -> dict[str, int]:
    """The width of each column that is shown in a table of `width` columns."""
    shown = [column for column in columns if width >= column.needs]
    result = {column.id: column.width for column in shown}
    for _ in range(3):  # columns that one cannot use go to the others
        left = width - GUTTER - sum(result.values()) - 2 * (len(shown) - 1)
        hungry = [column for column in shown if column.weight and result[column.id] < column.most]
        total = sum(column.weight for column in hungry)
        if left <= 0 or not hungry:
            break
        for column in hungry:
            result[column.id] = min(column.most, result[column.id] + left * column.weight // total)
    return result


TEXT_COLUMNS = (Column("text", "", 10, weight=1),)


def text_rows(lines: Sequence[Line]) -> TableRows:
    """A table that is only text: each line is a row, and its key is its number."""

    def cells(key: str, _: Mapping[str, int]) -> Mapping[str, Line]:
        return {"": lines[int(key)]} if int(key) < len(lines) else {}

    return TableRows([str(number) for number in range(len(lines))], cells)
