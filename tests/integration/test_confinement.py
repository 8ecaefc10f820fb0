"""What is not ours stays: outside the scheme directories, of other environments, of whoever holds the loser's files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from instui.cli.parsed import recorded
from instui_engine.commands.uninstall import uninstall
from instui_engine.commit import transaction
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.journal.writer import Journal
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.session.workers import run_workers
from instui_engine.target.environment import discover
from instui_engine.target.interpreter import probe
from support import trees
from support.cli import everything, ok
from support.environments import Venv
from support.wheelsmith import build_wheel


def test_an_upgrade_removes_no_file_outside_the_scheme_directories(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """A `--target` inside an environment, and a RECORD that names the environment's own files."""
    top = venv().top
    target = top / "app" / "lib"
    python = ("--python", top, "--target", target, "--no-deps", "--no-fsync")
    ok(run_instui("install", *python, build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""})))
    mine = top / "bin" / "mine"
    mine.write_text("not of pkg")
    record = target / "pkg-1.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + "../../bin/mine,,\n../../bin/activate,,\n")
    ok(run_instui("install", *python, build_wheel(tmp_path, "pkg", "2.0", {"pkg.py": b"2"})))
    assert mine.read_text() == "not of pkg"
    assert (target / "pkg-2.0.dist-info").is_dir()


def test_the_winner_of_a_conflict_runs_its_own_text(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    """Byte code of the loser goes with its text: Python compares no more than size and seconds."""
    target = venv()
    program = [target.top / "bin" / "python", "-c", "from shared import who; print(who.NAME)"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    for name in ("aaa", "bbb"):
        wheel = build_wheel(tmp_path, name, "1.0", {"shared/who.py": f"NAME = {name!r}\n".encode()})
        ok(run_instui("install", "--python", target.top, "--no-deps", "--no-fsync", wheel))
        os.utime(target.site / "shared" / "who.py", (1_000_000_000, 1_000_000_000))
        printed = subprocess.run(program, capture_output=True, text=True, check=True, env=env).stdout.strip()
        assert printed == name


def test_what_could_not_be_undone_is_not_listed_and_settled_by_the_next_command(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    old, new = (build_wheel(tmp_path, "pkg", v, {"pkg/a.py": v.encode(), f"pkg/{v}.py": b""}) for v in ("1.0", "2.0"))
    target.put(old)
    rename = os.rename

    def failing(source: str, place: str, **options: Any) -> None:
        if place == "pkg-2.0.dist-info" or source == "pkg-2.0.dist-info" or place == "a.py":
            raise OSError(5, "Input/output error", source)
        rename(source, place, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing)
        outcome = target.install(new)
    assert outcome.exit_code == 1 and "pkg 2.0" in outcome.error
    assert trees.distributions(target.site).keys() <= {"pkg-1.0"}
    target.put(new)
    assert trees.complete(target.site, "pkg-2.0")
    assert trees.unlisted(target.site) == []
    assert target.stages() == []


@pytest.mark.parametrize("removing", [False, True], ids=["upgrade", "removal"])
def test_a_directory_that_becomes_a_symbolic_link_while_a_commit_runs_leads_nobody_outside(
    removing: bool, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    old, new = (
        build_wheel(tmp_path, "pkg", v, {f"pkg/{way}/{n}.py": v.encode() for way in "ab" for n in ("same", v)})
        for v in ("1.0", "2.0")
    )
    target.put(old)
    outside = tmp_path / "outside"
    shutil.copytree(target.site / "pkg", outside)
    before = everything(outside)
    take = transaction.take
    swapped: list[str] = []

    def swap_first(tree: DirfdTree, step: transaction.Step) -> None:
        if not swapped:
            swapped.append(f"{target.environment.roots['purelib']}/pkg")
            (target.site / "pkg").rename(tmp_path / "away")
            (target.site / "pkg").symlink_to(outside)
            tree.forget(swapped[0])  # it does not stay open in every transaction
        take(tree, step)

    monkeypatch.setattr(transaction, "take", swap_first)
    if removing:
        chosen = Options(cache=target.cache, jobs=1, fsync=False)
        uninstall(["pkg"], target.environment, chosen, Control())
    else:
        target.install(new)
    assert swapped
    assert everything(outside) == before


def test_the_answer_of_a_shim_is_asked_for_each_time(tmp_path: Path) -> None:
    """pyenv's `python` is a script that starts another interpreter today and yet another one tomorrow."""
    shim = tmp_path / "bin" / "python"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    shim.chmod(0o755)
    probe(shim, tmp_path / "cache")
    assert not list(tmp_path.glob("cache/interpreters/*"))


def test_an_environment_in_an_environment_is_its_own(venv: Callable[[], Venv], tmp_path: Path) -> None:
    outer = venv().top
    inner = outer / "inner"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", inner], check=True)
    environment = discover(tmp_path / "cache", python=str(inner))
    assert environment.top == inner.resolve()
    assert environment.lock_path == inner.resolve() / ".lock"


def test_the_journal_holds_no_password() -> None:
    arguments = ["install", "--index-url", "https://me:s3c@ret@host/simple", "--extra-index-url=http://u:p@h/", "flask"]
    assert "s3c" not in " ".join(recorded(arguments)) and "ret@" not in " ".join(recorded(arguments))
    assert "u:p" not in " ".join(recorded(arguments))


def test_no_thread_outlives_workers_that_cannot_all_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    context = Context(Options(tmp_path, 4), Journal(), Control())
    running: list[threading.Thread] = []
    start = threading.Thread.start

    def scarce(thread: threading.Thread) -> None:
        if running:
            raise RuntimeError("can't start new thread")
        running.append(thread)
        start(thread)

    def work() -> None:
        while not context.stopping():
            pass

    monkeypatch.setattr(threading.Thread, "start", scarce)
    with pytest.raises(RuntimeError):
        run_workers(context, [work] * 3)
    assert not running[0].is_alive()
