"""What the benchmarks install: resolved, downloaded and written down once, before anything is timed.

    <work>/material-<key>/wheels/             the wheel files
    <work>/material-<key>/requirements.txt    the same set as exact pins
    <work>/material-<key>/pylock.toml         the same set as a lock file (PEP 751)
    <work>/material-<key>/uv-cache/           uv's cache with all of it

The index is the one that uv and pip are configured for; none is named here.
"""

import compileall
import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uv

REQUIREMENTS = ("jupyterlab", "pandas", "matplotlib", "scikit-learn", "django", "sphinx", "botocore")
_PATIENCE = 600  # seconds for a step of the preparation
# What would change what is measured, or where it goes.
_DROPPED = ("PYTHON", "INSTUI_", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_LINK_MODE", "UV_COMPILE_BYTECODE", "UV_CONCURRENT")


class Skip(Exception):
    """The benchmarks cannot run here; the text says why."""


@dataclass(frozen=True, slots=True)
class Material:
    """The set of wheels, in three forms, and the cache of uv that knows it."""

    wheels: tuple[str, ...]
    requirements: str
    pylock: str
    uv_cache: str


def environment(uv_cache: str) -> dict[str, str]:
    """The variables of every process that is run here; byte code is written and used as usual."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_DROPPED)}
    return kept | {"UV_CACHE_DIR": uv_cache, "NO_COLOR": "1"}


def prepare(work: Path) -> Material:
    """The material below `work`, from an earlier run or made now. Raises Skip when no index answers."""
    key = hashlib.sha256(repr((REQUIREMENTS, sys.version, sys.platform)).encode()).hexdigest()[:12]
    place = work / f"material-{key}"
    wheels = place / "wheels"
    material = Material((), str(place / "requirements.txt"), str(place / "pylock.toml"), str(place / "uv-cache"))
    ready = place / "complete"
    if not ready.exists():
        wheels.mkdir(parents=True, exist_ok=True)
        _make(material, place, wheels)
        ready.touch()
    files = tuple(sorted(str(path) for path in wheels.glob("*.whl")))
    return Material(files, material.requirements, material.pylock, material.uv_cache)


def _make(material: Material, place: Path, wheels: Path) -> None:
    variables = environment(material.uv_cache)
    names = place / "requirements.in"
    names.write_text("".join(f"{name}\n" for name in REQUIREMENTS), encoding="utf-8")
    compile_ = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-build", "--no-header", "--python", sys.executable]
    pinned = [*compile_, "--no-annotate", str(names), "--output-file", material.requirements]
    _run("resolve", pinned, variables)
    # from the pins, so that the two say the same
    _run("lock", [*compile_, "--no-deps", material.requirements, "--output-file", material.pylock], variables)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    _run("download", [*download, "--requirement", material.requirements, "--dest", str(wheels)], variables)
    install = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--no-build"]
    for file in (material.requirements, material.pylock):  # uv caches what these two name apart
        scratch = f"{tempfile.mkdtemp(dir=place)}/venv"
        make_venv(scratch, variables)
        _run("fill uv's cache with", [*install, "--python", scratch, "--requirement", file], variables)


def make_venv(path: str, variables: dict[str, str]) -> None:
    """A new, empty virtual environment of the running interpreter."""
    _run("make an environment for", [uv.find_uv_bin(), "venv", "--quiet", "--python", sys.executable, path], variables)


def compile_packages() -> None:
    """Byte code for instui, as an installed package has it: an editable checkout may lack it."""
    for name in ("instui", "instui_engine"):
        for place in __import__(name).__path__:
            compileall.compile_dir(place, quiet=2)


def _run(what: str, command: list[str], variables: dict[str, str]) -> None:
    try:
        done = subprocess.run(command, env=variables, capture_output=True, timeout=_PATIENCE, check=False, text=True)
    except subprocess.TimeoutExpired as error:
        raise Skip(f"could not {what} the wheels within {_PATIENCE} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Skip(f"could not {what} the wheels (does a package index answer?): {last.strip()}")
