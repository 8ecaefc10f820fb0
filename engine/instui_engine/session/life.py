"""Whether a session lives: the lock on its journal says it or, where the file system has no locks, a sign of life.

The sign is a note of the process that writes the journal:

    <top>/.instui/sessions/<id>.alive    machine, boot, pid namespace, pid and its start

A session counts as dead only if that is certain: this machine has started anew since, or the process is gone and was
one that we would see. Whether it lives on another machine cannot be known, so there it counts as alive.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path

from instui_engine.fs.files import open_regular, read_regular, write_all
from instui_engine.fs.flock import LocksMissingError, try_lock


def alive(journal: Path) -> bool:
    """Whether the session that writes this journal still runs."""
    try:
        descriptor = open_regular(journal, follow=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        return error.errno != errno.EINVAL  # one that cannot be checked may be alive; what is not a file is no journal
    try:
        return not try_lock(descriptor, shared=True)
    except LocksMissingError:
        return lives(journal)
    finally:
        os.close(descriptor)


def note(journal: Path) -> None:
    """Write the sign of life of this process for that journal. Raises OSError."""
    descriptor = os.open(_place(journal), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        write_all(descriptor, "\n".join((*_here(), str(os.getpid()), _start(os.getpid()))).encode("utf-8", "replace"))
    finally:
        os.close(descriptor)


def forget(journal: Path) -> None:
    """Remove the sign of life, if there is one."""
    with suppress(OSError):
        _place(journal).unlink()


def lives(journal: Path) -> bool:
    """Whether the session of that journal lives, as far as its sign of life says."""
    try:
        machine, boot, namespace, pid, start = _read(journal)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    here = _here()
    if (machine, boot) != here[:2]:
        # containers have no machine-id, as a rule, and may be called the same on two machines
        return machine != here[0] or machine.startswith(" ")
    return namespace != here[2] or _start(int(pid) if pid.isdigit() else 0) == start


def process(journal: Path) -> int:
    """The pid of the session by its sign of life; 0 if there is none, or it is not a process that we see."""
    try:
        machine, boot, namespace, pid, start = _read(journal)
    except (OSError, ValueError):
        return 0
    here = (machine, boot, namespace) == _here() and pid.isdigit()
    return int(pid) if here and _start(int(pid)) == start else 0


def _read(journal: Path) -> list[str]:
    return read_regular(_place(journal), follow=False).decode().split("\n")


def _place(journal: Path) -> Path:
    return journal.with_suffix(".alive")


def _here() -> tuple[str, str, str]:
    """This machine, its present boot, and the pid namespace; texts that no other machine has."""
    try:
        machine = Path("/etc/machine-id").read_bytes().decode("ascii").strip()
    except (OSError, ValueError):
        machine = ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().decode("ascii").strip()
        namespace = str(os.stat("/proc/self/ns/pid").st_ino)
    except (OSError, ValueError):
        boot = namespace = ""
    return f"{machine} {os.uname().nodename}", boot, namespace


def _start(pid: int) -> str:
    """When a process began, in ticks of the clock since the boot; "" if it is gone, or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return fields[19] if fields[:1] != ["Z"] and len(fields) > 19 else ""
