"""`import instui_engine` is a library: its calls have defaults, its errors fields, and engine/README.md is right."""

import ast
import pickle
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest

import instui_engine
from instui_engine import ClashError, ConflictError, InstuiError, Options, Recording, Request, UnreachableIndexError
from instui_engine.commit import transaction
from instui_engine.commit.executor import Executor
from instui_engine.commit.transaction import Step
from instui_engine.errors import BadWheelError, FetchError, Interrupted, LockTimeoutError, TargetError
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.journal.codec import decode
from instui_engine.journal.events import CommitFinished, Holder, SessionFinished, SessionStarted
from instui_engine.locks.names import lock_name
from instui_engine.plan.plan import WheelPlan
from instui_engine.resolve.uv import explain
from instui_engine.session.control import ControlServer
from instui_engine.session.session import Session, alive
from support import trees
from support.cli import installed
from support.environments import Lines, Venv, read_journal
from support.wheelsmith import build_wheel

ROOT = Path(__file__).parents[2] / "engine" / "instui_engine"  # an installed package has no README beside it
README = ROOT.parent / "README.md"


def section(name: str, end: str) -> str:
    """What stands in engine/README.md between two comments."""
    found = re.search(rf"<!-- {name}.*? -->\n(.*?)<!-- {end} -->", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def run(code: str, *arguments: object, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)


def test_the_program_of_the_readme_installs_and_tells_errors_apart(
    venv: Callable[[], Venv], tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    program = "".join(line[4:] for line in section("program", "end of program").splitlines(keepends=True))
    target = venv()
    one = build_wheel(tmp_path, "one", "1.0", {"shared.py": b"1"})
    two = build_wheel(tmp_path, "two", "1.0", {"shared.py": b"2"})

    done = run(program, target.top, one, environ=clean_environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "installed: one\n", "")
    assert (target.site / "shared.py").read_bytes() == b"1"

    done = run(program, target.top, two, environ=clean_environ)
    path = f"{target.environment.roots['purelib']}/shared.py"
    assert (done.returncode, done.stdout) == (1, "installed:\n")
    assert done.stderr == f"'two 1.0' would replace {path!r} of 'one 1.0'\n"

    done = run(program, target.top, tmp_path / "gone-1.0-py3-none-any.whl", environ=clean_environ)
    assert done.returncode == 1
    assert re.fullmatch(r"UsageError: .* does not exist\n", done.stderr)


def test_the_following_program_of_the_readme_prints_each_wheel(
    venv: Callable[[], Venv], tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    program = "".join(line[4:] or "\n" for line in section("following", "end of following").splitlines(keepends=True))
    wheels = [build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in ("one", "two")]
    done = run(program, venv().top, *wheels, environ=clean_environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "one is complete\ntwo is complete\nexit code 0\n"


def test_the_rooms_of_the_readme_are_the_layers_of_the_contract() -> None:
    rooms = re.findall(r"^\| `(\w+)` \|", section("rooms", "end of rooms"), re.MULTILINE)
    contracts = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == ["instui_engine"]]
    assert rooms == [room for layer in layers for room in layer.split(" | ")]
    assert sorted(rooms) == sorted(
        path.stem for path in ROOT.iterdir() if path.stem not in ("__init__", "__pycache__", "py")
    )


def test_the_places_that_the_readme_names_exist(venv: Callable[[], Venv], tmp_path: Path) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "one", "1.0", {"same.py": b"1"}))
    target.put(build_wheel(tmp_path, "two", "1.0", {"same.py": b"2"}))
    named = set(re.findall(r"\.instui/([a-z]+)/", README.read_text(encoding="utf-8")))
    found = {path.name for path in (target.top / ".instui").iterdir()}
    assert {"sessions", "records", "kept", "locks"} <= found
    assert named - found <= {"stage"}  # which goes with its session


def test_every_name_of_the_face_is_there_and_typed_as_it_is() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in typed.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    assert sorted({*homes, "__version__"}) == sorted(instui_engine.__all__)
    for name, home in homes.items():
        assert getattr(instui_engine, name) is getattr(import_module(f"instui_engine.{home}"), name)
    assert set(instui_engine.__all__) <= set(dir(instui_engine))
    with pytest.raises(AttributeError, match="no attribute 'instal'"):
        _ = instui_engine.instal


def test_no_module_takes_the_place_of_a_name_of_the_face(clean_environ: dict[str, str]) -> None:
    assert {path.stem for path in ROOT.iterdir()}.isdisjoint(instui_engine.__all__)
    modules = ["import instui_engine.commands.install, instui_engine.doctor.repair, instui_engine.commands.uninstall"]
    calls = [f"assert callable(instui_engine.{name})" for name in ("install", "uninstall", "diagnose", "repair")]
    done = run("\n".join([*modules, *calls]), environ=clean_environ)
    assert done.returncode == 0, done.stderr


def test_options_have_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    options = Options()
    assert options.cache.is_relative_to(tmp_path) and options.cache.name == "instui"
    assert 1 <= options.jobs <= 8


def test_a_session_needs_neither_options_nor_control_nor_recording(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    target = venv()
    wheel = build_wheel(tmp_path, "one", "1.0", {"one.py": b"1"})
    environment = instui_engine.discover(python=str(target.top))
    outcome = instui_engine.install(Request((str(wheel),), no_deps=True), environment)
    assert (outcome.failure, outcome.exit_code, outcome.error) == (None, 0, "")
    assert outcome.installed == ("one",)
    assert instui_engine.diagnose(environment).is_clean
    (target.site / "one.py").write_bytes(b"edited")
    found = instui_engine.diagnose(environment)
    assert [finding.kind for finding in found.findings] == ["modified"]
    results: list[instui_engine.RepairResult] = []
    instui_engine.repair(found, Request(find_links=(str(tmp_path),), no_index=True), on_result=results.append)
    assert [(result.subject, result.ok) for result in results] == [("one 1.0", True)]
    assert instui_engine.uninstall(["one"], environment).installed == ("one",)
    assert not (target.site / "one.py").exists()


def test_a_recording_says_who_listens_what_was_called_and_which_session_it_is(
    venv: Callable[[], Venv], tmp_path: Path
) -> None:
    target = venv()
    lines: list[str] = []
    recording = Recording((lines.append,), ("my", "tool"), lambda event: "look", "20260101-000000-1-abcd")
    request = Request((str(build_wheel(tmp_path, "one", "1.0", {"one.py": b"1"})),), no_deps=True)
    outcome = instui_engine.install(request, target.environment, Options(target.cache, fsync=False), None, recording)
    assert outcome.session == "20260101-000000-1-abcd"
    events = [event for _, event in filter(None, map(decode, lines))]
    assert isinstance(events[0], SessionStarted) and events[0].command == ["my", "tool"]
    assert [event.wheel for event in events if isinstance(event, CommitFinished)] == ["one"]
    assert [path.stem for path in target.journals()] == [outcome.session]
    assert '"text":"look"' in lines[1]


def test_ctrl_c_ends_the_session_before_it_reaches_the_program(venv: Callable[[], Venv], tmp_path: Path) -> None:
    target = venv()

    def interrupted(line: str) -> None:
        if '"stage.started"' in line:
            raise KeyboardInterrupt

    request = Request((str(build_wheel(tmp_path, "one", "1.0", {"one.py": b"1"})),), no_deps=True)
    options = Options(target.cache, fsync=False)
    with pytest.raises(KeyboardInterrupt):
        instui_engine.install(request, target.environment, options, None, Recording((interrupted,), identity="here"))
    last = read_journal(target.journals()[0]).events[-1][1]
    assert isinstance(last, SessionFinished) and (last.exit, last.error) == (130, "interrupted")
    assert target.stages() == []


def test_ctrl_c_while_wheels_are_prepared_commits_none_of_them(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, ready = venv(), Executor.ready

    def interrupted(self: Executor, plan: WheelPlan, tree: DirfdTree) -> object:
        if plan.name == "two":
            raise KeyboardInterrupt
        return ready(self, plan, tree)

    monkeypatch.setattr(Executor, "ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        target.install(*(build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in ("one", "two")))
    assert installed(target.site) == {}
    assert target.stages() == []


@pytest.mark.parametrize("times", [1, 2, 3])
def test_ctrl_c_again_and_again_does_not_stop_an_undo_for_good(
    times: int, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = {
        version: build_wheel(tmp_path, "one", version, {"one/__init__.py": version.encode(), "one.py": b""})
        for version in ("1.0", "2.0")
    }
    target = venv()
    target.put(wheels["1.0"])
    take, undo, pressed = transaction.take, transaction.undo, []

    def press() -> None:
        if len(pressed) < times:
            pressed.append(True)
            raise KeyboardInterrupt

    def taken(tree: DirfdTree, step: Step) -> None:
        take(tree, step)
        if step.path.endswith("/one.py"):
            press()

    def undone(tree: DirfdTree, *rest: object, **options: object) -> object:
        rename = tree.rename

        def pressing(source: str, target: str) -> None:
            rename(source, target)
            press()

        monkeypatch.setattr(tree, "rename", pressing)
        try:
            return undo(tree, *rest, **options)
        finally:
            monkeypatch.setattr(tree, "rename", rename)

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "take", taken)
        patch.setattr(transaction, "undo", undone)
        with pytest.raises(KeyboardInterrupt) if times < 3 else nullcontext():
            outcome = target.install(wheels["2.0"])
            assert "the next command settles it" in outcome.error
    if times == 3:
        assert installed(target.site) == {}
        target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))
        target.remove("other")
    assert installed(target.site) == {"one": "1.0"}
    assert trees.complete(target.site, "one-1.0")
    assert trees.unlisted(target.site) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt(), RuntimeError("a bug")], ids=repr)
