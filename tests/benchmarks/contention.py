"""P8: many wheels on one directory and on one file; with processes.py, many processes on one environment and store."""

from collections.abc import Callable, Mapping

from benchmarks.lab import Lab
from benchmarks.material import make_wheels, package
from benchmarks.processes import processes, waiters
from benchmarks.results import Findings, Line, cost, spread

_FILES = 10  # of each wheel
_EXPONENT = 1.1

_SHAPES: Mapping[str, Callable[[str], str]] = {
    "directory": lambda name: f"common/{name}.py",
    "file": lambda name: "common/one.py",
}


def p8(lab: Lab) -> Findings:
    """All of it."""
    found = Findings()
    for shape in _SHAPES:
        _on_one_name(lab, shape, found)
    if lab.other is None:
        processes(lab, _wheels(lab, "directory", lab.sizes.split), found)
        waiters(lab, _wheels(lab, "directory", 1), found)
    found.notes.append(f"P8: {_FILES} files a wheel, --no-fsync")
    return found


def _wheels(lab: Lab, shape: str, count: int) -> list[str]:
    """Wheels that all write into one directory, or all replace one file."""
    shared = _SHAPES[shape]
    made = make_wheels(
        lab.shared / f"{shape}-{count}",
        count,
        lambda name: {**package(name, "1.0", _FILES - 1), shared(name): f"# of {name}\n".encode()},
    )
    return sorted(str(path) for path in made.iterdir())


def _on_one_name(lab: Lab, shape: str, found: Findings) -> None:
    revisions = [revision for revision in (lab.instui, lab.other) if revision]
    for count in lab.sizes.shared:
        arguments = ("--no-fsync", "--no-deps", *_wheels(lab, shape, count))
        variants = [
            lab.installs(revision, f"{revision.label} {count} on one {shape}", *arguments) for revision in revisions
        ]
        found.samples.update(lab.bench(count).interleave(variants, lab.rounds(3), lab.warm_up(1)))
        if lab.other:
            found.ratio(variants[0].label, variants[1].label)
            continue
        samples = found.samples[variants[0].label]
        each = spread([1000 * sample.wall / count for sample in samples])
        found.lines.append(Line(f"{variants[0].label}, a wheel", each, "ms", cost(samples)))
    mine, *others = (
        {count: found.samples[f"{revision.label} {count} on one {shape}"] for count in lab.sizes.shared}
        for revision in revisions
    )
    budget = None if lab.other else _EXPONENT
    found.growth(f"{lab.instui.label} on one {shape}", mine, others[0] if others else None, budget)
