"""A warm install loads and starts only what it needs; the engine knows nothing of the app."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from instui_engine.store import local
from support.cli import uv
from support.environments import Venv
from support.indexes import add_wheel
from support.trees import complete
from support.webserver import WebServer
from support.wheelsmith import build_wheel

# runs the command line as the `instui` command does, and says at its end what it has loaded and started
_HARNESS = """
import json, os, sys
started = []
before = []  # what was loaded when the first process was started
def hook(event, arguments):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"):
        before.extend([] if started else sys.modules)
        started.append(str(arguments[0]))
    if event in ("socket.connect", "socket.getaddrinfo"):
        started.append(event)
sys.addaudithook(hook)
report, program, words = sys.argv[1], sys.argv[2], sys.argv[3:]
def write(code):
    with open(report, "w") as file:
        json.dump({"modules": sorted(sys.modules), "before": before, "started": started, "code": code}, file)
leave = os._exit
os._exit = lambda code: (write(code), leave(code))
if program == "import":
    for word in words:
        __import__(word)
    write(0)
else:
    sys.argv = [program, *words]
    from instui.__main__ import main
    main()
"""
USER_INTERFACES = ("textual", "rich")
NETWORK = ("urllib3", "http.client", "email", "ssl", "requests", "httpx")
HEAVY = ("uv", "venv", "pip", "packaging.pylock", "packaging.requirements", "tomllib", "unittest", "multiprocessing")
# what an install of local wheels from a warm store, and a command that only reads, can do without
NEEDLESS = (
    *("anyio", "asyncio", "concurrent", "importlib.metadata", "packaging", "platformdirs", "installer"),
    *("configparser", "tempfile", "shutil", "filelock", "logging", "dataclasses", "inspect", "random", "hashlib"),
    *("gettext", "ntpath", "isal"),
    *(("ipaddress",) if sys.version_info < (3, 13) else ()),  # since then pathlib does not load what loads it
)


class Loaded:
    """What a run has loaded and started."""

    def __init__(self, path: Path) -> None:
        report = json.loads(path.read_text())
        self.modules = set(report["modules"])
        self.before = set(report["before"])
        self.started: list[str] = report["started"]
        self.code: int = report["code"]

    def of(self, names: Sequence[str]) -> list[str]:
        """The modules that are, or are below, one of `names`."""
        return sorted(m for m in self.modules if any(m == name or m.startswith(f"{name}.") for name in names))


@pytest.fixture
def observe(tmp_path: Path, clean_environ: dict[str, str]) -> Callable[..., Loaded]:
    def run(program: str, *arguments: object) -> Loaded:
        report = tmp_path / "report.json"
        command = [sys.executable, "-c", _HARNESS, str(report), program, *map(str, arguments)]
        # a runtime directory of its own: where killed sessions left their sockets, one looks whether they answer; and a
        # short one, as the path of a socket must be
        with TemporaryDirectory(prefix="i") as runtime:
            env = {**clean_environ, "XDG_RUNTIME_DIR": runtime}
            done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=100, check=False)
        assert report.exists(), done.stderr
        loaded = Loaded(report)
        print(len(loaded.modules), "modules:", *sorted(loaded.modules))
        print("started:", *loaded.started)
        assert (done.returncode, loaded.code) == (0, 0), done.stderr
        return loaded

    return run


def make(place: Path, **options: Any) -> Path:
    return build_wheel(place, "tool", "1.0", {"tool.py": b"", "tool_data/a.txt": b""}, requires=["x"], **options)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of a wheel that was written just now is noted, too, when it is first installed."""
    monkeypatch.setattr(local, "SETTLED", -1.0)


