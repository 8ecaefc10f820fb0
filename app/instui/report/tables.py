"""Tables that can be read by keys, without a script and aloud: with captions, and headers for columns and rows."""

from collections.abc import Iterable, Sequence

from instui.monitor.units import count
from instui_engine.values import NamedTuple

from .html import Content, Html, element


class Column(NamedTuple):
    """A column: its title, whether it has numbers, which are aligned at the right, and whether it has long texts."""

    title: str
    is_number: bool = False
    is_long: bool = False

    @property
    def style(self) -> str:
        """The class of its cells."""
        return "number" if self.is_number else "long" if self.is_long else ""


class Cell(NamedTuple):
    """A cell: what it shows, its class, and what it is sorted by if that is not the text."""

    content: Content
    style: str = ""
    value: float | None = None


Row = Sequence[Cell | str]


def table(
    title: str, columns: Sequence[Column], rows: Iterable[Row], *, level: int = 3, sortable: bool = False
) -> Html:
    """A table with a header for each column; the first cell of each row is the header of the row.

    `level`: its title is a heading of that level, 0 for none. It scrolls in a box of its own where it is wider than the
    page, also by keys.
    """
    heads = [element("th", one.title, scope="col", class_=one.style or None) for one in columns]
    body = [element("tr", [_cell(cell, columns[place], place) for place, cell in enumerate(row)]) for row in rows]
    whole = element(
        "table",
        element("caption", element(f"h{level}" if level else "span", title)),
        element("thead", element("tr", heads)),
        element("tbody", body),
        class_="sortable" if sortable else None,
    )
    return element("div", whole, class_="scrolls", role="region", aria_label=title, tabindex=0)


def _cell(cell: Cell | str, column: Column, place: int) -> Html:
    content, style, value = cell if isinstance(cell, Cell) else Cell(cell)
    styles = " ".join(filter(None, (column.style, style)))
    return element(
        "td" if place else "th",
        content,
        scope=None if place else "row",
        class_=styles or None,
        data_value=None if value is None else f"{value:.6f}".rstrip("0").rstrip("."),
    )


def folded(summary: Content, *content: Content, is_open: bool = False, style: str = "") -> Html:
    """What is shown when it is asked for."""
    return element("details", element("summary", summary), *content, open=is_open, class_=style or None)


def left_out(number: int, noun: str, plural: str = "", *, why: str = "") -> Html:
    """A line that says how many more there are; nothing if there are none."""
    return element("p", f"{count(number, noun, plural)} left out{why}", class_="left-out") if number > 0 else Html("")
