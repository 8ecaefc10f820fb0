"""Two revisions of instui, built alike: each as a wheel into a new environment, with its byte code."""

import os
import sys
from pathlib import Path

import uv

from benchmarks.measure import make_venv, prepare
from benchmarks.programs import Instui, uv_pip

ROOT = Path(__file__).resolve().parents[2]


def this(place: Path) -> Instui:
    """The working tree, as it is."""
    return _built("this tree", ROOT, place / "this")


def at(revision: str, place: Path) -> Instui:
    """Another revision, from a clone. Raises Skip where this repository does not have it."""
    git = ["git", "-C", str(ROOT)]
    found = prepare(f"find {revision}", [*git, "rev-parse", "--verify", f"{revision}^{{commit}}"], _variables()).strip()
    tree = place / "tree"
    clone = ["git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(tree)]
    prepare(f"clone {revision}", clone, _variables())
    prepare(f"check out {revision}", ["git", "-C", str(tree), "checkout", "--quiet", found], _variables())
    return _built(found[:9], tree, place / "other")


def _built(label: str, tree: Path, place: Path) -> Instui:
    """A wheel, because uv would take an older build of a directory for a new one."""
    venv, wheels = str(place / "venv"), place / "dist"
    make_venv(venv, _variables())
    build = [uv.find_uv_bin(), "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", str(wheels)]
    prepare(f"build {label}", [*build, str(tree)], _variables())
    (wheel,) = wheels.glob("*.whl")
    install = uv_pip("install", "--compile-bytecode", "--link-mode", "copy", "--python", venv, str(wheel))
    prepare(f"install {label}", install, _variables())
    return Instui(label, f"{venv}/bin/python")


def _variables() -> dict[str, str]:
    """Those of this process, with the user's index and cache, but for what would change the build."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
