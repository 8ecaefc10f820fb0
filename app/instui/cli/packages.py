"""`instui list`, `freeze` and `tree`: what is installed, as uv prints it; `list` marks what is incomplete."""

import argparse
from collections.abc import Iterator, Sequence

from instui.monitor.units import cells
from instui_engine.errors import printable

from .distributions import Packages, named
from .output import print_error, print_lines
from .uv_pip import Answer, ask, complaint


def show_list(parsed: argparse.Namespace) -> int:
    """Run `instui list`; return the exit code. Raises InstuiError."""
    if parsed.names:
        from . import installed_names

        return installed_names.show(parsed)
    found = Packages(parsed)
    words = [*_excluded(parsed), *(["--editable"] if parsed.editable else [])]
    if parsed.json and not parsed.outdated:
        tables = [found.plain(name) for name in sorted(found.installed)]
        left = [one for one in tables if one["name"] not in named(parsed.exclude)]
        if parsed.editable or parsed.exclude_editable:
            left = [one for one in left if one["editable"] == parsed.editable]
        found.answer(distributions=left)
        return 0
    words += ["--outdated"] if parsed.outdated else []
    words += [f"--format={'json' if parsed.json else parsed.format or 'columns'}"]
    answer = ask("list", parsed, found.environment, words)
    marks = (parsed.format or "columns") == "columns" and not parsed.json
    lines = list(_marked(answer.lines, found)) if marks else answer.lines
    code = _print(answer, lines, found)
    if marks and found.incomplete and not code:
        print_error(_incomplete(found))
    return code


def _marked(lines: Sequence[str], found: Packages) -> Iterator[str]:
    """uv's table, with what is missing behind the rows of those of which anything is."""
    width = max((cells(line) for line in lines), default=0)
    for line in lines:
        problem = found.incomplete.get(line.partition(" ")[0], "")
        yield f"{line}{' ' * (width - cells(line))}  incomplete: {printable(problem)}" if problem else line


def freeze(parsed: argparse.Namespace) -> int:
    """Run `instui freeze`; return the exit code. Raises InstuiError."""
    found = Packages(parsed)
    answer = ask("freeze", parsed, found.environment, _excluded(parsed))
    if parsed.json and not answer.code:
        found.answer(requirements=answer.lines)
        return 0
    return _print(answer, answer.lines, found)


def tree(parsed: argparse.Namespace) -> int:
    """Run `instui tree`; return the exit code. Raises InstuiError."""
    found = Packages(parsed)
    if parsed.json:
        found.answer(distributions=[_node(found, name) for name in sorted(found.installed)])
        return 0
    words = [f"--depth={parsed.depth}"] if parsed.depth else []
    words += [f"--{flag}={name}" for flag in ("package", "prune") for name in getattr(parsed, flag)]
    words += [f"--{flag.replace('_', '-')}" for flag in _SWITCHES if getattr(parsed, flag)]
    answer = ask("tree", parsed, found.environment, words)
    return _print(answer, answer.lines, found)


_SWITCHES = ("invert", "no_dedupe", "show_version_specifiers")


def _node(found: Packages, name: str) -> dict[str, object]:
    there = {other: distribution.version for other, distribution in found.installed.items()}
    requires = [
        {"name": other, "specifier": bounds, "version": there.get(other, "")}
        for other, bounds in found.requirements(found.installed[name])
    ]
    return {"name": name, "version": found.installed[name].version, "requires": requires}


def _excluded(parsed: argparse.Namespace) -> list[str]:
    editable = ["--exclude-editable"] if parsed.exclude_editable else []
    return [*editable, *(f"--exclude={name}" for name in parsed.exclude)]


def _print(answer: Answer, lines: Sequence[str], found: Packages) -> int:
    """Print what uv has said; return its exit code."""
    print_lines(lines)
    if answer.errors:
        hint = f"; {_incomplete(found)}" if answer.code and found.incomplete else ""
        print_error(f"{'uv: ' * bool(answer.code)}{complaint(answer)}{hint}")
    return answer.code


def _incomplete(found: Packages) -> str:
    return (
        f"{len(found.incomplete)} of {len(found.installed)} are incomplete; `instui doctor --repair` mends what it can"
    )
