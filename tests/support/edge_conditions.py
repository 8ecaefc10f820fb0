"""The conditions under which the program is tried at the edge, by name (`support/edge.py`)."""

import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instui_engine.wheel.manifest import FORMAT
from support.edge import Condition, World

_STRANGER = 1234  # a user id that nobody runs as
LONG = "x" * 300

# root may write everywhere; without these capabilities it obeys the permission bits like everybody else
_PLAIN_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
_UNKNOWN_UID = ("unshare", "--user", "--map-user=12345", "--map-group=12345")
_READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'


def _mounted(command: str, place: str) -> tuple[str, ...]:
    """What to put before the program so that it runs after `command`, which nobody else sees. $0 is `place`."""
    return ("unshare", "--mount", "sh", "-c", f'{command} && exec "$@"', place)


# -- conditions of the files


def _instead(path: Callable[[World], Path], make: Callable[[Path], object]) -> Callable[[World], None]:
    """Something else at that path."""

    def prepare(world: World) -> None:
        place = path(world)
        if place.is_dir():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        make(place)

    return prepare


def _file(path: Callable[[World], Path]) -> Callable[[World], None]:
    """A file where a directory is expected."""
    return _instead(path, lambda place: place.write_text("in the way\n"))


def _link(path: Callable[[World], Path], target: str) -> Callable[[World], None]:
    return _instead(path, lambda place: place.symlink_to(target))


def _of_stranger(mode: int, *paths: Callable[[World], Path]) -> Callable[[World], None]:
    """Somebody else's, with that mode."""

    def prepare(world: World) -> None:
        for path in paths:
            place = path(world)
            if not place.exists():
                place.mkdir()
            os.chown(place, _STRANGER, _STRANGER)
            place.chmod(mode)

    return prepare


def _all_of_stranger(file_mode: int, directory_mode: int) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        for place, _, files in os.walk(world.private):
            for path in (place, *(f"{place}/{name}" for name in files)):
                os.chown(path, _STRANGER, _STRANGER)
                os.chmod(path, directory_mode if path == place else file_mode)

    return prepare


def _garbage(world: World) -> None:
    for journal in (world.private / "sessions").iterdir():
        journal.write_bytes(b"\0\xff garbage\n{}\n[]\n\x1b[2J\n" * 50)
    (world.private / "sessions" / "\udce9.jsonl").write_bytes(b"{")
    (world.private / "sessions" / f"{'y' * 200}.jsonl").mkdir()


def _garbage_record(world: World) -> None:
    records = world.private / "records"
    records.mkdir(exist_ok=True)
    stage = world.private / "stage" / "20200101-000000-1-abcd"
    stage.mkdir(parents=True)
    (stage / "record").write_bytes(b"\xff")


def _shadows(world: World) -> None:
    for name in ("random.py", "argparse.py", "json.py", "signal.py", "instui.py"):
        (world.cwd / name).write_text('raise SystemExit("shadowed")\n')
    (world.cwd / "packaging").mkdir()
    (world.cwd / "packaging" / "__init__.py").write_text('raise SystemExit("shadowed")\n')


def _gone(world: World) -> None:
    world.cwd.rmdir()


def _read_only(world: World) -> None:
    for place, _, files in os.walk(world.top):
        os.chmod(place, 0o555)
        for name in files:
            if not os.path.islink(f"{place}/{name}"):
                os.chmod(f"{place}/{name}", os.stat(f"{place}/{name}").st_mode & 0o555)


# -- conditions of the process


