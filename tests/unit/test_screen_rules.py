"""When the full screen opens and leaves, for every command: the rules as tables."""

from typing import Any

import pytest

from instui.cli.screen_rules import SCREENS, Invocation, opening
from instui.cli.screen_rules import leaving as rule
from instui.terminal import Streams
from instui.tui.departure import SECONDS, Departure, Ending, Leaving
from instui_engine.errors import UsageError

HERE = Streams(stdin=True, stdout=True, stderr=True)
TERM = {"TERM": "xterm-256color"}
ALL = [Streams(bool(n & 1), bool(n & 2), bool(n & 4)) for n in range(8)]


def asked(command: str = "install", **given: Any) -> Invocation:
    """An invocation on a terminal, but for what is `given`; `environ` is added to TERM."""
    environ = {**TERM, **given.pop("environ", {})}
    return Invocation(**{"command": command, "streams": HERE, "environ": environ, **given})


@pytest.mark.parametrize(
    "invocation, expected",
    [
        (asked("install"), "screen when it takes long"),
        (asked("uninstall"), "screen when it takes long"),
        (asked("demo"), "screen"),
        (asked("install", stay=True), "screen when it begins"),
        (asked("install", ui="tui"), "screen when it begins"),
        (asked("demo", ui="tui"), "screen"),
        # nobody watches, or wants to
        (asked(quiet=True), "plain"),
        (asked(no_progress=True), "plain"),
        (asked(dry_run=True), "plain"),
        (asked(reads_stdin=True), "plain"),
        (asked(in_background=True), "plain"),
        (asked(environ={"TERM": "dumb"}), "plain"),
        (asked(stay=True, quiet=True), "plain"),
        *((asked(command, environ={"CI": "true"}), "plain") for command in ("install", "uninstall", "demo")),
        *((asked(environ={"CI": value}), "plain") for value in ("1", "yes", "woodpecker", "TRUE")),
        *((asked(environ={"CI": value}), "screen when it takes long") for value in ("", "0", "false", "No", " off ")),
        *((asked("demo", streams=streams), "plain") for streams in ALL if not all(streams)),
        # what is asked for wins, whatever else there is
        *((asked(ui=ui), ui) for ui in ("plain", "json", "none")),
        *((asked("demo", ui=ui, streams=ALL[0]), ui) for ui in ("plain", "json", "none")),
        (asked(ui="tui", environ={"CI": "1"}), "screen when it begins"),
        (asked(ui="tui", environ={"TERM": "dumb"}), "screen when it begins"),
        (asked(ui="tui", quiet=True, dry_run=True), "screen when it begins"),
        (asked("demo", ui="tui", in_background=True), "screen"),
        (asked(ui="tui", reads_stdin=True, streams=HERE._replace(stdin=False)), "screen when it begins"),
        *((asked("demo", ui="tui", streams=s), "screen") for s in ALL if s.stdin or s.stdout),
    ],
)
def test_when_the_screen_opens(invocation: Invocation, expected: str) -> None:
    assert opening(invocation) == expected


def test_without_term_there_is_no_screen() -> None:
    assert opening(Invocation("install", HERE, {})) == "plain"


@pytest.mark.parametrize("stderr", [False, True])
@pytest.mark.parametrize("command", ["install", "demo"])
def test_a_screen_that_is_asked_for_without_a_terminal_is_a_usage_error(command: str, stderr: bool) -> None:
    with pytest.raises(UsageError, match="--ui tui needs a terminal"):
        opening(asked(command, ui="tui", streams=Streams(False, False, stderr)))


def test_requirements_cannot_be_typed_where_keys_are_read() -> None:
    with pytest.raises(UsageError, match="cannot be typed"):
        opening(asked(ui="tui", reads_stdin=True))


def test_no_screen_without_a_terminal_on_all_three_streams_unless_asked_for() -> None:
    for streams in ALL:
        for command in ("install", "uninstall", "demo"):
            assert (opening(asked(command, streams=streams)) in SCREENS) == all(streams)


def end(**given: Any) -> Ending:
    return Ending(**{"failed": False, "seconds": 10.0, "did_nothing": False, "touched": False, **given})


@pytest.mark.parametrize(
    "ending, stay, expected",
    [
        (end(), False, "countdown"),
        (end(touched=True), False, "countdown"),
        (end(did_nothing=True), False, "now"),
        (end(seconds=0.5), False, "now"),
        (end(seconds=0.5, touched=True), False, "countdown"),  # somebody is reading
        (end(did_nothing=True, touched=True), False, "countdown"),
        (end(failed=True), False, "countdown"),
        (end(failed=True, seconds=0.5, did_nothing=True), False, "countdown"),
        (end(failed=True, touched=True), False, "stay"),
        *((end(failed=f, seconds=s, did_nothing=n), True, "stay") for f in (0, 1) for s in (0.1, 9) for n in (0, 1)),
    ],
)
def test_when_the_screen_leaves(ending: Ending, stay: bool, expected: Leaving) -> None:
    assert rule(ending, stay) == expected


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def departure(leaving: Leaving) -> tuple[Departure, Clock]:
    clock = Clock()
    return Departure(lambda _: leaving, clock), clock


def test_the_countdown_counts_whole_seconds_and_ends() -> None:
    one, clock = departure("countdown")
    assert one.seconds_left is None  # the session still runs
    seen = []
    while not one.is_due(end):
        seen.append(one.seconds_left)
        clock.now += 0.5
    assert seen == [3, 3, 2, 2, 1, 1]
    assert clock.now == 100.0 + SECONDS


@pytest.mark.parametrize("key", ["j", "escape", "", "ctrl+c"])  # "": the mouse
def test_any_key_stops_the_countdown_for_good(key: str) -> None:
    one, clock = departure("countdown")
    assert not one.is_due(end)
    one.touch(key)
    clock.now += 1000
    assert not one.is_due(end)
    assert one.seconds_left is None


@pytest.mark.parametrize("key", ["ctrl+d", "ctrl+@"])
def test_the_end_of_input_is_nobody_who_types(key: str) -> None:
    """`script` types it when its own input has ended."""
    one, clock = departure("countdown")
    one.touch(key)
    assert not one.touched
    assert not one.is_due(end)
    one.touch(key)
    clock.now += SECONDS
    assert one.is_due(end)
    one.touch("j")
    one.touch(key)
    assert one.touched


def test_it_is_asked_once_how_to_leave() -> None:
    now, _ = departure("now")
    assert now.is_due(end) and now.is_due(end)
    stays, clock = departure("stay")
    clock.now += 1000
    assert not stays.is_due(end)
