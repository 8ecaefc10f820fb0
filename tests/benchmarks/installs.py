"""P1 to P3b: the set of 123 wheels, warm and cold, beside uv and pip."""

from collections.abc import Mapping
from functools import partial

from benchmarks.lab import Case, Lab, pip_installs, uv_installs
from benchmarks.measure import SOME, Skip, Variant
from benchmarks.programs import HAS_ISAL, WITHOUT_ISAL, Instui, uv_pip
from benchmarks.results import Findings


def _case(
    lab: Lab, label: str, rival: str, budget: float, aim: float | None, *arguments: str, cold: bool = False
) -> Case:
    def run(instui: Instui, name: str) -> Variant:
        return lab.installs(instui, name, *arguments, cold=cold)

    return Case(label, run, rival, budget, aim)


def p1(lab: Lab) -> Findings:
    """Warm cache, new environment: as wheel files, as pins, as a lock file; without and with the waits for the disk."""
    material = lab.material
    files = ("--no-deps", *material.wheels)
    pins = ("--no-deps", "-r", material.requirements)
    lock = ("--pylock", material.pylock)
    cases = []
    for label, arguments in (("files", files), ("-r", pins), ("lock file", lock)):
        cases.append(_case(lab, label, f"uv {label}", 1.0, 0.85, "--no-fsync", *arguments))
        if label == "files" or lab.other is None:  # a revision syncs alike, whatever the form
            cases.append(_case(lab, f"{label}, synced", f"uv {label}", 1.2, 1.0, *arguments))

    def script(instui: Instui, name: str) -> Variant:
        return lab.installs(instui, name, "--no-fsync", *files, program=instui.script)

    if lab.instui.script and lab.other is None:
        cases.insert(1, Case("files, as a script", script, "uv files", 1.0, 0.85))
    rivals = [
        uv_installs("uv files", *material.wheels),
        uv_installs("uv -r", "-r", material.requirements),
        uv_installs("uv lock file", "-r", material.pylock),
    ]
    # two runs that do not count: one fills the caches, one warms up
    return lab.race(cases, rivals, rounds=lab.rounds(7), warm_up=2)


def p2(lab: Lab) -> Findings:
    """The same set against pip, without and with its compilation of byte code."""
    files = lab.material.wheels
    ours = lab.installs(lab.instui, "instui files", "--no-fsync", "--no-deps", *files)
    pips = [pip_installs("pip --no-compile", "--no-compile", *files), pip_installs("pip", *files)]
    bench = lab.bench(len(files))
    bench.interleave([ours], 0, warm_up=1)
    found = Findings(samples=bench.interleave([ours, *pips], lab.rounds(2), warm_up=0))
    found.ratio("instui files", "pip --no-compile", 0.1)
    found.ratio("instui files", "pip")
    return found


def p3(lab: Lab) -> Findings:
    """Empty caches, wheels local: unpack, check and install."""
    files, rounds = lab.material.wheels, lab.rounds(4)
    if lab.material.names:
        lab.needs_room(4 * (rounds + 1) * lab.sizes.gigabytes)
    cases = [
        _case(lab, "cold", "uv cold", 0.8, None, "--no-fsync", "--no-deps", *files, cold=True),
        _case(lab, "cold, synced", "uv cold", 1.0, None, "--no-deps", *files, cold=True),
    ]

    def with_isal(instui: Instui, name: str) -> Variant:
        return lab.installs(instui, name, "--no-fsync", "--no-deps", *files, cold=True, isal=True)

    if HAS_ISAL and lab.other is None:  # revisions are built without extras
        cases.append(Case("cold, with isal", with_isal, "uv cold", 0.8))
    return lab.race(cases, [uv_installs("uv cold", *files, cold=True)], rounds=rounds, warm_up=1)


def p3b(lab: Lab) -> Findings:
    """From names to the environment, all caches empty: resolve, fetch, unpack, install."""
    names, rounds = lab.material.names, lab.rounds(4)
    if not names:
        raise Skip("made-up wheels are on no index")
    lab.needs_room(4 * (rounds + 1) * lab.sizes.gigabytes * 1.3)

    def variables(fresh: str, without: Mapping[str, str] = WITHOUT_ISAL) -> dict[str, str]:
        return {**lab.material.index, **without, "UV_CACHE_DIR": f"{fresh}-uv"}

    def ours(arguments: list[str], without: Mapping[str, str], instui: Instui, name: str) -> Variant:
        words = [*instui.module, "install", "--ui", "none", *arguments]
        return Variant(
            name,
            lambda venv, fresh: [*words, "--cache-dir", fresh, "--python", venv, *names],
            partial(variables, without=without),
        )

    cases = [
        Case("from the index", partial(ours, ["--no-fsync"], WITHOUT_ISAL), "uv from the index", 1.3, 1.0),
        Case("from the index, synced", partial(ours, [], WITHOUT_ISAL), "uv from the index"),
    ]
    if HAS_ISAL and lab.other is None:  # revisions are built without extras
        cases.append(Case("from the index, with isal", partial(ours, ["--no-fsync"], {}), "uv from the index", 1.3))
    uv = Variant("uv from the index", lambda venv, _: uv_pip("install", "--python", venv, *names), variables)
    return lab.race(cases, [uv], rounds=rounds, warm_up=1, expected=SOME)
