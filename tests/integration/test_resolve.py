"""Resolution with the real uv: offline on wheels made here, and a little with a package index."""

import hashlib
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import uv

from instui_engine.errors import Interrupted, ResolutionError, UsageError
from instui_engine.journal.events import Event, RequirementSatisfied, ResolveFinished, ResolveProgress, ResolveStarted
from instui_engine.resolve import decision
from instui_engine.resolve.request import Meanwhile, Request, Resolution
from instui_engine.resolve.resolver import resolve
from instui_engine.resolve.source import Building, Source
from instui_engine.resolve.uv import Decision, Uv
from instui_engine.resolve.uv_errors import explain
from instui_engine.target.environment import Environment, discover
from instui_engine.target.installed import scan
from support.webserver import WebServer
from support.wheelsmith import build_wheel

NO_HASH = "0" * 64
STEPS = [
    ResolveProgress("deciding which versions to install"),
    ResolveProgress("listing the files and hashes of these versions"),
]


class Target:
    """An environment with what it takes to resolve for it; `events` are those of the last time."""

    def __init__(self, environment: Environment, cache: Path, links: Path) -> None:
        self.environment = environment
        self.cache = cache
        self.links = links
        self.events: list[Event] = []

    def offline(self, *arguments: str, **options: Any) -> Resolution:
        return self.resolve(*arguments, no_index=True, find_links=(str(self.links),), **options)

    def resolve(self, *arguments: str, cancelled: Callable[[], bool] = lambda: False, **options: Any) -> Resolution:
        self.events = []
        request = Request(arguments=arguments, **options)
        installed = scan(self.environment)
        return resolve(request, self.environment, installed, self.events.append, cancelled)

    def install(self, wheel: Path) -> None:
        """Put the metadata where an installer would."""
        name, version = wheel.name.split("-")[:2]
        with zipfile.ZipFile(wheel) as archive:
            site = self.environment.top / self.environment.roots["purelib"]
            for file in ("METADATA", "RECORD"):
                archive.extract(f"{name}-{version}.dist-info/{file}", site)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(top / "venv")], check=True)
    return top


