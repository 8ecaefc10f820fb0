"""The command of a session in a few columns: what it is about stands first."""

import pytest

from instui.cli.parser import commands, parser
from instui.monitor.command_words import in_room, is_switch, subject_first


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("install flask", "install flask"),
        ("install -q --python .venv --no-deps flask numpy", "install flask numpy -q --python .venv --no-deps"),
        ("install --jobs=2 -r req.txt --slow 3 a", "install -r req.txt a --jobs=2 --slow 3"),
        ("install --no-binary a -p.venv b", "install b --no-binary a -p.venv"),
        ("install --reinstall -- -odd", "install -odd --reinstall"),
        ("uninstall -y one --python", "uninstall one -y --python"),
        ("demo --slow 2 crash", "demo crash --slow 2"),
        ("install -", "install -"),
        ("", ""),
    ],
)
def test_what_a_command_is_about_stands_first(typed: str, shown: str) -> None:
    assert " ".join(subject_first(typed.split())) == shown


def test_a_command_for_which_there_is_room_stays_as_it_was_typed() -> None:
    words = ["install", "-q", "flask"]
    assert in_room(words, 16) == "install -q flask"
    assert in_room(words, 15) == "install flask -q"


def test_it_is_known_of_every_option_whether_it_has_a_value() -> None:
    for name in ("install", "uninstall", "sync", "install-many", "demo"):
        for action in commands(parser())[name]._actions:
            for option in action.option_strings:
                assert is_switch(option) is (action.nargs == 0), option
