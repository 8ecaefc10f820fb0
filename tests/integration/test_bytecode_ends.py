"""What ends an install while byte code is made: nothing of it has been changed then."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.bytecode import workers
from support.environments import Venv
from support.wheelsmith import build_wheel


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "tool", "1.0", {"single.py": b"x = 1\n"})


def with_python(target: Venv, instead: str) -> Venv:
    """The environment with a cache of its own, and a Python that does `instead` where it should compile."""
    target.cache = target.top / "cache"
    python = target.top / "bin" / "python"
    real = os.path.realpath(python)
    python.unlink()
    python.write_text(f'#!/bin/sh\ncase "$*" in *py_compile*) {instead};; *) exec {real} "$@";; esac\n')
    python.chmod(0o755)
    return target


def test_a_python_that_hangs_ends_the_install_before_anything_is_changed(
    venv: Callable[[], Venv], wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = with_python(venv(), "exec sleep 100")
    monkeypatch.setattr(workers, "_START", 0.2)
    monkeypatch.setattr("instui_engine.bytecode.compile.patience", lambda: 0.2)
    outcome = target.install(wheel, compile_bytecode=True)
    assert outcome.exit_code == 1
    assert "was not compiled within 0 s; nothing was installed" in outcome.error
    assert not (target.site / "single.py").exists()
    assert target.stages() == []


def test_a_python_that_dies_ends_the_install(venv: Callable[[], Venv], wheel: Path) -> None:
    target = with_python(venv(), "exit 3")
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
