"""The edge between the program and its system: commands, the conditions that they may meet, and what must hold.

A condition changes a `World` (an environment, a wheel, a home, directories for temporary files and for working in), or
how the process starts. Whatever it is, the program ends in time, with an exit code of the contract and at most one line
on stderr, and leaves nothing behind.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from support.trees import tree

CODES = {0, 1, 2, 3, 4, 130, 143}
PATIENCE = 60.0  # seconds
MARKS = (
    "Traceback",
    "internal error",
    "Warning:",
    "Fatal Python",
    "Exception ignored",
    "this is a bug",
    "cannot start",
)


class World(NamedTuple):
    """One run's own directories below `base`."""

    base: Path

    @property
    def top(self) -> Path:
        return self.base / "venv"

    @property
    def private(self) -> Path:
        return self.top / ".instui"

    @property
    def site(self) -> Path:
        return next(self.top.glob("lib/python3*/site-packages"))

    @property
    def wheel(self) -> Path:
        return self.base / "wheels" / "new-1.0-py3-none-any.whl"

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def tmp(self) -> Path:
        return self.base / "tmp"

    @property
    def cwd(self) -> Path:
        return self.base / "cwd"

    @property
    def cache(self) -> Path:
        return self.base / "cache"


Words = Callable[[World], Sequence[object]]


def _into(world: World) -> list[object]:
    return ["--python", world.top]


def _installs(*flags: str) -> Words:
    return lambda world: ["install", "--no-deps", "--no-index", "--no-fsync", *flags, *_into(world), world.wheel]


def _here(*words: str) -> Words:
    return lambda world: [*words, *_into(world)]


COMMANDS: dict[str, Words] = {
    "install": _installs("--ui", "plain"),
    "install --ui json": _installs("--ui", "json"),
    "install --ui none": _installs("--ui", "none"),
    "install --ui tui": _installs("--ui", "tui"),
    "install -v": _installs("-v"),
    "install --dry-run": _installs("--dry-run"),
    "install --target": lambda world: [
        "install",
        "--no-deps",
        "--no-index",
        "--no-fsync",
        "--target",
        world.base / "target",
        world.wheel,
    ],
    "install by name": lambda world: [
        "install",
        "--no-deps",
        "--no-index",
        "--no-fsync",
        "--find-links",
        world.wheel.parent,
        *_into(world),
        "new",
    ],
    "uninstall": _here("uninstall", "--no-fsync", "present"),
    "uninstall --dry-run": _here("uninstall", "--dry-run", "present"),
    "locks": _here("locks"),
    "locks --json": _here("locks", "--json"),
    "doctor": _here("doctor"),
    "doctor --json": _here("doctor", "--json"),
    "doctor --repair": _here("doctor", "--repair", "--no-index", "--offline"),
    "cache dir": lambda world: ["cache", "dir"],
    "cache prune": lambda world: ["cache", "prune", "--lock-timeout", "5"],
    "demo": lambda world: ["demo", "namespace", "--ui", "plain", "--slow", "0"],
    "--version": lambda world: ["--version"],
    "--help": lambda world: ["--help"],
    "install --help": lambda world: ["install", "--help"],
    "nothing": lambda world: [],
    "nonsense": lambda world: ["frobnicate"],
}


def _nothing(world: World) -> None:
    pass


def _same(arguments: list[str], world: World) -> list[str]:
    return arguments


@dataclass(frozen=True)
class Condition:
    """`env`: variables to set, or to unset (None). `prepare` runs before, `before_exec` in the process itself.

    `prefix` starts the program. `closed` are standard streams, and `streams` what they are instead of pipes. `words`
    changes the arguments. `only` are the commands that it is tried with, except those in `but`. `install` are the exit
    codes of an install, where they are sure. `needs` are programs and permissions. `leaves` is the name of what may be
    left in the working directory.
    """

    env: Mapping[str, str | None] = field(default_factory=dict)
    prepare: Callable[[World], None] = _nothing
    before_exec: Callable[[], None] = lambda: None
    prefix: tuple[str, ...] = ()
    closed: tuple[int, ...] = ()
    streams: Mapping[str, str] = field(default_factory=dict)
    words: Callable[[list[str], World], list[str]] = _same
    only: tuple[str, ...] = tuple(COMMANDS)
    but: tuple[str, ...] = ()
    install: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    leaves: str = ""


@dataclass
class Ended:
    """How a run ended."""

    code: int
    stdout: str
    stderr: str
    problems: list[str]


