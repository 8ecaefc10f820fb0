"""Platform compatibility tags, Requires-Python, dependency specifiers: what of several wheels is for the target."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import error_line, installed, ok
from support.environments import Venv
from support.wheelsmith import build_wheel, record, wheel_files, zipped

MakeVenv = Callable[[], Venv]


def cp(target: Venv) -> str:
    return "cp" + "".join(target.environment.interpreter.version.split(".")[:2])


def with_metadata(directory: Path, name: str, *lines: str, version: str = "1.0", metadata_version: str = "2.1") -> Path:
    """A wheel with more lines in METADATA."""
    files = wheel_files(name, version, {f"{name}.py": b""})
    info = f"{name}-{version}.dist-info"
    metadata = files[f"{info}/METADATA"].replace(b"-Version: 2.1", f"-Version: {metadata_version}".encode())
    files[f"{info}/METADATA"] = metadata + "".join(f"{line}\n" for line in lines).encode()
    del files[f"{info}/RECORD"]
    files[f"{info}/RECORD"] = record(files, f"{info}/RECORD")
    path = directory / f"{name}-{version}-py3-none-any.whl"
    path.write_bytes(zipped(files))
    return path


def test_the_most_specific_tag_is_taken(venv: MakeVenv, tmp_path: Path, run_instui: Run) -> None:
    """Compatibility tags, Use: the first that fits in the order of the interpreter."""
    target = venv()
    own, platform = cp(target), target.environment.interpreter.tags[0].split("-", 2)[2]
    tags = ["py2.py3-none-any", "py3-none-any", f"{own}-none-any", f"{own}-abi3-{platform}", f"{own}-{own}-{platform}"]
    links = ("--python", target.top, "--no-index", "--find-links", tmp_path)
    for tag in tags:
        build_wheel(tmp_path, "tool", "1.0", {"tag.py": tag.encode()}, tag=tag)
    ok(run_instui("install", *links, "tool"))
    assert (target.site / "tag.py").read_text() == tags[-1]


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("{own}-none-any", True),
        ("cp36-abi3-{platform}", True),
        ("py2.py3.{own}-none-any", True),
        ("py30-none-any", True),
        ("cp399-abi3-{platform}", False),
        ("cp36-none-any", False),
        ("py399-none-any", False),
        ("py2-none-any", False),
        ("{own}-{own}-win_amd64", False),
        ("{own}-{own}t-{platform}", False),
        ("pp39-pypy39_pp73-{platform}", False),
    ],
)
def test_a_wheel_is_for_the_interpreters_in_its_tags(
    tag: str, fits: bool, venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """Compatibility tags, Python Tag, ABI Tag, Compressed Tag Sets; a stable ABI is also that of later versions."""
    target = venv()
    tag = tag.format(own=cp(target), platform=target.environment.interpreter.tags[0].split("-", 2)[2])
    wheel = build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""}, tag=tag)
    done = run_instui("install", "--no-deps", "--python", target.top, wheel)
    if fits:
        ok(done)
        assert installed(target.site) == {"tool": "1.0"}
    else:
        assert wheel.name in error_line(done, 1)
        assert installed(target.site) == {}


@pytest.mark.parametrize(("bound", "fits"), [(">=3.8", True), (">=3.8,!=3.9.*", True), (">=99", False)])
def test_a_wheel_for_later_pythons_is_refused(
    bound: str, fits: bool, venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """Core metadata, Requires-Python. An upper bound that is passed warns, as in uv."""
    target = venv()
    wheel = with_metadata(tmp_path, "tool", f"Requires-Python: {bound}")
    done = run_instui("install", "--no-deps", "--python", target.top, wheel)
    assert installed(target.site) == ({"tool": "1.0"} if fits else {})
    if fits:
        ok(done)
    else:
        assert bound in error_line(done, 1)


def test_an_older_version_that_fits_is_taken(venv: MakeVenv, tmp_path: Path, run_instui: Run) -> None:
    """Core metadata, Requires-Python: installers must not install what does not fit."""
    target = venv()
    with_metadata(tmp_path, "tool", "Requires-Python: >=3.8")
    with_metadata(tmp_path, "tool", "Requires-Python: >=99", version="2.0")
    ok(run_instui("install", "--python", target.top, "--no-index", "--find-links", tmp_path, "tool"))
    assert installed(target.site) == {"tool": "1.0"}


def test_markers_decide_by_the_target_and_extras_by_their_normalized_names(
    venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """Dependency specifiers, Environment Markers and Extras: names of extras are compared as those of projects are."""
    target = venv()
    major, minor = target.environment.interpreter.version.split(".")[:2]
    version = f"{major}.{minor}"
    wanted = [
        "always",
        f'own; python_version == "{version}"',
        f'other; python_version == "{major}.{int(minor) + 1}"',
        f'full; python_full_version >= "{version}.0" and python_full_version < "{major}.{int(minor) + 1}"',
        'linux; sys_platform == "linux" or sys_platform == "darwin"',
        'windows; os_name == "nt"',
        'within; "linux" in sys_platform or "darwin" in sys_platform',
        'cpython; platform_python_implementation == "CPython" and implementation_name == "cpython"',
        'extra-one; extra == "Some_Extra"',
        'extra-two; extra == "some-extra" and python_version >= "3.8"',
        'never; extra == "another"',
    ]
    lines = [f"Requires-Dist: {line}" for line in wanted]
    with_metadata(tmp_path, "tool", "Provides-Extra: Some_Extra", "Provides-Extra: another", *lines)
    for name in (line.partition(";")[0] for line in wanted):
        build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""})
    ok(run_instui("install", "--python", target.top, "--no-index", "--find-links", tmp_path, "tool[some.EXTRA]"))
    expected = {"tool", "always", "own", "full", "linux", "within", "cpython", "extra-one", "extra-two"}
    assert set(installed(target.site)) == expected


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.1", "2.2", "2.3", "2.4", "2.5", "2.9", "3.0"])
def test_all_versions_of_the_metadata_are_read_but_a_greater_major_one(
    version: str, venv: MakeVenv, tmp_path: Path
) -> None:
    """Core metadata, Metadata-Version: warn of a greater minor version, refuse a greater major one."""
    target = venv()
    info = "tool-1.0.dist-info"
    fields = ("License-Expression: MIT", "License-File: LICENSE", "Import-Name: tool", "X-Unknown: field")
    wheel = with_metadata(tmp_path, "tool", *fields, metadata_version=version)
    outcome = target.install(wheel)
    assert (outcome.exit_code, "Metadata-Version 3.0" in outcome.error) == (
        (1, True) if version == "3.0" else (0, False)
    )
    if outcome.exit_code == 0:
        assert (target.site / info / "METADATA").read_bytes().startswith(f"Metadata-Version: {version}".encode())