def test_a_warm_install_of_a_wheel_file_is_lean(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    wheel = make(tmp_path)
    venv().put(wheel)
    target = venv()
    report = observe("instui", "install", "--ui", "none", "--no-deps", "--python", target.top, wheel)
    assert complete(target.site, "tool-1.0")
    assert report.of([*USER_INTERFACES, *NETWORK, *HEAVY, *NEEDLESS, "instui.tui"]) == []
    assert report.started == []
    assert report.of(["instui_engine.locks.wait", "instui_engine.locks.holders"]) == []  # nothing was waited for
    assert report.of(["instui_engine.target.asking", "instui_engine.target.tags"]) == []  # the answer is cached
    assert report.of(["instui_engine.bytecode", "instui.window", "instui.demo"]) == []  # nobody asked for it
    assert report.of(["csv", "encodings.ascii", "locale"]) == []  # no RECORD, and no text file but in UTF-8, was read


def test_a_warm_install_with_byte_code_is_as_lean(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    wheel = make(tmp_path)
    venv().put(wheel, compile_bytecode=True)
    target = venv()
    words = ("--ui", "none", "--no-deps", "--compile-bytecode", "--python", target.top, wheel)
    report = observe("instui", "install", *words)
    assert list(target.site.glob("__pycache__/tool.*.pyc"))
    assert report.of([*USER_INTERFACES, *NETWORK, *HEAVY, *NEEDLESS, "instui.tui"]) == []
    assert report.started == []
    assert report.of(["instui_engine.bytecode.workers", "subprocess"]) == []
    assert "instui_engine.resolve.resolver" in report.modules  # the harness sees what there is to see


def test_a_cold_install_of_a_wheel_file_needs_no_network(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    target, wheel = venv(), make(tmp_path)
    report = observe(
        *("instui", "install", "--ui", "none", "--no-deps", "--python", target.top),
        *("--cache-dir", tmp_path / "cold", wheel),
    )
    assert complete(target.site, "tool-1.0")
    assert "instui_engine.store.unpack" in report.modules
    assert report.of([*USER_INTERFACES, *NETWORK, "anyio", "asyncio", "isal"]) == []


def test_an_install_from_an_index_needs_no_event_loop(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    target = venv()
    clean_environ.update(UV_OFFLINE="0", UV_CACHE_DIR=str(tmp_path / "uv"), NO_PROXY="127.0.0.1")
    with WebServer() as index:
        add_wheel(index, make(tmp_path))
        report = observe(
            *(
                "instui",
                "install",
                "--ui",
                "none",
                "--no-deps",
                "--python",
                target.top,
                "--cache-dir",
                tmp_path / "cold",
            ),
            *("--cache-dir", tmp_path / "cold", "--index-url", index.url("/simple/"), "tool"),
        )
    assert complete(target.site, "tool-1.0")
    assert "urllib3" in report.modules
    assert report.of([*USER_INTERFACES, "anyio", "asyncio"]) == []


def test_the_library_that_inflates_is_loaded_where_a_large_file_is_unpacked(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    wheel = build_wheel(tmp_path, "tool", "1.0", {"tool.py": b"# large\n" * 9000})
    words = ("install", "--ui", "none", "--no-deps", "--cache-dir", tmp_path / "cold", "--python", venv().top, wheel)
    assert ("isal.isal_zlib" in observe("instui", *words).modules) == bool(importlib.util.find_spec("isal"))


def test_the_library_that_makes_launchers_is_loaded_when_a_wheel_is_unpacked_and_not_again(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    wheel = make(tmp_path, entry_points="[console_scripts]\ntool = tool:main\n", data={"scripts/own": b"#!python\n"})
    first, second = venv(), venv()
    command = ("instui", "install", "--ui", "none", "--no-deps", "--cache-dir", tmp_path / "cold", wheel, "--python")
    assert "installer" in observe(*command, first.top).modules
    report = observe(*command, second.top)
    assert report.of([*USER_INTERFACES, "installer", "email", "zipfile", "configparser", "filelock"]) == []
    for name in ("tool", "own"):
        launchers = [(venv.top / "bin" / name).read_text().replace(str(venv.top), "") for venv in (first, second)]
        assert launchers[0] == launchers[1]


def test_an_install_that_has_nothing_to_do_asks_uv_once(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""}))
    report = observe("instui", "install", "--ui", "none", "--python", target.top, "pkg>=1")
    assert report.of([*USER_INTERFACES, *NETWORK]) == []
    assert [os.path.basename(path) for path in report.started] == ["uv"]


@pytest.mark.parametrize("ui", ["plain", "json"])
def test_plain_and_json_output_need_no_user_interface_library(
    ui: str, observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    wheel = make(tmp_path)
    report = observe("instui", "install", "--ui", ui, "--no-deps", "--python", venv().top, wheel)
    assert report.of([*USER_INTERFACES, "urllib3", "http", "instui.tui"]) == []


def test_a_resolution_starts_uv_and_the_harness_sees_it(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""})
    arguments = ("install", "--ui", "none", "--no-index", "--find-links", tmp_path, "--python", venv().top, "pkg")
    report = observe("instui", *arguments)
    assert [os.path.basename(path) for path in report.started] == ["uv", "uv"]
    assert report.of([*USER_INTERFACES, "urllib3", "http.client"]) == []


def test_a_requirement_file_is_with_uv_before_what_reads_its_answer_is_loaded(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""})
    (tmp_path / "requirements.txt").write_text("pkg==1.0\n")
    places = ("--offline", "--no-index", "--find-links", tmp_path, "--python", venv().top)
    report = observe("instui", "install", "--ui", "none", *places, "-r", tmp_path / "requirements.txt")
    needed_later = ("dataclasses", "inspect", "packaging", "tomllib", "logging")
    needed_later += ("instui_engine.commit.commit", "instui_engine.stage.staging")
    assert sorted(report.before & set(needed_later)) == []
    assert report.of(needed_later)
    assert len(report.started) == 1


def test_what_plans_and_commits_is_loaded_while_uv_works() -> None:
    program = (
        "import sys\nfrom instui_engine.commands.early import Early\n"
        "from instui_engine.resolve.request import Request\nfrom instui_engine.session.context import Context\n"
        "from instui_engine.session.control import Control\nfrom instui_engine.session.options import Options\n"
        "from instui_engine.journal.writer import Journal\nfrom instui_engine.store.store import Store\n"
        "options = Options()\nbefore = set(sys.modules)\n"
        "early = Early(Context(options, Journal(()), Control()), Store(options.cache), Request(offline=True))\n"
        "early.meanwhile.deciding(())\nprint(*set(sys.modules) - before)\n"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    needed = ("commit.commit", "stage.staging", "store.acquire", "store.gc_lock", "commands.planning")
    assert {f"instui_engine.{name}" for name in needed} <= set(loaded)


def test_a_lock_file_that_was_read_before_needs_no_parser(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    wheel = make(tmp_path)
    venv().put(wheel)
    digest = sha256(wheel.read_bytes()).hexdigest()
    lock = tmp_path / "pylock.toml"
    lock.write_text(
        'lock-version = "1.0"\ncreated-by = "me"\n[[packages]]\nname = "tool"\nversion = "1.0"\n'
        f'wheels = [{{ url = "https://host.invalid/{wheel.name}", hashes = {{ sha256 = "{digest}" }} }}]\n'
    )
    command = ("instui", "install", "--ui", "none", "--offline", "--pylock", lock, "--python")
    assert observe(*command, venv().top).of(["packaging.pylock", "tomllib"])
    target = venv()
    report = observe(*command, target.top)
    assert complete(target.site, "tool-1.0")
    assert report.of([*HEAVY, "logging", "instui_engine.fetch.download"]) == []


def test_the_engine_never_loads_the_app(observe: Callable[..., Loaded]) -> None:
    import instui_engine

    directory = Path(instui_engine.__file__ or "").parent
    paths = [path.relative_to(directory.parent) for path in directory.rglob("*.py") if path.stem != "__init__"]
    names = [".".join(path.with_suffix("").parts) for path in paths]
    assert len(names) > 20
    report = observe("import", "instui_engine", *names)
    assert report.of(["instui"]) == []
    assert report.of(USER_INTERFACES) == []
    assert report.started == []


def test_importing_the_library_alone_costs_next_to_nothing(observe: Callable[..., Loaded]) -> None:
    report = observe("import", "instui_engine")
    assert report.of(["instui_engine", "instui"]) == ["instui_engine", "instui_engine.version"]
    assert report.of(["filelock", "platformdirs", "dataclasses", "threading", "packaging"]) == []


def test_help_loads_no_engine(observe: Callable[..., Loaded]) -> None:
    report = observe("instui", "--help")
    assert report.of([*USER_INTERFACES, *NETWORK, *HEAVY, *NEEDLESS, "instui.tui", "instui_engine.commands"]) == []


def test_the_version_needs_no_parser(observe: Callable[..., Loaded]) -> None:
    report = observe("instui", "--version")
    assert report.of(["argparse", "threading", "socket", "subprocess", "instui_engine.session"]) == []


def test_who_holds_locks_is_found_by_what_reads_locks(observe: Callable[..., Loaded], venv: Callable[[], Venv]) -> None:
    target = venv()
    observe("instui", "locks", "--python", target.top)  # asks the interpreter, if nobody has yet
    report = observe("instui", "locks", "--python", target.top)
    assert report.started == []
    needless = [*USER_INTERFACES, *NETWORK, *HEAVY, *NEEDLESS, "socket", "instui.window", "instui.demo"]
    needless += ["instui_engine.journal.events", "instui_engine.locks.reading", "instui_engine.session.session"]
    rooms = [
        f"instui_engine.{room}"
        for room in ("commands", "commit", "stage", "plan", "store", "resolve", "wheel", "fetch")
    ]
    assert report.of([*needless, *rooms]) == []


def test_what_is_installed_is_listed_by_what_reads_metadata(
    observe: Callable[..., Loaded], venv: Callable[[], Venv], tmp_path: Path
) -> None:
    target = venv()
    target.put(make(tmp_path))
    observe("instui", "list", "--json", "--python", target.top)  # asks the interpreter, if nobody has yet
    report = observe("instui", "list", "--json", "--python", target.top)
    assert report.started == []
    rooms = [f"instui_engine.{room}" for room in ("commands", "commit", "stage", "plan", "store", "resolve", "locks")]
    assert report.of([*USER_INTERFACES, *NETWORK, *HEAVY, *NEEDLESS, *rooms]) == []
    assert len({*observe("instui", "list", "--python", target.top).started}) == 1  # uv; 3.13 tells of it twice


def test_a_part_that_is_missing_is_told_in_one_line(venv: Callable[[], Venv]) -> None:
    missing = "import sys; sys.modules['instui_engine.locks.holders'] = None; from instui.__main__ import main; main()"
    command = [sys.executable, "-c", missing, "locks", "--python", str(venv().top)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("instui: cannot start: ModuleNotFoundError: ")
    assert done.stderr.count("\n") == 1


def test_uv_is_found_where_it_was_installed_with_instui() -> None:
    assert uv("--version").startswith("uv ")