def test_whatever_befalls_the_removal_of_the_stage_the_session_ends_as_it_went(
    error: BaseException, venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    closed: list[ControlServer] = []
    close = ControlServer.close

    def closing(self: ControlServer) -> None:
        closed.append(self)
        close(self)

    def fails(self: Session, *, together: bool, after: object) -> None:
        raise error

    monkeypatch.setattr(ControlServer, "close", closing)
    monkeypatch.setattr(Session, "remove_stage", fails)
    lines: list[str] = []
    request = Request((str(build_wheel(tmp_path, "one", "1.0", {"one.py": b"1"})),), no_deps=True)
    options = Options(target.cache, fsync=False)
    with nullcontext() if isinstance(error, OSError) else pytest.raises(type(error)):
        outcome = instui_engine.install(request, target.environment, options, None, Recording((lines.append,)))
        assert (outcome.exit_code, outcome.error, outcome.installed) == (0, "", ("one",))
    last = Lines(lines).events[-1][1]
    assert isinstance(last, SessionFinished) and (last.exit, last.installed) == (0, 1)
    assert len(closed) == 1
    assert not alive(target.journals()[0])


# --- errors


def test_a_conflict_names_the_path_and_both_owners(venv: Callable[[], Venv], tmp_path: Path) -> None:
    target = venv()
    one, two = (build_wheel(tmp_path, name, "1.0", {"same.py": name.encode()}) for name in ("one", "two"))
    failure = target.install(one, two, fail_on_conflict=True).failure
    assert isinstance(failure, ConflictError)
    assert failure.path == f"{target.environment.roots['purelib']}/same.py"
    assert (failure.first, failure.last, failure.exit_code) == ("one 1.0", "two 1.0", 3)


def test_a_clash_names_the_path_and_both_owners(venv: Callable[[], Venv], tmp_path: Path) -> None:
    target = venv()
    one = build_wheel(tmp_path, "one", "1.0", {"thing": b""})
    two = build_wheel(tmp_path, "two", "1.0", {"thing/x.py": b""})
    failure = target.install(one, two).failure
    assert isinstance(failure, ClashError)
    assert failure.path == f"{target.environment.roots['purelib']}/thing"
    assert failure.owners == ("one 1.0", "two 1.0")


@pytest.mark.parametrize("what", ["claim", "environment"])
def test_a_lock_timeout_names_the_lock_its_holders_and_the_seconds(
    what: str, venv: Callable[[], Venv], tmp_path: Path
) -> None:
    target = venv()
    claim = f"{target.environment.roots['purelib']}/pkg"
    lock = target.top / ".lock" if what == "environment" else target.top / ".instui" / "locks" / lock_name(claim)
    lock.parent.mkdir(parents=True, exist_ok=True)
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", code, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline()
        failure = target.install(build_wheel(tmp_path, "pkg", "1.0", {"pkg/a.py": b""}), lock_timeout=0.2).failure
        holder.communicate("")
    assert isinstance(failure, LockTimeoutError)
    assert failure.path == (claim if what == "claim" else str(lock))
    assert failure.seconds == 0.2
    if Path("/proc/locks").exists():
        assert [one.pid for one in failure.holders] == [holder.pid]


def test_a_bad_wheel_is_named_by_its_file(venv: Callable[[], Venv], tmp_path: Path) -> None:
    wheel = tmp_path / "bad-1.0-py3-none-any.whl"
    wheel.write_bytes(b"no archive, but long enough to be looked at")
    failure = venv().install(wheel).failure
    assert isinstance(failure, BadWheelError) and failure.wheel == wheel.name


def test_an_environment_that_is_none_is_named_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as caught:
        instui_engine.discover(tmp_path / "cache", python=str(tmp_path))
    assert caught.value.path == str(tmp_path)


def test_an_index_that_does_not_answer_is_a_class_of_its_own() -> None:
    output = "error: Request failed after 3 retries\n  cause: error sending request for url (http://localhost:9/x/)\n"
    failure = explain(f"{output}  cause: tcp connect error\n  cause: Connection refused (os error 111)\n")
    assert isinstance(failure, UnreachableIndexError)
    assert failure.url.startswith("http://localhost:9/x/")
    assert "cannot reach the package index" in str(failure)


@pytest.mark.parametrize(
    "error",
    [
        BadWheelError("text", wheel="a"),
        FetchError("text", wheel="a"),
        UnreachableIndexError("text", url="u"),
        TargetError("text", path="p"),
        ClashError("text", path="p", owners=("a", "b")),
        ConflictError("text", path="p", first="a", last="b"),
        LockTimeoutError("text", path="p", holders=(Holder("w", pid=7),), seconds=1.5),
        Interrupted("text", 143),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_its_line_and_its_fields_also_in_another_process(error: InstuiError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error) == "text"
    assert vars(again) == vars(error) != {}
    assert again.exit_code == error.exit_code


def test_the_program_never_searches_its_own_messages_for_words() -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for path in ROOT.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""["'] in (str\(\w*(failure|error)|\w+\.error)\b""", line)
        and not (path.name == "lock_file.py" and "No wheel found" in line)  # packaging's
    ]
    assert found == []
