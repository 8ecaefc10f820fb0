"""What home begins, and what it sees of its environment and of other installers."""

import argparse
import fcntl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from instui.cli.hosting import Hosting
from instui.cli.parser import parse_home
from instui.cli.places import PlaceFinder
from instui.monitor.installers import installers
from instui.monitor.sessions import KnownSession
from instui.tui.host import Sight
from instui.tui.showing import Showing
from instui_engine.errors import InstuiError, UsageError
from support.environments import Venv


def home(*arguments: str) -> argparse.Namespace:
    return parse_home(list(arguments))


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("install flask", ["install", "flask", "--python=/v"]),
        ("instui install 'a b'", ["install", "a b", "--python=/v"]),
        ("install install flask", ["install", "flask", "--python=/v"]),  # the line begins with a command already
        ("install uninstall flask", ["uninstall", "flask", "--python=/v"]),
        ("install install", ["install", "install", "--python=/v"]),
        ("install sync flask", ["install", "sync", "flask", "--python=/v"]),  # it must not remove anything
        ("sync r.txt", ["sync", "r.txt", "--python=/v"]),
        ("uninstall flask", ["uninstall", "flask", "--python=/v"]),
        ("install --python /w flask", ["install", "--python", "/w", "flask"]),  # another environment is meant
        ("install --target=/w flask", ["install", "--target=/w", "flask"]),
    ],
)
def test_what_is_typed_goes_into_the_environment_of_home_unless_it_names_another(
    typed: str, command: list[str]
) -> None:
    assert Hosting(home("--python", "/v"))._arguments(typed) == command


def test_a_flag_of_a_variable_is_not_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTUI_CACHE_DIR", "/cache")
    assert Hosting(home())._arguments("install a") == ["install", "a"]


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "begin with install, uninstall, sync or install-many"),
        ("demo crash", "begin with install"),
        ("install 'a", "a quotation mark has no partner"),
        ("install", "nothing to install"),
        ("uninstall", "nothing to uninstall"),
        ("sync", "nothing to sync"),
        ("install --nonsense a", "unrecognized arguments: --nonsense"),
        ("install --help", "lists all options"),
        ("install -r -", "requirements cannot come from stdin"),
        ("install --python /nowhere/at/all a", "no environment or interpreter at /nowhere"),
    ],
)
def test_what_cannot_be_begun_is_one_line_and_nothing_is_printed(
    typed: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InstuiError) as error:
        Hosting(home()).begin(typed)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
    assert capsys.readouterr() == ("", "")


def test_the_place_is_looked_at_again_only_when_it_has_changed(
    venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    scans: list[object] = []
    target = venv()
    finder = PlaceFinder(home("--python", str(target.top)))
    monkeypatch.setattr("instui.cli.places.scan", lambda environment: scans.append(environment) or {})
    for _ in range(3):
        assert finder.look().python.startswith("CPython 3.")
        finder.recorded()
    assert len(scans) == 1
    (target.site / "new-1.0.dist-info").mkdir()
    finder.look()
    assert len(scans) == 2


def test_a_distribution_without_its_record_is_not_whole(venv: Callable[[], Venv]) -> None:
    target = venv()
    (target.site / "new-1.0.dist-info").mkdir()
    assert PlaceFinder(home("--python", str(target.top))).look().incomplete == 1


def test_what_a_killed_session_has_left_is_seen(venv: Callable[[], Venv]) -> None:
    target = venv()
    stage = target.top / ".instui/stage/gone"
    stage.mkdir(parents=True)
    finder = PlaceFinder(home("--python", str(target.top)))
    assert finder.look().leftovers == 1
    stage.rmdir()
    assert finder.look().leftovers == 0


def test_what_pip_and_uv_have_left_is_seen_when_nobody_can_be_at_work_with_it(
    venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, now = venv(), time.time()
    finder = PlaceFinder(home("--python", str(target.top)))
    assert finder.look().strays == 0
    (target.site / "~ip").mkdir()
    (target.site.parent / "~ite-packages").mkdir()
    (target.top / "bin" / ".tmpAb3dE6").touch()
    (target.top / "~in").mkdir()
    (target.site / "~").touch()
    assert finder.look().strays == 0
    monkeypatch.setattr("instui.cli.places.time.time", lambda: now + 100.0)
    assert finder.look().strays == 5
    (target.site / "~ip").rmdir()
    assert finder.look().strays == 4


def test_without_an_environment_the_place_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert "no environment found" in PlaceFinder(home()).look().missing


def test_whoever_holds_the_lock_of_an_environment_is_seen(
    venv: Callable[[], Venv], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    target = venv()
    with (target.top / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert str(target.top) not in [one.environment for one in installers(())]  # it is this process
        own = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: 1)
        assert [one.pid for one in installers(()) if one.environment == str(target.top)] == [own]
        assert [one for one in installers({own}) if one.environment == str(target.top)] == []


def test_no_two_places_for_one_install() -> None:
    with pytest.raises(UsageError, match="two places"):
        Hosting(home("--target", "/a", "--prefix", "/b")).begin("install a")


def test_a_session_of_another_process_is_only_watched_as_attach_does_it() -> None:
    opened: list[Showing] = []

    class App:
        open = opened.append

    hosting = Hosting(home())
    hosting.app = App()  # type: ignore[assignment]
    other = KnownSession("s", 1, "running", "/v", "instui install a", 0.0, 1.0, "", "/v/s.jsonl", 1, control="/s.sock")
    hosting._sight = Sight(running=[other])
    hosting.watch("s")
    assert not opened[0].controller.can_control
    assert "--control" in opened[0].controller.read_only
