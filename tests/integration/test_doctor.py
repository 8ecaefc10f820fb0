"""`instui doctor`: what is not as its distribution says is found, named and mended, whoever left it so."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import Run, Start
from support.cli import as_anybody, error_line, everything
from support.environments import Venv, until
from support.killing import run_killed
from support.trees import complete, distributions, rows, tree
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel, digest


@dataclass
class Bench:
    """An environment, a directory of wheels, and the three installers."""

    venv: Venv
    place: Path
    run: Run
    environ: dict[str, str]

    @property
    def site(self) -> Path:
        return self.venv.site

    def wheel(self, name: str, version: str = "1.0", count: int = 4, **options: Any) -> Path:
        files = {f"{name}/m{number}.py": f"# {name} {version} {number}\n".encode() for number in range(count)}
        files |= options.pop("files", {})
        script = f"[console_scripts]\n{name}={name}.m0:main\n"
        return build_wheel(self.place, name, version, files, entry_points=script, **options)

    def instui(self, *arguments: object) -> None:
        command = ("install", "--no-deps", "--no-fsync", "--ui", "none", "--python", self.venv.top)
        done = self.run(*command, *arguments, env={"UV_OFFLINE": "0"})
        assert done.returncode == 0, done.stderr

    def uv(self, *arguments: object, before: tuple[str, ...] = ()) -> int:
        from uv import find_uv_bin

        command = [*before, find_uv_bin(), "pip", *arguments]
        kept = {**self.environ, "VIRTUAL_ENV": str(self.venv.top)}
        return subprocess.run(list(map(str, command)), env=kept, capture_output=True, check=False).returncode

    def pip(self, *arguments: object, before: tuple[str, ...] = ()) -> int:
        command = [*before, sys.executable, "-m", "pip", "--python", self.venv.top, *arguments]
        return subprocess.run(list(map(str, command)), env=self.environ, capture_output=True, check=False).returncode

    def doctor(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        where = ("--no-fsync", "--no-index", "--find-links", self.place) if "--repair" in arguments else ()
        return self.run("doctor", "--python", self.venv.top, *where, *arguments, env={"UV_OFFLINE": "0"})

    def findings(self, code: int = 1) -> dict[tuple[str, str], list[str]]:
        """Kind and distribution -> paths below site-packages where they are there, of what counts."""
        done = self.doctor("--json")
        assert (done.returncode, done.stderr) == (code, "")
        answer = json.loads(done.stdout)
        assert answer["clean"] == (code == 0)
        root = self.venv.environment.roots["purelib"] + "/"
        found: dict[tuple[str, str], list[str]] = {}
        for one in answer["findings"]:
            if one["defect"]:
                paths = [path.removeprefix(root) for path in one["paths"]]
                found.setdefault((one["kind"], one["distribution"]), []).extend(paths)
        return found

    def check(self) -> list[str]:
        done = self.run("check", "--python", self.venv.top)
        assert (done.returncode, done.stderr) == (1, "")
        return done.stdout.splitlines()

    def repair(self, code: int = 0, *arguments: object) -> str:
        done = self.doctor("--repair", *arguments)
        assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
        return done.stdout

    def whole(self) -> list[str]:
        return [one for one in distributions(self.site) if complete(self.site, one)]


@pytest.fixture
def bench(venv: Callable[[], Venv], run_instui: Run, tmp_path: Path, clean_environ: dict[str, str]) -> Bench:
    place = tmp_path / "wheels"
    place.mkdir()
    return Bench(venv(), place, run_instui, clean_environ)


def test_a_whole_environment_is_clean_whoever_installed_it_and_looking_writes_nothing(bench: Bench) -> None:
    bench.instui(bench.wheel("one"))
    assert bench.uv("install", "--no-index", bench.wheel("two")) == 0
    assert bench.pip("install", "--no-index", "--compile", bench.wheel("three")) == 0
    shutil.rmtree(bench.site / "three" / "__pycache__")  # listed, without a hash: Python makes it again
    before = everything(bench.venv.top)
    done = bench.doctor()
    files = sum(len(rows(info / "RECORD")) for info in distributions(bench.site).values()) - 4
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"3 distributions, {files} files: all whole\n"
    assert everything(bench.venv.top) == before


def test_a_prefix_that_cannot_be_written_can_be_looked_at(bench: Bench) -> None:
    prefix = as_anybody()
    if prefix is None:
        pytest.skip("root may write everywhere, and cannot give that up here")
    bench.instui(bench.wheel("one"))
    (bench.site / "one" / "m1.py").unlink()
    directories = [path for path in (bench.venv.top, *bench.venv.top.rglob("*")) if path.is_dir()]
    for directory in directories:
        directory.chmod(0o555)
    command = [*prefix, "-m", "instui", "doctor", "--python", bench.venv.top]
    try:
        done = subprocess.run(list(map(str, command)), env=bench.environ, capture_output=True, text=True, check=False)
        repairing = subprocess.run(
            [*map(str, command), "--repair"], env=bench.environ, capture_output=True, text=True, check=False
        )
    finally:
        for directory in directories:
            directory.chmod(0o755)
    assert done.returncode == 1, done.stderr
    assert "site-packages/one/m1.py" in done.stdout
    assert "no permission to write" in error_line(repairing, 1)


@pytest.mark.parametrize("installer", ["instui", "uv", "pip"])
def test_missing_edited_and_truncated_files_are_found_and_mended(bench: Bench, installer: str) -> None:
    wheel = bench.wheel("one")
    arguments: list[object] = ["--no-index", "--find-links", bench.place, "one"]
    if installer == "instui":
        bench.instui(wheel)
    else:
        assert (bench.uv if installer == "uv" else bench.pip)("install", *arguments) == 0
    before = tree(bench.venv.top)
    (bench.site / "one" / "m0.py").unlink()
    edited = bench.site / "one" / "m1.py"
    content = edited.read_bytes()
    edited.unlink()  # it may be a link into a cache
    edited.write_bytes(content.replace(b"one", b"two"))
    truncated = bench.site / "one" / "m2.py"
    truncated.unlink()
    truncated.touch()
    (bench.site / "one" / "foreign.txt").write_text("mine")
    (bench.venv.top / "bin" / "one").unlink()
    assert bench.findings() == {
        ("incomplete", "one 1.0"): ["bin/one", "one/m0.py"],
        ("modified", "one 1.0"): ["one/m1.py", "one/m2.py"],
    }
    shown = bench.doctor().stdout
    assert "2 files are missing: reinstall it" in shown
    assert "1 of 1 distribution needs attention; `instui doctor --repair` would reinstall one 1.0" in shown
    output = bench.repair()
    assert "one 1.0 is reinstalled\n" in output
    assert output.endswith(": all whole\n")
    assert bench.whole() == ["one-1.0"]
    after = tree(bench.venv.top)
    assert after.pop("lib/python{}.{}/site-packages/one/foreign.txt".format(*sys.version_info))
    if installer == "instui":
        assert after == before
    assert bench.findings(0) == {}


def test_a_dependency_that_is_reinstalled_is_not_marked_as_requested(bench: Bench) -> None:
    bench.wheel("base")
    arguments = ("--no-index", "--find-links", bench.place, bench.wheel("top", requires=["base"]))
    assert bench.pip("install", *arguments) == 0  # uv marks both
    for name in ("base", "top"):
        (bench.site / name / "m0.py").unlink()
    bench.repair()
    requested = {name: (info / "REQUESTED").exists() for name, info in distributions(bench.site).items()}
    assert requested == {"base-1.0": False, "top-1.0": True}
    assert (bench.site / "top-1.0.dist-info" / "direct_url.json").is_file()
    assert not (bench.site / "base-1.0.dist-info" / "direct_url.json").exists()


def test_one_that_cannot_be_had_again_keeps_nobody_else_from_being_mended(bench: Bench) -> None:
    gone, _, private = bench.wheel("gone"), bench.wheel("there"), bench.wheel("private")
    assert bench.uv("install", "--no-index", "--find-links", bench.place, "gone", "there") == 0
    elsewhere = private.rename(bench.place.parent / private.name)
    bench.instui(elsewhere)
    for name in ("gone", "there", "private"):
        (bench.site / name / "m0.py").unlink()
    gone.unlink()
    elsewhere.unlink()
    output = bench.repair(1)
    assert "there 1.0 is reinstalled\n" in output
    assert "gone 1.0 could not be reinstalled: no solution" in output
    assert "private 1.0 could not be reinstalled" in output
    assert bench.whole() == ["there-1.0"]


def test_what_came_from_a_file_is_not_looked_for_in_an_index(bench: Bench) -> None:
    """Somebody else may have that name there."""
    wheel = bench.wheel("private")
    bench.instui(wheel)
    (bench.site / "private" / "m0.py").unlink()
    wheel.unlink()
    done = bench.run("doctor", "--repair", "--python", bench.venv.top, "--index-url", "http://127.0.0.1:9/simple")
    assert done.returncode == 1
    assert f"private 1.0 is not reinstalled: its wheel {wheel} is gone" in done.stdout


def test_what_came_from_a_server_has_to_be_the_same_file(bench: Bench) -> None:
    wheel = bench.wheel("remote")
    with WebServer() as web:
        url = web.add(f"/{wheel.name}", Page(wheel.read_bytes()))
        bench.instui(f"remote @ {url}")
        (bench.site / "remote" / "m0.py").unlink()
        web.add(f"/{wheel.name}", Page(bench.wheel("remote", files={"remote/m0.py": b"another\n"}).read_bytes()))
        assert "remote 1.0 could not be reinstalled" in bench.repair(1, "--cache-dir", bench.place / "empty")
        assert not (bench.site / "remote" / "m0.py").exists()
        web.add(f"/{wheel.name}", Page(bench.wheel("remote").read_bytes()))
        bench.repair()


def test_variables_in_the_notes_of_installers_are_not_expanded(bench: Bench) -> None:
    """Only what the user writes may send the value of a variable to a server."""
    wheel = bench.wheel("remote")
    with WebServer() as web:
        url = web.add(f"/{wheel.name}", Page(wheel.read_bytes()))
        bench.instui(f"remote @ {url}")
        (bench.site / "remote" / "m0.py").unlink()
        note = bench.site / "remote-1.0.dist-info" / "direct_url.json"
        note.unlink()
        note.write_text(json.dumps({"url": f"{web.url()}/${{HOME}}/{wheel.name}", "archive_info": {}}))
        bench.repair(1)
        assert {seen.path for seen in web.seen} == {f"/{wheel.name}", f"/$%7BHOME%7D/{wheel.name}"}


def test_ghosts_are_removed_and_a_torn_distribution_is_made_whole(bench: Bench) -> None:
    bench.instui(bench.wheel("one"))
    (bench.site / "empty-2.0.dist-info").mkdir()
    half = bench.site / "half-3.dist-info"
    half.mkdir()
    (half / "WHEEL").write_text("Wheel-Version: 1.0\n")
    for name in ("METADATA", "INSTALLER"):
        (bench.site / "one-1.0.dist-info" / name).unlink()
    assert bench.findings() == {
        ("ghost", "empty 2.0"): ["empty-2.0.dist-info"],
        ("ghost", "half 3"): ["half-3.dist-info"],
        ("incomplete", "one 1.0"): ["one-1.0.dist-info/INSTALLER", "one-1.0.dist-info/METADATA"],
    }
    output = bench.repair()
    assert "site-packages/empty-2.0.dist-info is removed\n" in output
    assert list(distributions(bench.site)) == bench.whole() == ["one-1.0"]


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "unlisted"])
def test_a_record_that_does_not_tell_all_is_found(bench: Bench, damage: str) -> None:
    bench.instui(bench.wheel("one"))
    record = bench.site / "one-1.0.dist-info" / "RECORD"
    lines = record.read_text().splitlines(keepends=True)
    record.unlink()
    if damage == "unlisted":  # as a wheel brings it: uv writes INSTALLER first, then the RECORD that lists it
        record.write_text("".join(line for line in lines if "INSTALLER" not in line and "bin/one" not in line))
    elif damage != "gone":
        record.write_text("".join(lines)[: 0 if damage == "empty" else 200])
    assert ("incomplete", "one 1.0") in bench.findings()
    bench.repair()
    assert bench.whole() == ["one-1.0"]


@pytest.mark.needs("strace")
@pytest.mark.parametrize("upgrade", [False, True], ids=["fresh", "upgrade"])
def test_whatever_a_killed_uv_leaves_is_found_and_mended(
    bench: Bench, make_venv: Callable[[Path], Venv], tmp_path: Path, rounds: Callable[[int, int], range], upgrade: bool
) -> None:
    shared = {f"shared/{number}.py": b"one" for number in range(3)}
    one, old = bench.wheel("one", "2.0", 3, files=shared), bench.wheel("one", "1.0", 5)
    other = bench.wheel("other", "1.0", 1, files=dict.fromkeys(shared, b"other"))
    torn = 0
    places = {"linkat": 14, "rename": 8, **({"unlink": 9, "rmdir": 2} if upgrade else {})}
    points = [(call, when) for call, most in places.items() for when in range(1, most + 1)]
    chosen = points if len(rounds(1, 2)) == 2 else points[::4]
    for number, (call, when) in enumerate(chosen):
        bench.venv = make_venv(tmp_path / f"killed{number}")
        assert bench.uv("install", "--no-index", other, *([old] if upgrade else [])) == 0
        inject = (f"--inject={call}:signal=KILL:when={when}", "-o", str(tmp_path / "trace"))
        strace = ("strace", "-f", "-qq", f"--trace={call}", *inject)
        limits = {"RAYON_NUM_THREADS": "1", "UV_CONCURRENT_INSTALLS": "1"}
        bench.environ = {**bench.environ, **limits}
        code = bench.uv("install", "--no-index", "--upgrade", one, before=strace)
        listed = set(distributions(bench.site)) - {"other-1.0"}
        left = list(bench.venv.top.rglob(".tmp??????"))
        wrong = [name for name in listed if not complete(bench.site, name)]
        torn += bool(wrong)
        if wrong or left or len(listed) > 1:
            assert bench.findings(), (call, when, code)
        done = bench.doctor("--repair")
        assert done.stderr == ""
        after = set(distributions(bench.site)) - {"other-1.0"}
        assert len(after) <= 1, (call, when, done.stdout)
        # killed just before it linked the shared files: these are those of the other one still, and users decide
        is_theirs = "one 2.0: clobbered" in done.stdout
        assert is_theirs or all(complete(bench.site, name) for name in after), (call, when, done.stdout)
        assert not list(bench.venv.top.rglob(".tmp??????")), (call, when)
    assert torn  # or uv was not killed in the middle


@pytest.mark.needs("strace")
def test_what_a_killed_pip_has_renamed_away_is_found_and_removed(bench: Bench, tmp_path: Path) -> None:
    bench.instui(bench.wheel("one"))
    newer = bench.wheel("one", "2.0", 5)
    strace = ("strace", "-f", "-qq", "--trace=rename", "--inject=rename:signal=KILL:when=4+", "-o", "/dev/null")
    bench.pip("install", "--no-index", "--upgrade", newer, before=strace)
    stashed = sorted(path.name for path in bench.site.glob("~*"))
    assert stashed, "pip was not killed in the middle"
    found = bench.findings()
    assert set(stashed) <= set(found["leftover", ""])
    bench.repair()
    assert not list(bench.site.glob("~*"))
    assert not list(bench.venv.top.glob("~*"))
    assert list(distributions(bench.site)) == bench.whole()


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_distribution_that_lost_files_is_named_with_the_winner_and_left_to_the_user(
    bench: Bench, installer: str
) -> None:
    install = bench.uv if installer == "uv" else bench.pip
    for name in ("loser", "winner"):
        wheel = bench.wheel(name, files={"shared/a.py": name.encode(), "shared/same.py": b""})
        assert install("install", "--no-index", wheel) == 0
    before = tree(bench.venv.top)
    assert bench.findings() == {("clobbered", "loser 1.0"): ["shared/a.py"]}
    shown = bench.doctor().stdout
    assert "1 file is of winner 1.0, which is whole: uninstall one of the two" in shown
    assert shown.endswith("1 of 2 distributions needs attention\n")
    output = bench.repair(1)
    assert "reinstalled" not in output
    assert tree(bench.venv.top) == before


def test_a_loser_that_is_mended_does_not_win(bench: Bench) -> None:
    for name in ("loser", "winner"):
        bench.instui(bench.wheel(name, files={"shared/a.py": name.encode()}))
    (bench.site / "loser" / "m0.py").unlink()
    output = bench.repair(1)
    assert "loser 1.0 is reinstalled\nwinner 1.0 is reinstalled\n" in output
    assert bench.findings() == {("clobbered", "loser 1.0"): ["shared/a.py"]}
    assert bench.whole() == ["winner-1.0"]


def test_of_a_mix_the_one_that_was_installed_last_is_made_whole(bench: Bench) -> None:
    names = ("first", "second", "third")
    for name in names:
        files = {f"shared/{number}.py": f"{name} {number}".encode() for number in range(6)}
        bench.instui(bench.wheel(name, files=files))
    for number in range(4):  # as installers do that write one directory at once
        path = bench.site / "shared" / f"{number}.py"
        path.unlink()
        path.write_text(f"{('first', 'second')[number % 2]} {number}")
    assert bench.whole() == []
    found = bench.findings()
    assert {kind for kind, _ in found} == {"mixed"}
    assert {name for _, name in found} == {f"{name} 1.0" for name in names}
    shown = bench.doctor().stdout
    assert "none of first 1.0, second 1.0, third 1.0 is whole: reinstall second 1.0, third 1.0, in this order" in shown
    bench.repair(1)
    assert bench.whole() == ["third-1.0"]
    assert {kind for kind, _ in bench.findings()} == {"clobbered"}


def test_of_two_versions_side_by_side_the_whole_one_stays(bench: Bench, venv: Callable[[], Venv]) -> None:
    old, new = bench.wheel("one", "1.0", 5), bench.wheel("one", "2.0", 3)
    second = venv()
    second.put(old)
    bench.instui(new)
    shutil.copytree(second.site / "one-1.0.dist-info", bench.site / "one-1.0.dist-info")
    shutil.copy(second.site / "one" / "m4.py", bench.site / "one")
    assert bench.findings() == {("duplicate", "one 2.0"): ["one-1.0.dist-info"]}
    bench.repair()
    assert list(distributions(bench.site)) == bench.whole() == ["one-2.0"]
    assert not (bench.site / "one" / "m4.py").exists()


def test_the_stage_of_a_killed_session_is_found_and_removed(bench: Bench, start_instui: Start) -> None:
    wheel = bench.wheel("one")
    with bench.venv.environment.lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        session = start_instui(bench.venv, wheel)
        staged = until(lambda: list(bench.venv.top.glob(".instui/stage/*/0.info/RECORD")), session.process)
        assert bench.findings(0) == {}  # it is alive
        session.process.send_signal(signal.SIGKILL)
        session.process.wait()
    identity = staged[0].relative_to(bench.venv.top / ".instui" / "stage").parts[0]
    assert bench.findings() == {("leftover", ""): [f".instui/stage/{identity}"]}
    assert bench.check()[:1] == [f"left by session {identity}, which was killed"]
    output = bench.repair()
    assert f".instui/stage/{identity} is removed\n" in output
    assert bench.venv.stages() == []


def test_a_session_that_was_killed_in_a_commit_is_told_with_what_it_had_in_hand_and_settled(bench: Bench) -> None:
    bench.instui(bench.wheel("one"))
    newer, journal = bench.wheel("one", "2.0", 6), bench.venv.top / "a journal"
    arguments = ("install", "--no-deps", "--python", bench.venv.top, newer, "--journal", journal)
    assert run_killed(bench.environ, "one", 3, *arguments) == -signal.SIGKILL
    (identity,) = bench.venv.stages()
    assert bench.findings()["session", ""] == [f".instui/stage/{identity}"]
    assert f"session {identity} was killed with one 2.0 in hand" in bench.check()
    shown = bench.doctor().stdout
    assert f"session {identity} was killed with one 2.0 in hand" in shown
    assert "one 2.0 in hand: would be completed or undone by --repair" in shown
    assert "would settle 1 session" in shown
    repaired = bench.repair()
    assert f"session {identity} is settled: one 2.0 is completed\n" in repaired
    assert "what it had not begun is not done; to go on, run again: instui install --no-deps --python" in repaired
    assert f"--journal '{journal}'" in repaired  # as a shell takes it
    assert bench.whole() == ["one-2.0"] == list(distributions(bench.site))
    assert bench.venv.stages() == []


def test_a_file_that_was_edited_in_place_is_mended_with_the_store_that_it_is_linked_from(bench: Bench) -> None:
    bench.instui(bench.wheel("one"))
    place = bench.site / "one" / "m1.py"
    with place.open("r+b") as file:
        file.write(b"X")
    assert bench.findings() == {("modified", "one 1.0"): ["one/m1.py"]}
    bench.repair()
    assert bench.whole() == ["one-1.0"]


def test_a_link_is_removed_and_not_what_it_leads_to(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    for name in ("~ne", "ghost-1.0.dist-info"):
        (bench.site / name).symlink_to(outside)
    bench.repair()
    assert list(bench.site.iterdir()) == []
    assert (outside / "kept").is_dir()


def test_what_nobody_lists_is_told_and_left(bench: Bench) -> None:
    bench.instui(bench.wheel("one"))
    (bench.site / "mine.py").touch()
    (bench.site / "one-1.0.dist-info" / "INSTALLER").unlink()
    shown = bench.repair()
    assert "1 entry of site-packages that nobody lists\n                site-packages/mine.py\n" in shown
    assert (bench.site / "mine.py").exists()
    assert bench.findings(0) == {}


def test_somebody_who_installs_at_the_moment_is_named(bench: Bench) -> None:
    with bench.venv.environment.lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shown = bench.doctor().stdout
    assert f"pid {os.getpid()}" in shown
    assert "may look damaged until it is done" in shown
    assert "at work" not in bench.doctor().stdout


def test_a_closed_output_stops_no_repair(bench: Bench) -> None:
    bench.instui(bench.wheel("one"))
    (bench.site / "one" / "m0.py").unlink()
    reading, writing = os.pipe()
    os.close(reading)
    where = ("--no-index", "--find-links", bench.place)
    done = bench.run(
        "doctor", "--repair", "--python", bench.venv.top, *where, capture_output=False, stdout=writing, stderr=-1
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert bench.whole() == ["one-1.0"]


def test_nothing_is_removed_while_somebody_else_has_the_environment(bench: Bench) -> None:
    ghost = bench.site / "ghost-1.0.dist-info"
    ghost.mkdir()
    with bench.venv.environment.lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = bench.doctor("--repair", "--lock-timeout", "0.2")
        waiting, error = done.stderr.splitlines()
        assert done.returncode == 4
        assert waiting.startswith(f"instui: waiting for the environment's lock, held by pid {os.getpid()} (")
        assert f"held by pid {os.getpid()} (" in error
        assert ghost.exists()
    bench.repair()
    assert not ghost.exists()


def test_a_reinstall_says_what_it_waits_for_and_ends_at_the_first_timeout(bench: Bench) -> None:
    bench.instui(bench.wheel("one"))
    (bench.site / "one" / "m0.py").unlink()
    with bench.venv.environment.lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = bench.doctor("--repair", "--lock-timeout", "0.2")
        assert done.returncode == 4
        waiting, error = done.stderr.splitlines()
        assert waiting.startswith(f"instui: waiting for the environment's lock, held by pid {os.getpid()} (")
        assert "waited 0.2 s for the environment's lock" in error
    bench.repair()
    assert bench.whole() == ["one-1.0"]


def test_rows_and_links_that_leave_the_environment_are_not_followed(bench: Bench, tmp_path: Path) -> None:
    bench.instui(bench.wheel("one"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "m.py").write_text("secret")
    (bench.site / "linked").symlink_to(outside)
    wrong = digest(b"other")
    record = bench.site / "one-1.0.dist-info" / "RECORD"
    text = record.read_text()
    record.unlink()
    up = "../" * 12
    record.write_text(f"{up}etc/passwd,{wrong},5\n/etc/hosts,{wrong},5\nlinked/m.py,{wrong},6\n{text}")
    done = bench.doctor()
    assert done.returncode == 0
    assert "lists 2 files outside of the environment, not looked at" in done.stdout


def test_no_name_steers_the_terminal_and_no_special_file_holds_the_doctor(bench: Bench) -> None:
    bench.instui(bench.wheel("one"))
    record = bench.site / "one-1.0.dist-info" / "RECORD"
    text = record.read_text()
    record.unlink()
    record.write_text(f"one/\x1b[2J\u202e.py,{digest(b'')},0\none/fifo.py,{digest(b'')},0\nx,shake_128=AA,1\n{text}")
    os.mkfifo(bench.site / "one" / "fifo.py")
    (bench.site / "x").touch()
    done = bench.doctor()
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "site-packages/one/fifo.py" in done.stdout


def test_an_editable_install_is_fine_and_older_kinds_are_no_defect(bench: Bench, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    wheel = bench.wheel("edited", files={"edited.pth": f"{source}\n".encode()})
    (source / "pyproject.toml").write_text(
        '[project]\nname = "edited"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (source / "backend.py").write_text(
        "import shutil\n"
        "def build_editable(directory, settings=None, metadata=None):\n"
        f"    return shutil.copy({str(wheel)!r}, directory).rpartition('/')[2]\n"
        "build_wheel = build_editable\n"
    )
    assert bench.uv("install", "--no-index", "--no-build-isolation", "--editable", source) == 0
    assert json.loads((bench.site / "edited-1.0.dist-info/direct_url.json").read_text())["dir_info"]["editable"]
    legacy = bench.site / "legacy-1.0.egg-info"
    legacy.mkdir()
    (legacy / "PKG-INFO").write_text("Name: legacy\nVersion: 1.0\n")
    assert bench.findings(0) == {}
    assert "installed without a RECORD" in bench.doctor().stdout
    (bench.site / "edited" / "m0.py").unlink()
    output = bench.repair(1)
    assert f"edited 1.0 is not reinstalled: install it again from its source tree file://{source}" in output


def test_the_answer_for_programs_has_every_path_and_what_a_repair_did(bench: Bench) -> None:
    bench.instui(bench.wheel("one", count=30))
    for number in range(25):
        (bench.site / "one" / f"m{number}.py").unlink()
    shown = bench.doctor().stdout
    assert "and 15 more" in shown
    assert len(bench.findings()["incomplete", "one 1.0"]) == 25
    answer = json.loads(bench.doctor("--json", "--repair").stdout)
    assert answer["repairs"] == [{"subject": "one 1.0", "text": "is reinstalled", "ok": True}]
    assert (answer["left"], answer["clean"]) == ([], True)
