"""The journal's lines: written, read back, and read by a version that knows less."""

import fcntl
import json
import typing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instui_engine.journal import events
from instui_engine.journal.codec import decode, encode
from instui_engine.journal.events import KINDS, Event, Holder, kind_of, table
from instui_engine.locks.holders import blockers, rows
from instui_engine.target.environment import PRIVATE
from support.environments import examples

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
    return cls(*(_value(hints[name]) for name in cls._fields))  # type: ignore[arg-type]


def _value(hint: object) -> object:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Literal else VALUES[hint]


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_comes_back_as_it_was_written(kind: str) -> None:
    event = example(KINDS[kind])
    line = encode(2.25, event)
    assert decode(line) == (2.25, event)
    assert kind_of(event) == kind == json.loads(line)["event"]


@given(
    t=st.floats(0, 1e9),
    texts=st.lists(st.text(st.characters(exclude_categories=()))),
    numbers=st.tuples(st.integers(), st.floats(), st.booleans()),
)
def test_a_line_is_what_json_makes_of_the_fields(t: float, texts: list[str], numbers: tuple[int, float, bool]) -> None:
    number, seconds, flag = numbers
    text = "".join(texts)
    for event in (
        events.PlanWheel(text, number, 0, 0, texts, [], "%s"),
        events.LockReleased(text, seconds, 0.0, 1e-7, seconds, 1e22),
        events.LockGranted(text, seconds, flag),
        events.EnvironmentWaiting(text, [Holder(text, began=seconds), Holder()]),
    ):
        fields = {"t": round(t, 6), "event": kind_of(event), **event._asdict()}
        if isinstance(event, events.EnvironmentWaiting):
            fields["holders"] = [holder._asdict() for holder in event.holders]
        assert encode(t, event) == json.dumps(fields, separators=(",", ":"))


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


WRONG = [
    *("", "{", "[]", "3", '{"event": "caption"}', '{"t": 1, "event": "caption"}', '{"t": 1, "event": ["caption"]}'),
    *(f'{{"t": {t}, "event": "caption", "text": ""}}' for t in ("true", "NaN", "-Infinity", "1e999", "9" * 400, '"1"')),
    *(f'{{"t": 1, "event": "caption", "text": {text}}}' for text in ("1", "null", '["a"]', "{}")),
    *(f'{{"t": 1, "event": "fetch.finished", "wheel": "a", "size": {size}}}' for size in ("1.0", "true", "9" * 40)),
    *(
        f'{{"t": 1, "event": "lock.waiting", "wheel": "a", "path": "p", "mode": "X", "holders": {holders}}}'
        for holders in ("[1]", "{}", '"x"', '[{"pid": "1"}]', '[{"wheel": []}]', "[[]]", "null")
    ),
    '{"t": 1, "event": "resolve.started", "requirements": ["a", 1]}',
    f'{{"t": 1, "event": "caption", "text": {"[" * 100_000}',
    f'{{"t": {"9" * 5000}, "event": "caption", "text": ""}}',
]


@pytest.mark.parametrize("line", WRONG, ids=range(len(WRONG)))
def test_what_is_not_an_event_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError):
        decode(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*Holder._fields, "x"]), inner),
    max_leaves=5,
)


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    """Lines of a journal with one field of another type, bytes that were changed, or both."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    fields = json.loads(encode(1.0, example(KINDS[kind])))
    fields[draw(st.sampled_from(sorted(fields)))] = draw(JSON)
    line = bytearray(json.dumps(fields, separators=(",", ":")).encode())
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(line) - 1), st.integers(0, 255)), max_size=2)):
        line[place] = byte
    return bytes(line[: draw(st.integers(len(line) // 2, len(line)))]) if draw(st.booleans()) else bytes(line)


def has_its_types(event: Event | Holder) -> bool:
    """Whether every field has the type that its class says."""
    return all(_is_a(getattr(event, name), hint) for name, hint in typing.get_type_hints(type(event)).items())


def _is_a(value: object, hint: object) -> bool:
    if hint is float:
        return type(value) in (int, float) and abs(value) < 1 << 63  # type: ignore[arg-type]
    if hint == list[Holder]:
        return isinstance(value, list) and all(isinstance(one, Holder) and has_its_types(one) for one in value)
    if hint == list[str]:
        return isinstance(value, list) and all(type(one) is str for one in value)
    if hint == dict[str, str]:
        return isinstance(value, dict) and all(type(one) is str for one in value.values())
    if typing.get_origin(hint) is typing.Literal:
        return value in typing.get_args(hint)
    return type(value) is hint


@settings(max_examples=examples(500))
@given(damaged_lines())
def test_a_damaged_line_is_a_value_error_or_an_event_of_the_right_types(line: bytes) -> None:
    try:
        decoded = decode(line)
    except ValueError:
        return
    assert decoded is None or (type(decoded[0]) is float and has_its_types(decoded[1]))


@settings(max_examples=examples(200))
@given(st.lists(damaged_lines() | st.binary(max_size=50), max_size=6))
def test_no_line_of_a_journal_keeps_anybody_from_naming_a_holder(lines: list[bytes]) -> None:
    with TemporaryDirectory() as place:
        private = Path(place, PRIVATE)
        journal = private / "sessions" / "20260101-000000-1-abcd.jsonl"
        journal.parent.mkdir(parents=True)
        journal.write_bytes(b"".join(line.replace(b"\n", b"") + b"\n" for line in lines))
        with journal.open("rb") as file:  # it lives
            fcntl.flock(file, fcntl.LOCK_EX)
            assert blockers(private, private / "locks" / "p", "p", "X") != []
            assert isinstance(rows(Path(place)), list)


def test_the_readme_has_the_table_of_the_events() -> None:
    readme = (Path(__file__).parents[2] / "engine" / "README.md").read_text()
    assert events.markdown() in readme
