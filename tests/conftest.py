"""Fixtures that all tests share, the options --quick and --sweep, and what the markers `network` and `needs` mean."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings

from support.environments import PATIENCE, Session, Venv
from support.needs import require

settings.register_profile("quick", deadline=None, max_examples=20)
settings.register_profile("sample", deadline=None, max_examples=100)
settings.register_profile("sweep", deadline=None, max_examples=1000)
_HERE = Path(__file__).parent
_QUICK = ("unit", "ui")  # the directories of the tests that need no other process
_WORKERS_PER_CORE = 2  # many tests wait for processes, locks and clocks


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only what is quick: unit and screen tests without a pty")
    parser.addoption("--sweep", action="store_true", help="run the long repetitions in full")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--quick") and config.getoption("--sweep"):
        raise pytest.UsageError("--quick and --sweep exclude each other")
    chosen = next((name for name in ("quick", "sweep") if config.getoption(f"--{name}")), "sample")
    settings.load_profile(chosen)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:  # behind `&` or nohup; what we start would inherit that
            signal.signal(number, lambda *_: None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes `-n auto` means: none besides this one where only files or single tests are named."""
    if all(Path(argument.partition("::")[0]).is_file() for argument in config.args):
        return 0
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return cores if config.getoption("--quick") else _WORKERS_PER_CORE * cores


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Under --quick, what is slow is not even imported."""
    slow = collection_path.is_dir() and collection_path.parent == _HERE and collection_path.name not in _QUICK
    return True if slow and config.getoption("--quick") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--quick"):
        slow = [item for item in items if item.get_closest_marker("pty")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(*marker.args)
    if item.get_closest_marker("network"):
        problem = _no_index()
        if problem:
            pytest.skip(problem)


@lru_cache(maxsize=1)
def _no_index() -> str:
    """Why no package index answers, as uv is configured here; "" where one does."""
    from uv import find_uv_bin

    command = [find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "-"]
    try:
        done = subprocess.run(command, input="six\n", text=True, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no package index: {error}"
    return f"no package index: {' '.join(done.stderr.split())[:200]}" if done.returncode else ""


@pytest.fixture(scope="session")
def sweeping(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--sweep"))


@pytest.fixture
def rounds(sweeping: bool) -> Callable[[int, int], range]:
    """`rounds(few, many)`: a range of `few` rounds, of `many` under --sweep."""
    return lambda few, many: range(many if sweeping else few)


@pytest.fixture(scope="session", autouse=True)
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where sessions have their control sockets, those of this process, too: others that list sessions see none."""
    directory = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(directory))
        yield directory


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instui cache of this test session's own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("skeleton") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(top)], check=True)
    return top


@pytest.fixture(scope="session")
def make_venv(skeleton: Path, cache: Path) -> Callable[[Path], Venv]:
    """Makes an environment at a path; for tests that need many, below a directory of their own."""

    def make(top: Path) -> Venv:
        shutil.copytree(skeleton, top, symlinks=True)
        return Venv(top, cache)

    return make


@pytest.fixture
def venv(make_venv: Callable[[Path], Venv], tmp_path: Path) -> Callable[[], Venv]:
    """A factory of fresh environments."""
    numbers = count()
    return lambda: make_venv(tmp_path / f"venv{next(numbers)}")


@pytest.fixture(scope="session")
def clean_environ(tmp_path_factory: pytest.TempPathFactory, cache: Path, sockets: Path) -> dict[str, str]:
    """Variables for child processes: nothing of the user's configuration gets in, and no index is asked."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(sockets),
        "XDG_CONFIG_HOME": str(home / "config"),
        "INSTUI_CACHE_DIR": str(cache),
        "INSTUI_CONFIG": os.devnull,  # not the settings of who runs the tests
        "UV_CACHE_DIR": str(home / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Run(Protocol):
    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, **options: Any
    ) -> "subprocess.CompletedProcess[str]": ...


class Start(Protocol):
    def __call__(self, venv: Venv, *arguments: object, **options: Any) -> Session: ...


def _command(arguments: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "instui", *map(str, arguments)]


@pytest.fixture
def run_instui(clean_environ: dict[str, str]) -> Run:
    """Runs `instui` to its end."""

    def run(
        *arguments: object, env: Mapping[str, str] | None = None, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        kept = {"capture_output": True, "text": True, "timeout": 2 * PATIENCE, "check": False, **options}
        return subprocess.run(_command(arguments), env={**clean_environ, **(env or {})}, **kept)

    return run


@pytest.fixture
def start_instui(clean_environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts `instui install WORDS` into an environment, or another `command`; what still runs at the end is killed."""
    numbers = count()
    sessions: list[Session] = []

    def start(venv: Venv, *arguments: object, **options: Any) -> Session:
        journal = tmp_path / f"journal{next(numbers)}.jsonl"
        name = options.pop("command", "install")
        first = [name, *(["--no-deps"] if name == "install" else [])]
        command = _command([*first, "--no-fsync", "--ui", "none", "--python", venv.top])
        kept = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, **options}
        env = {**clean_environ, **kept.pop("env", {})}
        process = subprocess.Popen([*command, "--journal", str(journal), *map(str, arguments)], env=env, **kept)
        sessions.append(Session(process, journal))
        return sessions[-1]

    yield start
    for session in sessions:
        if session.process.poll() is None:
            session.process.kill()
        session.process.communicate()
