"""Removal of trees: everything below goes, and nothing else."""

from pathlib import Path

import pytest

from instui_engine.fs.rmtree import remove_tree


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