@pytest.fixture
def target(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    subprocess.run(["cp", "-a", str(bare / "venv"), str(tmp_path / "venv")], check=True)
    monkeypatch.chdir(tmp_path)
    links = tmp_path / "links"
    links.mkdir()
    for name, version, requires in (
        ("app", "1.0", ["lib>=1"]),
        ("lib", "1.0", []),
        ("lib", "2.0", []),
        ("other", "1.0", ["lib<2"]),
    ):
        build_wheel(links, name, version, {f"{name}.py": version.encode()}, requires=requires)
    build_wheel(links, "alien", "1.0", {"alien.py": b""}, tag="cp311-cp311-win_amd64")
    return Target(discover(bare / "cache", python=str(tmp_path / "venv")), bare / "cache", links)


def names(resolution: Resolution) -> dict[str, str]:
    return {wheel.name: wheel.version for wheel in resolution.wheels}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_named_wheels_without_dependencies_start_no_uv(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    app, lib = target.links / "app-1.0-py3-none-any.whl", target.links / "lib-2.0-py3-none-any.whl"
    found = target.resolve(str(lib), str(app), no_deps=True)
    assert [(w.name, w.position, w.path, w.sha256, w.requested) for w in found.wheels] == [
        ("lib", 0, str(lib), "", True),
        ("app", 1, str(app), "", True),
    ]
    assert found.wheels[0].size == lib.stat().st_size
    assert found.wheels[0].origin == lib.as_uri()
    assert target.events == [ResolveFinished(2, 0)]


def test_dependencies_are_resolved_and_only_what_was_named_is_requested(target: Target) -> None:
    found = target.offline("app")
    assert names(found) == {"app": "1.0", "lib": "2.0"}
    assert {w.name: (w.requested, w.position, w.origin) for w in found.wheels} == {
        "app": (True, -1, ""),
        "lib": (False, -1, ""),
    }
    for wheel in found.wheels:
        assert wheel.sha256 == sha256(Path(wheel.path))
        assert wheel.size == Path(wheel.path).stat().st_size
    assert target.events == [ResolveStarted(["app"]), *STEPS, ResolveFinished(2, 0)]


@pytest.mark.parametrize("offline", [False, True])
def test_a_uv_that_asks_nobody_is_not_made_to_log(
    target: Target, offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs: list[bool] = []
    popen = subprocess.Popen

    def noting(*arguments: Any, **options: Any) -> Any:
        logs.append("RUST_LOG" in (options.get("env") or {}))
        return popen(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", noting)
    assert target.offline("app", offline=offline).wheels
    assert any(logs) is not offline


@pytest.mark.parametrize("isolated", [True, False])
def test_uv_need_not_run_the_interpreter_of_a_new_environment(
    target: Target, isolated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows that from which the environment was made; only builds may need what is in the environment."""
    told: list[str] = []
    popen = subprocess.Popen

    def noting(command: Any, *arguments: Any, **options: Any) -> Any:
        told.extend(word for word in command if word.startswith("--python="))
        return popen(command, *arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", noting)
    assert target.offline("app", building=Building(no_isolation=not isolated)).wheels
    executable = Path(target.environment.executable)
    assert executable.resolve() != executable
    assert told == [f"--python={executable.resolve() if isolated else executable}"] * 2


def test_a_named_wheel_file_is_resolved_with_its_dependencies(target: Target) -> None:
    app = target.links / "app-1.0-py3-none-any.whl"
    wheels = {w.name: w for w in target.offline("lib", str(app)).wheels}
    assert (wheels["app"].path, wheels["app"].position, wheels["lib"].position) == (str(app), 1, -1)
    assert (wheels["app"].origin, wheels["app"].size) == (app.as_uri(), app.stat().st_size)
    assert wheels["lib"].sha256 == sha256(target.links / "lib-2.0-py3-none-any.whl")


def test_without_dependencies_requirements_keep_their_order(target: Target) -> None:
    Path("more.txt").write_text("app\n")
    found = target.offline("other", "lib<2", no_deps=True, requirement_files=("more.txt",))
    assert sorted((w.position, w.name) for w in found.wheels) == [(0, "other"), (1, "lib"), (2, "app")]


def test_installed_versions_are_kept_where_they_serve(target: Target) -> None:
    target.install(target.links / "lib-1.0-py3-none-any.whl")
    found = target.offline("app", "lib")
    assert names(found) == {"app": "1.0"}
    assert found.satisfied == {"lib": "1.0"}
    assert RequirementSatisfied("lib", "1.0") in target.events
    assert target.events[-1] == ResolveFinished(1, 1)


def test_upgrade_takes_the_newest_and_upgrade_package_only_that_one(target: Target) -> None:
    target.install(target.links / "lib-1.0-py3-none-any.whl")
    assert names(target.offline("lib", upgrade=True)) == {"lib": "2.0"}
    assert names(target.offline("app", upgrade_packages=("lib",))) == {"app": "1.0", "lib": "2.0"}
    assert names(target.offline("app", upgrade_packages=("app",))) == {"app": "1.0"}


def test_reinstall_takes_the_newest_as_the_flag_means_in_uv(target: Target) -> None:
    target.install(target.links / "lib-1.0-py3-none-any.whl")
    assert names(target.offline("lib", reinstall=True)) == {"lib": "2.0"}
    assert names(target.offline("lib<2", reinstall=True)) == {"lib": "1.0"}


def test_what_is_satisfied_asks_no_index(target: Target) -> None:
    for name in ("app-1.0", "lib-1.0"):
        target.install(target.links / f"{name}-py3-none-any.whl")
    Path("r.txt").write_text("app>=1\n")
    with socket.create_server(("127.0.0.1", 0)) as index:
        url = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        found = target.resolve("app", requirement_files=("r.txt",), index_url=url)
        index.setblocking(False)
        with pytest.raises(BlockingIOError):
            index.accept()
    assert found.wheels == ()
    found_out = [RequirementSatisfied("app", "1.0"), ResolveFinished(0, 1)]
    assert target.events == [ResolveStarted(["app"]), STEPS[0], *found_out]


def test_an_installed_dependency_serves_though_no_index_has_it(target: Target, tmp_path: Path) -> None:
    target.install(build_wheel(tmp_path, "private", "1.0", {"private.py": b""}))
    build_wheel(target.links, "needy", "1.0", {"needy.py": b""}, requires=["private"])
    found = target.offline("needy")
    assert names(found) == {"needy": "1.0"}
    assert names(target.offline("needy", "private", upgrade=True)) == {"needy": "1.0"}


def test_a_ghost_of_a_broken_install_is_installed_again(target: Target) -> None:
    (target.environment.top / target.environment.roots["purelib"] / "lib-2.0.dist-info").mkdir()
    assert names(target.offline("lib")) == {"lib": "2.0"}


def test_constraints_limit_and_are_not_installed(target: Target) -> None:
    Path("c.txt").write_text("lib<2\nother==1.0\n")
    assert names(target.offline("app", constraint_files=("c.txt",))) == {"app": "1.0", "lib": "1.0"}


def test_nested_requirement_files_are_found_beside_each_other(target: Target) -> None:
    Path("deep").mkdir()
    Path("deep/a.txt").write_text("-r b.txt\n")
    Path("deep/b.txt").write_text("lib==1.0\nalien; sys_platform == 'win32'\n")
    found = target.offline(requirement_files=("deep/a.txt",))
    assert [(w.name, w.version, w.requested) for w in found.wheels] == [("lib", "1.0", True)]


def test_uv_sees_requirement_files_as_they_were_read(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be changed, or be empty, when uv comes to them."""
    Path("r.txt").write_text("lib\n-c limits.txt\n-f ./links\n")
    Path("limits.txt").write_text("lib<2\n")

    decide = Uv.decide

    def decide_late(question: Uv, *rest: Any) -> Decision:
        Path("r.txt").write_text("other\n")
        Path("limits.txt").unlink()
        return decide(question, *rest)

    monkeypatch.setattr(Uv, "decide", decide_late)
    resolution = target.resolve(no_index=True, requirement_files=("r.txt",), constraint_files=("limits.txt",))
    assert names(resolution) == {"lib": "1.0"}


def test_hashes_in_a_requirement_file_are_compared(target: Target) -> None:
    lib = target.links / "lib-1.0-py3-none-any.whl"
    Path("good.txt").write_text(f"lib==1.0 --hash=sha256:{NO_HASH} \\\n --hash=sha256:{sha256(lib)}\n")
    assert names(target.offline(requirement_files=("good.txt",), require_hashes=True)) == {"lib": "1.0"}
    Path("bad.txt").write_text(f"lib==1.0 --hash=sha256:{NO_HASH}\n")
    with pytest.raises(ResolutionError, match=r"no wheel of lib 1.0 has a hash that the requirements allow"):
        target.offline(requirement_files=("bad.txt",))


def test_required_hashes_are_required_of_everything(target: Target) -> None:
    app = target.links / "app-1.0-py3-none-any.whl"
    Path("r.txt").write_text(f"app==1.0 --hash=sha256:{sha256(app)}\n")
    with pytest.raises(ResolutionError, match=r"(Hash-checking is required|`--require-hashes` mode).*`lib`"):
        target.offline(requirement_files=("r.txt",), require_hashes=True)
    with pytest.raises(ResolutionError, match=r"`--require-hashes` mode.*found: lib"):
        target.offline("lib", requirement_files=("r.txt",), require_hashes=True)
    Path("r.txt").write_text("app==1.0\n")
    with pytest.raises(ResolutionError, match=r"`--require-hashes` mode.*app==1.0"):
        target.offline(requirement_files=("r.txt",), require_hashes=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent-xyz"], "no solution: because absent-xyz was not found in the provided package loc"),
        (["lib==9"], "no solution: because there is no version of lib==9"),
        (["lib>=9"], "no solution: because only lib<=2.0 is available"),
        (["lib==1.0", "lib==2.0"], "you require lib==1.0 and lib==2.0"),
        (["other", "lib>=2"], r"other==1.0 depends on lib<2|all versions of other depend on lib<2|lib<2"),
        (["alien"], r"no solution: because .*alien.* has no wheels with a matching"),
    ],
)
def test_what_has_no_solution_is_explained_in_one_line(arguments: list[str], message: str, target: Target) -> None:
    with pytest.raises(ResolutionError, match=message) as caught:
        target.offline(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    assert not text.endswith(("...", "you require"))
    assert "unsatisfiable" not in text


def test_a_wheel_for_another_python_is_explained(target: Target) -> None:
    wheel = build_wheel(target.links, "young", "1.0", {"young.py": b""}, tag="cp399-cp399-any")
    assert wheel.exists()
    with pytest.raises(ResolutionError, match=r"no solution: .*You require CPython|no solution: .*ABI tag"):
        target.offline("young")


def test_a_dead_index_is_named_without_its_credentials(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(target.links / "uv-cache"))
    with pytest.raises(
        ResolutionError, match=r"cannot reach the package index \(http://127.0.0.1:9/.*--offline"
    ) as caught:
        target.resolve("lib", index_url="http://user:secret@127.0.0.1:9/simple")
    assert "secret" not in str(caught.value)


def test_an_index_that_lacks_a_distribution_is_named_as_it_was_given(target: Target) -> None:
    with WebServer() as web:
        url = f"http://joe:s3cret@127.0.0.1:{web.port}/simple"
        with pytest.raises(ResolutionError, match=rf"package registry \(http://127.0.0.1:{web.port}/simple\) and"):
            target.resolve("lib", index_url=url)


def test_offline_with_an_empty_cache_says_so(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(target.links / "uv-cache"))
    with pytest.raises(ResolutionError, match=r"lib was not found in the cache.*--offline"):
        target.resolve("lib", offline=True)


def test_errors_in_requirement_files_come_through(target: Target) -> None:
    Path("r.txt").write_text("lib\nfoo bar\n")
    with pytest.raises(UsageError, match=r"r.txt, line 2: foo bar is not a requirement"):
        target.offline(requirement_files=("r.txt",))
    with pytest.raises(ResolutionError, match="find-links"):
        target.resolve("lib", no_index=True, find_links=("/nowhere/at/all",))
    with pytest.raises(ResolutionError, match=r"absent-xyz.*--no-index: only what --find-links"):
        target.resolve("absent-xyz", no_index=True)


@pytest.mark.parametrize(
    "noise", ["print('hello')", "import sys; sys.stdout.write('{')", "import atexit; atexit.register(print, 'bye')"]
)
def test_an_interpreter_that_prints_at_its_start_is_understood(noise: str, target: Target) -> None:
    environment = target.environment
    (environment.top / environment.site_packages[0] / "sitecustomize.py").write_text(noise)
    assert names(target.offline("app")) == {"app": "1.0", "lib": "2.0"}


def test_cancelling_stops_uv_at_once(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()  # it waits for an answer then
        with pytest.raises(Interrupted, match="interrupted while resolving"):
            target.resolve(
                "lib",
                index_url=f"http://127.0.0.1:{silent.getsockname()[1]}/simple",
                cancelled=lambda: time.monotonic() > begun + 0.5,
            )


def test_nothing_named_is_a_usage_error(target: Target) -> None:
    with pytest.raises(UsageError, match="nothing to install"):
        target.resolve()


# --- lock files


def lock(path: str, *packages: str) -> str:
    text = 'lock-version = "1.0"\ncreated-by = "test"\n' + "".join(f"[[packages]]\n{package}\n" for package in packages)
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text)
    return path


def wheel_entry(place: str, hashes: Mapping[str, str]) -> str:
    inner = ", ".join(f'{algorithm} = "{value}"' for algorithm, value in hashes.items())
    return f"{{{place}, size = 7, hashes = {{{inner}}}}}"


def test_a_lock_file_is_read_for_the_target_without_uv(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    good = {"sha256": "AB" * 32}
    here = wheel_entry("path = '../links/a-1.0-py3-none-any.whl'", good)
    alien = wheel_entry("url = 'https://host/a-1.0-cp311-cp311-win_amd64.whl'", good)
    far = wheel_entry("url = 'https://host/b-1.0-py3-none-any.whl'", good)
    source = wheel_entry("url = 'https://host/c.zip'", good)
    archive = wheel_entry("url = 'https://host/d-1-py3-none-any.whl'", good)
    file = lock(
        "deep/pylock.toml",
        f'name = "a"\nversion = "1.0"\nwheels = [{alien}, {here}]',
        f'name = "b"\nversion = "1.0"\nwheels = [{far}]',
        f"name = 'c'\nmarker = \"sys_platform == 'win32'\"\narchive = {source}",
        f'name = "d"\narchive = {archive}',
    )
    found = target.resolve(pylock=file)
    wheels = {w.name: w for w in found.wheels}
    assert set(wheels) == {"a", "b", "d"}
    assert wheels["a"].path == str(target.links / "a-1.0-py3-none-any.whl")
    assert (wheels["b"].url, wheels["b"].size) == ("https://host/b-1.0-py3-none-any.whl", 7)
    assert (wheels["d"].version, wheels["d"].sha256) == ("1", "ab" * 32)
    assert wheels["d"].origin == "https://host/d-1-py3-none-any.whl"
    assert {(w.requested, w.position) for w in found.wheels} == {(False, -1)}
    assert target.events == [ResolveFinished(3, 0)]


def refusals() -> list[tuple[str, str]]:
    good, short = {"sha256": NO_HASH}, {"sha256": "0" * 63}
    plain = "url = 'https://host/a-1.0-py3-none-any.whl'"
    alien = wheel_entry("url = 'https://host/a-1.0-cp311-cp311-win_amd64.whl'", good)
    source = wheel_entry("url = 'https://host/a-1.0.tar.gz'", good)
    bracket = wheel_entry("url = 'https://[x/a-1.0-py3-none-any.whl'", good)
    return [
        (f"version = '1.0'\nwheels = [{wheel_entry(plain, short)}]", "a hash that is none: sha256 needs 64"),
        (f"version = '1.0'\nsdist = {source.replace('tar.gz', 'exe')}", "Invalid sdist filename"),
        (f"version = '1.0'\nwheels = [{alien}]", "no wheel of a in .* fits this environment"),
        (f"version = '2.0'\nwheels = [{wheel_entry(plain, good)}]", "not a valid lock file: Version in"),
        ("directory = {path = 'tree'}", "no source tree is"),
        ("vcs = {type = 'git', url = 'https://host/x', commit-id = '1'}", "not locked to a commit"),
        (f"vcs = {{type = 'hg', url = 'https://host/x', commit-id = '{'1' * 40}'}}", "not locked to a commit"),
        ("requires-python = '>=4'\ndirectory = {path = '.'}", "does not fit this environment"),
        (f"version = '1.0'\nwheels = [{bracket}]", "Invalid IPv6 URL"),
        (f"archive = {bracket}", "Invalid IPv6 URL"),
        ("nonsense = 1", "not a valid lock file"),
        ("= =", "not a valid lock file"),
    ]


@pytest.mark.parametrize(("package", "message"), refusals())
def test_a_lock_file_without_a_usable_wheel_is_refused(package: str, message: str, target: Target) -> None:
    with pytest.raises((ResolutionError, UsageError), match=message) as caught:
        target.resolve(pylock=lock("pylock.toml", f"name = 'a'\n{package}"))
    assert "\n" not in str(caught.value)


def test_a_source_in_a_lock_file_is_built_unless_that_is_forbidden(target: Target) -> None:
    source = wheel_entry("url = 'https://host/a-1.0.tar.gz'", {"sha256": NO_HASH})
    for package in (f"version = '1.0'\nsdist = {source}", f"archive = {source}"):
        file = lock("pylock.toml", f"name = 'a'\n{package}")
        (wheel,) = target.resolve(pylock=file).wheels
        assert (wheel.name, wheel.url, wheel.sha256) == ("a", "https://host/a-1.0.tar.gz", NO_HASH)
        assert wheel.source == Source("archive", url=wheel.url, is_direct=package.startswith("archive"))
        with pytest.raises(ResolutionError, match="a would have to be built from a source, which --no-build forbids"):
            target.resolve(pylock=file, building=Building(no_build=True))


def test_a_lock_file_stands_alone(target: Target) -> None:
    with pytest.raises(UsageError, match=r"pylock\.toml says all"):
        target.resolve("lib", pylock="pylock.toml")
    with pytest.raises(UsageError, match="cannot read the lock file absent"):
        target.resolve(pylock="absent.toml")


def test_a_lock_file_stands_beside_no_constraints_of_uv(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CONSTRAINT", "c.txt")
    with pytest.raises(UsageError, match="UV_CONSTRAINT is set, but a lock file says all"):
        target.resolve(pylock="pylock.toml")


def test_a_lock_file_may_spell_the_version_otherwise_and_states_the_size(target: Target) -> None:
    wheel = target.links / "lib-2.0-py3-none-any.whl"
    entry = f"name = 'lib'\nversion = '2'\nwheels = [{{path = '{wheel}', %shashes = {{sha256 = '{sha256(wheel)}'}}}}]"
    assert names(target.resolve(pylock=lock("pylock.toml", entry % ""))) == {"lib": "2.0"}
    with pytest.raises(ResolutionError, match=f"has {wheel.stat().st_size} bytes, but is locked with 1"):
        target.resolve(pylock=lock("pylock.toml", entry % "size = 1, "))


def test_a_lock_file_is_fetched_with_the_credentials_of_the_command_line(target: Target) -> None:
    url = "http://user:secret@127.0.0.1:9/simple"
    wheel = wheel_entry("url = 'http://127.0.0.1:9/a-1.0-py3-none-any.whl'", {"sha256": NO_HASH})
    file = lock("pylock.toml", f'name = "a"\nversion = "1.0"\nwheels = [{wheel}]')
    assert target.resolve(pylock=file, index_url=url).index_urls == (url,)


def test_what_comes_after_uv_is_prepared_while_uv_works(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv waits for both preparations here, and fails without them."""
    binary = tmp_path / "uv"
    places = [tmp_path / "parser", tmp_path / "versions"]
    wait = f'for n in $(seq 200); do [ -e {tmp_path}/$place ] && exec {uv.find_uv_bin()} "$@"; sleep .05; done'
    binary.write_text(f"#!/bin/sh\nplace=parser; [ $2 = compile ] && place=versions\n{wait}\nexit 9\n")
    binary.chmod(0o755)
    monkeypatch.setattr("instui_engine.resolve.uv.uv_binary", lambda: str(binary))
    monkeypatch.setattr(decision, "load_parser", places[0].touch)
    request = Request(arguments=("app",), no_index=True, find_links=(str(target.links),))
    numbers = []

    def on_versions(number: int) -> None:
        numbers.append(number)
        places[1].touch()

    meanwhile = Meanwhile(listing=on_versions)
    found = resolve(request, target.environment, scan(target.environment), lambda event: None, lambda: False, meanwhile)
    assert numbers == [len(found.wheels)] == [2]


def test_what_uv_says_of_its_own_command_line_is_left_out() -> None:
    said = "error: invalid value 'x'\n\nUsage: uv pip install\n\nFor more information, try '--help'.\n"
    assert str(explain("Using Python 3.11.7\nResolved 2 packages in 1ms\n" + said)) == "uv: invalid value 'x'"


def test_the_older_style_of_explanation_is_understood() -> None:
    old = (
        "  \u00d7 No solution found when resolving dependencies:\n"
        "  \u2570\u2500\u25b6 Because a was not found in the package registry and you\n"
        "      require a, we can conclude that your requirements are unsatisfiable.\n"
    )
    assert str(explain(old)) == "no solution: because a was not found in the package registry and you require a"
    given = ("http://joe:s3cret@127.0.0.1:1/simple",)
    said = str(explain(old, indexes=given))
    assert said.endswith("a was not found in the package registry (http://127.0.0.1:1/simple) and you require a")
    assert str(explain("")) == "uv: uv failed without a word"


@pytest.mark.parametrize(
    ("hint", "advice"),
    [
        (
            "`six` was filtered by `exclude-newer` to only include packages uploaded before 2010-01-02T00:00:00Z. The "
            "requested version, v1.16.0, was published at 2021-05-05T14:18:17.237Z. Consider using another cutoff.",
            "--exclude-newer, or uv's setting of that name, hides versions of `six` from 2010-01-02T00:00:00Z on",
        ),
        (
            "Wheels are available for `a` (v1) on the following platforms: `win32`, `win_amd64`",
            "Wheels are available for `a` (v1) on the following platforms: `win32`, `win_amd64`",
        ),
        ("`a` was found, but not at the requested version. Use `--unsafe`.", ""),
    ],
)
def test_a_hint_of_uv_stands_behind_the_reason_if_it_holds_here(hint: str, advice: str) -> None:
    said = "error: No solution found when resolving dependencies\n  cause: Because b and you require a==1."
    said = f"{said}\n\nhint: {hint}\n"
    expected = "no solution: because b and you require a==1"
    assert str(explain(said)) == (f"{expected} ({advice})" if advice else expected)


BACKEND = (
    "error: The build backend returned an error\n  cause: Call to `setuptools.build_meta` failed (exit status: 1)\n\n"
    "         [stdout]\n         running\n\n         [stderr]\n         Traceback (most recent call last):\n"
    "           File \"<string>\", line 1\n         ModuleNotFoundError: No module named 'absent'\n"
)
GIT = (
    "error: Failed to download and build `x @ git+file:///r@nosuchtag`\n  cause: Git operation failed\n"
    "  cause: process didn't exit successfully: `git fetch` (exit status: 128)\n         --- stderr\n"
    "         fatal: couldn't find remote ref refs/tags/nosuchtag\n         and the repository exists.\n"
)


@pytest.mark.parametrize(
    ("said", "sources", "line"),
    [
        (BACKEND, ["b"], "b could not be built: ModuleNotFoundError: No module named 'absent'"),
        (BACKEND, ["b", "c"], "one of b, c could not be built: ModuleNotFoundError: No module named 'absent'"),
        (
            f"{BACKEND}\nhint: This error is of\n`d`\n".replace(
                "error: The", "error: Failed to build `d==1`\n cause: The"
            ),
            ["b"],
            "d==1 could not be built: ModuleNotFoundError: No module named 'absent' (hint: This error is of `d`)",
        ),
        (
            GIT,
            [],
            "x @ git+file:///r@nosuchtag could not be fetched: fatal: couldn't find remote ref refs/tags/nosuchtag",
        ),
    ],
)
def test_a_program_that_fails_while_uv_decides_is_quoted(said: str, sources: list[str], line: str) -> None:
    error = explain(f"Using Python 3.11.7\n{said}", sources)
    assert isinstance(error, ResolutionError)
    assert str(error) == line
    assert error.output == said


# --- with an index


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where uv, as it is configured here, finds no package index."""
    output = str(tmp_path_factory.mktemp("i") / "o.txt")
    command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "-o", output, "-"]
    try:
        done = subprocess.run(command, input=b"idna\n", capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"no package index: {error}")
    if done.returncode:
        pytest.skip(f"no package index: {done.stderr.decode(errors='replace')[:200]}")


@pytest.mark.network
@pytest.mark.usefixtures("index")
def test_an_index_gives_urls_with_hashes_and_sizes(target: Target) -> None:
    found = target.resolve("idna==3.4")
    (wheel,) = found.wheels
    assert (wheel.name, wheel.version, wheel.filename) == ("idna", "3.4", "idna-3.4-py3-none-any.whl")
    assert wheel.url.startswith("http")
    assert wheel.url.endswith(wheel.filename)
    assert len(wheel.sha256) == 64
    assert (wheel.path, wheel.requested, wheel.origin) == ("", True, "")


@pytest.mark.network
@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("no-such-thing-xyz-42", "no solution: because no-such-thing-xyz-42 was not found in the package registry"),
        ("docopt==0.6.2", r"docopt==0.6.2 has no usable wheels .*building is off"),
        ("pywin32", "matching platform tag|matching Python ABI tag"),
    ],
)
def test_an_index_without_a_fitting_wheel_is_explained(word: str, message: str, target: Target) -> None:
    with pytest.raises(ResolutionError, match=message):
        target.resolve(word, building=Building(no_build=True))
