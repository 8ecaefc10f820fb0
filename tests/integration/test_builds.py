"""Installs of what has to be built: source trees, source archives, repositories, and editable installs."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from conftest import Run, Start
from instui_engine.build import kept
from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import install
from instui_engine.errors import BuildError, LockTimeoutError
from instui_engine.journal.events import BuildFinished, BuildProgress, BuildStarted, WheelAdded, WheelFailed
from instui_engine.resolve.request import Request
from instui_engine.resolve.source import Building
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from support.cli import error_line, everything, installed, ok
from support.environments import Lines, Venv, until
from support.locking import holding
from support.projects import make_repository, make_sdist, make_tree
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel


@pytest.fixture
def target(venv: Callable[[], Venv]) -> Venv:
    return venv()


class Builds:
    """Installs without an index, within this process."""

    def __init__(self, target: Venv) -> None:
        self.target = target
        self.lines = Lines([])

    def install(self, *arguments: object, control: Control | None = None, **more: Any) -> Outcome:
        lines: list[str] = []
        request = Request(arguments=tuple(map(str, arguments)), no_index=True, **more)
        options = Options(cache=self.target.cache, jobs=2, fsync=False)
        outcome = install(request, self.target.environment, options, control, Recording((lines.append,)))
        self.lines = Lines(lines)
        return outcome

    def put(self, *arguments: object, **more: Any) -> None:
        """Install, which must succeed."""
        outcome = self.install(*arguments, **more)
        assert (outcome.exit_code, outcome.error) == (0, "")


_LOCK = """lock-version = "1.0"
created-by = "hand"
[[packages]]
name = "one"
"""


@pytest.fixture
def builds(target: Venv) -> Builds:
    return Builds(target)


def origin(target: Venv, name: str) -> Any:
    (path,) = target.site.glob(f"{name}-*.dist-info/direct_url.json")
    return json.loads(path.read_text())


def imported(target: Venv, name: str) -> str:
    command = [str(target.top / "bin" / "python"), "-c", f"import {name}; print({name}.value)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_tree_is_built_and_installed(builds: Builds, target: Venv, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "some dir", "one")
    builds.put(tree)
    assert imported(target, "one") == "1.0"
    assert origin(target, "one") == {"url": tree.as_uri(), "dir_info": {}}
    assert list(target.site.glob("one-*.dist-info/REQUESTED"))
    assert [event.file for event in builds.lines.of(BuildFinished)] == ["one-1.0-py3-none-any.whl"]


def test_the_working_directory_is_a_tree_with_extras(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", "one", more=["extra"])
    build_wheel(tmp_path, "extra", "2.0", {"extra.py": b""})
    command = ("install", "--no-fsync", "--python", target.top, "--no-index", "--find-links", tmp_path)
    ok(run_instui(*command, ".[more]", cwd=tree))
    assert installed(target.site) == {"one": "1.0", "extra": "2.0"}


def test_an_archive_is_built_with_its_hash(builds: Builds, target: Venv, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "tree", "one"), "one")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    for argument in (str(archive), f"one @ {archive.as_uri()}#sha256={digest}"):
        builds.put(argument)
        assert origin(target, "one") == {
            "url": archive.as_uri(),
            "archive_info": {"hash": f"sha256={digest}", "hashes": {"sha256": digest}},
        }
    assert not builds.lines.of(WheelAdded)  # the second time nothing has changed


def test_an_archive_with_another_hash_is_refused(builds: Builds, target: Venv, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "tree", "one"), "one")
    outcome = builds.install(f"{archive.as_uri()}#sha256={'0' * 64}")
    assert outcome.exit_code == 1
    assert not installed(target.site)
    assert not builds.lines.of(BuildStarted)


def test_the_source_of_a_download_is_its_url(builds: Builds, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "tree", "one"), "one")
    with WebServer() as server:
        url = server.add(f"/{archive.name}", Page(archive.read_bytes()))
        builds.put(f"one @ {url}")
    assert [event.source for event in builds.lines.of(BuildStarted)] == [url]


def test_an_archive_that_has_changed_is_built_again(builds: Builds, target: Venv, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "tree", "one"), "one")
    builds.put(archive)
    (tmp_path / "tree" / "src" / "one.py").write_text("value = 'changed'\n")
    make_sdist(tmp_path, tmp_path / "tree", "one")
    builds.put(archive)
    assert imported(target, "one") == "changed"


@pytest.mark.needs("git")
def test_a_repository_is_built_at_its_commit(builds: Builds, target: Venv, tmp_path: Path) -> None:
    commit = make_repository(make_tree(tmp_path / "tree", "one"))
    url = (tmp_path / "tree").as_uri()
    builds.put(f"git+{url}@main")
    assert imported(target, "one") == "1.0"
    recorded = {"url": url, "vcs_info": {"vcs": "git", "commit_id": commit, "requested_revision": "main"}}
    assert origin(target, "one") == recorded
    builds.put(f"git+{url}@main")
    assert not builds.lines.of(WheelAdded)


@pytest.mark.needs("git")
def test_a_project_below_the_top_of_a_repository(builds: Builds, target: Venv, tmp_path: Path) -> None:
    make_tree(tmp_path / "all" / "below", "one")
    commit = make_repository(tmp_path / "all")
    url = (tmp_path / "all").as_uri()
    builds.put(f"one @ git+{url}#subdirectory=below")
    assert origin(target, "one") == {
        "url": url,
        "subdirectory": "below",
        "vcs_info": {"vcs": "git", "commit_id": commit},
    }


def test_a_distribution_that_is_only_there_as_a_source(builds: Builds, target: Venv, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    make_sdist(links, make_tree(tmp_path / "tree", "lib"), "lib")
    build_wheel(links, "app", "1.0", {"app.py": b""}, requires=["lib"])
    builds.put("app", find_links=(str(links),))
    assert installed(target.site) == {"app": "1.0", "lib": "1.0"}
    assert not list(target.site.glob("lib-*.dist-info/direct_url.json"))
    assert not list(target.site.glob("lib-*.dist-info/REQUESTED"))


def test_requirement_files_name_sources(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        make_tree(tmp_path / "src" / name, name)
    archive = make_sdist(tmp_path, make_tree(tmp_path / "src" / "four", "four"), "four")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    lines = f"-e ./src/one\n./src/two\nthree @ ./src/three\n./four-1.0.tar.gz --hash=sha256:{digest}\n"
    (tmp_path / "all.txt").write_text(lines)
    ok(run_instui("install", "--no-fsync", "--python", target.top, "--no-index", "-r", "all.txt", cwd=tmp_path))
    assert installed(target.site) == dict.fromkeys(("one", "two", "three", "four"), "1.0")
    assert origin(target, "one")["dir_info"] == {"editable": True}


@pytest.mark.needs("git")
def test_lock_files_name_sources(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "one", "one"), "one")
    make_tree(tmp_path / "two", "two")
    commit = make_repository(make_tree(tmp_path / "three", "three"))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    lock = f"""
