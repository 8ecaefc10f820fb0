"""How the tests of the command line look at what it did: its one error line, the whole tree, what is installed."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import distributions as metadata_distributions
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

from support.trees import distributions, wrong_rows

# root may write everywhere; without these two capabilities it obeys the permission bits like everybody else
_AS_ANYBODY = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
        sys.exit("cannot drop a capability")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def error_line(done: "subprocess.CompletedProcess[str]", code: int) -> str:
    """What a command said that ended with `code`: exactly one line on stderr, without its prefix."""
    assert done.returncode == code, f"exit {done.returncode}: {done.stderr}{done.stdout}"
    assert "Traceback" not in done.stderr + done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("instui: "), done.stderr
    assert done.stderr.endswith("\n")
    return lines[0].removeprefix("instui: ")


def ok(done: "subprocess.CompletedProcess[str]") -> str:
    """What a command printed that went well and had nothing to complain of."""
    assert (done.returncode, done.stderr) == (0, ""), f"exit {done.returncode}: {done.stderr}{done.stdout}"
    return done.stdout


def everything(top: Path) -> dict[str, str]:
    """Relative path -> kind, mode and content of all below `top`, the engine's own directory and locks included."""
    found = {}
    for place, directories, files in os.walk(top):
        for name in (*directories, *files):
            path = Path(place) / name
            found[path.relative_to(top).as_posix()] = _described(path)
    return found


def _described(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    status = path.lstat()
    if path.is_dir():
        return f"directory {status.st_mode:o}"
    if not path.is_file():
        return f"special {status.st_mode:o}"
    return f"file {status.st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def fingerprints(top: Path) -> dict[str, tuple[int, int]]:
    """Relative path -> inode and mtime of every file and directory that is not the engine's own."""
    found = {}
    for place, directories, files in os.walk(top):
        directories[:] = [name for name in directories if name != ".instui"]
        for name in (*directories, *files):
            path = Path(place) / name
            if name != ".lock":
                status = path.lstat()
                found[path.relative_to(top).as_posix()] = (status.st_ino, status.st_mtime_ns)
    return found


def installed(site: Path) -> dict[str, str]:
    """Normalized name -> version, as the standard library sees them; no name is there twice."""
    found: dict[str, str] = {}
    for distribution in metadata_distributions(path=[str(site)]):
        name = canonicalize_name(distribution.metadata["Name"])
        assert name not in found, f"{name} is there twice: {found[name]} and {distribution.version}"
        found[name] = distribution.version
    return found


def verify(top: Path, site: Path, expected: Mapping[str, str], but: Iterable[str] = ()) -> None:
    """Exactly `expected` is installed: every row of every RECORD is true, and uv sees nothing wrong either.

    `but`: `name-version` of those that lost files to others.
    """
    assert installed(site) == dict(expected)
    assert len(distributions(site)) == len(expected)
    for distribution in distributions(site):
        if distribution not in but:
            assert wrong_rows(site, distribution) == []
    listed = uv("pip", "list", "--format", "json", "--python", top / "bin" / "python")
    assert {canonicalize_name(entry["name"]): entry["version"] for entry in json.loads(listed)} == dict(expected)
    uv("pip", "check", "--python", top / "bin" / "python")


def uv(*arguments: object, env: Mapping[str, str] | None = None) -> str:
    """Run uv, which must succeed; what it printed."""
    done = run_uv(*arguments, env={**os.environ, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", **(env or {})})
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_uv(*arguments: object, env: Mapping[str, str], cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run uv to its end, whatever that is, with these variables and no others."""
    from uv import find_uv_bin

    command = [os.fsdecode(find_uv_bin()), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, cwd=cwd, check=False)


def as_anybody() -> list[str] | None:
    """What to put before a Python's arguments so that permission bits count for it, root or not; None if impossible."""
    if os.geteuid() != 0:
        return [sys.executable]
    probe = [sys.executable, "-c", _AS_ANYBODY, "-c", "pass"]
    return probe[:3] if subprocess.run(probe, capture_output=True, check=False).returncode == 0 else None


class Interpreter(NamedTuple):
    """Another Python than the one that runs the tests. `version`: as in `3.12`."""

    path: Path
    version: str


@lru_cache(maxsize=1)
def other_interpreters() -> tuple[Interpreter, ...]:
    """CPythons of other versions on this machine that can make environments, the newest first, one for each version."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    places = [*Path(root).glob("versions/*/bin/python3"), *_on_path()]
    versions = _versions(places) or _versions(_known_to_uv())
    versions.pop(sys.version_info[:2], None)
    return tuple(
        Interpreter(path, f"{major}.{minor}")
        for (major, minor), path in sorted(versions.items(), reverse=True)
        if (major, minor) >= (3, 9)
    )


def _on_path() -> Iterator[Path]:
    for minor in range(9, 20):
        found = shutil.which(f"python3.{minor}")
        if found and "shims" not in found:  # what they lead to is asked itself
            yield Path(found)


def _known_to_uv() -> list[Path]:
    try:
        listed = json.loads(uv("python", "list", "--only-installed", "--offline", "--output-format", "json"))
    except (AssertionError, ValueError):
        return []
    return [Path(entry["path"]) for entry in listed if entry.get("path")]


def _versions(places: Iterable[Path]) -> dict[tuple[int, int], Path]:
    """Version -> interpreter, of the CPythons among `places`."""
    versions: dict[tuple[int, int], Path] = {}
    script = "import sys, venv; print(*sys.version_info[:2], sys.implementation.name)"
    for path in places:
        try:
            done = subprocess.run([path, "-I", "-c", script], capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        fields = done.stdout.split()
        if done.returncode == 0 and fields[2] == "cpython":
            versions.setdefault((int(fields[0]), int(fields[1])), path)
    return versions
