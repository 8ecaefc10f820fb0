"""What a row works with: a place on the disk that is measured, what to install, how often, and what is compared."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.material import Material
from benchmarks.measure import Bench, Say, Skip, Variant
from benchmarks.programs import WITHOUT_ISAL, Instui, pip_install, uv_pip
from benchmarks.results import Findings


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. `rounds`: of every row, instead of the rows' own numbers."""

    rounds: int = 0
    warm_up: int = 2  # rounds that do not count, at most
    gigabytes: float = 0.65  # of the real set, unpacked
    synthetic: tuple[int, int] = (40, 120)  # made-up wheels instead of the real set, and files of each
    growth: tuple[int, ...] = (100, 300, 1000)  # wheels of P7
    files: int = 50  # of each of them
    shared: tuple[int, ...] = (1, 8, 64, 200, 800)  # wheels of P8 on one name
    processes: tuple[int, ...] = (1, 2, 4, 8, 16)  # of P8
    split: int = 64  # wheels that these share out
    presses: int = 150  # keys of P6
    journal: int = 10_000  # wheels in the journal that P6 looks at
    watch: float = 5.0  # seconds for which CPU is measured
    sets: int = 9  # of wheels for which predictions are compared with what happens, at most
    share: float = 1.0  # of their files or bytes


@dataclass(frozen=True, slots=True)
class Lab:
    """The means of one row on one disk. `other`: the revision to compare with, instead of uv and pip."""

    place: Path  # of this row, new
    shared: Path  # of all rows on this disk: warm caches, wheels
    material: Material
    variables: Mapping[str, str]
    instui: Instui
    say: Say
    other: Instui | None = None
    sizes: Sizes = field(default_factory=Sizes)

    def rounds(self, usual: int) -> int:
        """How many rounds count."""
        return self.sizes.rounds or usual

    def warm_up(self, usual: int) -> int:
        """How many rounds do not count."""
        return min(usual, self.sizes.warm_up)

    def bench(self, expected: int) -> Bench:
        """A bench whose runs leave that many distributions."""
        return Bench(self.place, self.variables, expected, self.say)

    def cache(self, instui: Instui) -> str:
        """The warm cache of a revision: what lies in one need not serve another."""
        return str(self.shared / f"cache-{instui.label}")

    def needs_room(self, gigabytes: float) -> None:
        """Skip the row where the disk is too small for it."""
        free = shutil.disk_usage(self.place).free / 1e9
        if free < gigabytes:
            raise Skip(f"needs {gigabytes:.1f} GB on the disk, {free:.1f} are free")

    def installs(
        self,
        instui: Instui,
        label: str,
        *arguments: str,
        cold: bool = False,
        isal: bool = False,
        program: Sequence[str] = (),
    ) -> Variant:
        """An install by instui, without an index; cold: with an empty cache each time, by zlib or by ISA-L."""
        words = [*(program or instui.module), "install", "--offline", "--ui", "none"]
        return Variant(
            label,
            lambda venv, fresh: [
                *words, "--cache-dir", fresh if cold else self.cache(instui), "--python", venv, *arguments
            ],
            lambda _: WITHOUT_ISAL if cold and not isal else {},
        )  # fmt: skip

    def race(
        self,
        cases: "Sequence[Case]",
        rivals: Sequence[Variant],
        *,
        rounds: int,
        warm_up: int,
        expected: int | None = None,
    ) -> Findings:
        """Run each case beside its rival or, where revisions are compared, beside the same of the other one."""
        found = Findings()
        bench = self.bench(len(self.material.wheels) if expected is None else expected)
        if self.other is None:
            variants = [*rivals, *(case.run(self.instui, f"instui {case.label}") for case in cases)]
            found.samples = bench.interleave(variants, rounds, self.warm_up(warm_up))
            for case in filter(lambda case: case.rival, cases):
                found.ratio(f"instui {case.label}", case.rival, case.budget, case.aim)
            return found
        labels = [f"{revision.label} {case.label}" for case in cases for revision in (self.instui, self.other)]
        runs = [case.run(revision, "") for case in cases for revision in (self.instui, self.other)]
        variants = [
            Variant(label, run.command, run.variables, run.expected) for label, run in zip(labels, runs, strict=True)
        ]
        found.samples = bench.interleave(variants, rounds, self.warm_up(warm_up))
        for ours, theirs in zip(labels[::2], labels[1::2], strict=True):
            found.ratio(ours, theirs)
        return found


class Case(NamedTuple):
    """Something that instui does, and the label of the variant that it is compared with; "" for none."""

    label: str
    run: Callable[[Instui, str], Variant]
    rival: str
    budget: float | None = None
    aim: float | None = None


def uv_installs(label: str, *arguments: str, cold: bool = False) -> Variant:
    """The same by uv, with its warm cache or an empty one."""
    return Variant(
        label,
        lambda venv, fresh: uv_pip(
            "install", "--offline", "--no-deps", "--python", venv, *(["--cache-dir", fresh] if cold else []), *arguments
        ),
    )


def pip_installs(label: str, *arguments: str) -> Variant:
    """The same by pip."""
    return Variant(label, lambda venv, _: pip_install(venv, *arguments))
