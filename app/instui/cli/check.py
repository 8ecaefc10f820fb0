"""`instui check`: uv's check of dependencies, and what is not whole of the distributions themselves."""

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from instui.monitor.units import count
from instui_engine.doctor.diagnosis import Finding, diagnose
from instui_engine.errors import printable
from instui_engine.session.control import Control
from instui_engine.session.options import Options

from .distributions import Packages
from .output import print_error, print_lines
from .parsed import cache_directory
from .signals import stopping
from .uv_pip import ask, complaint, irregular

_OURS = frozenset({"incomplete", "modified", "mixed", "clobbered", "duplicate", "ghost"})
_BROKEN = frozenset({"incomplete", "duplicate", "ghost"})  # of these, what is wrong with the .dist-info
_FOUND = re.compile(r"Found \d+ incompatibilit(y|ies)")


def run(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code: 0 if all is well, else 1. Raises InstuiError."""
    packages = Packages(parsed)
    control = Control()
    with stopping(control):
        options = Options(cache=cache_directory(parsed.cache_dir))
        found = diagnose(packages.environment, options, control)
    killed = {session.paths for session in found.sessions}
    ours = [finding for finding in found.findings if finding.kind in _OURS or finding.paths in killed]
    failed = ""
    odd = irregular("check", packages.environment)
    if parsed.target or parsed.prefix or odd:  # which uv cannot check
        dependencies = list(_unmet(packages))
        failed = odd and f"{odd}; remove it"
    else:
        answer = ask("check", parsed, packages.environment, ())
        # what uv says of a distribution that is not whole is said better below
        broken = {finding.distribution.partition(" ")[0] for finding in ours if finding.kind in _BROKEN}
        lines = [line for line in answer.errors if not _FOUND.fullmatch(line) and line.startswith("The package ")]
        dependencies = [line for line in lines if _subject(line) not in broken or " requires " in line]
        failed = complaint(answer) if answer.code > 1 or (answer.code and not lines) else ""
    if parsed.json:
        tables = [_table("dependency", _subject(line), (), line) for line in dependencies]
        tables += [_table(one.kind, one.distribution, one.paths, one.text) for one in ours]
        packages.answer(distributions=len(packages.installed), problems=tables, error=failed)
    elif dependencies or ours or not failed:
        _print(packages, dependencies, ours, parsed.quiet)
    if failed:
        print_error(failed if odd else f"uv: {failed}")
    return 1 if dependencies or ours or failed else 0


def _line(finding: Finding) -> str:
    about = f"{printable(finding.distribution)} is {finding.kind}: " if finding.distribution else ""
    return f"{about}{printable(finding.text)}"


def _unmet(packages: Packages) -> Iterator[str]:
    """What is required and not there, in uv's words."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion

    for name, distribution in packages.installed.items():
        for other, bounds in packages.requirements(distribution):
            there = packages.installed.get(other)
            but = "it's not installed" if there is None else f"`{printable(there.version)}` is installed"
            with suppress(InvalidVersion):
                if there is None or not SpecifierSet(bounds).contains(there.version, prereleases=True):
                    yield f"The package `{name}` requires `{other}{bounds}`, but {but}"


def _table(kind: str, distribution: str, paths: Sequence[str], text: str) -> dict[str, object]:
    return {"kind": kind, "distribution": distribution, "paths": list(paths), "text": text}


def _subject(line: str) -> str:
    named = re.match(r"The package `([^`]+)`", line)
    return named[1] if named else ""


def _print(packages: Packages, dependencies: Sequence[str], ours: Sequence[Finding], quiet: bool) -> None:
    lines = [*dependencies, *map(_line, ours)]
    number = len(packages.installed)
    if not lines:
        well = f"{count(number, 'distribution')}: all whole, and what they require is there"
        print_lines([] if quiet else [well])
        return
    hint = "; `instui doctor` says more, and `instui doctor --repair` mends what it can" if ours else ""
    print_lines([*lines, f"{count(len(lines), 'problem')} in {count(number, 'distribution')}{hint}"])
