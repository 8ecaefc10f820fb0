"""What ends an install while byte code is made: nothing of it has been changed then."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from instui_engine.bytecode import workers
from support.environments import Venv
from support.wheelsmith import build_wheel


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "tool", "1.0", {"single.py": b"x = 1\n"})


@pytest.fixture
def hanging(venv: Callable[[], Venv]) -> Iterator[Venv]:
    """An environment whose Python does not answer."""
    target = venv()
    target.cache = target.top / "cache"
    real = os.path.realpath(target.top / "bin" / "python")
    python = target.top / "bin" / "python"
    python.unlink()
    python.write_text(f'#!/bin/sh\ncase "$*" in *py_compile*) exec sleep 100;; *) exec {real} "$@";; esac\n')
    python.chmod(0o755)
    yield target


def test_a_python_that_hangs_ends_the_install_before_anything_is_changed(
    hanging: Venv, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_START", 0.2)
    monkeypatch.setattr("instui_engine.bytecode.compile.patience", lambda: 0.2)
    outcome = hanging.install(wheel, compile_bytecode=True)
    assert outcome.exit_code == 1
    assert "was not compiled within 0 s; nothing was installed" in outcome.error
    assert not (hanging.site / "single.py").exists()
    assert hanging.stages() == []


def test_a_python_that_dies_ends_the_install(venv: Callable[[], Venv], wheel: Path) -> None:
    target = venv()
    target.cache = target.top / "cache"
    real = os.path.realpath(target.top / "bin" / "python")
    python = target.top / "bin" / "python"
    python.unlink()
    python.write_text(f'#!/bin/sh\ncase "$*" in *py_compile*) exit 3;; *) exec {real} "$@";; esac\n')
    python.chmod(0o755)
    outcome = target.install(wheel, compile_bytecode=True)
    assert outcome.exit_code == 1
    assert "ended with exit status 3 while it compiled" in outcome.error
    assert not (target.site / "single.py").exists()


@pytest.mark.parametrize(
    ("variable", "value"), [("PYC_INVALIDATION_MODE", "sometimes"), ("UV_COMPILE_BYTECODE_TIMEOUT", "soon")]
)
def test_a_variable_that_makes_no_sense_is_a_usage_error(
    venv: Callable[[], Venv], wheel: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    outcome = venv().install(wheel, compile_bytecode=True)
    assert outcome.exit_code == 2
    assert variable in outcome.error
