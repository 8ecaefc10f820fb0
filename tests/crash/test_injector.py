"""What the injector promises: each change counts, in whatever thread or process, and the fault comes at its point."""

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.crash.bench import bench
from support.crash.injector import KILL, SIGINT, SIGTERM, TEAR, Injector, Run, failing

Inject = Callable[..., Run]

_PROGRAM = """
import os, subprocess, sys, threading

def change(name):
    os.mkdir(name)
    with open(f"{name}/file", "w") as file:
        file.write("some text")
    os.link(f"{name}/file", f"{name}/link")
    os.rename(f"{name}/link", f"{name}/moved")
    here = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
    os.rename("moved", "again", src_dir_fd=here, dst_dir_fd=here)
    os.unlink("again", dir_fd=here)

if len(sys.argv) > 1:
    change(sys.argv[1])
else:
    threads = [threading.Thread(target=change, args=(f"thread{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    subprocess.run([sys.executable, __file__, "process"], check=True)
"""
_CHANGES = 7  # of one `change`: mkdir, open, write, link, rename, renameat, unlinkat


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "program.py").write_text(_PROGRAM)
    return tmp_path / "work"


@pytest.fixture
def injector(place: Path) -> Injector:
    return Injector(bench().library, place.parent / "state", [place])


def program(place: Path, *arguments: str) -> list[str]:
    return ["env", "-C", str(place), sys.executable, str(place.parent / "program.py"), *arguments]


def python(place: Path, text: str) -> list[str]:
    return [sys.executable, "-c", f"import os\nos.chdir({str(place)!r})\n{text}"]


def test_changes_of_all_threads_and_processes_count(injector: Injector, place: Path) -> None:
    run = injector.run(program(place), trace=True)
    assert (run.code, run.count) == (0, 5 * _CHANGES)
    assert [call.number for call in run.trace] == list(range(1, run.count + 1))
    assert len({call.pid for call in run.trace}) == 2
    assert f"renameat {place}/process/moved -> {place}/process/again" in map(str, run.trace)


def test_changes_elsewhere_do_not_count(injector: Injector, place: Path) -> None:
    (place.parent / "workshop").mkdir()
    assert injector.count(program(place.parent / "workshop", "one")) == 0


def test_the_main_process_dies_at_the_point_also_if_another_one_reached_it(injector: Injector, place: Path) -> None:
    command = python(place, f"import subprocess\nsubprocess.run({program(place, 'process')})\nopen('end', 'w')")
    run = injector.run(command, 5, KILL)
    assert (run.code, run.fired) == (-signal.SIGKILL, True)
    assert not (place / "end").exists()
    assert sorted(path.name for path in (place / "process").iterdir()) == ["file", "link"]


def test_a_point_that_is_never_reached_is_told_apart(injector: Injector, place: Path) -> None:
    run = injector.run(program(place, "one"), _CHANGES + 1, KILL)
    assert (run.code, run.fired) == (0, False)


def test_a_torn_write_is_half_there(injector: Injector, place: Path) -> None:
    command = python(place, "os.write(os.open('file', os.O_WRONLY | os.O_CREAT), b'12345678')")
    assert injector.run(command, 2, TEAR).code == -signal.SIGKILL
    assert (place / "file").read_bytes() == b"1234"


@pytest.mark.parametrize(("from_there_on", "left"), [(False, ["2", "3"]), (True, [])], ids=["once", "from_there_on"])
def test_an_error_comes_once_or_from_there_on(
    injector: Injector, place: Path, from_there_on: bool, left: Sequence[str]
) -> None:
    text = "for n in '123':\n try: os.mkdir(n)\n except OSError as e: print(e.errno)"
    run = injector.run(python(place, text), 1, failing("ENOSPC", from_there_on))
    assert run.stdout == "28\n" * (3 - len(left))
    assert sorted(path.name for path in place.iterdir()) == left


def test_errors_come_only_from_calls_that_can_fail_so(injector: Injector, place: Path) -> None:
    text = "os.mkdir('1')\ntry: os.listdir('1')\nexcept OSError as e: print(e.errno)"
    assert injector.run(python(place, text), 1, failing("EMFILE")).stdout == "24\n"


@pytest.mark.parametrize("fault", [SIGINT, SIGTERM], ids=lambda fault: fault.name)
def test_a_signal_comes_to_the_main_process_and_the_call_goes_on(
    injector: Injector, place: Path, fault: object
) -> None:
    text = "import signal, sys\nfor n in 2, 15: signal.signal(n, lambda n, f: print(n))\nos.mkdir('1')"
    run = injector.run(python(place, text), 1, fault)  # type: ignore[arg-type]
    assert run.stdout == f"{int(fault.number)}\n"  # type: ignore[attr-defined]
    assert (place / "1").is_dir()


def test_syncs_of_the_file_system_count(injector: Injector, place: Path) -> None:
    text = "import ctypes\nctypes.CDLL(None).syncfs(os.open('.', os.O_RDONLY))\nos.fsync(os.open('.', os.O_RDONLY))"
    assert injector.count(python(place, text)) == 2


@pytest.mark.needs("strace")
def test_strace_sees_no_change_that_is_not_counted(injector: Injector, place: Path) -> None:
    strace = ["strace", "-f", "-qq", "-e", "trace=mkdir,openat,write,link,linkat,rename,renameat,renameat2,unlinkat"]
    log = place.parent / "log"
    done = subprocess.run([*strace, "-o", log, *program(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("strace may not trace here")
    seen = [line for line in log.read_text().splitlines() if '"thread' in line or '"process' in line or '"some' in line]
    changes = [line for line in seen if "openat(" not in line or "O_CREAT" in line]
    relative = ['"moved", ', '"again", 0']
    changes += [line for line in log.read_text().splitlines() if any(word in line for word in relative)]
    (place.parent / "other").mkdir()
    other = Injector(bench().library, place.parent / "state", [place.parent / "other"])
    assert len([line for line in changes if "execve" not in line]) == other.count(program(place.parent / "other"))
