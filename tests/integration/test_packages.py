"""`instui list`, `freeze`, `show`, `check` and `tree`: what uv says, and what only instui knows."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from conftest import Run
from support.cli import as_anybody, error_line, everything, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

ESCAPE = "\x1b]0;title\x07"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("wheels")
    return {
        "alpha": build_wheel(place, "alpha", "1", {"alpha.py": b"", "shared/a.py": b"alpha", "shared/b.py": b""}),
        "beta": build_wheel(place, "beta", "2", {"beta.py": b"", "shared/a.py": b"beta"}, requires=["alpha>=1"]),
        "gamma": build_wheel(place, "gamma", "3", {"gamma.py": b""}, requires=["beta<9", "absent; extra == 'x'"]),
    }


def _uv(target: Venv, env: dict[str, str], *words: str) -> str:
    command = [os.fsdecode(find_uv_bin()), "pip", *words, "--python", str(target.top)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)
    return done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "--format=json"],
        ["list", "--format=freeze", "--exclude=beta"],
        ["freeze"],
        ["freeze", "--exclude-editable"],
        ["tree"],
        ["tree", "--depth=1", "--show-version-specifiers"],
        ["tree", "--invert", "--package=alpha"],
        ["tree", "--prune=alpha", "--no-dedupe"],
    ],
    ids=" ".join,
)
def test_it_prints_what_uv_prints(
    words: list[str],
    venv: Callable[[], Venv],
    wheels: dict[str, Path],
    run_instui: Run,
    clean_environ: dict[str, str],
) -> None:
    target = venv()
    target.put(wheels["alpha"], wheels["gamma"], wheels["beta"])
    expected = _uv(target, clean_environ, *words)
    assert expected
    assert ok(run_instui(*words, "--python", target.top)) == expected


def test_show_adds_whose_files_are_there_and_which_session_has_installed_it(
    venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run, clean_environ: dict[str, str]
) -> None:
    target = venv()
    command = ("install", "--no-deps", "--no-fsync", "--ui", "none", "--python", target.top)
    ok(run_instui(*command, wheels["alpha"]))
    ok(run_instui(*command, wheels["beta"]))
    (first, second) = (path.stem for path in target.journals())
    done = run_instui("show", "Alpha", "beta", "--python", target.top)
    uvs = _uv(target, clean_environ, "show", "alpha", "beta").splitlines()
    lines = ok(done).splitlines()
    ours = [line for line in lines if line not in uvs]
    assert [line for line in lines if line in uvs] == uvs
    assert ours[0] == "Overwritten-by: beta 2, 1 file (shared/a.py), 1 kept"
    assert ours[1].startswith(f"Installed-in: session {first}, ") and str(wheels["alpha"]) in ours[1]
    assert ours[2] == "Overwrote: alpha 1, 1 file (shared/a.py), 1 kept"
    assert ours[3].startswith(f"Installed-in: session {second}, ")
    alpha, beta = json.loads(ok(run_instui("show", "alpha", "beta", "--json", "--python", target.top)))["distributions"]
    path = f"{target.environment.roots['purelib']}/shared/a.py"
    assert (alpha["overwritten_by"], alpha["overwrote"], alpha["kept"]) == ({"beta 2": [path]}, {}, [path])
    assert (beta["overwritten_by"], beta["overwrote"], beta["kept"]) == ({}, {"alpha 1": [path]}, [path])
    assert (alpha["required_by"], beta["requires"], beta["session"]["id"]) == (["beta"], ["alpha>=1"], second)
    assert path in alpha["paths"] and alpha["files"] == len(alpha["paths"])


def test_what_another_installer_has_put_there_since_is_not_of_a_session_of_ours(
    venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run
) -> None:
    target = venv()
    ok(run_instui("install", "--no-fsync", "--ui", "none", "--no-deps", "--python", target.top, wheels["alpha"]))
    (target.site / "alpha-1.dist-info" / "INSTALLER").write_text("uv")
    assert "Installed-in" not in ok(run_instui("show", "alpha", "--python", target.top))


def test_show_of_what_is_not_there_shows_the_others_and_fails(
    venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run
) -> None:
    target = venv()
    target.put(wheels["alpha"])
    done = run_instui("show", "alpha", "nope", f"x{ESCAPE}", "--python", target.top)
    assert "not installed: nope, x\\x1b]0;title\\x07" in error_line(done, 1)
    assert "Name: alpha" in done.stdout
    found = json.loads(run_instui("show", "nope", "--json", "--python", target.top).stdout)
    assert (found["distributions"], found["missing"]) == ([], ["nope"])


def test_list_marks_what_is_incomplete(venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run) -> None:
    target = venv()
    target.put(*wheels.values())
    (target.site / "alpha-1.dist-info" / "METADATA").unlink()
    (target.site / "ghost-7.dist-info").mkdir()
    (target.site / "beta-2.dist-info" / "RECORD").write_text("beta.py,,\n")
    done = run_instui("list", "--python", target.top)
    rows = {line.split()[0]: line.partition("incomplete: ")[2] for line in done.stdout.splitlines()[2:]}
    assert rows == {
        "alpha": "METADATA is missing",
        "beta": "RECORD is cut short",
        "gamma": "",
        "ghost": "nothing but its .dist-info is left",
    }
    assert "3 of 4 are incomplete; `instui doctor --repair`" in error_line(done, 0)
    found = json.loads(ok(run_instui("list", "--json", "--python", target.top)))["distributions"]
    assert {one["name"]: one["incomplete"] for one in found} == rows
    assert "incomplete" in error_line(run_instui("tree", "--python", target.top), 2)


def test_check_adds_what_is_not_whole_to_what_is_required(
    venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run
) -> None:
    target = venv()
    target.put(wheels["gamma"])
    done = run_instui("check", "--python", target.top)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "The package `gamma` requires `beta<9`, but it's not installed",
        "1 problem in 1 distribution",
    ]
    target.put(wheels["alpha"])
    target.put(wheels["beta"])
    done = run_instui("check", "--python", target.top)
    assert (done.returncode, done.stderr) == (1, "")
    first, last = done.stdout.splitlines()
    assert first == "alpha 1 is clobbered: 1 file is of beta 2, which is whole"
    assert "`instui doctor --repair`" in last
    (target.site / "gamma.py").unlink()
    found = json.loads(run_instui("check", "--json", "--python", target.top).stdout)
    assert [(one["kind"], one["distribution"]) for one in found["problems"]] == [
        ("clobbered", "alpha 1"),
        ("incomplete", "gamma 3"),
    ]
    ok(run_instui("uninstall", "--no-fsync", "--ui", "none", "--python", target.top, "beta", "gamma"))
    said = ok(run_instui("check", "--python", target.top))
    assert said == "1 distribution: all whole, and what they require is there\n"


def test_check_says_of_which_metadata_uv_can_make_nothing_also_if_other_files_have_an_error(
    venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run
) -> None:
    target = venv()
    target.put(wheels["alpha"])
    metadata = target.site / "alpha-1.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text() + "Requires-Dist: x\x1b[31m\n")
    done = run_instui("check", "--python", target.top)
    assert (done.returncode, done.stderr) == (1, "")
    uvs, ours, _ = done.stdout.splitlines()
    assert uvs.startswith("The package `alpha` is broken or incomplete (unable to read `METADATA`)")
    assert ours.startswith("alpha 1 is modified: ")


def test_tree_and_freeze_for_programs(venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run) -> None:
    target = venv()
    target.put(wheels["beta"], wheels["gamma"])
    found = json.loads(ok(run_instui("tree", "--json", "--python", target.top)))
    assert found["environment"] == str(target.top)
    assert found["distributions"] == [
        {"name": "beta", "version": "2", "requires": [{"name": "alpha", "specifier": ">=1", "version": ""}]},
        {"name": "gamma", "version": "3", "requires": [{"name": "beta", "specifier": "<9", "version": "2"}]},
    ]
    found = json.loads(ok(run_instui("freeze", "--json", "--python", target.top)))
    assert [line.partition(" @ ")[0] for line in found["requirements"]] == ["beta", "gamma"]


@pytest.mark.parametrize(
    "odd",
    ["alpha; os_name ~= 'posix'", "alpha; 'x' in extras", "alpha; 'x' in dependency_groups", "alpha; extras == 'x'"],
)
def test_a_strange_marker_of_one_distribution_hides_no_other(
    odd: str, venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    target.put(wheels["gamma"], build_wheel(tmp_path, "strange", "1", {}, requires=[odd, "gamma"]))
    found = json.loads(ok(run_instui("tree", "--json", "--python", target.top)))["distributions"]
    assert {one["name"]: [other["name"] for other in one["requires"]] for one in found} == {
        "gamma": ["beta"],
        "strange": ["gamma"],
    }
    found = json.loads(ok(run_instui("show", "--json", "gamma", "--python", target.top)))["distributions"]
    assert [one["required_by"] for one in found] == [["strange"]]


@pytest.mark.parametrize("name", ["METADATA", "direct_url.json", "PKG-INFO"])
def test_nothing_waits_for_a_pipe_among_the_metadata(
    name: str, venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    target.put(wheels["alpha"], wheels["gamma"])
    path = target.site / "alpha-1.dist-info" / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    python = ("--python", target.top)
    for words in (["tree"], ["show", "alpha"], *([["list"], ["freeze"]] if name == "direct_url.json" else [])):
        assert f"{path} is not a regular file" in error_line(run_instui(*words, *python, timeout=60), 1)
    found = json.loads(ok(run_instui("tree", "--json", *python)))["distributions"]
    assert [one["name"] for one in found] == ["alpha", "gamma"]
    assert json.loads(ok(run_instui("show", "alpha", "--json", *python)))["missing"] == []
    assert "alpha" in run_instui("list", *(["--json"] if name == "direct_url.json" else []), *python).stdout
    done = run_instui("check", *python)
    assert (done.returncode, done.stderr) == (1, f"instui: {path} is not a regular file; remove it\n")
    assert "`gamma` requires `beta<9`" in done.stdout
    strict = ("install", "--strict", "--no-deps", "--no-index", "--no-fsync", "--ui", "none", *python)
    done = run_instui(*strict, build_wheel(tmp_path, "beta", "2", {"beta.py": b""}))
    assert done.returncode == 0
    assert f"warning: {path} is not a regular file, so dependencies are not checked" in done.stderr
    done = run_instui("check", *python)
    assert done.returncode == 1 and "all whole" not in done.stdout


def test_a_target_is_looked_at_as_well(
    venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run, tmp_path: Path
) -> None:
    place = tmp_path / "target"
    python = ("--python", venv().top)
    ok(run_instui("install", "--no-fsync", "--ui", "none", "--no-deps", "--target", place, *python, wheels["alpha"]))
    before = everything(place)
    assert "alpha" in ok(run_instui("list", "--target", place, *python))
    assert "Name: alpha" in ok(run_instui("show", "alpha", "--target", place, *python))
    assert "all whole" in ok(run_instui("check", "--target", place, *python))
    assert "knows no --target" in error_line(run_instui("tree", "--target", place, *python), 2)
    assert everything(place) == before
    ok(run_instui("install", "--no-fsync", "--ui", "none", "--no-deps", "--target", place, *python, wheels["gamma"]))
    done = run_instui("check", "--target", place, *python)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("The package `gamma` requires `beta<9`, but it's not installed\n")


@pytest.mark.parametrize("words", [["list"], ["freeze"], ["show", "alpha"], ["check"], ["tree"]], ids=" ".join)
def test_it_writes_nothing_and_needs_no_permission_to(
    words: list[str],
    venv: Callable[[], Venv],
    wheels: dict[str, Path],
    clean_environ: dict[str, str],
) -> None:
    python = as_anybody()
    if python is None:
        pytest.skip("root cannot give up its capabilities here")
    target = venv()
    target.put(wheels["alpha"])
    directories = [target.top, *(path for path in target.top.rglob("*") if path.is_dir() and not path.is_symlink())]
    before = everything(target.top)
    for path in directories:
        path.chmod(0o555)
    try:
        command = [*python, "-m", "instui", *words, "--python", str(target.top)]
        done = subprocess.run(command, env=clean_environ, capture_output=True, text=True, timeout=60, check=False)
    finally:
        for path in directories:
            path.chmod(0o755)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path: kind for path, kind in everything(target.top).items() if "file" in kind} == {
        path: kind for path, kind in before.items() if "file" in kind
    }


@pytest.mark.parametrize("words", [["list"], ["freeze"], ["show", "alpha"], ["check"]], ids=" ".join)
def test_a_target_that_is_no_directory_is_refused_and_one_that_is_missing_is_not_made(
    words: list[str], venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    file, missing, python = tmp_path / "file", tmp_path / "missing", ("--python", venv().top)
    file.touch()
    line = error_line(run_instui(*words, "--target", file, *python), 1)
    assert line == f"{file} is not a directory, so nothing is installed in it; name a directory with --target"
    done = run_instui(*words, "--target", missing, *python)
    assert done.returncode == (words[0] == "show")
    assert not missing.exists()


@pytest.mark.parametrize("words", [["list"], ["show", "alpha"], ["check"]], ids=" ".join)
def test_it_waits_for_nobody(
    words: list[str], venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run
) -> None:
    target = venv()
    target.put(wheels["alpha"])
    with (target.top / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "alpha" in ok(run_instui(*words, "--python", target.top)) or words == ["check"]


@pytest.mark.parametrize("words", [["list"], ["freeze"], ["show", "alpha"], ["check"], ["tree"]], ids=" ".join)
def test_no_escape_of_metadata_reaches_a_terminal(
    words: list[str], venv: Callable[[], Venv], wheels: dict[str, Path], run_instui: Run
) -> None:
    target = venv()
    target.put(wheels["alpha"])
    info = target.site / "alpha-1.dist-info"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: alpha\nVersion: 1\nRequires-Dist: x{ESCAPE}\n")
    (info / "INSTALLER").write_text(f"instui{ESCAPE}\n")
    (info / "direct_url.json").write_text(json.dumps({"url": f"file:///{ESCAPE}", "dir_info": {"editable": True}}))
    (target.site / f"evil{ESCAPE}-1.dist-info").mkdir()
    (target.site / f"other-1{ESCAPE}.dist-info").mkdir()
    for more in ([], ["--json"]):
        done = run_instui(*words, *more, "--python", target.top)
        assert "\x1b" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout + done.stderr


def test_the_working_directory_may_be_gone_if_nothing_is_meant_by_it(
    venv: Callable[[], Venv], wheels: dict[str, Path], clean_environ: dict[str, str], tmp_path: Path
) -> None:
    target = venv()
    target.put(wheels["alpha"])
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m instui list --json --python {target.top}"
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False, env=clean_environ
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [one["name"] for one in json.loads(done.stdout)["distributions"]] == ["alpha"]
