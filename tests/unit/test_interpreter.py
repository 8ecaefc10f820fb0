"""What is asked of a target Python once, and when it is asked again."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.errors import TargetError
from instui_engine.target import interpreter
from instui_engine.target.asking import ask
from instui_engine.target.interpreter import probe
from support.environments import Venv


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The interpreters that were started since."""
    started: list[Path] = []
    real = interpreter._ask
    monkeypatch.setattr(interpreter, "_ask", lambda python, *rest: started.append(python) or real(python, *rest))
    return started


def test_an_interpreter_is_asked_once(venv: Callable[[], Venv], tmp_path: Path, asked: list[Path]) -> None:
    one, other = (place.top / "bin" / "python" for place in (venv(), venv()))
    asked.clear()
    assert probe(one, tmp_path / "cache") == probe(one, tmp_path / "cache")
    assert probe(other, tmp_path / "cache").executable == str(other)
    assert asked == [one]


def test_something_else_is_done_while_it_is_asked_and_only_then(venv: Callable[[], Venv], tmp_path: Path) -> None:
    python = venv().top / "bin" / "python"
    done: list[str] = []
    probe(python, tmp_path / "cache", lambda: done.append("first"))
    probe(python, tmp_path / "cache", lambda: done.append("second"))
    assert done == ["first"]


def test_another_system_on_the_same_home_asks_for_itself(
    venv: Callable[[], Venv], tmp_path: Path, asked: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    python = venv().top / "bin" / "python"
    asked.clear()
    probe(python, tmp_path)
    system = os.uname()
    for changed in ("release", "machine"):
        values = {name: getattr(system, name) for name in ("sysname", "nodename", "release", "version", "machine")}
        other = os.uname_result(tuple({**values, changed: "other"}.values()))
        monkeypatch.setattr(os, "uname", lambda other=other: other)
        probe(python, tmp_path)
    monkeypatch.setattr(os, "uname", lambda: system)
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.17")
    probe(python, tmp_path)
    assert len(asked) == 4
    monkeypatch.undo()
    probe(python, tmp_path)
    assert len(list((tmp_path / "interpreters").iterdir())) == 4


def test_an_interpreter_that_was_rewritten_with_its_old_size_and_mtime_is_asked_again(
    tmp_path: Path, venv: Callable[[], Venv], asked: list[Path]
) -> None:
    real = os.path.realpath(venv().top / "bin" / "python")
    asked.clear()
    shim = tmp_path / "python"
    script = "#!{} -I\nimport json, sys\nprint(sys.argv[-2] + json.dumps({}) + sys.argv[-1])\n"
    answer = {**ask(Path(real)), "version": "3.11.1", "executable": str(shim)}
    shim.write_text(script.format(real, answer))
    shim.chmod(0o755)
    assert probe(shim, tmp_path / "cache").version == probe(shim, tmp_path / "cache").version == "3.11.1"
    before = shim.stat()
    shim.write_text(script.format(real, {**answer, "version": "3.11.2"}))
    os.utime(shim, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert shim.stat().st_size == before.st_size
    assert probe(shim, tmp_path / "cache").version == "3.11.2"
    assert len(asked) == 2


@pytest.mark.parametrize("answer", ["[]", "{}", '{"version": "3.11.1", "paths": {}, "markers": {}}', "x", "1"])
def test_what_answers_otherwise_is_no_python(answer: str, tmp_path: Path) -> None:
    shim = tmp_path / "python"
    shim.write_text(f'#!/bin/sh\necho "$7"\'{answer}\'"$8"\n')
    shim.chmod(0o755)
    with pytest.raises(TargetError, match="is not a Python interpreter"):
        probe(shim, tmp_path / "cache")


def test_an_answer_that_was_damaged_in_the_cache_is_asked_for_again(
    venv: Callable[[], Venv], tmp_path: Path, asked: list[Path]
) -> None:
    python = venv().top / "bin" / "python"
    asked.clear()
    before = probe(python, tmp_path)
    (kept,) = (tmp_path / "interpreters").iterdir()
    for damage in ("{", "[]", json.dumps({**json.loads(kept.read_text()), "answer": {"tags": []}})):
        kept.write_text(damage)
        assert probe(python, tmp_path) == before
    assert len(asked) == 4
