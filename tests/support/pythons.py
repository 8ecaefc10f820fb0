"""Every CPython on this machine that may be a target, and every kind of environment that can be made of one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from support.cli import _known_to_uv, _on_path, _versions, uv

OLDEST = (3, 8)
Maker = Callable[[Path, Path], None]  # of the environment at a place, of an interpreter


@lru_cache(maxsize=1)
def cpythons() -> dict[str, Path]:
    """Version, as in `3.12`, -> interpreter: all that are no older than OLDEST, the oldest first."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    found = _versions([base, *_pyenv(), *_on_path(), *_known_to_uv()])
    return {".".join(map(str, version)): found[version] for version in sorted(found) if version >= OLDEST}


def older_pythons() -> list[Path]:
    """Interpreters here that are too old to be targets."""
    return [path for path in _pyenv() if path.parent.parent.name.startswith(("2.", "3.5.", "3.6.", "3.7."))]


def _pyenv() -> list[Path]:
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    return sorted(Path(root).glob("versions/*.*/bin/python"))


def by_venv(top: Path, python: Path, *options: str) -> None:
    subprocess.run([python, "-m", "venv", "--without-pip", *options, top], check=True)


def by_venv_of_copies(top: Path, python: Path) -> None:
    by_venv(top, python, "--copies")


def with_system_packages(top: Path, python: Path) -> None:
    by_venv(top, python, "--system-site-packages")


def by_virtualenv(top: Path, python: Path) -> None:
    pytest.importorskip("virtualenv")
    app_data = top.parent / "app-data"
    command = [sys.executable, "-m", "virtualenv", "--no-seed", "--no-periodic-update", f"--app-data={app_data}"]
    subprocess.run([*command, "--quiet", "--python", python, top], check=True)
    shutil.rmtree(app_data, ignore_errors=True)


def by_uv(top: Path, python: Path, *options: str) -> None:
    uv("venv", "--quiet", "--offline", "--python", python, *options, top)


def relocatable(top: Path, python: Path) -> None:
    by_uv(top, python, "--relocatable")


def installation(top: Path, python: Path) -> None:
    """A whole Python of its own, as conda makes one: no `pyvenv.cfg`, and packages beside the standard library."""
    real = Path(os.path.realpath(python))
    name = real.name
    base, library = real.parent.parent, Path("lib") / name
    (top / "bin").mkdir(parents=True)
    shutil.copy2(real, top / "bin" / name)
    (top / "bin" / "python").symlink_to(name)
    (top / "conda-meta").mkdir()
    (top / "include" / name).mkdir(parents=True)
    (top / library / "site-packages").mkdir(parents=True)
    for entry in (base / library).iterdir():
        if entry.name not in ("site-packages", "dist-packages", "EXTERNALLY-MANAGED", "__pycache__"):
            (top / library / entry.name).symlink_to(entry)


KINDS: dict[str, Maker] = {
    "venv": by_venv,
    "venv of copies": by_venv_of_copies,
    "system site packages": with_system_packages,
    "virtualenv": by_virtualenv,
    "uv venv": by_uv,
    "relocatable": relocatable,
    "installation": installation,
}
