"""The title of the window, and the progress beside it: who gets them, and how often."""

import pytest

from instui.window import EVERY, Said, Window, knows_progress, knows_titles

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize("term", ["", "dumb", "linux", "vt220", "eterm-color", "unknown"])
def test_a_terminal_that_would_print_the_title_gets_nothing(term: str) -> None:
    window = Window({"TERM": term, "WT_SESSION": "1"})
    assert not window.is_due
    assert window.begin() + window.say(Said("instui 1 %", "running", 1)) + window.end() == ""


@pytest.mark.parametrize(
    ("environ", "knows"),
    [
        ({}, False),
        ({"WT_SESSION": "5f1c"}, True),
        ({"ConEmuANSI": "ON"}, True),
        ({"ConEmuANSI": "OFF"}, False),
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203-110809-5046fc22"}, False),
        ({"TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20250814-080112-ab12cd34"}, True),
        ({"TERM_PROGRAM": "WezTerm"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_FEATURES": "T3CwLrMSc7UUw9Ts3BFGsSyHNoSxF"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_FEATURES": "T3CwLrMSc7UUw9Ts3BFGsSyHNoSxFP"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM_PROGRAM": "vscode"}, False),
        ({"PTYXIS_VERSION": "47.5"}, False),
        ({"PTYXIS_VERSION": "48.1"}, True),
        ({"TERM": "tmux-256color", "WT_SESSION": "5f1c"}, False),
    ],
)
def test_progress_is_told_only_where_it_is_known_to_be_no_notification(environ: dict[str, str], knows: bool) -> None:
    assert knows_titles(XTERM | environ)
    assert knows_progress(XTERM | environ) is knows


def test_the_title_before_is_kept_and_comes_back() -> None:
    window = Window(XTERM)
    assert window.begin() == "\x1b[22;2t"
    assert window.say(Said("instui 61 %, 3 wait", "running", 61)) == "\x1b]2;instui 61 %, 3 wait\x07"
    assert window.end() == "\x1b]2;\x07\x1b[23;2t"  # empty first, for a terminal that keeps none


def test_progress_has_a_state_and_is_taken_back() -> None:
    window = Window(XTERM | {"WT_SESSION": "1"})
    assert window.say(Said("a", "running", None)).endswith("\x1b]9;4;3;0\x07")
    assert window.say(Said("a", "running", 61)) == "\x1b]9;4;1;61\x07"
    assert window.say(Said("a", "paused", 61)) == "\x1b]9;4;4;61\x07"
    assert window.say(Said("a", "failed", 61)) == "\x1b]9;4;2;61\x07"
    assert window.end().startswith("\x1b]9;4;0;0\x07")


def test_it_is_told_at_most_once_a_second_and_only_what_has_changed() -> None:
    now = [10.0]
    window = Window(XTERM, lambda: now[0])
    told = 0
    for tenth in range(100):
        now[0] = 10.0 + tenth / 10
        if window.is_due:
            told += bool(window.say(Said(f"instui {tenth} %", "running", tenth)))
    assert told == 10
    now[0] += EVERY
    assert window.say(Said(f"instui {90} %", "running", 90)) == ""


def test_nothing_in_a_title_controls_a_terminal() -> None:
    hostile = "a\x1b]0;b\x07\x1b\\\n\u202e" + "long" * 100
    text = Window(XTERM).say(Said(hostile))
    assert text.removeprefix("\x1b]2;").removesuffix("\x07").isprintable()
    assert len(text) < 90
