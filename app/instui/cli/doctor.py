"""`instui doctor`: what is wrong in an environment, and what a repair would do or, with --repair, did."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from instui.monitor.names import listed
from instui.monitor.units import count
from instui_engine.doctor.diagnosis import Diagnosis, Finding, diagnose
from instui_engine.doctor.repair import RepairResult, repair
from instui_engine.errors import printable
from instui_engine.resolve.request import Request
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.target.environment import Environment

from .output import print_error, print_lines
from .parsed import cache_directory, environment_from, permissions, recorded
from .signals import stopping

PATHS = 10  # paths shown for one finding
NAMES = 5  # distributions shown in the closing line


def visit(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code: 0 if nothing is wrong (any more), else 1. Raises InstuiError."""
    control = Control()
    with stopping(control):
        return _visit(parsed, recorded(parsed.line), control)


def _visit(parsed: argparse.Namespace, command: Sequence[str], control: Control) -> int:
    options = Options(
        cache=cache_directory(parsed.cache_dir),
        jobs=parsed.jobs,
        lock_timeout=parsed.lock_timeout,
        fsync=not parsed.no_fsync,
        allow_record=permissions(parsed),
    )
    environment = environment_from(parsed, writable=parsed.repair, any_python=not parsed.repair)
    found = diagnose(environment, options, control)
    says = not parsed.json and not parsed.quiet
    if says or not (parsed.json or parsed.repair or found.is_clean):  # with -q, too: that is what went wrong
        print_lines([*report(found), closing(found, repairing=parsed.repair)])
    done: list[RepairResult] = []
    left = found
    if parsed.repair and not found.is_clean:
        commands = _commands(found)

        def on_repair(one: RepairResult) -> None:
            done.append(one)
            if says:
                print_lines([_repaired(one, environment), *_to_go_on(one, commands)])

        repair(found, _request(parsed), options, control, on_repair, command, _on_wait)
        left = diagnose(environment, options, control)
        if says or not (parsed.json or left.is_clean):
            print_lines(_afterwards(left))
    if parsed.json:
        answer = _plain(found)
        if parsed.repair:
            answer |= {"repairs": [one._asdict() for one in done], "left": list(map(_fields, left.findings))}
        print_lines([json.dumps(answer | {"clean": left.is_clean})])
    return 0 if left.is_clean else 1


def _on_wait(text: str) -> None:
    """Print what the repair waits for, on stderr, since it is neither a finding nor a repair."""
    print_error(f"waiting for {text}")


def report(found: Diagnosis) -> list[str]:
    """The findings, grouped by distribution; those without a distribution come last."""
    lines: list[str] = []
    findings = sorted(found.findings, key=lambda finding: (not finding.distribution, finding.distribution))
    width = max((len(finding.kind) for finding in findings), default=0)
    for distribution, group in groupby(findings, key=lambda finding: finding.distribution):
        lines.append(printable(distribution) or "the environment")
        for finding in group:
            lines += _lines(finding, found.environment, width)
    return lines


def closing(found: Diagnosis, repairing: bool = False) -> str:
    """The closing line, which sums up."""
    whole = f"{count(found.distributions, 'distribution')}, {count(found.files, 'file')}"
    defects = [finding for finding in found.findings if finding.is_defect]
    if not defects:
        unknown = {finding.distribution for finding in found.findings if finding.kind == "unknown"} - {""}
        return f"{whole}: {len(unknown)} not known, the others whole" if unknown else f"{whole}: all whole"
    ill = {finding.distribution for finding in defects if finding.distribution}
    dead = sum(session.unsettled for session in found.sessions)
    left = len(found.leftovers) + len(found.sessions) - dead
    need = "needs" if len(ill) == 1 else "need"
    parts = [f"{len(ill)} of {count(found.distributions, 'distribution')} {need} attention"] if ill else []
    parts += [count(dead, "dead session")] if dead else []
    parts += [count(left, "leftover")] if left else []
    plans = list(_plans(found))
    if repairing or not plans:
        return ", ".join(parts)
    return f"{', '.join(parts)}; `instui doctor --repair` would {'; '.join(plans)}"


