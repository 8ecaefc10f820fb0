"""The journal's lines: written, read back, and read by a version that knows less."""

import json
import typing
from pathlib import Path

import pytest

from instui_engine.journal import events
from instui_engine.journal.events import KINDS, Event, Holder, decode, encode, kind_of, table

VALUES: dict[object, object] = {
    int: 7,
    float: 1.5,
    bool: True,
    str: "näme\x1b[31m\n[/x]\ud800",
    list[str]: ["a", "b/ü"],
    dict[str, str]: {"purelib": "lib/site-packages"},
    list[Holder]: [Holder("jwt", "s1", 12, "uv pip"), Holder()],
}


def example(cls: type[Event]) -> Event:
    hints = typing.get_type_hints(cls)
    return cls(*(VALUES[hints[name]] for name in cls._fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_comes_back_as_it_was_written(kind: str) -> None:
    event = example(KINDS[kind])
    line = encode(2.25, event)
    assert decode(line) == (2.25, event)
    assert kind_of(event) == kind == json.loads(line)["event"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_is_one_line_of_printable_ascii(kind: str) -> None:
    line = encode(0, example(KINDS[kind]))
    assert line.isascii()
    assert line.isprintable()


def test_every_event_has_a_kind_and_stands_in_the_table() -> None:
    assert set(KINDS.values()) == set(typing.get_args(Event))
    assert len(set(KINDS.values())) == len(KINDS)
    rows = table()
    assert [row[0] for row in rows] == list(KINDS)
    assert all(
        meaning and len(list(filter(None, fields.split(", ")))) == len(KINDS[kind]._fields)
        for kind, fields, meaning in rows
    )


def test_an_unknown_kind_is_skipped() -> None:
    assert decode('{"t": 1, "event": "wheel.blessed", "wheel": "a"}') is None


def test_unknown_fields_are_skipped() -> None:
    line = '{"t": 1, "event": "lock.waiting", "wheel": "a", "path": "p", "mode": "X", "mood": 3, "holders": [{"pid": 4, "x": 1}]}'  # noqa: E501
    assert decode(line) == (1.0, events.LockWaiting("a", "p", "X", [Holder(pid=4)]))


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"event": "caption"}', '{"t": 1, "event": "caption"}'])
def test_what_is_not_an_event_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"journal line|Expecting"):
        decode(line)


def test_the_readme_has_the_table_of_the_events() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert events.markdown() in readme
