"""Lines of a journal: encoding an event as one line of JSON, and decoding a line.

A reader of journals must survive any line: of another version, damaged, or written by anybody at all.
"""

import json
from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any, get_args, get_type_hints

from .events import KINDS, NAMES, Event, Holder

_quoted = json.encoder.encode_basestring_ascii
_any: Callable[[object], str] = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def encode(t: float, event: Event) -> str:
    """One line of the journal, without the newline; ASCII, so nothing in it can control a terminal.

    It is the line that json makes of the same fields, in half the time: eight events of each wheel count.
    """
    values = [_ENCODERS.get(type(value), _any)(value) for value in event]
    cls: Any = type(event)
    return _template(cls) % (_float(round(t, 6)), *values)


@cache
def _template(cls: type[Any]) -> str:
    """The line of such an event, with `%s` for the time and for each field."""
    fields = "".join(f',"{name}":%s' for name in cls._fields)
    return f'{{"t":%s,"event":"{NAMES[cls]}"{fields}}}'


def _float(value: float) -> str:
    return repr(value) if isfinite(value) else _any(value)


def _list(value: list[Any]) -> str:
    if value and all(type(one) is str for one in value):
        return f"[{','.join(map(_quoted, value))}]"
    return _any([one._asdict() if isinstance(one, Holder) else one for one in value])


_ENCODERS: dict[type[Any], Callable[[Any], str]] = {
    str: _quoted,
    int: repr,
    float: _float,
    bool: lambda value: "true" if value else "false",
    list: _list,
}


_LIMIT = 1 << 63  # all numbers of events are smaller; NaN and infinities are not
_Check = Callable[[Any], Any]
"""Returns the value of a field as it stands in an event. Raises ValueError for one of another type."""


def decode(line: str | bytes) -> tuple[float, Event] | None:
    """The event in one line of a journal, with its time; None for a kind that this version does not know.

    Raises ValueError, and nothing else, for a line that is not an event. Every field of a decoded event has the type
    that its class says; numbers are finite and below 2**63.
    """
    try:
        fields = json.loads(line)
    except RecursionError:
        raise ValueError("not a journal line: nested too deeply") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("event"), str):
        raise ValueError("not a journal line")
    t = float(_number(fields.get("t")))
    cls = KINDS.get(fields["event"])
    if cls is None:
        return None
    event: Event = _made(cls, fields)
    return t, event


@cache
def _checks(cls: type[Any]) -> tuple[tuple[str, _Check], ...]:
    """The check of each field of an event, or of a part of one."""
    hints = get_type_hints(cls)
    return tuple((name, _CHECKS.get(hints[name]) or _one_of(get_args(hints[name]))) for name in cls._fields)


def _made(cls: Any, fields: dict[str, Any]) -> Any:
    """An instance of `cls`, made from those of `fields` that it has. Raises ValueError."""
    try:
        return cls(**{name: check(fields[name]) for name, check in _checks(cls) if name in fields})
    except TypeError as error:
        raise ValueError(f"incomplete journal line: {error}") from error


def _number(value: Any) -> Any:
    kind = type(value)
    if (kind is not float and kind is not int) or not -_LIMIT < value < _LIMIT:
        raise ValueError("not a journal line: a number is missing")
    return value


def _integer(value: Any) -> Any:
    if type(value) is not int or not -_LIMIT < value < _LIMIT:
        raise ValueError("not a journal line: an integer is missing")
    return value


def _boolean(value: Any) -> Any:
    if type(value) is not bool:
        raise ValueError("not a journal line: true or false is missing")
    return value


def _text(value: Any) -> Any:
    if type(value) is not str:
        raise ValueError("not a journal line: a text is missing")
    return value


def _texts(value: Any) -> Any:
    if type(value) is not list or not {str}.issuperset(map(type, value)):
        raise ValueError("not a journal line: a list of texts is missing")
    return value


def _named_texts(value: Any) -> Any:
    if type(value) is not dict or not {str}.issuperset(map(type, value.values())):
        raise ValueError("not a journal line: an object of texts is missing")
    return value


def _one_of(allowed: tuple[str, ...]) -> _Check:
    """The check of a Literal."""

    def check(value: Any) -> Any:
        if type(value) is not str or value not in allowed:
            raise ValueError(f"not a journal line: one of {', '.join(allowed)} is missing")
        return value

    return check


def _holders(value: Any) -> Any:
    if type(value) is not list or not {dict}.issuperset(map(type, value)):
        raise ValueError("not a journal line: a list of holders is missing")
    return [_made(Holder, one) for one in value]


_CHECKS: dict[Any, _Check] = {
    int: _integer,
    float: _number,
    bool: _boolean,
    str: _text,
    list[str]: _texts,
    dict[str, str]: _named_texts,
    list[Holder]: _holders,
}
