"""The benchmarks run: every row at toy size, and what they need for it. No figure is judged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import programs, revisions
from benchmarks.command import main
from benchmarks.disks import disk
from benchmarks.installs import p3, p3b
from benchmarks.lab import Lab, Sizes
from benchmarks.material import Material, made_up, make_wheels, package
from benchmarks.measure import Bench, Failed, Variant, timed
from benchmarks.programs import HAS_ISAL, Instui, environment
from benchmarks.rows import ROWS
from support.indexes import add_wheel
from support.webserver import WebServer

_TOY = Sizes(
    rounds=1,
    warm_up=0,
    gigabytes=0.0001,
    synthetic=(3, 4),
    growth=(2,),
    files=3,
    shared=(1,),
    processes=(1, 2),
    split=4,
    presses=4,
    journal=50,
    watch=0.2,
    sets=1,
    share=0.02,
)
_TOOLS = {"calls": "strace"}
_OURS = Instui("instui", sys.executable)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that the rows share, for the wheels."""
    return tmp_path_factory.mktemp("work")


def measured(work: Path, row: str, *more: str) -> dict[str, Any]:
    """What the row wrote as JSON."""
    file = work / f"{row}.json"
    code = main([row, "--synthetic", "--disk", "own", "--work", str(work), "--json", str(file), *more], _TOY)
    (outcome,) = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert (code, outcome["failed"]) == (0, "")
    return dict(outcome)


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=pytest.mark.needs(_TOOLS[row]) if row in _TOOLS else ()) for row in ROWS]
)
def test_every_row_runs(work: Path, row: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = measured(work, row)
    if row == "P3b":
        assert outcome["skipped"] == "made-up wheels are on no index"
        return
    assert outcome["skipped"] == ""
    assert outcome["lines"]
    shown = capsys.readouterr().out
    assert all(f"{row} {line['what']}" in shown for line in outcome["lines"])
    assert not list(work.glob("runs-*"))  # nothing is left but what is kept for the next time


def lab(work: Path, place: Path, material: Material, other: Instui | None = None) -> Lab:
    shared = place / "shared"
    shared.mkdir()
    return Lab(place, shared, material, environment(material.uv_cache), _OURS, lambda _: None, other, _TOY)


def test_from_names_to_the_environment_both_caches_are_new_each_time(work: Path, tmp_path: Path) -> None:
    wheels = sorted(make_wheels(work / "indexed", 2, lambda name: package(name, "1.0", 3)).iterdir())
    with WebServer() as web:
        for wheel in wheels:
            add_wheel(web, wheel)
        root = web.add("/", web.pages["/simple/dist00000/"]).rstrip("/")
        index = {"UV_DEFAULT_INDEX": f"{root}/simple", "UV_NO_CONFIG": "1"}
        found = p3b(lab(work, tmp_path, Material(tmp_path / "none", ("dist00000", "dist00001"), index)))
        asked = [seen.path for seen in web.seen if seen.path.endswith(".whl")]
    assert found.lines[0].what == "instui from the index / uv from the index"
    runs = 3 + HAS_ISAL
    assert {path: asked.count(path) for path in asked} == {f"/files/{wheel.name}": runs for wheel in wheels}


def test_two_revisions_run_in_turn_and_are_compared_with_each_other(work: Path, tmp_path: Path) -> None:
    found = p3(lab(work, tmp_path, made_up(work, *_TOY.synthetic), Instui("older", sys.executable)))
    assert [line.what for line in found.lines] == [
        "instui cold / older cold",
        "instui cold, synced / older cold, synced",
    ]
    assert not any("uv" in label for label in found.samples)


def test_what_is_usual_is_measured_without_the_extra(work: Path, tmp_path: Path) -> None:
    measuring = lab(work, tmp_path, made_up(work, *_TOY.synthetic))
    say = [sys.executable, "-c", "from isal import isal_zlib"]
    for isal, found in ((False, False), (True, programs.HAS_ISAL)):
        variables = measuring.installs(_OURS, "cold", cold=True, isal=isal).variables("")
        done = subprocess.run(say, env={**measuring.variables, **variables}, capture_output=True, check=False)
        assert (done.returncode == 0) == found
    expected = ["instui cold", "instui cold, synced", *["instui cold, with isal"][: programs.HAS_ISAL]]
    assert [line.what for line in p3(measuring).lines] == [f"{label} / uv cold" for label in expected]


def test_an_install_that_leaves_too_little_is_no_sample(work: Path, tmp_path: Path) -> None:
    bench = Bench(tmp_path, environment(str(tmp_path / "uv")), expected=1, say=lambda _: None)
    with pytest.raises(Failed, match="true left 0 of 1 distributions"):
        bench.interleave([Variant("true", lambda *_: ["true"])], 1, 0)
    with pytest.raises(Failed, match="false ended with 1"):
        bench.interleave([Variant("false", lambda *_: ["false"])], 1, 0)


def test_the_cpu_of_children_counts() -> None:
    burn = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    sample, code, _ = timed([sys.executable, "-c", parent], environment(""))
    assert code == 0
    assert sample.cpu >= 0.2


@pytest.mark.needs("mkfs.ext4", "root")
def test_the_second_disk_is_ext4_with_a_journal_and_goes_in_the_end(tmp_path: Path) -> None:
    with disk("journal", tmp_path) as made:
        assert made.description.startswith("ext4 with a journal")
        assert made.place.stat().st_dev != tmp_path.stat().st_dev
    assert list(tmp_path.iterdir()) == []


@pytest.mark.network
def test_a_revision_is_built_with_its_byte_code(tmp_path: Path) -> None:
    built = revisions.at("HEAD", tmp_path)
    done = subprocess.run([*built.module, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("instui ")
    assert built.script
    (package_,) = Path(built.python).parents[1].glob("lib/python*/site-packages/instui_engine")
    assert package_.is_relative_to(tmp_path)
    assert list(package_.glob("__pycache__/*.pyc"))


def test_what_cannot_be_measured_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, problem in ((["P9"], "no such row: P9"), (["P2", "--against", "HEAD"], "not for two revisions: P2")):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert problem in capsys.readouterr().err
