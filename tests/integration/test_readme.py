"""README.md says what is so: its commands are understood, its flags and codes exist, its table is the code's."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Run
from instui.cli.parser import parser
from instui.demo.scenarios import NAMES
from instui_engine import errors
from support.cli import ok

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """The calls of instui in the indented blocks, without comments and what comes before them."""
    lines = [line for line in TEXT.splitlines() if line.startswith("    ")]
    found = [re.search(r"(?:^|/|&& )\s*(?:\S*/)?instui ([a-z][^#&]*)", line.strip()) for line in lines]
    return [match[1].partition(" > ")[0].strip() for match in found if match]


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 6


@pytest.mark.parametrize("command", commands())
def test_a_command_is_understood(command: str) -> None:
    parsed, unknown = parser().parse_known_args(shlex.split(command))
    assert all(hasattr(parsed, "arguments") and not argument.startswith("-") for argument in unknown)


def test_the_flags_exist(run_instui: Run) -> None:
    known = "".join(ok(run_instui(command, "--help")) for command in {line.split()[0] for line in commands()})
    use = TEXT.partition("## Use")[2].partition("\n## ")[0]
    named = set(re.findall(r"--[a-z][a-z-]+", use))
    assert len(named) > 8
    assert [flag for flag in sorted(named) if flag not in known] == []


def test_the_exit_codes_are_those_of_the_errors() -> None:
    codes = re.search(r"Exit codes: (.*?)\.\s", TEXT, re.DOTALL)
    assert codes
    named = {int(number) for number in re.findall(r"(?:^|· )\s*(\d+) ", codes[1].replace("\n", " "))}
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert {value.exit_code for value in classes if hasattr(value, "exit_code")} <= named
    assert {0, 130, 143} <= named


def test_the_scenarios_are_all_named() -> None:
    assert all(f"{name}" in TEXT for name in NAMES)


def test_the_table_of_events_is_that_of_the_code() -> None:
    text = (ROOT / "engine" / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- journal: python -m instui_engine.journal.events -->\n")[2].partition("<!-- end -->")[0]
    command = [sys.executable, "-m", "instui_engine.journal.events"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert table.strip() == done.stdout.strip()


def test_how_it_works_names_folders_that_there_are() -> None:
    how = TEXT.partition("## How it works")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z]+)`", how)) | set(re.findall(r"[a-z]+", how.partition("      ")[0]))
    sources = (ROOT / "engine" / "instui_engine", ROOT / "app" / "instui")
    folders = {path.parent.name for source in sources for path in source.glob("*/__init__.py")}
    assert len(named) > 10
    assert named <= folders


def test_the_files_that_it_names_exist() -> None:
    for path in (".ci/run", "tests/benchmarks/__main__.py", "LICENSE", "CHANGELOG.md"):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("readme", ["README.md", "engine/README.md"])
def test_links_lead_somewhere(readme: str) -> None:
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", (ROOT / readme).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / readme).parent.joinpath(link).exists()] == []


def test_the_keys_are_those_of_the_registry() -> None:
    table = subprocess.run([sys.executable, "-m", "instui.tui.actions"], capture_output=True, text=True, check=True)
    assert table.stdout in (ROOT / "app" / "README.md").read_text(encoding="utf-8")


def test_the_keys_in_short_are_keys() -> None:
    rows = TEXT.partition("| key | does |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    named = {key for row in rows for key in re.findall(r"`([^`]+)`", row.split(" | ")[0])}
    all_keys = (ROOT / "app" / "README.md").read_text(encoding="utf-8").partition("<!-- keys: ")[2]
    assert len(named) > 15
    assert [key for key in sorted(named) if f"`{key}`" not in all_keys and f"`{key} " not in all_keys] == []


def test_a_newcomer_reads_it_to_its_end() -> None:
    assert TEXT.count("\n") < 470


def test_the_pictures_exist() -> None:
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", TEXT)
    assert pictures and all((ROOT / picture).is_file() for picture in pictures)
