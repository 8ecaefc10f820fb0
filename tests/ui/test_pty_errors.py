"""Errors on a terminal, before the screen and on it, and dry runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support import trees
from support.environments import Venv
from support.on_screen import Begin, Open

pytest_plugins = ("support.screen_fixtures",)
pytestmark = pytest.mark.pty


@pytest.mark.parametrize("ui", ["", "tui"], ids=["", "asked for"])
@pytest.mark.parametrize(
    "arguments, expected, code",
    [
        (["install", "--python", "no/such/place", "x"], "no/such/place", None),
        (["install", "--no-such-flag"], "--no-such-flag", 2),
        (["install", "--jobs", "0", "x"], "--jobs", 2),
        (["demo", "no-such-demo"], "no-such-demo", 2),
        (["install", "--target", "there"], "nothing to install", 2),
        (
            ["install", "--target", "there", "--journal", "no/such/directory/journal", "x"],
            "cannot write the journal",
            2,
        ),
        (["install", "--python", "\x1b]0;gone\x07\x1b[31mred", "x"], r"\x1b]0;gone\x07\x1b[31mred", None),
    ],
    ids=["environment", "flag", "value", "demo", "nothing", "journal", "hostile"],
)
def test_errors_before_the_start_open_no_screen(
    on_terminal: Open, arguments: list[str], expected: str, code: int | None, ui: str
) -> None:
    terminal = on_terminal(*arguments, env={"INSTUI_UI": ui})
    ended = terminal.finish()
    assert ended == code if code else ended in (1, 2)
    assert terminal.screen.alternations == 0
    assert b"\x1b" not in terminal.output
    assert terminal.screen.text.startswith("instui: ")
    assert expected in terminal.screen.text.replace("\n", "")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--no-index", "nosuchthing"], "nosuchthing was not found"),
        (["x[/bad]"], "x[/bad]"),
        (["x[red]y"], "x[red]y"),
        (["[bold]/\x1b[31mred\x1b]0;gone\x07.whl"], r"\x1b[31mred"),
        (["bad-1.0-py3-none-any.whl"], "not a zip archive"),
    ],
    ids=["unknown", "extra", "markup", "escapes", "bad wheel"],
)
def test_an_error_is_on_the_screen_and_stays_afterwards(
    install: Begin, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    (tmp_path / "bad-1.0-py3-none-any.whl").write_bytes(b"no zip")
    one = install(*arguments)
    before = trees.tree(one.venv.top)
    terminal = one.terminal
    terminal.shows("FAILED exit", expected)
    terminal.press("q")
    code = terminal.finish()
    assert code in (1, 2)
    left = one.left()
    assert left.startswith("instui: ")
    assert expected in left.replace("\n", "")
    assert "abruptly" not in left
    assert "31" not in terminal.screen.styles
    assert b"]0;gone" not in bytes(terminal.output).replace(rb"\x1b]0;gone", b"")
    assert trees.differences(before, trees.tree(one.venv.top)) == []
    assert not (one.venv.top / ".instui").exists()


def test_a_dry_run_ends_on_a_screen_that_says_what_would_be_done(
    install: Begin, venv: Callable[[], Venv], wheels: list[Path]
) -> None:
    target = venv()
    target.put(*wheels[:2])
    before = trees.tree(target.top)
    first = install("--dry-run", "--ui", "tui", "--reinstall", *wheels[1:3], venv=target)
    first.terminal.shows("FINISHED", "would install 2 wheels", "planned", "replaces 1.0")
    first.terminal.press("q")
    assert first.terminal.finish() == 0
    left = first.left()
    assert left.startswith("would install 2 wheels")
    assert "dist01 1.0 (again)" in left and "  dist02 1.0\n" in left
    assert trees.differences(before, trees.tree(target.top)) == []
    assert set(target.journals()) == first._before
    plain = install(
        "--dry-run", wheels[2], venv=target, env={"INSTUI_UI": "", "INSTUI_STAY": ""}
    ).terminal  # the full screen only on request
    assert plain.finish() == 0
    assert plain.screen.alternations == 0
