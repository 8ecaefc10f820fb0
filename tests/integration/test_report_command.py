"""`instui report`: what it writes and where, and what it says instead."""

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from conftest import Run
from instui.monitor.embedded import lines_in
from support.cli import error_line, everything, ok
from support.environments import Venv
from support.reports import RECORDINGS, parsed
from support.wheelsmith import build_wheel

BUSY = RECORDINGS / "busy.jsonl"
NAME = "instui-20261122-101500-4242.html"


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_without_a_name_it_is_called_as_the_session_and_nothing_is_overwritten(tmp_path: Path, run_instui: Run) -> None:
    printed = ok(run_instui("report", BUSY, cwd=tmp_path))
    assert printed.startswith(f"{NAME}, ")
    first = (tmp_path / NAME).read_bytes()
    assert error_line(run_instui("report", BUSY, cwd=tmp_path), 2).startswith(f"{NAME} is there already")
    assert files_in(tmp_path) == [NAME]
    assert (tmp_path / NAME).read_bytes() == first


def test_a_file_is_replaced_in_one_go_and_keeps_its_mode(tmp_path: Path, run_instui: Run) -> None:
    target = tmp_path / "x.html"
    target.write_text("old")
    target.chmod(0o640)
    inode = target.stat().st_ino
    ok(run_instui("report", BUSY, "-o", target))
    assert target.read_text().startswith("<!DOCTYPE html>")
    assert target.stat().st_ino != inode  # who reads the old one goes on reading it
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert files_in(tmp_path) == ["x.html"]


def test_a_new_file_has_the_mode_of_every_new_file(tmp_path: Path, run_instui: Run) -> None:
    ok(run_instui("report", BUSY, "-o", tmp_path / "x.html"))
    (tmp_path / "other").touch()
    assert (tmp_path / "x.html").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_is_no_regular_file_is_left_alone(tmp_path: Path, run_instui: Run) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link.html").symlink_to("target")
    os.mkfifo(tmp_path / "fifo.html")
    (tmp_path / "directory.html").mkdir()
    before = everything(tmp_path)
    for name in ("link.html", "fifo.html", "directory.html"):
        line = error_line(run_instui("report", BUSY, "-o", tmp_path / name), 2)
        assert line == f"{tmp_path / name} is no regular file, so it is not replaced; -o - means stdout"
    assert everything(tmp_path) == before


def test_a_journal_is_not_replaced_by_its_report(tmp_path: Path, run_instui: Run) -> None:
    journal = tmp_path / "j.jsonl"
    journal.write_bytes(BUSY.read_bytes())
    (tmp_path / "same.jsonl").hardlink_to(journal)
    for name in ("j.jsonl", "same.jsonl"):
        assert "is the journal itself" in error_line(run_instui("report", journal, "-o", tmp_path / name), 2)
    assert journal.read_bytes() == BUSY.read_bytes()


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path, run_instui: Run) -> None:
    line = error_line(run_instui("report", BUSY, "-o", tmp_path / "none" / "x.html"), 1)
    assert line.startswith("cannot write the file: ")
    assert line.endswith("No such file or directory")
    assert files_in(tmp_path) == []


def test_it_goes_to_stdout_and_comes_from_stdin(run_instui: Run) -> None:
    report = ok(run_instui("report", "-", "-o", "-", input=BUSY.read_text()))
    assert parsed(report).one("h1").text.startswith("instui install")
    assert b"".join(lines_in(report.encode())) == BUSY.read_bytes()


def test_a_report_is_explained_and_reported_again_as_its_journal(tmp_path: Path, run_instui: Run) -> None:
    page = tmp_path / "x.html"
    ok(run_instui("report", BUSY, "-o", page))
    assert ok(run_instui("explain", page)) == ok(run_instui("explain", BUSY))
    assert ok(run_instui("explain", "-", input=page.read_text())) == ok(run_instui("explain", BUSY))
    ok(run_instui("report", page, "-o", tmp_path / "y.html"))
    assert (tmp_path / "y.html").read_bytes() == page.read_bytes()


