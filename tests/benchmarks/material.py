"""What the benchmarks install: made or downloaded once, before anything is timed.

    <work>/material-<key>/wheels/             the wheel files
    <work>/material-<key>/requirements.txt    the same set as exact pins
    <work>/material-<key>/pylock.toml         the same set as a lock file (PEP 751)
    <work>/material-<key>/uv-cache/           uv's cache with all of it

The real set comes from the index that uv and pip are configured for; none is named here. A made-up set has the same
shape, and needs no index.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import uv

from benchmarks.measure import make_venv, prepare
from benchmarks.programs import environment, uv_pip
from support.wheelsmith import build_wheel

NAMES = ("jupyterlab", "pandas", "matplotlib", "scikit-learn", "django", "sphinx", "botocore")


@dataclass(frozen=True, slots=True)
class Material:
    """A set of wheels below `place`. `names`: what to ask an index for, and `index`: variables that name it."""

    place: Path
    names: tuple[str, ...] = ()
    index: Mapping[str, str] = field(default_factory=dict)

    @property
    def wheels(self) -> tuple[str, ...]:
        """The wheel files."""
        return tuple(sorted(str(path) for path in (self.place / "wheels").glob("*.whl")))

    @property
    def requirements(self) -> str:
        """The set as exact pins."""
        return str(self.place / "requirements.txt")

    @property
    def pylock(self) -> str:
        """The set as a lock file."""
        return str(self.place / "pylock.toml")

    @property
    def uv_cache(self) -> str:
        """The cache of uv that knows the set."""
        return str(self.place / "uv-cache")

    def copied(self, place: Path) -> "Material":
        """The same on another disk, with the cache: uv links from it, so it must be on the disk that is measured."""
        place.mkdir(parents=True)
        for name in ("requirements.txt", "pylock.toml"):
            text = (self.place / name).read_text(encoding="utf-8")
            (place / name).write_text(text.replace(str(self.place), str(place)), encoding="utf-8")
        for name in ("wheels", "uv-cache"):
            shutil.copytree(self.place / name, place / name, symlinks=True)
        return Material(place, self.names, self.index)


def real(work: Path) -> Material:
    """The real set, from an earlier run or fetched now. Raises Skip where no index answers."""
    key = hashlib.sha256(repr((NAMES, sys.version, sys.platform)).encode()).hexdigest()[:12]
    return _ready(Material(work / f"material-{key}", NAMES), _fetch)


def made_up(work: Path, wheels: int, files: int) -> Material:
    """A set of that many wheels with that many files each."""

    def make(material: Material) -> None:
        names = [f"made-up{number:04}" for number in range(wheels)]
        for name in names:
            build_wheel(material.place / "wheels", name, "1.0", package(name, "1.0", files))
        pins = "".join(f"{name}==1.0\n" for name in names)
        text = f"--no-index\n--find-links {material.place / 'wheels'}\n{pins}"
        Path(material.requirements).write_text(text, encoding="utf-8")
        _lock(material)

    return _ready(Material(work / f"material-made-up-{wheels}-{files}"), make)


def package(name: str, version: str, files: int, size: int = 2000) -> dict[str, bytes]:
    """The files of a wheel that shares nothing with others: a package of that many files in two directories."""
    module = name.replace("-", "_")
    return {
        f"{module}/{'inner/' if number % 2 else ''}m{number:03}.py": f"# {name} {version} {number}\n".encode().ljust(
            size, b"#"
        )
        for number in range(files)
    }


def make_wheels(place: Path, count: int, content: Callable[[str], Mapping[str, bytes]], version: str = "1.0") -> Path:
    """A directory of wheels `dist00000` and so on; one that is complete is left as it is."""
    if not place.exists():
        made = Path(tempfile.mkdtemp(prefix=f"{place.name}-", dir=_made(place.parent)))
        for number in range(count):
            name = f"dist{number:05}"
            build_wheel(made, name, version, content(name))
        made.rename(place)
    return place


def _made(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return place


def _ready(material: Material, make: Callable[[Material], None]) -> Material:
    complete = material.place / "complete"
    if not complete.exists():
        _made(material.place / "wheels")
        make(material)
        complete.touch()
    return material


def _compile(*arguments: str) -> list[str]:
    return uv_pip("compile", "--no-build", "--no-header", "--no-annotate", "--python", sys.executable, *arguments)


def _lock(material: Material) -> None:
    command = _compile("--no-deps", material.requirements, "--output-file", material.pylock)
    prepare("lock the wheels", command, environment(material.uv_cache))


def _fetch(material: Material) -> None:
    variables = environment(material.uv_cache)
    variables.pop("PIP_CONFIG_FILE")  # it may say where the index is
    names = material.place / "requirements.in"
    names.write_text("".join(f"{name}\n" for name in material.names), encoding="utf-8")
    resolve = _compile(str(names), "--output-file", material.requirements)
    prepare("resolve the wheels (does a package index answer?)", resolve, variables)
    _lock(material)  # from the pins, so that the two say the same
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    wheels = ["--requirement", material.requirements, "--dest", str(material.place / "wheels")]
    prepare("download the wheels", [*download, *wheels], variables)
    for file in (material.requirements, material.pylock):  # uv caches what these two name apart
        scratch = f"{tempfile.mkdtemp(dir=material.place)}/venv"
        make_venv(scratch, variables)
        install = uv_pip("install", "--no-deps", "--no-build", "--python", scratch, "--requirement", file)
        prepare("fill uv's cache with the wheels", install, variables)


def uv_version() -> str:
    """The version of uv that is compared with."""
    return prepare("ask uv for its version", [uv.find_uv_bin(), "--version"], os.environ).split()[1]
