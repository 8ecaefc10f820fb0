"""What was built before: when it is used again, when it is built anew, and when it goes."""

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from conftest import Run
from instui_engine.build import kept
from instui_engine.journal.events import BuildFinished
from instui_engine.resolve.source import Building
from support.builds import Builds, imported
from support.cli import installed, ok
from support.environments import Venv
from support.projects import make_repository, make_sdist, make_tree
from support.wheelsmith import build_wheel

pytest_plugins = ("support.build_fixtures",)


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
    builds.put(str(archive), reinstall=True, offline=True)  # uv refuses --refresh beside --offline
    assert counter.read_text() == "......."


def test_an_archive_that_has_changed_is_built_again(builds: Builds, target: Venv, tmp_path: Path) -> None:
    archive = make_sdist(tmp_path, make_tree(tmp_path / "tree", "one"), "one")
    builds.put(archive)
    (tmp_path / "tree" / "src" / "one.py").write_text("value = 'changed'\n")
    make_sdist(tmp_path, tmp_path / "tree", "one")
    builds.put(archive)
    assert imported(target, "one") == "changed"


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
    builds.put(archive, reinstall=True)  # built anew, and what was built before may still be read for a while
    assert len(list(target.cache.glob("built-*/*/*/pruned-*"))) == 2
    ok(run_instui(*prune))
    assert len(list(target.cache.glob("built-*/*/*/pruned-*"))) == 1
    target.remove("pruned")
    ok(run_instui(*prune))
    assert not list(target.cache.glob("built-*/*/*/pruned-*"))
