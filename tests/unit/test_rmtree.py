"""Removal of trees: everything below goes, and nothing else."""

import io
import os
import subprocess
from pathlib import Path

import pytest

from instui_engine import helper
from instui_engine.fs import rmtree
from instui_engine.fs.rmtree import remove_tree
from support.environments import until


def test_all_of_a_tree_goes(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "a" / "b" / "empty").mkdir(parents=True)
    for place in (top / "one", top / "a" / "two", top / "a" / "b" / "three"):
        place.write_text("x")
    remove_tree(top)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_top", [True, False])
def test_links_are_removed_and_not_followed(tmp_path: Path, is_top: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    top = tmp_path / "top"
    if is_top:
        top.symlink_to(elsewhere)
    else:
        top.mkdir()
        (top / "link").symlink_to(elsewhere)
    remove_tree(top)
    assert list(tmp_path.rglob("*")) == [elsewhere, elsewhere / "file"]


def test_a_file_or_nothing_at_all_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    remove_tree(tmp_path / "file")
    remove_tree(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def many(place: Path, count: int) -> Path:
    top = place / "stage"
    for number in range(count):
        (top / f"{number:03}" / "inner").mkdir(parents=True)
        (top / f"{number:03}" / "inner" / "file").write_text("x")
    return top


@pytest.mark.parametrize(("count", "together", "helps"), [(300, True, True), (300, False, False), (20, True, False)])
def test_of_many_trees_a_helper_removes_the_last_ones(
    count: int, together: bool, helps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, last = many(tmp_path, count), tmp_path / "stage" / f"{count - 1:03}"
    removed = rmtree.remove_tree
    done = []

    def slowly(tree: Path | str) -> None:
        if not done and helps:
            assert until(lambda: not last.exists())
        done.append(last.exists())
        removed(tree)

    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(rmtree, "remove_tree", slowly)
    rmtree.remove_content([top], together=together)
    assert done[0] is not helps
    assert list(tmp_path.iterdir()) == []


def test_after_each_tree_it_is_told(tmp_path: Path) -> None:
    top, left = many(tmp_path, 3), []
    rmtree.remove_content([top], after=lambda: left.append(len(os.listdir(top))))
    assert left == [2, 1, 0]


def test_the_content_of_a_link_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top, link = many(tmp_path, 300), tmp_path / "link"
    link.symlink_to(top)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    rmtree.serve(io.BytesIO(os.fsencode(link) + b"\0"), io.BytesIO())
    rmtree.remove_content([link])
    assert len(os.listdir(top)) == 300
    assert not link.is_symlink()


def test_a_helper_does_nothing_with_half_a_path(tmp_path: Path) -> None:
    whole, half = many(tmp_path / "a", 3), many(tmp_path / "b", 3)
    rmtree.serve(io.BytesIO(os.fsencode(whole) + b"\0" + os.fsencode(half)), io.BytesIO())
    assert (os.listdir(whole), len(os.listdir(half))) == ([], 3)


@pytest.mark.parametrize("command", [["false"], ["sleep", "60"]])
def test_a_helper_that_does_nothing_is_not_missed(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def useless(module: str, inherited: object) -> helper.Helper:
        pipe = subprocess.PIPE
        return helper.Helper(subprocess.Popen(command, stdin=pipe, stdout=pipe))

    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(helper, "start", useless)
    rmtree.remove_content([many(tmp_path, 300)])
    assert list(tmp_path.iterdir()) == []
