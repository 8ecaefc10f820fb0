"""HTML by functions: every text is escaped unless it is HTML already, so that no name can become markup."""

from collections.abc import Iterable
from html import escape

from instui_engine.errors import printable


class Html(str):
    """A piece of HTML. Only this module makes it of other strings."""

    __slots__ = ()


Content = Html | str | Iterable["Html | str"]
Attribute = str | int | float | bool | None
_VOID = frozenset({"br", "meta"})  # elements that have no end


def text(value: str) -> Html:
    """Text of unknown origin: what could deceive its reader is written as escapes, as on a terminal."""
    return Html(escape(printable(value)))


def name(value: str) -> Html:
    """A name of unknown origin: letters that are read from right to left do not reorder what stands beside it."""
    return text(value) if value.isascii() else element("bdi", value)


def source(value: str) -> Html:
    """A style sheet or a script of this program, which is no text."""
    return Html(value)


def joined(parts: Iterable[Html | str], between: str = "") -> Html:
    """The parts as one piece."""
    return Html(_text(between).join(map(_text, parts)))


def element(tag: str, *content: Content, **attributes: Attribute) -> Html:
    """An element. `class_` and `aria_label` stand for `class` and `aria-label`; None and False leave one out."""
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in _VOID:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{''.join(map(_content, content))}</{tag}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    shown = key.rstrip("_").replace("_", "-")
    return f" {shown}" if value is True else f' {shown}="{text(str(value))}"'


def _content(value: Content) -> str:
    return _text(value) if isinstance(value, str) else "".join(map(_text, value))


def _text(value: Html | str) -> str:
    return value if isinstance(value, Html) else text(value)


def percent(share: float) -> str:
    """A share of a width, for attributes of SVG."""
    return f"{100 * share:.3f}".rstrip("0").rstrip(".") + "%"
