"""A source tree that has not changed stays as it is, or is not built again: by uv's rule, whoever has installed it.

Each case is put to uv and to instui, which must agree on whether anything is to be done, and may swap their
environments. `counter` counts the builds.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.build.kept import key_of, may_be_kept
from instui_engine.fs.timestamps import is_settled
from instui_engine.resolve.cache_info import tree_info
from instui_engine.resolve.request import LockedWheel
from instui_engine.resolve.source import BuildSettings, Source
from support.cli import ok, run_uv
from support.environments import Venv, until
from support.projects import make_repository, make_tree

PLAIN = ("--no-fsync", "--ui", "plain", "--no-index")


@dataclass(frozen=True)
class Trees:
    """A tree `one` in `here`, a file `r.txt` that names it, and two environments, for either program."""

    here: Path
    target: Venv
    other: Venv
    run: Run
    env: dict[str, str]

    @property
    def tree(self) -> Path:
        return self.here / "one"

    def settle(self) -> None:
        """Wait until another change would have another time: before, nothing is said of the tree."""
        until(lambda: all(is_settled(path.stat().st_ctime_ns) for path in self.here.rglob("*")))

    def builds(self) -> int:
        return len((self.here.parent / "counter").read_text())

    def ours(self, *words: str, target: Venv | None = None, **env: str) -> int:
        """Run instui, which must do well; how often something was built."""
        before = self.builds()
        command, *rest = words
        top = (target or self.target).top
        ok(self.run(command, *PLAIN, "--python", top, *rest, env=self.env | env, cwd=self.here))
        return self.builds() - before

    def theirs(self, *words: str, target: Venv | None = None, **env: str) -> str:
        """Run `uv pip`, which must do well; what it said."""
        command, *rest = words
        top = (target or self.target).top
        done = run_uv("pip", command, "--no-index", "--python", top, *rest, env=self.env | env, cwd=self.here)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def agree(self, *words: str, **env: str) -> bool:
        """Whether both leave what is there; instui builds otherwise."""
        is_left = self.is_left(*words, **env)
        assert (self.ours(*words, **env) == 0) == is_left
        return is_left

    def is_left(self, *words: str, **env: str) -> bool:
        """Whether uv would leave what is there."""
        return "Would make no changes" in self.theirs(*words, "--dry-run", **env)


@pytest.fixture
def trees(tmp_path: Path, venv: Callable[[], Venv], run_instui: Run, clean_environ: dict[str, str]) -> Trees:
    (tmp_path / "counter").touch()
    here = tmp_path / "here"
    make_tree(here / "one", "one", counter=tmp_path / "counter")
    (here / "r.txt").write_text("./one\n")
    found = Trees(here, venv(), venv(), run_instui, clean_environ | {"UV_OFFLINE": "0"})  # beside it, no --refresh
    found.settle()
    return found


def lock(trees: Trees, **directory: object) -> str:
    """Write a lock file of the tree; its name."""
    said = ", ".join(f"{key} = {json.dumps(value)}" for key, value in {"path": "one", **directory}.items())
    package = f'[[packages]]\nname = "one"\ndirectory = {{{said}}}\n'
    (trees.here / "pylock.toml").write_text(f'lock-version = "1.0"\ncreated-by = "hand"\n{package}')
    return "pylock.toml"


def recorded(target: Venv) -> list[str]:
    """The rows of RECORD for what uv alone reads."""
    rows = (target.site / "one-1.0.dist-info" / "RECORD").read_text().splitlines()
    return sorted(row for row in rows if "/uv_" in row)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-e ./one", ("install", "-r", "r.txt")),
        ("one @ ./one", ("sync", "r.txt")),
        ("-e ./one", ("sync", "pylock.toml")),
        ("./one", ("sync", "pylock.toml")),
    ],
)
def test_a_tree_that_has_not_changed_stays_whoever_has_installed_it(
    line: str, words: tuple[str, ...], trees: Trees
) -> None:
    (trees.here / "r.txt").write_text(f"{line}\n")
    lock(trees, editable=line.startswith("-e"))
    assert trees.ours(*words) == 1
    assert trees.ours(*words) == 0
    assert trees.is_left(*words)
    trees.theirs(*words, "--reinstall")
    assert trees.ours(*words) == 0
    os.utime(trees.tree / "pyproject.toml")
    trees.settle()
    assert not trees.is_left(*words)
    assert trees.ours(*words) == 1
    assert trees.is_left(*words)


def test_what_is_written_beside_direct_url_is_what_uv_writes(trees: Trees) -> None:
    trees.ours("install", "-r", "r.txt")
    trees.theirs("install", "-r", "r.txt", target=trees.other)
    for name in ("uv_cache.json", "uv_build.json"):
        ours, theirs = ((place.site / "one-1.0.dist-info" / name).read_bytes() for place in (trees.target, trees.other))
        assert ours == theirs
    ours, theirs = (recorded(place) for place in (trees.target, trees.other))
    assert ours == theirs and len(ours) == 2
    trees.target.remove("one")
    assert not list(trees.target.site.glob("one*"))


def test_an_edited_module_does_not_count_but_a_new_version_does(trees: Trees) -> None:
    trees.ours("install", "-r", "r.txt")
    (trees.tree / "src" / "one.py").write_text("value = 'edited'\n")
    assert trees.is_left("install", "-r", "r.txt")
    assert trees.ours("install", "-r", "r.txt") == 0
    for name in ("pyproject.toml", "facts.json"):
        path = trees.tree / name
        path.write_text(path.read_text().replace('"1.0"', '"2.0"'))
    assert trees.ours("install", "-r", "r.txt") == 1
    assert (trees.target.site / "one-2.0.dist-info").exists()


def test_a_tree_that_is_an_argument_is_built_anew(trees: Trees) -> None:
    assert [trees.ours("install", "./one") for _ in range(2)] == [1, 1]
    assert not trees.is_left("install", "./one")
    assert [trees.ours("install", "-e", "./one", target=place) for place in (trees.target, trees.other)] == [1, 1]


@pytest.mark.parametrize(
    ("words", "stays", "built"),
    [
        (("--reinstall",), False, 1),
        (("--reinstall-package", "one"), False, 1),
        (("--refresh",), True, 0),
        (("--config-settings-package", "one:key=value"), False, 1),
    ],
)
def test_what_the_flags_say_of_what_is_there(words: tuple[str, ...], stays: bool, built: int, trees: Trees) -> None:
    trees.ours("install", "-r", "r.txt")
    assert trees.is_left("install", "-r", "r.txt", *words) == stays
    assert trees.ours("install", "-r", "r.txt", *words) == built
    trees.theirs("install", "--reinstall", "-r", "r.txt")
    lock_file = lock(trees)
    assert trees.is_left("sync", lock_file, *words) == stays
    assert "--refresh" in words or trees.ours("sync", lock_file, *words) == built


def test_what_was_built_with_settings_is_not_taken_for_a_plain_build(trees: Trees) -> None:
    words = ("install", "-r", "r.txt")
    (trees.here / "uv.toml").write_text('config-settings = {key = "value"}\n')
    own = {"UV_NO_CONFIG": "0"}
    for install in (trees.ours, trees.theirs):
        install(*words, "--reinstall", **own)
        assert not trees.is_left(*words)
        if install == trees.theirs:
            (trees.target.site / "half-1.0.dist-info").mkdir()  # uv would fail, and is shown the others one by one
        trees.ours(*words)
        assert not (trees.target.site / "one_settings.json").exists()
    (trees.target.site / "half-1.0.dist-info").rmdir()
    assert not trees.is_left(*words, **own)
    trees.ours("sync", lock(trees), **own)
    assert (trees.target.site / "one_settings.json").exists()


def test_what_was_built_is_kept_for_another_environment(trees: Trees) -> None:
    trees.ours("install", "-r", "r.txt")
    assert trees.ours("install", "-r", "r.txt", target=trees.other) == 0
    trees.target.remove("one")
    assert trees.ours("install", "-r", "r.txt", "--refresh-package", "one") == 1
    trees.target.remove("one")
    os.utime(trees.tree / "pyproject.toml")
    assert trees.ours("install", "-r", "r.txt") == 1


def test_what_was_built_is_not_kept_for_another_python_or_another_change(trees: Trees) -> None:
    interpreter, source = trees.target.environment.interpreter, Source("tree", path=str(trees.tree), info="{}")
    wheel = LockedWheel("one", "", "one", path=source.path, source=source)
    key = key_of(wheel, source, BuildSettings(), interpreter)
    assert key == key_of(wheel, source, BuildSettings(), interpreter)
    assert key != key_of(wheel, source, BuildSettings(), interpreter._replace(version="3.99.0"))
    assert key != key_of(wheel, source._replace(info="{ }"), BuildSettings(), interpreter)
    assert may_be_kept(wheel, source, BuildSettings())
    assert not may_be_kept(wheel, source._replace(info=""), BuildSettings())
    assert not may_be_kept(wheel, source._replace(anew=True), BuildSettings())


KEYS = {
    "files": ('["facts.json", {file = "nothing.txt"}, {file = "src"}]', True),
    "a directory and a variable": ('[{dir = "backend"}, {env = "KEY"}, {dir = "nothing"}]', True),
    "a file as a directory": ('["pyproject.toml", {dir = "facts.json"}]', True),
    "a pattern": ('["src/*.py"]', False),
    "git and a file": ('["pyproject.toml", {git = {commit = true, tags = true}}]', False),
    "nothing": ("[]", False),
}


@pytest.mark.needs("git")
@pytest.mark.parametrize("name", KEYS)
def test_cache_keys_are_uvs(name: str, trees: Trees) -> None:
    """Those that are not read here are built anew, and leave nothing that uv would take for current."""
    keys, is_read = KEYS[name]
    with (trees.tree / "pyproject.toml").open("a") as file:
        file.write(f"\n[tool.uv]\ncache-keys = {keys}\n")
    make_repository(trees.tree)
    trees.settle()
    words = ("install", "-r", "r.txt")
    trees.ours(*words)
    assert trees.agree(*words) == is_read
    assert trees.agree("sync", lock(trees)) == is_read
    if not is_read:
        return
    os.utime(trees.tree / "facts.json")
    moved = (trees.tree / "backend").rename(trees.here / "moved")
    shutil.copytree(moved, trees.tree / "backend")
    trees.settle()
    assert trees.agree(*words) == (name == "a file as a directory")
    assert trees.agree(*words, KEY="other") == (name != "a directory and a variable")


def test_a_tree_without_a_project_file_has_the_same_keys(trees: Trees) -> None:
    plain = trees.here / "plain"
    plain.mkdir()
    assert tree_info(Source("tree", path=str(plain))) == tree_info(
        Source("tree", path=str(trees.here), subdirectory="plain")
    )
    (plain / "setup.py").touch()
    trees.settle()
    found = json.loads(tree_info(Source("tree", path=str(plain))))
    changed = (plain / "setup.py").stat().st_ctime_ns
    assert found["timestamp"] == {"secs_since_epoch": changed // 10**9, "nanos_since_epoch": changed % 10**9}
    assert found["directories"] == {"src": None}


@pytest.mark.parametrize(
    "text",
    ["tool = 1", "tool.uv.cache-keys = 1", "tool.uv.cache-keys = [1]", "[", "\xff", "tool.uv.cache-keys = [{env = 1}]"],
)
def test_a_project_file_that_is_not_understood_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="latin-1")
    assert tree_info(Source("tree", path=str(tmp_path))) == ""


def test_a_file_that_has_changed_just_now_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    source = Source("tree", path=str(tmp_path))
    until(lambda: tree_info(source))
    monkeypatch.setattr("instui_engine.resolve.cache_info.is_settled", lambda time: False)
    assert tree_info(source) == ""


def test_a_path_source_of_what_is_asked_for_is_left_alone(trees: Trees) -> None:
    """Only what is named as an argument is built anew."""
    counter = trees.here.parent / "counter"
    app = make_tree(trees.here / "app", "app", requires=["one"], counter=counter)
    with (app / "pyproject.toml").open("a") as file:
        file.write('\n[tool.uv.sources]\none = {path = "../one"}\n')
    trees.settle()
    assert trees.ours("install", "-e", "./app") == 2
    assert trees.ours("install", "-e", "./app") == 1
    assert trees.ours("install", "-r", "app/pyproject.toml") == 0
    assert trees.is_left("install", "-r", "app/pyproject.toml")
