"""Fixtures that all tests share, the --sweep option, and what `network` means."""

import os
import shutil
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

settings.register_profile("sample", deadline=None, max_examples=100)
settings.register_profile("sweep", deadline=None, max_examples=1000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sweep", action="store_true", help="run the long repetitions in full")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("sweep" if config.getoption("--sweep") else "sample")


def pytest_runtest_setup(item: pytest.Item) -> None:
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
def clean_environ(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[str, str]:
    """Variables for child processes: nothing of the user's configuration gets in, and no index is asked."""
    home = tmp_path_factory.mktemp("home")
    (home / "run").mkdir(mode=0o700)  # for control sockets: killed sessions leave theirs, and others try them
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "INSTUI_CACHE_DIR": str(cache),
        "UV_CACHE_DIR": str(home / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Run(Protocol):
    def __call__(
        self, *words: object, env: Mapping[str, str] | None = None, **options: Any
    ) -> "subprocess.CompletedProcess[str]": ...


class Start(Protocol):
    def __call__(self, venv: Venv, *words: object, **options: Any) -> Session: ...


def _command(words: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "instui", *map(str, words)]


@pytest.fixture
def run_instui(clean_environ: dict[str, str]) -> Run:
    """Runs `instui` to its end."""

    def run(*words: object, env: Mapping[str, str] | None = None, **options: Any) -> "subprocess.CompletedProcess[str]":
        kept = {"capture_output": True, "text": True, "timeout": 2 * PATIENCE, "check": False, **options}
        return subprocess.run(_command(words), env={**clean_environ, **(env or {})}, **kept)

    return run


@pytest.fixture
def start_instui(clean_environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts `instui install WORDS` into an environment, or another `command`; what still runs at the end is killed."""
    numbers = count()
    sessions: list[Session] = []

    def start(venv: Venv, *words: object, **options: Any) -> Session:
        journal = tmp_path / f"journal{next(numbers)}.jsonl"
        name = options.pop("command", "install")
        first = [name, *(["--no-deps"] if name == "install" else [])]
        command = _command([*first, "--no-fsync", "--ui", "none", "--python", venv.top])
        kept = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, **options}
        env = {**clean_environ, **kept.pop("env", {})}
        process = subprocess.Popen([*command, "--journal", str(journal), *map(str, words)], env=env, **kept)
        sessions.append(Session(process, journal))
        return sessions[-1]

    yield start
    for session in sessions:
        if session.process.poll() is None:
            session.process.kill()
        session.process.communicate()