def _plans(found: Diagnosis) -> Iterator[str]:
    """The actions of a repair, in order."""
    dead = sum(session.unsettled for session in found.sessions)
    if dead:
        yield f"settle {count(dead, 'session')}"
    if found.ghosts:
        yield f"remove {listed([printable(ghost.owner) for ghost in found.ghosts], NAMES)}"
    names = [printable(listing.owner) for group in found.reinstalls for listing in group]
    if names:
        yield f"reinstall {listed(names, NAMES)}"
    left = len(found.leftovers) + len(found.sessions) - dead
    if left:
        yield f"remove {count(left, 'leftover')}"


def _lines(finding: Finding, environment: Environment, width: int) -> Iterator[str]:
    remedy = f": {printable(finding.remedy)}" if finding.remedy else ""
    yield f"  {finding.kind:{width}}  {printable(finding.text)}{remedy}"
    paths = [_short(path, environment) for path in finding.paths]
    shown = paths if len(paths) <= PATHS + 1 else paths[:PATHS]
    for path in shown:
        yield f"  {'':{width}}    {path}"
    if len(paths) > len(shown):
        yield f"  {'':{width}}    and {len(paths) - len(shown)} more"


def _short(path: str, environment: Environment) -> str:
    """The path without what comes before `site-packages`, as in all our output."""
    for root in environment.site_packages:
        parent = root.rpartition("/")[0]
        if parent and path.startswith(f"{root}/"):
            return printable(path[len(parent) + 1 :])
    return printable(path)


def _repaired(done: RepairResult, environment: Environment) -> str:
    return f"{_short(done.subject, environment)} {printable(done.text)}"


def _commands(found: Diagnosis) -> dict[str, str]:
    """The command line of each killed session, as a shell takes it, by what the result of settling it is about."""
    killed = {session.identity for session in found.sessions if session.unsettled}
    if not killed:
        return {}
    import shlex

    from instui.monitor.sessions import recorded, started

    sessions = (started(Path(one.journal)) for one in recorded(found.environment) if one.session in killed)
    return {f"session {one.session}": shlex.join(one.command) for one in sessions if one is not None}


def _to_go_on(done: RepairResult, commands: Mapping[str, str]) -> Iterator[str]:
    """That settling a killed session does not begin what its command had not begun, and which one that was."""
    if done.ok and (command := commands.get(done.subject)):
        yield f"  what it had not begun is not done; to go on, run again: {printable(command)}"


def _afterwards(left: Diagnosis) -> list[str]:
    """What is left after a repair: a line for each distribution and remedy. `report` would repeat everything."""
    defects = [finding for finding in left.findings if finding.is_defect]
    lines = dict.fromkeys(
        f"  {printable(finding.distribution) or 'the environment'}: {finding.kind}, {printable(finding.remedy)}"
        for finding in defects
    )
    return [f"{closing(left, repairing=True)}{':' if lines else ''}", *lines]


def _request(parsed: argparse.Namespace) -> Request:
    return Request(
        find_links=tuple(parsed.find_links),
        index_url=parsed.index_url,
        extra_index_urls=tuple(parsed.extra_index_urls),
        no_index=parsed.no_index,
        offline=parsed.offline,
    )


def _plain(found: Diagnosis) -> dict[str, object]:
    return {
        "environment": str(found.environment.top),
        "distributions": found.distributions,
        "files": found.files,
        "findings": list(map(_fields, found.findings)),
        "would_reinstall": [[listing.owner for listing in group] for group in found.reinstalls],
    }


def _fields(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind,
        "distribution": finding.distribution,
        "paths": list(finding.paths),
        "text": finding.text,
        "remedy": finding.remedy,
        "defect": finding.is_defect,
        "holders": [holder._asdict() for holder in finding.holders],
    }
