"""pylock.toml Specification (PEP 751), "Installation": what an installer does with each key."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import error_line, installed, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

MakeVenv = Callable[[], Venv]


def locked(wheel: Path, *, name: str = "", more: str = "", **changes: object) -> str:
    """One package with one wheel. `changes` are keys of the wheel; None leaves one out."""
    content = wheel.read_bytes()
    keys = {
        "path": f'"{wheel.name}"',
        "size": len(content),
        "hashes": f'{{sha256 = "{hashlib.sha256(content).hexdigest()}"}}',
        **changes,
    }
    inline = ", ".join(f"{key} = {value}" for key, value in keys.items() if value is not None)
    stem, version = wheel.name.split("-")[:2]
    return f'[[packages]]\nname = "{name or stem}"\nversion = "{version}"\n{more}wheels = [{{{inline}}}]\n'


def lock(directory: Path, *packages: str, head: str = "", version: str = "1.0") -> Path:
    path = directory / "pylock.toml"
    path.write_text(f'lock-version = "{version}"\ncreated-by = "tests"\n{head}' + "".join(packages), encoding="utf-8")
    return path


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""})


VALID = {
    "a path beside the lock file": ("", {}, "1.0"),
    "no size": ("", {"size": None}, "1.0"),
    "tools and unknown keys": ("[tool.other]\nx = 1\n", {"upload-time": "2026-01-01T00:00:00Z"}, "1.0"),
    "environments, one of which is this": ("environments = [\"os_name == 'nt'\", \"os_name == 'posix'\"]\n", {}, "1.0"),
    "a bound of Python": ('requires-python = ">=3.8"\n', {}, "1.0"),
    "extras and groups that are not asked for": ('extras = ["a"]\ndependency-groups = ["b"]\n', {}, "1.0"),
}


@pytest.mark.parametrize("case", VALID)
def test_what_is_valid_is_installed_without_asking_anybody(
    case: str, tool: Path, venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """Installation 1 to 8. Paths are relative to the lock file."""
    target = venv()
    head, changes, version = VALID[case]
    package = locked(tool, **changes)
    text, tables = (head, "") if not head.startswith("[") else ("", head)
    path = lock(tmp_path, package + tables, head=text, version=version)
    ok(run_instui("install", "--offline", "--no-index", "--python", target.top, "--pylock", path, cwd="/"))
    assert installed(target.site) == {"tool": "1.0"}


REFUSED = {
    "another hash": ("", {"hashes": f'{{sha256 = "{"0" * 64}"}}'}, "1.0"),
    "another size": ("", {"size": 7}, "1.0"),
    "no hashes": ("", {"hashes": "{}"}, "1.0"),
    "a hash of no algorithm": ("", {"hashes": '{nonsense = "00"}'}, "1.0"),
    "a later major version": ("", {}, "2.0"),
    "no version": ("", {}, "x"),
    "other environments": ("environments = [\"os_name == 'nt'\"]\n", {}, "1.0"),
    "later Pythons": ('requires-python = ">=99"\n', {}, "1.0"),
    "neither path nor url": ("", {"path": None}, "1.0"),
    "a file that is not there": (
        "",
        {"path": '"gone-1.0-py3-none-any.whl"', "name": '"tool-1.0-py3-none-any.whl"'},
        "1.0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_hold_is_an_error_and_installs_nothing(
    case: str, tool: Path, venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """Installation: each MUST raise an error of the specification, in one line."""
    target = venv()
    head, changes, version = REFUSED[case]
    path = lock(tmp_path, locked(tool, **changes), head=head, version=version)
    done = run_instui("install", "--offline", "--no-index", "--python", target.top, "--pylock", path)
    assert done.returncode in (1, 2)
    error_line(done, done.returncode)
    assert installed(target.site) == {}


def test_packages_are_chosen_by_marker_and_bound_and_extras_by_the_marker_only(
    tool: Path, venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """Installation 6: `packages.marker` decides, and of two entries of one name only one may be left."""
    target = venv()
    newer = build_wheel(tmp_path, "tool", "2.0", {"tool.py": b""})
    other, extra = (build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in ("other", "extra"))
    path = lock(
        tmp_path,
        locked(tool, more="marker = \"os_name == 'nt'\"\n"),
        locked(newer, more="marker = \"os_name == 'posix'\"\n"),
        locked(other, more="marker = \"python_version < '3'\"\n"),
        locked(extra, more="marker = \"'gpu' in extras\"\n"),
        head='extras = ["gpu"]\n',
    )
    ok(run_instui("install", "--offline", "--no-index", "--python", target.top, "--pylock", path))
    assert installed(target.site) == {"tool": "2.0"}


def test_two_entries_of_one_name_that_both_hold_are_an_error(
    tool: Path, venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """Installation 6, and 7: tools must raise an error where the choice is ambiguous."""
    target = venv()
    newer = build_wheel(tmp_path, "tool", "2.0", {"tool.py": b""})
    done = run_instui(
        "install", "--offline", "--python", target.top, "--pylock", lock(tmp_path, locked(tool), locked(newer))
    )
    error_line(done, done.returncode)
    assert done.returncode in (1, 2)
    assert installed(target.site) == {}


def test_the_dependencies_of_what_is_locked_are_not_followed(venv: MakeVenv, tmp_path: Path, run_instui: Run) -> None:
    """`packages.dependencies` is for reading: the lock file names all that is to be installed."""
    target = venv()
    wheel = build_wheel(tmp_path, "user", "1.0", {"user.py": b""}, requires=["nowhere-to-be-found"])
    ok(
        run_instui(
            "install", "--offline", "--no-index", "--python", target.top, "--pylock", lock(tmp_path, locked(wheel))
        )
    )
    assert installed(target.site) == {"user": "1.0"}
