"""The table of uv's options against the uv that is installed: what a new version adds or drops shows up here."""

import argparse
import os
import re
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
from uv import find_uv_bin

from conftest import Run
from instui.cli.parser import commands, parse, parser
from instui.cli.uv_options import OPTIONS, UvOption, table
from instui_engine.errors import UsageError
from support.cli import error_line
from support.environments import Venv
from support.wheelsmith import build_wheel


def uv(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [os.fsdecode(find_uv_bin()), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@lru_cache(maxsize=2)
def long_options(command: str = "install") -> frozenset[str]:
    """The long options of `uv pip COMMAND`, hidden ones included: its completion script has them all."""
    script = uv("generate-shell-completion", "bash")
    words = re.search(r"\n        uv__(?:subcmd__)?pip__(?:subcmd__)?" + command + r"\)\n\s*opts=\"([^\"]*)\"", script)
    assert words
    found = {word[2:] for word in words[1].split() if word.startswith("--")}
    shown = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", uv("pip", command, "--help"), re.MULTILINE))
    assert len(found) > 80 and not shown - found
    return frozenset(found)


def flags(command: str = "install") -> dict[str, argparse.Action]:
    return {name: action for action in commands(parser(command))[command]._actions for name in action.option_strings}


def names(option: UvOption) -> list[str]:
    return [f"--{option.name}", *option.other]


def test_every_option_of_uv_has_a_row_and_every_row_is_an_option() -> None:
    rows = [option.name for option in OPTIONS]
    assert len(rows) == len(set(rows))
    assert set(rows) == long_options()


def test_further_names_are_those_of_uv() -> None:
    """uv takes them, and as the same option: it names that one where two values of it are one too many."""
    for option in OPTIONS:
        for name in option.other:
            said = uv("pip", "install", name, code=0 if name == "-h" else 2)
            assert "unexpected argument" not in said, name
            if "a value is required for" in said:
                assert f"'--{option.name} <" in said, name


def test_what_is_done_or_passed_on_is_a_flag_and_what_is_refused_is_none() -> None:
    known = flags()
    for option in OPTIONS:
        for name in names(option):
            assert (name in known) == (option.how != "refused"), name


def test_sync_has_the_options_of_uv_pip_sync() -> None:
    """Those of pip-sync are known to uv so that it can refuse them."""
    of_pip_sync = {"ask", "client-cert", "config", "pip-args", "python-executable"}
    refused = {option.name for option in OPTIONS if option.how == "refused"}
    wanted = long_options("sync") - refused - of_pip_sync
    assert {"refresh", "exclude-newer", "check"} < wanted
    assert {f"--{name}" for name in wanted} <= flags("sync").keys()


def test_values_are_taken_where_uv_takes_them() -> None:
    known = flags()
    for option in OPTIONS:
        if option.how == "refused" or option.name in ("help", "verbose", "quiet"):
            continue
        said = uv("pip", "install", f"--{option.name}=", "--color=never", code=2)
        takes_none = f"unexpected value '' for '--{option.name}" in said
        assert (known[f"--{option.name}"].nargs == 0) == takes_none, option.name


def test_what_is_refused_says_why_in_one_line(run_instui: Run) -> None:
    assert "--user is an option of uv" in error_line(run_instui("install", "--user", "x"), 2)
    for option in OPTIONS:
        for name in names(option) if option.how == "refused" else ():
            for words in ([name, "y"], ["y", name], [f"{name}=y"], *([[f"{name}y"]] if len(name) == 2 else [])):
                with pytest.raises(UsageError) as caught:
                    parse(["install", "x", *words])
                assert option.why and str(caught.value).endswith(option.why) and name in str(caught.value)


def test_every_variable_in_the_help_of_uv_has_its_place() -> None:
    said = " ".join(uv("help", "pip", "install").split())
    found = set(re.findall(r"\[env: [`\"]?(UV_[A-Z_]+)", said))
    assert len(found) > 25
    assert {option.variable for option in OPTIONS if option.variable} == found


def test_readme_has_the_table() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    part = text.partition("<!-- options of uv: python -m instui.cli.uv_options -->\n")[2]
    assert part.partition("<!-- end of options of uv -->")[0].splitlines() == table()


def test_a_variable_without_effect_is_named(run_instui: Run, venv: Callable[[], Venv], tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "pkg", "1", {"pkg.py": b""})
    for option in OPTIONS:
        if option.unheard:
            done = run_instui("install", "--python", venv().top, wheel, env={option.variable: "1"})
            what = option.variable.removeprefix("UV_").removeprefix("NO_").split("_")[0].lower()
            assert re.search(f"warning: uv is set to .*{what}", done.stdout), option.variable