def test_a_page_that_is_no_report_is_refused(tmp_path: Path, run_instui: Run) -> None:
    page = tmp_path / "x.html"
    page.write_text("<!DOCTYPE html>\n<p>hello")
    assert error_line(run_instui("report", page, "-o", "-"), 2) == f"{page} is a page without a journal"
    assert error_line(run_instui("explain", page), 2) == f"{page} is a page without a journal"
    assert "No such file" in error_line(run_instui("report", tmp_path / "none.html", "-o", "-"), 2)


def test_the_newest_session_is_reported_also_when_it_failed(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    env = venv()
    good = build_wheel(tmp_path, "good", "1.0", {"good.py": b"x = 1\n"})
    bad = build_wheel(tmp_path, "bad", "1.0", {"bad.py": b"x = 1\n"})
    ok(run_instui("install", "--python", env.top, "--no-index", "--ui", "none", good))
    bad.write_bytes(bad.read_bytes()[:-30])
    assert run_instui("install", "--python", env.top, "--no-index", "--ui", "none", bad).returncode != 0
    before = everything(env.top)
    ok(run_instui("report", "--python", env.top, "-o", tmp_path / "x.html"))
    assert everything(env.top) == before
    header = parsed((tmp_path / "x.html").read_text()).one("header").text
    assert "failed, exit code" in header
    assert "bad-1.0" in header


def test_a_first_session_that_failed_is_reported_from_the_file_of_the_variable(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """A CI job sets INSTUI_JOURNAL once; its last step needs no more than `instui report -o FILE`."""
    env, journal = venv(), tmp_path / "journal.jsonl"
    variable = {"INSTUI_JOURNAL": str(journal)}
    nothing = error_line(run_instui("report", "--python", env.top, "-o", tmp_path / "x.html", env=variable), 2)
    assert "no session is recorded in" in nothing
    install = ("install", "--python", env.top, "--no-index", "--ui", "none", "no-such-thing")
    assert run_instui(*install, env=variable).returncode == 1
    ok(run_instui("report", "--python", env.top, "-o", tmp_path / "x.html", env=variable))
    assert "failed, exit code 1" in parsed((tmp_path / "x.html").read_text()).one("header").text


def test_contents_are_shown_only_of_an_environment_that_has_recorded_the_session(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    env = venv()
    one = build_wheel(tmp_path, "one", "1.0", {"clash/x.py": b"first\nsame\n"})
    two = build_wheel(tmp_path, "two", "1.0", {"clash/x.py": b"second\nsame\n"})
    ok(run_instui("install", "--python", env.top, "--no-index", "--ui", "none", "--no-deps", one, two))
    (journal,) = env.journals()

    def differences(where: Path) -> list[str]:
        report = ok(run_instui("report", where, "-o", "-"))
        return [pre.text for pre in parsed(report).all("pre")]

    shown = ["@@ -1,2 +1,2 @@\n- first\n+ second\n  same"]
    assert differences(journal) == shown
    copied = tmp_path / "copy.jsonl"
    copied.write_bytes(journal.read_bytes())
    assert differences(copied) == shown  # as --journal writes it; the environment knows the session
    text = copied.read_text()
    copied.write_text(text.replace(journal.stem, "20200101-000000-1-abcd"))
    assert differences(copied) == []
    copied.write_text(text.replace('"kept":', '"kept":"pyvenv.cfg","was":'))
    assert copied.read_text() != text
    assert differences(copied) == []  # of that name, but not what the environment has recorded


def test_a_session_that_still_runs_is_reported_so_far(tmp_path: Path, run_instui: Run) -> None:
    lines = BUSY.read_bytes().splitlines(keepends=True)
    journal = tmp_path / "running.jsonl"
    journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    with open(journal) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        report = ok(run_instui("report", journal, "-o", "-"))
    assert "still running" in parsed(report).one("header").text
    assert "ended abruptly" in parsed(ok(run_instui("report", journal, "-o", "-"))).one("header").text