def environ(world: World, extra: Mapping[str, str], condition: Condition) -> dict[str, str]:
    """The variables of a run: nothing of the user's own."""
    found: dict[str, str | None] = {
        "PATH": os.environ.get("PATH", ""),
        "LANG": "C.UTF-8",
        "HOME": str(world.home),
        "TMPDIR": str(world.tmp),
        "XDG_RUNTIME_DIR": str(world.base / "run"),
        "INSTUI_CACHE_DIR": str(world.cache),
        "UV_CACHE_DIR": str(world.base / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PYTHONDONTWRITEBYTECODE": "1",
        **condition.env,
    }
    return {name: _filled(value, world, extra) for name, value in found.items() if value is not None}


def _filled(text: str, world: World, extra: Mapping[str, str]) -> str:
    places = {
        "base": world.base,
        "top": world.top,
        "home": world.home,
        "tmp": world.tmp,
        "wheel": world.wheel,
        "cache": world.cache,
        **extra,
    }
    for name, place in places.items():
        text = text.replace(f"{{{name}}}", str(place))
    return text


def run(command: str, condition: Condition, world: World, extra: Mapping[str, str]) -> Ended:
    """Run a command of COMMANDS under a condition; `problems` says what is not as it must be."""
    words = condition.words([str(word) for word in COMMANDS[command](world)], world)
    prefix = [_filled(word, world, extra) for word in condition.prefix]
    program = [sys.executable, "-P", "-m", "instui", *words]
    condition.prepare(world)
    before = _state(world)

    opened: list[int] = []

    def stream(name: str, usual: int) -> int:
        place = condition.streams.get(name)
        if place is None:
            return usual
        path = _filled(place.removeprefix("<"), world, extra)
        opened.append(os.open(path, os.O_RDONLY if place.startswith("<") else os.O_WRONLY))
        return opened[-1]

    def before_exec() -> None:
        condition.before_exec()
        for number in condition.closed:
            os.close(number)

    with subprocess.Popen(
        [*prefix, *program],
        env=environ(world, extra, condition),
        cwd=world.cwd,
        stdin=stream("stdin", subprocess.DEVNULL),
        stdout=stream("stdout", subprocess.PIPE),
        stderr=stream("stderr", subprocess.PIPE),
        preexec_fn=before_exec,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
            late = False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            late = True
        finally:
            for descriptor in opened:
                os.close(descriptor)
    ended = Ended(process.returncode, (out or b"").decode(errors="replace"), (err or b"").decode(errors="replace"), [])
    ended.problems += ["did not end"] if late else []
    ended.problems += _problems(command, condition, ended)
    ended.problems += _left(before, _state(world), condition, ended, command)
    return ended


def _problems(command: str, condition: Condition, ended: Ended) -> list[str]:
    found = []
    if ended.code not in CODES:
        found.append(f"exit code {ended.code}")
    text = ended.stdout + ended.stderr
    found += [f"prints {mark!r}" for mark in MARKS if mark in text]
    lines = ended.stderr.splitlines()
    if "tui" in command:
        lines = [line for line in lines if "no terminal" not in line]
    if len(lines) > 1:
        found.append(f"{len(lines)} lines on stderr")
    found += [f"odd line {line!r}" for line in lines if not line.startswith("instui: ") and not found]
    if "\x1b" in text:
        found.append("prints an escape")
    plain = command in ("install", "install --ui none", "install -v", "install --ui json")
    if plain and condition.install and ended.code not in condition.install:
        found.append(f"exit code {ended.code} where {condition.install} is expected")
    silent = 1 in condition.closed or 2 in condition.closed or condition.streams.keys() & {"stdout", "stderr"}
    if ended.code and not lines and not silent and not (command.startswith("doctor") and ended.code == 1):
        found.append("fails without a word")
    return found


def _state(world: World) -> dict[str, dict[str, str] | None]:
    return {
        "cwd": _tree(world.cwd),
        "home": _tree(world.home),
        "tmp": _tree(world.tmp),
        "run": _tree(world.base / "run"),
        "venv": _tree(world.top),
        "base": dict.fromkeys(os.listdir(world.base), ""),
        "stage": _tree(world.private / "stage"),
    }


def _tree(place: Path) -> dict[str, str] | None:
    try:
        return tree(place) if place.is_dir() else None
    except OSError:
        return None


_ASKED_FOR = {
    "home": (".cache",),
    "tmp": ("instui-cache-",),
    "run": ("instui",),  # the directory of the sockets; they themselves are below it
    "base": ("target", "cache", "uv", "store-", "local-", "known-", "locks", "interpreters"),
}


def _left(before: Any, after: Any, condition: Condition, ended: Ended, command: str) -> list[str]:
    """What a run left behind that nobody asked for. Caches, targets and journals were asked for by a condition."""
    found = []
    for place in ("cwd", "home", "tmp", "run", "stage", "base"):
        asked = (*_ASKED_FOR.get(place, ()), *((condition.leaves,) if condition.leaves else ()))
        new = {path for path in (after[place] or {}) if path not in (before[place] or {})}
        new = {path for path in new if not path.startswith(asked) or path.endswith(".sock")}
        if new:
            found.append(f"left in {place}: {sorted(new)[:3]}")
    if ended.code and command.startswith("install") and before["venv"] != after["venv"]:
        found.append("failed, and the environment is not as it was")
    return found
