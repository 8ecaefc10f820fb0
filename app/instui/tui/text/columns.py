"""The columns of a table and how wide each becomes; and what a table shows."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from .pieces import Line

GUTTER = 2  # columns before the first cell, for the marker of the selected row


class Column(NamedTuple):
    """A column. It gets `width`, and a share of what is left by `weight`; it goes when there is less than `needs`."""

    id: str
    title: str
    width: int
    weight: int = 0
    right: bool = False
    needs: int = 0  # columns that the whole table must have for this one to be shown
    most: int = 1000  # it does not grow beyond
    short: str = ""  # the title where there is no room for the long one


class TableRows(NamedTuple):
    """The content of a table: the keys in order, and how to make the cells of one when it is visible.

    A row is one line of cells by column id; "" stands for the whole row.
    """

    keys: Sequence[str]
    cells: Callable[[str, Mapping[str, int]], Mapping[str, Line]]


NO_ROWS = TableRows((), lambda _key, _widths: {})


def widths(columns: Sequence[Column], width: int) -> dict[str, int]:
    """How wide each column that is shown becomes."""
    shown = [column for column in columns if width >= column.needs]
    result = {column.id: column.width for column in shown}
    for _ in range(3):  # what one column cannot take goes to the others
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
