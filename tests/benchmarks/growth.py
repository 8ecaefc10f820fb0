"""P7: how the cost grows with the number of wheels, for a fresh install, a reinstall, an upgrade and a removal.

All fresh installs of all rounds come first, then all reinstalls in the same environments, and so on: what a removal
does to the disk cannot slow down an install.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from benchmarks.lab import Lab
from benchmarks.material import make_wheels, package
from benchmarks.measure import Sample, Variant, in_turn
from benchmarks.programs import Instui, uv_pip
from benchmarks.results import Findings, Line, single

Kind = Literal["fresh", "reinstall", "upgrade", "uninstall"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_BUDGETS: Mapping[tuple[Kind, int], tuple[float, float | None]] = {
    **{(kind, 1000): (1.5, None) for kind in KINDS},
    ("fresh", 10_000): (1.6, 1.2),
}
_EXPONENT = 1.1
_MEGABYTES = 300.0  # in the engine
_MANY = 3000  # from here on one round is enough
_GIGABYTES_A_FILE = 3e-5  # two versions, each as a wheel and in two caches, with what directories take


def p7(lab: Lab) -> Findings:
    """Each kind at each count, beside uv or the other revision."""
    found = Findings()
    ours = lab.instui.label
    theirs = lab.other.label if lab.other else "uv"
    for count in lab.sizes.growth:
        found.samples.update(_measured(lab, count))
        for kind in KINDS:
            budget, aim = (None, None) if lab.other else _BUDGETS.get((kind, count), (None, None))
            found.ratio(f"{ours} {kind} {count}", f"{theirs} {kind} {count}", budget, aim)
    for kind in KINDS:
        mine, others = (_by_count(found, name, kind, lab.sizes.growth) for name in (ours, theirs))
        found.growth(f"{ours} {kind}", mine, others, None if lab.other else _EXPONENT)
    peak = max(sample.peak for label, samples in found.samples.items() if label.startswith(ours) for sample in samples)
    budget = None if lab.other else _MEGABYTES
    found.lines.append(Line(f"{ours}: peak memory", single(peak), "MB", budget=budget))
    found.notes.append(f"P7: {lab.sizes.files} files of 2 KB a wheel, --no-fsync")
    return found


def _by_count(found: Findings, name: str, kind: Kind, counts: Sequence[int]) -> dict[int, list[Sample]]:
    return {count: found.samples[f"{name} {kind} {count}"] for count in counts}


def _measured(lab: Lab, count: int) -> dict[str, list[Sample]]:
    """The samples of all kinds at one count, by label."""
    rounds = lab.rounds(3) if count < _MANY else 1
    lab.needs_room(_GIGABYTES_A_FILE * count * lab.sizes.files)
    old, new = (_wheels(lab, count, version) for version in ("1.0", "2.0"))
    bench = lab.bench(count)
    contenders = [lab.instui, lab.other]  # None: uv

    def variants(kind: Kind, wheels: Sequence[str]) -> list[Variant]:
        return [_variant(lab, contender, kind, count, wheels) for contender in contenders]

    lab.say(f"{count} wheels: filling the caches")
    for wheels in (old, new):
        for variant in variants("fresh", wheels):
            bench.measure(bench.new(variant))
    rows = [[bench.new(variant) for variant in variants("fresh", old)] for _ in range(rounds)]
    samples: dict[str, list[Sample]] = {}
    for kind in KINDS:
        lab.say(f"{count} wheels: {kind}, {rounds} times each")
        now = variants(kind, new if kind == "upgrade" else old)
        for number, row in enumerate(rows):
            again = [replace(run, variant=variant) for run, variant in zip(row, now, strict=True)]
            for run in in_turn(again, number):
                samples.setdefault(run.variant.label, []).append(bench.measure(run))
    return samples


def _wheels(lab: Lab, count: int, version: str) -> list[str]:
    files = lab.sizes.files
    place = lab.shared / f"growth-{files}-{count}-{version}"
    made = make_wheels(place, count, lambda name: package(name, version, files), version)
    return sorted(str(path) for path in made.iterdir())


def _variant(lab: Lab, contender: Instui | None, kind: Kind, count: int, wheels: Sequence[str]) -> Variant:
    removing = kind == "uninstall"
    named = [f"dist{number:05}" for number in range(count)] if removing else list(wheels)
    action = "uninstall" if removing else "install"
    flags = [] if removing else ["--offline", "--no-deps"]
    flags += ["--reinstall"] if kind == "reinstall" else []
    if contender is None:
        words = uv_pip(action, *flags)
    else:
        flags += [] if removing else ["--cache-dir", lab.cache(contender)]
        words = [*contender.module, action, "--ui", "none", "--no-fsync", *flags]
    label = f"{contender.label if contender else 'uv'} {kind} {count}"
    return Variant(label, lambda venv, _: [*words, "--python", venv, *named], expected=0 if removing else count)