def _limit(which: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(which, (value, value))


def _signals(change: Callable[[], object]) -> Callable[[], None]:
    return lambda: (change(), None)[1]


def _ignore(*numbers: int) -> Callable[[], None]:
    def before() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return before


def _umask(mask: int) -> Callable[[], None]:
    return lambda: (os.umask(mask), None)[1]


def _long_words(arguments: list[str], world: World) -> list[str]:
    return [LONG if not word.startswith("-") and number else word for number, word in enumerate(arguments)]


def _odd_words(arguments: list[str], world: World) -> list[str]:
    return [
        f"{word}\udce9\x1b[2J" if not word.startswith("-") and number else word for number, word in enumerate(arguments)
    ]


def _time(offset: str) -> str:
    """A `sitecustomize` whose clock jumps at each look at it, by `offset` (a Python expression of `n` and `real`)."""
    return f"""
import time
real_time, n = time.time, 0
def jumping():
    global n
    n += 1
    real = real_time()
    return {offset}
time.time = jumping
"""


def _clock(offset: str) -> Condition:
    def prepare(world: World) -> None:
        (world.base / "clock").mkdir()
        (world.base / "clock" / "sitecustomize.py").write_text(_time(offset))

    return Condition(env={"PYTHONPATH": "{base}/clock"}, prepare=prepare)


_INSTUI = (
    "UI",
    "THEME",
    "JOBS",
    "LOCK_TIMEOUT",
    "SLOW",
    "CACHE_DIR",
    "JOURNAL",
    "QUIET",
    "VERBOSE",
    "PYTHON",
    "TARGET",
    "PREFIX",
    "LINK_MODE",
    "NO_FSYNC",
    "DRY_RUN",
    "LOCK_BACKEND",
    "DEBUG",
)
_UV = (
    "UV_CACHE_DIR",
    "UV_LINK_MODE",
    "UV_INDEX_URL",
    "UV_CONFIG_FILE",
    "UV_FIND_LINKS",
    "UV_PROJECT",
    "UV_WORKING_DIR",
    "UV_HTTP_TIMEOUT",
    "UV_KEYRING_PROVIDER",
    "UV_PYTHON",
    "UV_CONCURRENT_DOWNLOADS",
)
_UNREADABLE: Any = {"prefix": _PLAIN_USER, "needs": ("root", "setpriv")}
_STRANGE_UID: Any = {"prefix": _UNKNOWN_UID, "needs": ("unshare",)}


def _closed(name: str) -> Condition:
    """A directory of `.instui` that belongs to somebody else."""
    return Condition(prepare=_of_stranger(0o700, lambda world: world.private / name), **_UNREADABLE)


CONDITIONS: dict[str, Condition] = {
    "as usual": Condition(install=(0,)),
    # homes
    "no HOME": Condition(env={"HOME": None, "INSTUI_CACHE_DIR": None}, install=(0,)),
    "HOME empty": Condition(env={"HOME": "", "INSTUI_CACHE_DIR": None}, install=(0,)),
    "HOME missing": Condition(env={"HOME": "{base}/nowhere", "INSTUI_CACHE_DIR": None}, install=(0,)),
    "HOME a file": Condition(env={"HOME": "{wheel}", "INSTUI_CACHE_DIR": None}, install=(0,)),
    "HOME relative": Condition(env={"HOME": "home", "INSTUI_CACHE_DIR": None}, install=(0,)),
    "HOME not writable": Condition(
        env={"HOME": "{home}", "INSTUI_CACHE_DIR": None},
        prepare=_of_stranger(0o555, lambda world: world.home),
        install=(0,),
        **_UNREADABLE,
    ),
    "unknown uid": Condition(env={"HOME": None, "INSTUI_CACHE_DIR": None}, install=(0,), **_STRANGE_UID),
    "unknown uid, HOME not writable": Condition(
        env={"HOME": "{home}", "INSTUI_CACHE_DIR": None},
        prepare=_of_stranger(0o555, lambda world: world.home),
        prefix=_UNKNOWN_UID,
        install=(0,),
        needs=("root", "unshare"),
    ),
    "unknown uid, no environment": Condition(
        env=dict.fromkeys(("HOME", "INSTUI_CACHE_DIR", "XDG_RUNTIME_DIR", "UV_CACHE_DIR", "PATH", "LANG", "TMPDIR")),
        install=(0,),
        only=("install", "install by name", "cache dir", "locks", "doctor"),
        **_STRANGE_UID,
    ),
    "cache of another": Condition(
        env={"HOME": None, "INSTUI_CACHE_DIR": None},
        prepare=_of_stranger(0o777, lambda world: world.tmp / f"instui-cache-{os.getuid()}"),
        needs=("root",),
    ),
    "XDG_CACHE_HOME relative": Condition(env={"XDG_CACHE_HOME": "x", "INSTUI_CACHE_DIR": None}, install=(0,)),
    # files in the wrong place
    ".instui unreadable": Condition(prepare=_of_stranger(0o700, lambda world: world.private), **_UNREADABLE),
    ".instui of root under umask 077": Condition(prepare=_all_of_stranger(0o600, 0o700), **_UNREADABLE),
    ".instui not writable": Condition(prepare=_all_of_stranger(0o644, 0o755), **_UNREADABLE),
    **{f"{name} unreadable": _closed(name) for name in ("sessions", "locks", "stage", "records")},
    "garbage journals": Condition(prepare=_garbage, install=(0,)),
    "garbage stage": Condition(prepare=_garbage_record),
    ".instui a file": Condition(prepare=_file(lambda world: world.private)),
    ".instui a dangling link": Condition(prepare=_link(lambda world: world.private, "nowhere")),
    ".instui a loop": Condition(prepare=_link(lambda world: world.private, ".instui")),
    ".instui elsewhere": Condition(prepare=_link(lambda world: world.private, "../home")),
    "sessions a file": Condition(prepare=_file(lambda world: world.private / "sessions")),
    "locks a file": Condition(prepare=_file(lambda world: world.private / "locks")),
    "stage a file": Condition(prepare=_file(lambda world: world.private / "stage")),
    "records a file": Condition(prepare=_file(lambda world: world.private / "records")),
    "layout a directory": Condition(prepare=lambda world: (world.private / "layout").mkdir()),
    ".lock a directory": Condition(prepare=_instead(lambda world: world.top / ".lock", Path.mkdir)),
    "cache a file": Condition(prepare=_file(lambda world: world.cache)),
    "cache below a file": Condition(env={"INSTUI_CACHE_DIR": "{wheel}/cache"}),
    "store a file": Condition(prepare=_file(lambda world: world.cache / f"store-{FORMAT}")),
    "cache locks a file": Condition(prepare=_file(lambda world: world.cache / "locks")),
    "site-packages a file": Condition(prepare=_file(lambda world: world.site)),
    "bin a file": Condition(prepare=_file(lambda world: world.top / "bin")),
    "include a file": Condition(prepare=_file(lambda world: world.top / "include")),
    "pyvenv.cfg a directory": Condition(prepare=_instead(lambda world: world.top / "pyvenv.cfg", Path.mkdir)),
    "wheel a directory": Condition(prepare=_instead(lambda world: world.wheel, Path.mkdir)),
    "wheel a FIFO": Condition(prepare=_instead(lambda world: world.wheel, os.mkfifo)),
    "wheel empty": Condition(prepare=_instead(lambda world: world.wheel, Path.touch)),
    "environment read-only": Condition(
        prepare=_read_only, prefix=("setpriv", "--bounding-set=-dac_override"), needs=("root", "setpriv")
    ),
    "environment on a read-only mount": Condition(
        prefix=_mounted(_READ_ONLY, "{top}"),
        needs=("root", "unshare"),
    ),
    "all read-only": Condition(
        prefix=_mounted(_READ_ONLY, "{base}"),
        needs=("root", "unshare"),
    ),
    "cache inside the environment": Condition(env={"INSTUI_CACHE_DIR": "{top}/cache"}, install=(0,)),
    "cache relative": Condition(env={"INSTUI_CACHE_DIR": "../cache"}, install=(0,)),
    "cache around the environment": Condition(env={"INSTUI_CACHE_DIR": "{base}"}, install=(0,)),
    "cache is the environment": Condition(env={"INSTUI_CACHE_DIR": "{top}"}),
    "cache on another file system": Condition(env={"INSTUI_CACHE_DIR": "{shm}"}, install=(0,)),
    "cache empty": Condition(env={"INSTUI_CACHE_DIR": "", "HOME": "{home}"}, install=(0,)),
    # locales, terminals, variables
    "LANG=C": Condition(env={"LC_ALL": "C"}, install=(0,)),
    "C without UTF-8": Condition(env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, install=(0,)),
    "latin-1": Condition(
        env={"LC_ALL": "en_US.ISO-8859-1", "LOCPATH": "{locales}"}, install=(0,), needs=("localedef",)
    ),
    "a locale that is none": Condition(env={"LC_ALL": "xx_YY.NONE"}, install=(0,)),
    "PYTHONIOENCODING=ascii": Condition(env={"PYTHONIOENCODING": "ascii"}, install=(0,)),
    "PYTHONIOENCODING=utf-16": Condition(env={"PYTHONIOENCODING": "utf-16"}),
    "NO_COLOR": Condition(env={"NO_COLOR": "1"}, install=(0,)),
    "TERM unset": Condition(env={"TERM": None}, install=(0,)),
    "TERM=dumb": Condition(env={"TERM": "dumb"}, install=(0,)),
    "COLUMNS=0": Condition(env={"COLUMNS": "0", "LINES": "0"}, install=(0,)),
    "COLUMNS=rubbish": Condition(env={"COLUMNS": "-7", "LINES": "many"}, install=(0,)),
    "COLUMNS=1": Condition(env={"COLUMNS": "1", "LINES": "1"}, install=(0,)),
    "PATH empty": Condition(env={"PATH": ""}, install=(0,)),
    "PATH unset": Condition(env={"PATH": None}, install=(0,)),
    "no variables": Condition(env=dict.fromkeys(("HOME", "PATH", "LANG", "TMPDIR", "XDG_RUNTIME_DIR")), install=(0,)),
    "PYTHONPATH rubbish": Condition(env={"PYTHONPATH": "/nowhere:\udce9:{wheel}"}, install=(0,)),
    "PYTHONSAFEPATH": Condition(env={"PYTHONSAFEPATH": "1"}, install=(0,)),
    "PYTHONWARNINGS=error": Condition(env={"PYTHONWARNINGS": "error"}, install=(0,)),
    "PYTHONDEVMODE": Condition(env={"PYTHONDEVMODE": "1"}, install=(0,), but=("demo",)),  # asyncio says what is slow
    "PYTHONWARNDEFAULTENCODING": Condition(env={"PYTHONWARNDEFAULTENCODING": "1"}, install=(0,)),
    "PYTHONOPTIMIZE": Condition(env={"PYTHONOPTIMIZE": "2"}, install=(0,)),
    "PYTHONDONTWRITEBYTECODE unset": Condition(env={"PYTHONDONTWRITEBYTECODE": None}, install=(0,)),
    "PYTHONINSPECT": Condition(env={"PYTHONINSPECT": "1"}, install=(0,)),
    "UV_* rubbish": Condition(env=dict.fromkeys(_UV, "rubbish\udce9")),
    "UV_* empty": Condition(env=dict.fromkeys(_UV, ""), install=(0,)),
    "INSTUI_* empty": Condition(env={f"INSTUI_{name}": "" for name in _INSTUI} | {"HOME": "{home}"}, install=(0,)),
    **{
        f"INSTUI_{name} rubbish": Condition(
            env={f"INSTUI_{name}": "\x1b[2Jrubbish\udce9"}, leaves="\x1b[2Jrubbish\udce9"
        )
        for name in _INSTUI
        if name != "DEBUG"
    },
    "VIRTUAL_ENV rubbish": Condition(env={"VIRTUAL_ENV": "\udce9\x1b[2J"}, install=(0,)),
    "XDG_RUNTIME_DIR rubbish": Condition(env={"XDG_RUNTIME_DIR": "{wheel}"}, install=(0,)),
    "surrogates in the environment": Condition(
        env={"SOMETHING": "\udce9", "HOME": "{base}/\udce9", "INSTUI_CACHE_DIR": None}
    ),
    "modules in the working directory": Condition(prepare=_shadows, install=(0,)),
    # standard streams
    **{
        f"closed {'+'.join(map(str, closed))}": Condition(closed=closed, install=(0, 1))
        for closed in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
    },
    "stdout full": Condition(streams={"stdout": "/dev/full"}),
    "stderr full": Condition(streams={"stderr": "/dev/full"}, install=(0,)),
    "stdout for reading only": Condition(streams={"stdout": "<{wheel}"}),
    "stderr for reading only": Condition(streams={"stderr": "<{wheel}"}, install=(0,)),
    # arguments
    "names of 300 characters": Condition(words=_long_words, install=(1, 2)),
    "odd bytes in names": Condition(words=_odd_words, install=(1, 2)),
    # working directories
    "working directory removed": Condition(prefix=("sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh")),
    "working directory unreadable": Condition(prepare=lambda world: world.cwd.chmod(0), install=(0,), **_UNREADABLE),
    # temporary files
    "TMPDIR missing": Condition(env={"TMPDIR": "{base}/nowhere"}, install=(0,)),
    "TMPDIR a file": Condition(env={"TMPDIR": "{wheel}"}, install=(0,)),
    "TMPDIR relative": Condition(env={"TMPDIR": "."}, install=(0,)),
    "TMPDIR unwritable": Condition(prepare=_of_stranger(0o555, lambda world: world.tmp), install=(0,), **_UNREADABLE),
    "TMPDIR full": Condition(
        prefix=_mounted('mount -t tmpfs -o size=4k,nr_inodes=1 none "$0"', "{tmp}"),
        install=(0,),
        needs=("root", "unshare"),
    ),
    "TMPDIR full, no home": Condition(
        env={"HOME": None, "INSTUI_CACHE_DIR": None},
        prefix=_mounted('mount -t tmpfs -o size=4k,nr_inodes=4 none "$0"', "{tmp}"),
        needs=("root", "unshare"),
    ),
    "cache full": Condition(
        prefix=_mounted('mkdir -p "$0" && mount -t tmpfs -o size=4k,nr_inodes=4 none "$0"', "{cache}"),
        needs=("root", "unshare"),
    ),
    "no /proc": Condition(prefix=_mounted("mount -t tmpfs none $0", "/proc"), install=(0,), needs=("root", "unshare")),
    # limits
    **{f"{n} files": Condition(before_exec=_limit(resource.RLIMIT_NOFILE, n)) for n in (8, 12, 16, 24, 32)},
    **{f"files of {n} bytes": Condition(before_exec=_limit(resource.RLIMIT_FSIZE, n)) for n in (0, 100, 1000)},
    "no core": Condition(before_exec=_limit(resource.RLIMIT_CORE, 0), install=(0,)),
    "no process": Condition(
        before_exec=_limit(resource.RLIMIT_NPROC, 1),
        prefix=("unshare", "--user", "--map-user=12345"),
        needs=("unshare",),
    ),
    "stack of 64 KB": Condition(before_exec=_limit(resource.RLIMIT_STACK, 1 << 16)),
    **{f"umask {mask:03o}": Condition(before_exec=_umask(mask), install=(0,)) for mask in (0o000, 0o027, 0o077)},
    "umask 0777": Condition(before_exec=_umask(0o777), **_UNREADABLE),
    # signals
    "SIGPIPE default": Condition(
        before_exec=_signals(lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL)), install=(0,)
    ),
    "all signals ignored": Condition(
        before_exec=_ignore(
            signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ
        ),
        install=(0,),
    ),
    "all signals blocked": Condition(
        before_exec=_signals(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()))),
        install=(0,),
    ),
    # clocks
    "clock backwards": _clock("real - 3600 * n"),
    "clock of 1970": _clock("float(n)"),
    "clock of 2100": _clock("real + 2.4e9"),
    "clock of 9999": _clock("real + 2.5e11"),
    "clock before 1970": _clock("-1e6 - n"),
    "clock forwards": _clock("real + 86400 * n"),
}
