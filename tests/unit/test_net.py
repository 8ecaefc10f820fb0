"""Whatever goes wrong in any command is one line on stderr and an exit code, never a traceback."""

import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from conftest import Run
from instui.cli import main
from instui.cli.parser import Command

COMMANDS = [["install", "a"], ["uninstall", "a"], ["demo"], ["locks"], ["doctor"], ["cache", "dir"]]


def failing(error: BaseException) -> object:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RecursionError("too\ndeep"), 1, "internal error: RecursionError: too\\ndeep; this is a bug of instui"),
        (MemoryError(), 1, "internal error: MemoryError: ; this is a bug of instui"),
        (ValueError("\x1b[31mred"), 1, "internal error: ValueError: \\x1b[31mred; this is a bug of instui"),
        (PermissionError(13, "Permission denied", "/x\x1b"), 1, "/x\\x1b: Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_error_of_any_command_is_one_line(
    arguments: list[str],
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("INSTUI_DEBUG", raising=False)
    monkeypatch.setattr(Command, "run", failing(error))
    assert main.run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"instui: {line}")
    assert err.count("\n") == 1


def test_a_defect_shows_where_it_is_when_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTUI_DEBUG", "1")
    monkeypatch.setattr(Command, "run", failing(RecursionError()))
    with pytest.raises(RecursionError):
        main.run(["cache", "dir"])


@pytest.mark.parametrize(
    "arguments", [["install", "a\0b"], ["install", "-r", "\0"], ["cache", "dir", "--cache-dir", "\0"]]
)
def test_a_nul_character_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(arguments) == 2
    assert "NUL character" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["locks"], ["doctor"], ["install", "a"], ["cache", "prune", "--cache-dir", "x"]])
def test_a_removed_working_directory_is_named(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        assert main.run(arguments) == 2
    finally:
        os.chdir(tmp_path)
    error = capsys.readouterr().err
    assert error == "instui: the working directory cannot be used (No such file or directory); change to another one\n"


@pytest.mark.parametrize("command", [["install", "a"], ["locks"], ["doctor"]], ids=lambda command: command[0])
def test_a_user_that_does_not_exist_is_a_name_as_in_a_shell(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run([*command, "--python", "~nosuchuser/x"]) == 1
    assert "no environment or interpreter at ~nosuchuser/x" in capsys.readouterr().err
    assert main.run(["cache", "dir", "--cache-dir", "~nosuchuser/x"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/~nosuchuser/x\n"


@pytest.mark.parametrize("path", ["x" * 300, "/".join(["x" * 200] * 30)], ids=["name", "path"])
@pytest.mark.parametrize("flag", ["--python", "--target", "--prefix"])
@pytest.mark.parametrize("command", [["install", "a"], ["uninstall", "a"], ["locks"], ["doctor"]], ids=lambda c: c[0])
def test_a_path_that_is_too_long_is_named(
    command: list[str], flag: str, path: str, tmp_path: Path, skeleton: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("VIRTUAL_ENV", str(skeleton))
    arguments = [*command, flag, path, "--cache-dir", str(tmp_path)]
    assert main.run([*arguments, *(["--ui", "plain"] if command[0].endswith("install") else [])]) == 1
    err = capsys.readouterr().err
    assert err.startswith("instui: ") and err.count("\n") == 1
    assert "File name too long" in err


def test_a_reader_that_goes_away_is_no_error(run_instui: Run) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run_instui("cache", "dir", capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_answer_that_cannot_be_written_is_an_error(run_instui: Run) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        done = run_instui("cache", "dir", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, "instui: cannot write to stdout: No space left on device\n")