lock-version = "1.0"
created-by = "hand"
packages = [
  {{name = "one", version = "1.0", sdist = {{path = "{archive.name}", hashes = {{sha256 = "{digest}"}}}}}},
  {{name = "two", directory = {{path = "two", editable = true}}}},
  {{name = "three", vcs = {{type = "git", url = "{(tmp_path / "three").as_uri()}", commit-id = "{commit}"}}}},
]
"""
    (tmp_path / "pylock.toml").write_text(lock)
    command = ("install", "--no-fsync", "--python", target.top, "-r", "pylock.toml")
    ok(run_instui(*command, cwd=tmp_path))
    assert installed(target.site) == dict.fromkeys(("one", "two", "three"), "1.0")
    assert origin(target, "two")["dir_info"] == {"editable": True}
    assert origin(target, "three")["vcs_info"]["commit_id"] == commit
    (tmp_path / "pylock.toml").write_text(lock.replace(commit, "--upload-pack=evil"))
    assert "not locked to a commit" in error_line(run_instui(*command, "--ui", "none", cwd=tmp_path), 2)


def test_a_locked_archive_has_to_be_of_its_version(builds: Builds, target: Venv, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "one", "one", "2.0"), "one", "2.0")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    lock = tmp_path / "pylock.toml"
    for version in ("1.0", "2"):
        locked = f'archive = {{path = "{archive.name}", hashes = {{sha256 = "{digest}"}}}}'
        lock.write_text(f'{_LOCK}version = "{version}"\n{locked}\n')
        outcome = builds.install(pylock=str(lock))
        wrong = version == "1.0"
        assert ("one 1.0 could not be built: the build made one-2.0-py3-none-any.whl" in outcome.error) == wrong
        assert installed(target.site) == ({} if wrong else {"one": "2.0"})


@pytest.mark.parametrize("below", ["../other", "/other", "in/../../other"])
def test_a_subdirectory_does_not_lead_out_of_its_source(builds: Builds, tmp_path: Path, below: str) -> None:
    make_sdist(tmp_path, make_tree(tmp_path / "tree", "one"), "one")
    make_tree(tmp_path / "other", "one")
    lock = tmp_path / "pylock.toml"
    for source in (
        f'archive = {{path = "one-1.0.tar.gz", hashes = {{sha256 = "{"0" * 64}"}}, subdirectory = "{below}"}}',
        f'directory = {{path = "tree", subdirectory = "{below}"}}',
    ):
        lock.write_text(f"{_LOCK}{source}\n")
        assert "is not below its source" in builds.install(pylock=str(lock)).error


@pytest.mark.needs("git")
def test_a_link_in_a_repository_is_no_way_out_of_it(builds: Builds, tmp_path: Path) -> None:
    make_tree(tmp_path / "other", "one")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "below").symlink_to(tmp_path / "other")
    commit = make_repository(tmp_path / "tree")
    url = (tmp_path / "tree").as_uri()
    vcs = f'vcs = {{type = "git", url = "{url}", commit-id = "{commit}", subdirectory = "below"}}'
    (tmp_path / "pylock.toml").write_text(f"{_LOCK}{vcs}\n")
    assert "below leads out of its source" in builds.install(pylock=str(tmp_path / "pylock.toml")).error


@pytest.mark.needs("git")
def test_git_has_the_settings_of_the_user(
    builds: Builds, target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = make_repository(make_tree(tmp_path / "tree", "one"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{tmp_path.as_uri()}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://nowhere.invalid/")
    vcs = f'vcs = {{type = "git", url = "https://nowhere.invalid/tree", commit-id = "{commit}"}}'
    (tmp_path / "pylock.toml").write_text(f"{_LOCK}{vcs}\n")
    builds.put(pylock=str(tmp_path / "pylock.toml"))
    assert installed(target.site) == {"one": "1.0"}


def test_what_builds_need_has_no_hashes(
    builds: Builds, target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(tmp_path, "need", "1.0", {"need.py": b""})
    tree = make_tree(tmp_path / "tree", "one", during="import need\n")
    text = (tree / "pyproject.toml").read_text()
    (tree / "pyproject.toml").write_text(text.replace("requires = []", 'requires = ["need"]', 1))
    archive = make_sdist(tmp_path, tree, "one")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setenv("UV_REQUIRE_HASHES", "1")
    builds.put(f"one @ {archive.as_uri()}#sha256={digest}", find_links=(str(tmp_path),))
    assert installed(target.site) == {"one": "1.0"}


# --- editable


def test_editable_installs_lead_to_their_trees(builds: Builds, target: Venv, tmp_path: Path) -> None:
    trees = [make_tree(tmp_path / name, name) for name in ("one", "two")]
    builds.put(building=Building(editables=tuple(map(str, trees))))
    for tree in trees:
        (tree / "src" / f"{tree.name}.py").write_text("value = 'edited'\n")
        assert imported(target, tree.name) == "edited"
        assert origin(target, tree.name) == {"url": tree.as_uri(), "dir_info": {"editable": True}}
    builds.put(trees[0])
    (trees[0] / "src" / "one.py").write_text("value = 'later'\n")
    assert imported(target, "one") == "edited"
    assert not list(target.site.glob("*one*.pth"))
    target.remove("one", "two")
    assert not installed(target.site)
    assert not list(target.site.glob("*.pth"))


def test_what_an_editable_build_needs_comes_from_its_sources(builds: Builds, target: Venv, tmp_path: Path) -> None:
    make_tree(tmp_path / "need", "need", "3.0")
    tree = make_tree(tmp_path / "one", "one", during="import need\nassert need.value == '3.0'\n")
    text = (tree / "pyproject.toml").read_text().replace("requires = []", 'requires = ["need"]', 1)
    sources = 'need = { path = "../need" }\nother = { workspace = true }\n'
    (tree / "pyproject.toml").write_text(f"{text}\n[tool.uv.sources]\n{sources}")
    builds.put(building=Building(editables=(str(tree),)))
    assert installed(target.site) == {"one": "1.0"}


@pytest.mark.parametrize("ends", ["own", "foreign", "timeout", "cancelled"])
def test_one_build_at_a_time_is_in_a_tree(ends: str, target: Venv, tmp_path: Path) -> None:
    """Who is in the way is named, and waited for no longer than for other locks, unless it is a build of our own."""
    tree = make_tree(tmp_path / "one", "one")
    seen: list[str] = []
    control = Control()

    def react(line: str) -> None:
        if "waits for the build in" in line:
            seen.append(line)
            if ends == "cancelled":
                control.cancel(130)
            elif ends != "timeout":
                let_go()

    with contextlib.ExitStack() as stack:
        if ends == "own":
            lock = os.open(tree, os.O_RDONLY)
            stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            pid, let_go = os.getpid(), lambda: fcntl.flock(lock, fcntl.LOCK_UN)
        else:
            process = stack.enter_context(holding(tree))
            pid, let_go = process.pid, process.kill
        request = Request(building=Building(editables=(str(tree),)), no_index=True)
        timeout = {"own": 0.0, "timeout": 0.1}.get(ends, 300.0)
        options = Options(cache=target.cache, fsync=False, lock_timeout=timeout)
        outcome = install(request, target.environment, options, control, Recording((react,)))
    assert outcome.exit_code == {"timeout": 4, "cancelled": 130}.get(ends, 0)
    assert len(seen) == 1
    assert f"of pid {pid} " in seen[0]
    if ends == "timeout":
        assert isinstance(outcome.failure, LockTimeoutError)
        assert outcome.failure.path == str(tree)
        assert [holder.pid for holder in outcome.failure.holders] == [pid]
    assert installed(target.site) == ({"one": "1.0"} if outcome.exit_code == 0 else {})


def test_a_backend_without_editable_wheels(builds: Builds, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "one", "one")
    backend = tree / "backend" / "tiny.py"
    backend.write_text(backend.read_text().replace("def build_editable", "def build_nothing"))
    outcome = builds.install(building=Building(editables=(str(tree),)))
    assert "cannot make editable wheels" in outcome.error


def test_only_a_tree_can_be_editable(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "one", "1.0", {})
    done = run_instui("install", "--python", target.top, "-e", wheel)
    assert "only a source tree" in error_line(done, 2)


# --- what fails


def test_a_failed_build_is_one_line_and_a_log(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "one", "one", during="print('first line')\nraise RuntimeError('it \\x1b[31mbroke')\n")
    before = everything(target.top)
    done = run_instui("install", "--no-fsync", "--python", target.top, "--no-index", tree, "--ui", "none")
    line = error_line(done, 1)
    problem, _, log = line.partition("; the whole output is in ")
    assert problem == "one could not be built: RuntimeError: it broke"
    assert "first line\n" in Path(log).read_text()
    assert "\x1b" not in line
    after = everything(target.top)
    assert {path for path in after.keys() - before.keys() if not path.startswith(".instui")} <= {".lock"}
    assert Path(log).with_name(f"{Path(log).name.partition('.')[0]}.jsonl").exists()


def test_a_build_that_fails_while_uv_decides_is_one_line_and_a_log(
    run_instui: Run, target: Venv, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "one", "one")
    (tree / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (tree / "backend.py").write_text("import absent_module\n")
    done = run_instui("install", "--no-fsync", "--python", target.top, "--no-index", tree, "--ui", "none")
    problem, _, log = error_line(done, 1).partition("; the whole output is in ")
    assert problem == "one could not be built: ModuleNotFoundError: No module named 'absent_module'"
    assert "Traceback" in Path(log).read_text()
    assert Path(log).with_name(f"{Path(log).name.partition('.')[0]}.jsonl").exists()


def test_a_failed_build_is_told_once(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "one", "one", during="raise RuntimeError('it broke')\n")
    for quiet in ([], ["-q"]):
        done = run_instui("install", "--no-fsync", "--python", target.top, "--no-index", tree, *quiet)
        assert "it broke" in error_line(done, 1)
        assert "it broke" not in done.stdout
        assert not (quiet and done.stdout)


def test_the_output_of_a_build_cannot_control_a_terminal(builds: Builds, tmp_path: Path) -> None:
    said = "print('\\x1b]0;title\\x07\\x1b[2J\\u202eevil [b]x[/b]', flush=True)\n"
    builds.put(make_tree(tmp_path / "one", "one", during=f"{said}import time\ntime.sleep(0.5)\n"))
    lines = [event.line for event in builds.lines.of(BuildProgress)]
    assert any(line.endswith("evil [b]x[/b]") for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_failure_is_told_before_anything_is_written(builds: Builds, target: Venv, tmp_path: Path) -> None:
    good = build_wheel(tmp_path, "good", "1.0", {"good.py": b""})
    outcome = builds.install(good, make_tree(tmp_path / "bad", "bad", during="raise SystemExit('no')\n"))
    assert isinstance(outcome.failure, BuildError)
    assert outcome.failure.wheel == "bad"
    assert Path(outcome.failure.log).read_text()
    assert [event.wheel for event in builds.lines.of(WheelFailed)] == ["bad"]
    assert not installed(target.site)


def test_logs_go_with_their_journals(builds: Builds, target: Venv, tmp_path: Path) -> None:
    from instui_engine.session.session import JOURNALS_KEPT

    builds.put(make_tree(tmp_path / "one", "one"))
    (log,) = (target.top / ".instui" / "sessions").glob("*.one.log")
    wheel = build_wheel(tmp_path, "two", "1.0", {})
    for number in range(JOURNALS_KEPT):
        (log.parent / f"30000101-000000-{number}.jsonl").touch()
    target.put(wheel)
    assert not log.exists()


@pytest.mark.parametrize(
    ("building", "why"),
    [
        (Building(no_build=True), "--no-build"),
        (Building(only_binary=("One",)), "--only-binary one"),
        (Building(only_binary=(":all:",)), "--only-binary :all:"),
    ],
)
def test_nothing_is_built_against_the_users_will(
    builds: Builds, target: Venv, tmp_path: Path, building: Building, why: str
) -> None:
    tree = make_tree(tmp_path / "one", "one")
    outcome = builds.install(tree, building=building)
    assert outcome.exit_code == 1
    assert why in outcome.error
    assert not installed(target.site)
    builds.put(building=building._replace(editables=(str(tree),)))  # as uv allows it


def test_a_list_cannot_name_sources(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    make_tree(tmp_path / "one", "one")
    (tmp_path / "list.txt").write_text("./one\n")
    done = run_instui("install-many", "list.txt", "--no-index", "--python", target.top, "--ui", "none", cwd=tmp_path)
    assert "has to be built" in error_line(done, 1)


def test_a_dry_run_builds_nothing(run_instui: Run, target: Venv, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    tree = make_tree(tmp_path / "one", "one", counter=counter)
    output = ok(run_instui("install", "--dry-run", "--no-index", "--python", target.top, tree))
    assert f"  one, to be built from {tree}\n" in output
    assert not counter.exists()


# --- what was built before


@pytest.mark.needs("git")
def test_what_was_built_before_is_used_again(builds: Builds, target: Venv, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    make_repository(make_tree(tmp_path / "tree", "one", counter=counter))
    archive = make_sdist(tmp_path, make_tree(tmp_path / "other", "two", counter=counter), "two")
    sources = (f"git+{(tmp_path / 'tree').as_uri()}", str(archive))
    builds.put(*sources)
    assert counter.read_text() == ".."
    target.remove("one", "two")
    builds.put(*sources)
    assert counter.read_text() == ".."
    assert installed(target.site) == {"one": "1.0", "two": "1.0"}
    target.remove("one", "two")
    builds.put(*sources, building=Building(config_settings=("key=value",)))
    assert counter.read_text() == "...."
    assert json.loads((target.site / "one_settings.json").read_text()) == {"key": "value"}
    builds.put(*sources, reinstall=True)
    assert counter.read_text() == "......"


def test_a_damaged_wheel_is_built_again(builds: Builds, target: Venv, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "tree", "damaged"), "damaged")
    builds.put(archive)
    target.remove("damaged")
    (path,) = target.cache.glob("built-*/*/*/damaged-1.0-py3-none-any.whl")
    path.write_bytes(path.read_bytes()[:-100])
    for store in target.cache.glob("store-*"):
        shutil.rmtree(store)
    builds.put(archive)
    assert imported(target, "damaged") == "1.0"


@pytest.mark.parametrize("damage", ["other", "unreadable", "the note cannot go"])
def test_a_kept_wheel_counts_only_as_it_was_built(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(kept.Kept(tmp_path / "cache").keep("key", build_wheel(tmp_path, "one", "1.0", {})).path)
    assert kept.Kept(tmp_path / "cache").find("key") is not None
    if damage != "unreadable":
        path.write_bytes(b"")

    def fails(*words: object, **more: object) -> str:
        raise OSError(errno.EIO, "it does not work")

    if damage != "other":
        monkeypatch.setattr(*((kept, "sha256_of") if damage == "unreadable" else (Path, "unlink")), fails)
    assert kept.Kept(tmp_path / "cache").find("key") is None


def test_a_wheel_is_on_the_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(kept, "sync_file", synced.append)
    for sync in (False, True):
        wheel = build_wheel(tmp_path, "one", "1.0", {})
        kept.Kept(tmp_path / "cache", sync).keep("key", wheel)
        assert len(synced) == sync


def test_builds_of_killed_sessions_go(tmp_path: Path) -> None:
    new = tmp_path / "built-1" / "new"
    for name in ("old", "recent"):
        (new / name).mkdir(parents=True)
    os.utime(new / "old", (0, 0))
    mine = kept.Kept(tmp_path).new_directory()
    assert {path.name for path in new.iterdir()} == {"recent", mine.name}


def test_uv_settings_of_builds_count(
    builds: Builds, target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "counter"
    archive = make_sdist(tmp_path, make_tree(tmp_path / "tree", "one", counter=counter), "one")
    monkeypatch.chdir(tmp_path)
    for value in ("one", "two", "two"):
        (tmp_path / "uv.toml").write_text(f'config-settings = {{key = "{value}"}}\n')
        builds.put(archive)
        assert json.loads((target.site / "one_settings.json").read_text()) == {"key": value}
        target.remove("one")
    assert counter.read_text() == ".."
    monkeypatch.setenv("UV_BUILD_CONSTRAINT", "bounds.txt")
    for text in ("need<3\n", "need<2\n"):
        (tmp_path / "bounds.txt").write_text(text)
        builds.put(archive)
        target.remove("one")
    assert counter.read_text() == "...."


@pytest.mark.parametrize(
    "setting",
    ["no-build-isolation = true", 'no-build-isolation-package = ["One"]', "[pip]\nno-build-isolation = true", ""],
)
def test_what_is_built_with_the_environment_is_built_anew(
    builds: Builds, target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    counter = tmp_path / "counter"
    archive = make_sdist(tmp_path, make_tree(tmp_path / "tree", "one", counter=counter), "one")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "uv.toml").write_text(f"{setting}\n")
    if not setting:
        monkeypatch.setenv("UV_NO_BUILD_ISOLATION", "1")
    for _ in range(2):
        builds.put(archive)
        target.remove("one")
    assert counter.read_text() == ".."


def test_settings_for_one_distribution(builds: Builds, target: Venv, tmp_path: Path) -> None:
    trees = [make_tree(tmp_path / name, name) for name in ("one", "two")]
    builds.put(*trees, building=Building(config_settings_packages=("one:key=value",)))
    assert json.loads((target.site / "one_settings.json").read_text()) == {"key": "value"}
    assert not (target.site / "two_settings.json").exists()


def test_a_tree_is_always_built_anew(builds: Builds, target: Venv, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "one", "one")
    for value in ("first", "second"):
        (tree / "src" / "one.py").write_text(f"value = {value!r}\n")
        builds.put(tree)
        assert imported(target, "one") == value


@pytest.mark.parametrize("way", ["path", "named", "editable", "elsewhere", "file"])
def test_a_tree_that_uv_has_installed_is_built_again_when_uv_would(
    way: str, builds: Builds, target: Venv, tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    tree, other = (make_tree(tmp_path / place, "one") for place in ("tree", "other"))
    listing = tmp_path / "r.txt"
    listing.write_text(f"{tree}\n")
    more = {"building": Building(editables=(str(tree),))} if way == "editable" else {}
    words = {"named": [f"one @ {tree.as_uri()}"], "editable": ["-e", str(tree)], "file": ["-r", str(listing)]}
    given = words.get(way, [str(tree)])
    command = [find_uv_bin(), "pip", "install", "--no-index", "--python", str(target.top)]
    before = [str(other)] if way == "elsewhere" else given
    subprocess.run([*command, *before], env=clean_environ, capture_output=True, check=True)
    asked = subprocess.run([*command, "--dry-run", *given], env=clean_environ, capture_output=True, text=True)
    (tree / "src" / "one.py").write_text("value = 'edited'\n")
    if way == "file":
        builds.put(requirement_files=(str(listing),))
    else:
        builds.put(*(() if more else given), **more)
    again = bool(builds.lines.of(BuildFinished))
    assert again == ("Would make no changes" not in asked.stderr) == (way != "file")
    assert imported(target, "one") == ("edited" if again else "1.0")


def test_prune_knows_what_was_built(run_instui: Run, builds: Builds, target: Venv, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "other", "pruned"), "pruned")
    builds.put(archive)
    prune = ("cache", "prune", "--cache-dir", target.cache)
    ok(run_instui(*prune))
    assert list(target.cache.glob("built-*/*/*/pruned-1.0-py3-none-any.whl"))
    target.remove("pruned")
    ok(run_instui(*prune))
    assert not list(target.cache.glob("built-*/*/*/pruned-*"))


# --- several at once, and their end

_MEET = """
import pathlib, time
here = pathlib.Path({here!r})
(here / {own!r}).touch()
while not (here / {other!r}).exists():
    time.sleep(0.01)
