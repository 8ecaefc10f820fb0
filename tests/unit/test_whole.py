"""What in a directory is foreign, and how it comes back when the directory is gone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instui_engine.commit.transaction import Step, Transaction
from instui_engine.commit.whole import Times, foreign_in, give_back, whole_steps
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.locks.claims import derive
from instui_engine.target.environment import Environment
from support.environments import planned_environment


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return planned_environment(tmp_path)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[DirfdTree]:
    with DirfdTree(tmp_path, False) as tree:
        yield tree


def put(top: Path, *paths: str) -> None:
    for path in paths:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).touch()


def test_what_is_generated_from_a_directory_is_not_foreign_to_it(tree: DirfdTree, tmp_path: Path) -> None:
    put(tmp_path, "pkg/a.py", "pkg/__pycache__/a.cpython-311.pyc", "pkg/__pycache__/deep/x", "pkg/mine", "pkg/new/b")
    assert sorted(foreign_in(tree, "pkg", "pkg", ["pkg/a.py"])) == ["pkg/mine", "pkg/new"]


def test_a_directory_or_a_link_in_the_place_of_a_file_is_foreign(tree: DirfdTree, tmp_path: Path) -> None:
    put(tmp_path, "pkg/a.py/b")
    (tmp_path / "pkg/b.py").symlink_to("a.py")
    assert sorted(foreign_in(tree, "pkg", "pkg", ["pkg/a.py", "pkg/b.py"])) == ["pkg/a.py", "pkg/b.py"]


def test_all_directories_but_the_top_are_seen(tree: DirfdTree, tmp_path: Path) -> None:
    """The ctime of that is changed by its own rename."""
    put(tmp_path, "pkg/a.py", "pkg/deep/er/a.py")
    seen: dict[str, Times] = {}
    assert foreign_in(tree, "pkg", "pkg", ["pkg/a.py", "pkg/deep/er/a.py"], seen) == []
    assert sorted(seen) == ["pkg/deep", "pkg/deep/er"]


class Mounted:
    """A tree in which the content of `pkg/deep` is of another file system."""

    def __init__(self, tree: DirfdTree) -> None:
        self._tree = tree

    def scan(self, path: str) -> tuple[os.stat_result, Any]:
        status, entries = self._tree.scan(path)
        if path == "pkg/deep":
            status = os.stat_result([*status[:2], status.st_dev + 1, *status[3:]])
        return status, entries


def test_a_mount_point_is_foreign(tree: DirfdTree, tmp_path: Path) -> None:
    put(tmp_path, "pkg/deep/a.py")
    assert foreign_in(Mounted(tree), "pkg", "pkg", ["pkg/deep/a.py"]) == ["pkg/deep"]  # type: ignore[arg-type]


def retired(tree: DirfdTree, *paths: str) -> Transaction:
    """What renames these away, to `old0` and so on."""
    steps = [Step("retire", path, saved=f"old{n}", old=tree.fingerprint(path)) for n, path in enumerate(paths)]
    return Transaction("pkg", "1", "session", 0, derive([], "pkg"), "", "", "", "", tuple(steps))


def test_only_metadata_in_site_packages_is_metadata(environment: Environment, tree: DirfdTree, tmp_path: Path) -> None:
    site = environment.roots["purelib"]
    paths = [f"{site}/pkg-1.dist-info", f"{site}/vendored/x-1.dist-info", f"{site}/pkg", f"{site}/single.py"]
    put(tmp_path, *(f"{path}/METADATA" for path in paths[:3]), paths[3])
    assert [step.path for step in whole_steps(environment, retired(tree, *paths))] == paths[1:3]


def test_what_comes_back_into_a_directory_that_is_there_again_goes_among_the_rest(
    environment: Environment, tree: DirfdTree, tmp_path: Path
) -> None:
    put(tmp_path, "pkg/a.py", "pkg/new/mine", "pkg/new/both")
    transaction = retired(tree, "pkg")
    (tmp_path / "pkg").rename(tmp_path / "old0")
    put(tmp_path, "pkg/new/theirs", "pkg/new/both")
    assert give_back(environment, tree, transaction, {"pkg": ["pkg/a.py"]}) == ["pkg/new/both.saved1"]
    found = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "pkg").rglob("*") if path.is_file())
    assert found == ["pkg/new/both", "pkg/new/both.saved1", "pkg/new/mine", "pkg/new/theirs"]
