"""P4: one small wheel, the whole process; and how soon a command that only reads is there."""

import sys
from functools import partial

from benchmarks.lab import Case, Lab, pip_installs, uv_installs
from benchmarks.material import make_wheels, package
from benchmarks.measure import Variant
from benchmarks.programs import Instui
from benchmarks.results import Findings, Line, cost, spread

_MARGIN = 60.0  # ms that `locks` may take longer than a bare Python


def p4(lab: Lab) -> Findings:
    """Warm: by instui, uv and pip in turn, with `locks` and a bare Python between them."""
    directory = make_wheels(lab.shared / "small", 1, lambda name: package(name, "1.0", 5))
    (wheel,) = map(str, directory.glob("*.whl"))

    def install(arguments: list[str], instui: Instui, name: str) -> Variant:
        return lab.installs(instui, name, "--no-deps", *arguments, wheel)

    def script(instui: Instui, name: str) -> Variant:
        return lab.installs(instui, name, "--no-deps", "--no-fsync", wheel, program=instui.script)

    def locks(instui: Instui, name: str) -> Variant:
        return Variant(name, lambda venv, _: [*instui.module, "locks", "--python", venv], expected=0)

    cases = [
        Case("one wheel", partial(install, ["--no-fsync"]), "pip one wheel", 0.12),
        Case("one wheel, synced", partial(install, []), "pip one wheel"),
        Case("locks", locks, ""),
    ]
    if lab.instui.script:
        cases.insert(1, Case("one wheel, as a script", script, "pip one wheel", 0.12))
    rivals = [
        pip_installs("pip one wheel", wheel),
        uv_installs("uv one wheel", wheel),
        Variant("bare Python", lambda *_: [sys.executable, "-c", "pass"], expected=0),
    ]
    found = lab.race(cases, rivals, rounds=lab.rounds(9), warm_up=2, expected=1)
    if lab.other is None:
        found.ratio("instui one wheel", "uv one wheel")
        mine, bare = found.samples["instui locks"], found.samples["bare Python"]
        more = spread([1000 * (one.wall - other.wall) for one, other in zip(mine, bare, strict=True)])
        label = "instui locks, more than a bare Python"
        found.lines.append(Line(label, more, "ms", cost(mine), cost(bare), _MARGIN))
    return found
