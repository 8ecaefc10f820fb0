"""The command lines of what is compared. All run on the interpreter of the benchmarks, or on that of a revision."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import uv

# What would change what is measured, or where it goes. "PYTHON": byte code is written and used as usual.
_DROPPED = ("PYTHON", "INSTUI_", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_LINK_MODE", "UV_COMPILE_BYTECODE", "UV_CONCURRENT")

# The interpreter of the benchmarks may have the extra `fast`, as the tests want it; what is usual is measured without.
WITHOUT_ISAL: Mapping[str, str] = {"PYTHONPATH": str(Path(__file__).with_name("without_isal"))}
HAS_ISAL = importlib.util.find_spec("isal") is not None


def environment(uv_cache: str) -> dict[str, str]:
    """The variables of every process that is timed. pip's configuration may hold an index, or constraints."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_DROPPED)}
    return kept | {"UV_CACHE_DIR": uv_cache, "NO_COLOR": "1", "PIP_CONFIG_FILE": os.devnull}


@dataclass(frozen=True, slots=True)
class Instui:
    """A revision of instui: the interpreter of an environment that has it."""

    label: str
    python: str

    @property
    def module(self) -> list[str]:
        """Its words as a module."""
        return [self.python, "-m", "instui"]

    @property
    def script(self) -> list[str]:
        """Its words as a script; none where there is no script."""
        path = Path(self.python).with_name("instui")
        return [str(path)] if path.exists() else []


def uv_pip(*arguments: str) -> list[str]:
    """`uv pip ...`, quiet."""
    action, *rest = arguments
    return [uv.find_uv_bin(), "pip", action, "--quiet", *rest]


def pip_install(venv: str, *arguments: str) -> list[str]:
    """`pip install ...` into an environment that has no pip of its own."""
    target = ["--python", f"{venv}/bin/python"]
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    return [sys.executable, "-m", "pip", *target, "install", *options, *arguments]
