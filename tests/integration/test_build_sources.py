"""Installs of what has to be built: trees, archives, repositories, and files that name them."""

import hashlib
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.journal.events import BuildFinished, BuildStarted, WheelAdded
from support.builds import Builds, imported, origin
from support.cli import error_line, installed, ok
from support.environments import Venv
from support.projects import make_repository, make_sdist, make_tree
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel

pytest_plugins = ("support.build_fixtures",)


_LOCK = """lock-version = "1.0"
created-by = "hand"
[[packages]]
name = "one"
"""


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
