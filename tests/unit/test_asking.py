"""An interpreter is understood whatever its environment does when it starts, and one that is not is ended."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from instui_engine.errors import TargetError
from instui_engine.target.asking import ask
from support.environments import Venv, until

NOISE = {
    "a line": "print('hello')",
    "no line's end": "import sys; sys.stdout.write('{')",
    "at exit": "import atexit; atexit.register(print, 'bye')",
    "on stderr": "import sys; print('careful', file=sys.stderr)",
    "much": "import sys; sys.stdout.write('x' * 10**7); sys.stderr.write('y' * 10**7)",
    "an error": "raise RuntimeError('broken')",
    "another directory": "import os; os.chdir('/')",
    "stdout closed": "import os; os.close(1)",
    "stdout elsewhere": "import os; os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
    "stderr closed": "import sys; sys.stderr.close()",
    "hangs at exit": "import atexit, time; atexit.register(time.sleep, 1000)",
    "a child that keeps the streams": "import subprocess; subprocess.Popen(['sleep', '5'])",
}


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_it_is_understood_whatever_is_printed_at_its_start(noise: str, venv: Callable[[], Venv]) -> None:
    place = venv()
    (site,) = place.top.glob("lib/python3*/site-packages")
    (site / "sitecustomize.py").write_text(noise)
    (site / "noise.pth").write_text("import nothing_of_that_name\n")
    assert ask(place.top / "bin" / "python")["prefix"] == str(place.top)


def test_an_end_before_the_answer_is_told_with_its_cause(venv: Callable[[], Venv], tmp_path: Path) -> None:
    place = venv()
    (site,) = place.top.glob("lib/python3*/site-packages")
    for text, cause in (
        ("import os; os._exit(3)", "exit status 3; does a sitecustomize.py or a .pth"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
    ):
        (site / "sitecustomize.py").write_text(text)
        with pytest.raises(TargetError, match=cause):
            ask(place.top / "bin" / "python")
    for text, cause in (
        (
            "echo 'Fatal Python error: no encodings' >&2; echo '<no Python frame>' >&2; exit 1",
            ": Fatal Python error: no",
        ),
        ("echo 'python: Error: exit' >&2; exit 127", "python: Error: exit$"),
        ("yes > /dev/stderr & sleep 1; kill $!; exit 1", ": y$"),
    ):
        with pytest.raises(TargetError, match=cause):
            ask(script(tmp_path / "python", text))


def hanging(tmp_path: Path) -> tuple[Path, Path]:
    """One that hangs, and the file with the pid of its child."""
    child = tmp_path / "child"
    return script(tmp_path / "python", f"sleep 1000 & echo $! > {child}.new; mv {child}.new {child}; wait"), child


def test_what_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    python, child = hanging(tmp_path)
    with pytest.raises(TargetError, match=r"did not answer within 2 s and was stopped; try `.*/python -I -c pass`"):
        ask(python, patience=2)
    pid = int(child.read_text())
    while is_running(pid):
        time.sleep(0.01)


def test_it_is_ended_with_its_children_if_ctrl_c_comes_while_something_else_is_done(tmp_path: Path) -> None:
    python, child = hanging(tmp_path)

    def interrupted() -> None:
        until(child.exists)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(python, meanwhile=interrupted)
    pid = int(child.read_text())
    until(lambda: not is_running(pid))


def test_an_endless_output_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="did not answer"):
        ask(script(tmp_path / "python", "exec yes"), patience=1)


def test_it_starts_before_what_is_done_meanwhile(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    python = script(tmp_path / "python", f'read line < {gate}; exec {os.path.realpath("/proc/self/exe")} "$@"')

    def open_gate() -> int | None:
        with suppress(OSError):  # nobody reads there until the interpreter runs
            return os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        return None

    def let_go() -> None:
        with open(until(open_gate), "w") as file:
            file.write("go\n")

    assert ask(python, meanwhile=let_go)["version"]


def test_a_terminal_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="nothing to read"):
        ask(script(tmp_path / "python", "read line || echo 'Error: nothing to read' >&2; exit 1"))


def test_one_that_is_too_old_is_named(tmp_path: Path) -> None:
    from instui_engine.target.interpreter import probe

    real = os.path.realpath("/proc/self/exe")
    old = script(tmp_path / "python", f'exec {real} -c "import sys; sys.version_info = (3, 6, 15); $6" "$7" "$8"')
    old.write_text(old.read_text().replace("; $6", "\n$6"))
    with pytest.raises(TargetError, match=r"python is Python 3\.6\.15; instui needs 3\.8 or newer there"):
        probe(old, tmp_path / "cache")


def is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