"""


def test_builds_run_at_once(builds: Builds, target: Venv, tmp_path: Path) -> None:
    meets = {own: _MEET.format(here=str(tmp_path), own=own, other=other) for own, other in (("1", "2"), ("2", "1"))}
    trees = [make_tree(tmp_path / f"tree{own}", f"tree{own}", during=during) for own, during in meets.items()]
    builds.put(*trees)
    assert installed(target.site) == {"tree1": "1.0", "tree2": "1.0"}
    assert {event.worker for event in builds.lines.of(BuildStarted)} == {1, 2}


_ENDLESS = """
import os, pathlib, subprocess, sys, time
nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], **nowhere)
place = pathlib.Path({pids!r})
place.with_suffix(".new").write_text(f"{{os.getpid()}} {{child.pid}}")
place.with_suffix(".new").rename(place)
time.sleep(1000)
"""


def endless(tmp_path: Path, name: str = "one") -> tuple[Path, Path]:
    """A tree whose build never ends, and the file that gets the pids of two processes of it."""
    pids = tmp_path / f"{name}.pids"
    return make_tree(tmp_path / name, name, during=_ENDLESS.format(pids=str(pids))), pids


def lives(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def nobody_lives(pids: Path) -> bool:
    return not any(map(lives, map(int, pids.read_text().split())))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_session_ends_its_builds(
    start_instui: Start, target: Venv, tmp_path: Path, number: signal.Signals
) -> None:
    tree, pids = endless(tmp_path)
    session = start_instui(target, "--no-index", "--cache-dir", target.cache, tree)
    until(pids.exists, session.process)
    session.process.send_signal(number)
    assert session.finish()[0] == 128 + number
    assert nobody_lives(pids)
    assert not installed(target.site)
    assert not list(target.cache.glob("built-*/new/*"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_session_leaves_no_build_behind(start_instui: Start, target: Venv, tmp_path: Path) -> None:
    tree, pids = endless(tmp_path)
    session = start_instui(target, "--no-index", tree)
    until(pids.exists, session.process)
    session.process.kill()
    session.finish()
    until(lambda: nobody_lives(pids))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_one_build_can_be_cancelled(builds: Builds, target: Venv, tmp_path: Path) -> None:
    import threading

    tree, pids = endless(tmp_path)
    other = make_tree(tmp_path / "two", "two")
    control = Control()

    def cancel() -> None:
        until(pids.exists)
        control.cancel_wheel("one")

    thread = threading.Thread(target=cancel)
    thread.start()
    outcome = builds.install(tree, other, control=control)
    thread.join()
    assert outcome.installed == ("two",)
    assert "one was cancelled" in outcome.error
    assert nobody_lives(pids)
    assert installed(target.site) == {"two": "1.0"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_build_for_its_metadata_ends_with_the_session(start_instui: Start, target: Venv, tmp_path: Path) -> None:
    tree, pids = endless(tmp_path)
    text = (tree / "pyproject.toml").read_text()
    (tree / "pyproject.toml").write_text(text.replace('version = "1.0"', 'dynamic = ["version"]'))
    session = start_instui(target, "--no-index", tree)
    until(pids.exists, session.process)
    session.process.send_signal(signal.SIGINT)
    assert session.finish()[0] == 130
    assert nobody_lives(pids)


def test_a_build_for_its_metadata_has_no_terminal(builds: Builds, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    tree = make_tree(tmp_path / "one", "one")
    text = (tree / "pyproject.toml").read_text()
    (tree / "pyproject.toml").write_text(text.replace('version = "1.0"', 'dynamic = ["version"]'))
    with (tree / "backend" / "tiny.py").open("a") as file:
        file.write(f"\nwith open({str(seen)!r}, 'a') as file:\n    print(os.getsid(0), file=file)\n")
    builds.put(tree)
    assert str(os.getsid(0)) not in seen.read_text().split()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_that_a_build_has_started_outlives_it(builds: Builds, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    during = _ENDLESS.format(pids=str(pids)).rpartition("time.sleep")[0]
    builds.put(make_tree(tmp_path / "one", "one", during=during))
    assert nobody_lives(pids)
