"""A hostile name reaches no output as it is: lines, verbose lines, JSON, errors, doctor, locks, journals."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.errors import printable
from support.environments import Venv
from support.wheelsmith import build_wheel, metadata

# a colour, a title, a C1 control, an override, a tag letter, a selector, a filler, a private letter, accents, a newline
EVIL = "\x1b[31m\x1b]0;t\x07\x9b2J\u202e\U000e0041\ufe0f\u3164\ue000a\u0301\u0301\u0301\u0301\u0301\u0301\n\r\tb"
# of these a wheel may have in the name of a file
LEGAL = "\ue000\u3164a\u0301\u0301\u0301\u0301\u0301\u0301\ufe0f\u200d\u0378"


def harmless(text: str) -> bool:
    """Whether each line of `text` is as `printable` would write it."""
    return all(line == printable(line) for line in text.split("\n"))


@pytest.mark.parametrize(
    "letter",
    ["\x00", "\x1b", "\x7f", "\x85", "\x9b", "\xa0", "\xad", "\u034f", "\u061c", "\u115f", "\u180e", "\u200b", "\u200d",
     "\u200e", "\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2066", "\u206f", "\u3000", "\u3164", "\ud800",
     "\udcff", "\ue000", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\uffff", "\U000e0001", "\U000e0041", "\U000e0100",
     "\U000f0000", "\U0010ffff"],
)  # fmt: skip
def test_a_letter_that_is_not_one_is_written_as_an_escape(letter: str) -> None:
    shown = printable(f"a{letter}b")
    assert shown.isascii()
    assert shown.startswith("a\\")
    assert shown.endswith("b")


def test_scripts_keep_their_letters_and_a_flood_of_accents_ends() -> None:
    for text in ("é", "e\u0301", "ngữ", "日本語", "ไม่ได้", "हिन्दी", "שָׁלוֹם", "😀", "a b"):
        assert printable(text) == text
    assert printable("a" + "\u0301" * 9) == "a" + "\u0301" * 3 + "\\u0301" * 6


@pytest.fixture
def evil_venv(make_venv: Callable[[Path], Venv], tmp_path: Path) -> Venv:
    """An environment at a hostile path, with a hostile `.dist-info` of somebody else in it."""
    found = make_venv(tmp_path / f"env{EVIL}")
    info = found.site / f"for{EVIL.replace('/', '')}eign-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_bytes(metadata("foreign", "1.0") + f"Summary: {EVIL}\n".encode())
    (info / "RECORD").write_text(f'"gone{EVIL}.py",,\n"{info.name}/RECORD",,\n', newline="")
    return found


def words(*more: object) -> tuple[object, ...]:
    return ("install", "--no-deps", "--no-fsync", *more)


def test_every_command_writes_hostile_names_as_escapes(evil_venv: Venv, tmp_path: Path, run_instui: Run) -> None:
    place = tmp_path / f"in{EVIL}"
    place.mkdir()
    one = build_wheel(
        place, "one", "1.0", {f"pkg/{LEGAL}.py": b"1", f"{LEGAL}.pth": b""}, data={f"scripts/x{LEGAL}": b""}
    )
    two = build_wheel(place, "two", "1.0", {f"pkg/{LEGAL}.py": b"2"})
    at = ("--python", evil_venv.top)
    commands: list[tuple[object, ...]] = [
        (*words("--dry-run"), *at, one),
        (*words("-v"), *at, one),
        (*words("-v", "--fail-on-conflict"), *at, two),
        (*words("-v"), *at, two),
        (*words("--ui", "json", "--reinstall"), *at, one),
        ("locks", *at),
        ("doctor", *at),
        ("uninstall", *at, "two"),
        ("uninstall", *at, f"one{EVIL}"),
        ("install", *at, f"./{EVIL}.whl"),
        ("install", *at, f"{EVIL} @ x"),
        ("install", "--python", f"{evil_venv.top}{EVIL}", "x"),
        (EVIL,),
        ("install", f"--{EVIL}"),
        ("cache", "dir", "--cache-dir", place),
    ]
    for command in commands:
        done = run_instui(*command, errors="surrogateescape", env={"LANG": "C.UTF-8"})
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr
        for text in (done.stdout, done.stderr):
            assert harmless(text), f"{command}: {text!a}"
    assert "replaced" in run_instui(*words("-v", "--reinstall"), *at, two, env={"LANG": "C.UTF-8"}).stdout


def test_json_and_journals_are_ascii(evil_venv: Venv, tmp_path: Path, run_instui: Run) -> None:
    wheel = build_wheel(tmp_path, "one", "1.0", {f"pkg/{LEGAL}.py": b"1", f"{LEGAL}.pth": b""})
    done = run_instui(*words("--ui", "json"), "--python", evil_venv.top, wheel)
    assert done.returncode == 0, done.stderr
    for text in (done.stdout, *(path.read_text("latin-1") for path in evil_venv.top.glob(".instui/sessions/*.jsonl"))):
        assert text.isascii()
        for line in text.splitlines():
            assert line.isprintable()
            json.loads(line)


def test_a_holder_with_a_hostile_command_line_is_named_harmlessly(evil_venv: Venv, run_instui: Run) -> None:
    code = "import fcntl, sys\nf = open(sys.argv[1], 'w')\nfcntl.flock(f, fcntl.LOCK_EX)\nprint(flush=True)\ninput()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, evil_venv.top / ".lock", EVIL], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = run_instui("locks", "--python", evil_venv.top, env={"LANG": "C.UTF-8"})
        assert str(holder.pid) in done.stdout
        assert harmless(done.stdout)
        wheel = build_wheel(evil_venv.top.parent, "one", "1.0", {"one.py": b""})
        waits = run_instui(*words("--lock-timeout", "0.2"), "--python", evil_venv.top, wheel, env={"LANG": "C.UTF-8"})
        assert waits.returncode == 4
        assert harmless(waits.stdout + waits.stderr)
    finally:
        holder.communicate(b"\n")


def test_the_oracle_sees_what_is_not_harmless() -> None:
    assert not harmless(EVIL)
    assert not harmless(f"x {LEGAL}")
    assert harmless(printable(EVIL))
