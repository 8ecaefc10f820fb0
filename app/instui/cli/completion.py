"""`instui completion`: a script for a shell, made from the parser by shtab."""

import argparse
from typing import Any

from .output import print_lines
from .parser import commands, parser


def show(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    import shtab

    top = parser()
    _tell_what_completes(top)
    print_lines([shtab.complete(top, shell=parsed.shell).rstrip()])
    return 0


def _sessions(which: str, *, or_file: bool) -> dict[str, Any]:
    """How each shell completes the id of a session and, for recordings, a file that holds a journal."""
    name, ask = f"_instui_{which}", f"instui sessions --ids {which} 2>/dev/null"
    bash = [f'compgen -W "$({ask})" -- "$1"', *(['compgen -f -- "$1"'] if or_file else [])]
    zsh = [f'"ids:session:($({ask}))"', *(['"files:journal:_files"'] if or_file else [])]
    fish = [ask, *(["__fish_complete_path (commandline -ct)"] if or_file else [])]
    return {
        "bash": name,
        "zsh": name,
        "fish": f"({name})",
        "preamble": {
            "bash": f"{name}() {{\n  {'; '.join(bash)}\n}}",
            "zsh": f"{name}() {{\n  _alternative {' '.join(zsh)}\n}}",
            "fish": f"function {name}\n  {'; '.join(fish)}\nend",
        },
    }


def _tell_what_completes(top: argparse.ArgumentParser) -> None:
    """Say of each argument whether it is a file, a directory or one of some words; the parser checks that itself."""
    import shtab

    for one in (top, *commands(top).values()):
        for action in one._actions:
            argument: Any = action  # shtab looks for an attribute of its own
            shown = action.metavar if isinstance(action.metavar, str) else ""
            if shown.startswith("{") and shown.endswith("}"):
                action.choices = shown[1:-1].split(",")
            elif not action.option_strings and "SESSION" in shown:
                is_live = "PID" in shown
                argument.complete = _sessions("running" if is_live else "recorded", or_file=not is_live)
            elif "DIR" in shown.split("_") or shown == "ENV_OR_INTERPRETER":
                argument.complete = shtab.DIRECTORY
            elif any(word in shown for word in ("FILE", "JOURNAL", "WHEEL", "LIST", "DIR")):
                argument.complete = shtab.FILE
