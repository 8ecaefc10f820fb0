"""What `instui uninstall` understands by a name: as uv, whatever stands beside it, and in requirement files too."""

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run, Start
from instui_engine.journal.events import CommitStarted, DistributionRemoved, WaitFinished, WaitStarted
from instui_engine.locks.phrases import waited_for
from support.cli import error_line, installed, ok, uv
from support.environments import Venv, until
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    return [build_wheel(tmp_path, name, "2", {f"{name}.py": b""}) for name in ("alpha", "beta", "gamma", "under_score")]


FILE = """\
# comment
alpha<1; python_version < "3"
Beta[fast]==9 \\
    --hash=sha256:{0}
-c limits.txt
-r nested.txt
--index-url https://example.invalid/simple
absent
"""


@pytest.mark.parametrize(
    "words",
    [
        ["alpha"],
        ["ALPHA", "alpha"],
        ["alpha==1"],
        ["alpha[x]>3; python_version<'3'"],
        ["alpha @ https://example.invalid/alpha-1-py3-none-any.whl"],
        ["./alpha-2-py3-none-any.whl"],
        ["./beta-1-py3-none-any.whl"],
        ["Under.Score", "gamma"],
        ["nothing"],
        ["-r", "file.txt"],
        ["-r", "nested.txt", "-r", "file.txt", "under-score"],
        ["-r", "empty.txt"],
    ],
)
def test_it_removes_what_uv_removes(
    words: list[str], venv: Callable[[], Venv], wheels: list[Path], tmp_path: Path, run_instui: Run
) -> None:
    (tmp_path / "file.txt").write_text(FILE.format("0" * 64))
    (tmp_path / "nested.txt").write_text("Gamma>1\n")
    (tmp_path / "limits.txt").write_text("under-score\n")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    left = []
    for program in ("instui", "uv"):
        target = venv()
        python = target.top / "bin" / "python"
        uv("pip", "install", "--offline", "--no-deps", "--python", python, *wheels)
        if program == "instui":
            done = run_instui("uninstall", "--no-fsync", "--ui", "plain", "--python", python, *words, cwd=tmp_path)
            assert (done.returncode, done.stderr) == (0, "")
        else:
            uv("pip", "uninstall", "--directory", tmp_path, "--python", python, *words)
        left.append(installed(target.site))
    assert left[0] == left[1]


@pytest.mark.parametrize(
    "words, expected",
    [
        ([], "nothing to uninstall"),
        (["==1"], "is not the name of a distribution"),
        (["alpha=1"], "is not the name of a distribution"),
        (["-r", "nowhere.txt"], "nowhere.txt does not exist"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    words: list[str], expected: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    done = run_instui("uninstall", "--ui", "plain", "--python", target.top, *words, cwd=tmp_path)
    assert expected in error_line(done, 2)
    assert not (target.top / ".instui").exists()


def test_an_absent_name_leaves_no_trace(venv: Callable[[], Venv], run_instui: Run) -> None:
    target = venv()
    said = ok(run_instui("uninstall", "--ui", "plain", "--python", target.top, "nothing"))
    assert said == "warning: nothing is not installed\nnothing to remove\n"
    assert not (target.top / ".instui").exists()


def test_what_is_just_being_reinstalled_is_waited_for_and_removed(
    venv: Callable[[], Venv], tmp_path: Path, start_instui: Start
) -> None:
    """Its old `.dist-info` is away for a moment, but it was never uninstalled."""
    target = venv()
    wheel = build_wheel(tmp_path, "pkg", "1.0", {f"pkg/{n}.py": b"" for n in range(20)})
    target.put(wheel)
    info = target.site / "pkg-1.0.dist-info"
    other = start_instui(target, "--slow", 5, "--reinstall", wheel)
    other.wait_for(CommitStarted)
    until(lambda: not info.exists(), other.process)
    with other.stopped():
        assert not info.exists()
        removal = start_instui(target, "pkg", command="uninstall")
        waits = removal.wait_for(WaitStarted, "pkg")
        assert isinstance(waits, WaitStarted)
        assert (waits.what, waits.path) == ("name", "@pkg")
        assert waited_for(waits).startswith("its name, which is held by pkg of session")
    assert other.finish() == (0, "")
    assert removal.finish() == (0, "")
    assert [over[:3] for over in removal.lines.of(WaitFinished)] == [("pkg", "name", "@pkg")]
    assert [event.version for event in removal.lines.of(DistributionRemoved)] == ["1.0"]
    assert installed(target.site) == {}


def test_what_a_killed_reinstall_had_in_hand_is_settled_and_removed(
    venv: Callable[[], Venv], tmp_path: Path, start_instui: Start
) -> None:
    target = venv()
    wheel = build_wheel(tmp_path, "pkg", "1.0", {f"pkg/{n}.py": b"" for n in range(20)})
    target.put(wheel)
    info = target.site / "pkg-1.0.dist-info"
    other = start_instui(target, "--slow", 5, "--reinstall", wheel)
    other.wait_for(CommitStarted)
    until(lambda: not info.exists(), other.process)
    with other.stopped():
        removal = start_instui(target, "pkg", command="uninstall")
        removal.wait_for(WaitStarted, "pkg")
        other.process.kill()
    assert removal.finish() == (0, "")
    assert removal.lines.of(DistributionRemoved, "pkg")
    assert installed(target.site) == {}


def test_a_requirement_file_may_lie_on_a_server(venv: Callable[[], Venv], wheels: list[Path], run_instui: Run) -> None:
    target = venv()
    target.put(*wheels)
    with WebServer() as server:
        server.pages["/file.txt"] = Page(b"beta\n-r nested.txt\n")
        server.pages["/nested.txt"] = Page(b"alpha==1\n")
        arguments = ("uninstall", "--no-fsync", "--python", target.top, "-r", server.url("/file.txt"))
        ok(run_instui(*arguments, env={"UV_OFFLINE": "0"}))
    assert installed(target.site) == {"gamma": "2", "under-score": "2"}


def test_a_place_is_found_by_its_url_without_showing_the_password(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    wheel = build_wheel(tmp_path, "alpha", "2+local", {"alpha.py": b""})
    target = venv()
    command = ["--no-fsync", "--ui", "plain", "--python", target.top]
    with WebServer() as web:
        web.add(f"/{wheel.name}", Page(wheel.read_bytes(), auth="me:secret"))
        url = web.url(f"/{wheel.name}", user="me:secret")
        ok(run_instui("install", *command, f"alpha @ {url}", env={"UV_OFFLINE": "0"}))
        ok(run_instui("uninstall", *command, url))
        assert installed(target.site) == {}
        done = run_instui("uninstall", *command, url)
        assert "nothing is installed from" in done.stdout and "secret" not in done.stderr + done.stdout
    ok(run_instui("install", *command, "--no-deps", wheel))
    ok(run_instui("uninstall", *command, wheel))
    assert installed(target.site) == {}
