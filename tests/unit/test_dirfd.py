"""Operations below a directory follow no symbolic link on the way: what lies outside is neither seen nor changed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.fs.dirfd import DirfdTree
from support.cli import everything

Operation = Callable[[DirfdTree], object]

CHANGES: dict[str, Operation] = {
    "make_directory": lambda tree: tree.make_directory("way/new"),
    "make_directories": lambda tree: tree.make_directories("way/deep/new"),
    "remove_directory": lambda tree: tree.remove_directory("way/empty"),
    "remove": lambda tree: tree.remove("way/file"),
    "remove, deeper": lambda tree: tree.remove("way/deep/file"),
    "rename from there": lambda tree: tree.rename("way/file", "taken"),
    "rename to there": lambda tree: tree.rename("own", "way/file"),
    "link from there": lambda tree: tree.link("way/file", "taken"),
    "link to there": lambda tree: tree.link("own", "way/new"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """`top`, in which `way` is a directory like `outside`, which lies beside it."""
    for way in (tmp_path / "outside", tmp_path / "top" / "way"):
        (way / "deep").mkdir(parents=True)
        (way / "empty").mkdir()
        (way / "file").write_text(way.name)
        (way / "deep" / "file").write_text(way.name)
    (tmp_path / "top" / "own").write_text("own")
    return tmp_path


def swap(place: Path) -> None:
    """Somebody puts a symbolic link in the place of a directory."""
    (place / "top" / "way").rename(place / "away")
    (place / "top" / "way").symlink_to(place / "outside")


@pytest.mark.parametrize("name", CHANGES)
def test_what_lies_behind_a_symbolic_link_is_not_changed(place: Path, name: str) -> None:
    swap(place)
    before = everything(place)
    with DirfdTree(place / "top") as tree, pytest.raises(NotADirectoryError):
        CHANGES[name](tree)
    assert everything(place) == before


@pytest.mark.parametrize("name", CHANGES)
def test_a_directory_that_is_open_already_stays_the_one_that_was_meant(place: Path, name: str) -> None:
    with DirfdTree(place / "top") as tree:
        assert tree.names("way") and tree.names("way/deep") and not tree.names("way/empty")
        swap(place)
        before = everything(place / "outside")
        CHANGES[name](tree)
    assert everything(place / "outside") == before


def test_what_lies_behind_a_symbolic_link_is_not_there(place: Path) -> None:
    swap(place)
    with DirfdTree(place / "top") as tree:
        assert tree.status("way/file") is None
        assert tree.fingerprint("way/deep/file") is None
        assert not tree.same_content("way/file", "way/file")
        assert tree.names("way") == tree.names("way/deep") == []
        assert not tree.remove_if_empty("way/empty")
        assert os.path.islink(place / "top" / "way")
        assert tree.fingerprint("way") is not None  # the link itself is
