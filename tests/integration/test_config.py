"""`instui config`, completion and the manual page, as a user and a shell have them."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Run
from instui.cli.parser import commands, parser
from support.cli import error_line, ok


def test_config_says_what_is_in_force_and_where_it_comes_from(run_instui: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('theme = "light"\njobs = 3\n[keys]\ntrace = "ctrl+t"\n')
    given = {"INSTUI_CONFIG": str(file), "INSTUI_JOBS": "5", "INSTUI_CACHE_DIR": ""}
    rows = [line.split() for line in ok(run_instui("config", env=given)).splitlines()]
    assert rows[0] == ["setting", "value", "from"]
    assert ["theme", "light", str(file)] in rows
    assert ["jobs", "5", "INSTUI_JOBS"] in rows
    assert ["stay", "false", "default"] in rows
    assert ["keys.trace", "ctrl+t", str(file)] in rows
    found = json.loads(ok(run_instui("config", "--json", env=given)))
    assert found["path"] == str(file) and found["exists"]
    assert found["settings"]["jobs"] == {"value": 5, "origin": "INSTUI_JOBS"}
    assert ok(run_instui("config", "--path", env=given)) == f"{file}\n"


def test_config_shows_every_flag_that_a_variable_gives(run_instui: Run) -> None:
    given = {
        "INSTUI_PRE": "1",
        "INSTUI_INDEX": "https://me:pw@a.example/simple b=https://b.example",
        "INSTUI_PYTHON": "",
    }
    found = json.loads(ok(run_instui("config", "--json", env=given)))["settings"]
    assert found["pre"] == {"value": True, "origin": "INSTUI_PRE"}
    index = ["https://a.example/simple", "b=https://b.example"]
    assert found["index"] == {"value": index, "origin": "INSTUI_INDEX"}
    assert not {"prerelease", "python", "override", "overrides"} & found.keys()


def test_settings_that_are_wrong_stop_a_command_before_it_begins(run_instui: Run, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[keys]\ntrace = "q"\n')
    for command in (["install", "a"], ["config"]):
        error = error_line(run_instui(*command, env={"INSTUI_CONFIG": str(file)}), 2)
        assert f"{file}: keys.trace: 'q' is already the key of quit" in error


def test_config_names_the_variable_whose_value_is_wrong(run_instui: Run) -> None:
    for name, value in (("INSTUI_JOBS", "many"), ("INSTUI_UI", "gui"), ("INSTUI_STAY", "perhaps")):
        assert error_line(run_instui("config", env={name: value}), 2).startswith(f"{name} must be ")


def completed(run_instui: Run, tmp_path: Path, shell: str) -> Path:
    """The script for a shell, in a file; skipped where there is no such shell."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = tmp_path / f"instui.{shell}"
    script.write_text(ok(run_instui("completion", shell)))
    return script


def said(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_bash_completes_commands_flags_and_their_values(run_instui: Run, tmp_path: Path) -> None:
    script = completed(run_instui, tmp_path, "bash")

    def complete(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in words)
        return said(
            "bash", "-c", f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
            "COMP_LINE=; _shtab_instui; echo ${COMPREPLY[@]}",
        )  # fmt: skip

    assert complete("instui", "tra") == ["trace"]
    assert complete("instui", "--th") == ["--theme"]  # of home
    assert complete("instui", "--theme", "l") == ["light"]
    assert complete("instui", "install", "--lock-") == ["--lock-timeout"]
    assert complete("instui", "install", "--theme", "") == ["dark", "light", "ansi", "mono"]
    assert complete("instui", "install", "--chi") == []  # hidden


def test_fish_completes_commands_and_flags(run_instui: Run, tmp_path: Path) -> None:
    script = completed(run_instui, tmp_path, "fish")
    assert said("fish", "-c", f"source {script}; complete -C 'instui tra'")[0] == "trace"
    assert "--lock-timeout" in said("fish", "-c", f"source {script}; complete -C 'instui install --lock'")


def test_zsh_loads_its_script(run_instui: Run, tmp_path: Path) -> None:
    script = completed(run_instui, tmp_path, "zsh")
    load = f"autoload -U compinit; compinit -u -d {tmp_path / 'dump'}; source {script}; whence -w _shtab_instui"
    assert said("zsh", "-f", "-c", load) == ["_shtab_instui:", "function"]


def test_the_manual_page_names_every_command_and_flag(run_instui: Run, tmp_path: Path) -> None:
    page = ok(run_instui("man"))
    plain = page.replace(r"\-", "-")
    assert ".B --theme" in plain.partition(".SH HOME")[2].partition(".SH ")[0]
    for name, command in commands(parser()).items():
        assert f'.SH "{name.upper()}"' in plain
        for action in command._actions:
            if action.help != argparse.SUPPRESS and action.dest != "help":
                assert all(flag in plain for flag in action.option_strings)
    assert "--child" not in plain
    assert "The exit code is that of the session" in page  # what only one command has to say
    assert page.count("A flag that is not given") == 0  # what each of them says
    if shutil.which("mandoc") is None:
        pytest.skip("no mandoc here to check the page")
    file = tmp_path / "instui.1"
    file.write_text(page)
    lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(file)], capture_output=True, text=True, check=False)
    assert re.sub(r".*(longer than 80 bytes|mdoc|missing date).*\n", "", lint.stdout) == ""


def test_nothing_that_only_completion_and_settings_need_is_loaded_by_others() -> None:
    script = (
        "import sys\nfrom instui.cli.main import run\n"
        "run(['locks', '--json'])\n"
        "sys.exit(', '.join({'shtab', 'tomllib', 'platformdirs'} & set(sys.modules)) or 0)"
    )
    environ = {**os.environ, "INSTUI_CONFIG": os.devnull}
    subprocess.run([sys.executable, "-c", script], check=True, env=environ, stdout=subprocess.DEVNULL)
