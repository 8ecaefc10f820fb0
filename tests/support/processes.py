"""How a process fares, as the kernel tells it: Linux only."""

from pathlib import Path


def state(pid: int) -> str:
    """The letter of its state, as `ps` shows it; "Z" also where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def is_alive(pid: int) -> bool:
    return state(pid) != "Z"
