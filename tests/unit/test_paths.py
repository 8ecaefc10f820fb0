"""The arithmetic of paths below the top."""

import pytest

from instui_engine.fs.paths import above, ancestors, directories_of, is_within, join, name_of, parent_of, relative


def test_a_path_is_the_join_of_its_parent_and_its_name() -> None:
    for path in ("a", "a/b", "a/b/c.py", ""):
        assert join(parent_of(path), name_of(path)) == path
    assert parent_of("a") == ""
    assert name_of("a/b") == "b"


def test_above_ends_below_the_top_and_ancestors_with_it() -> None:
    assert list(above("a/b/c")) == ["a/b", "a"]
    assert list(above("a")) == []
    assert list(ancestors("a/b/c")) == ["a/b", "a", "."]
    assert list(ancestors("a")) == ["."]


@pytest.mark.parametrize(
    ("path", "directory", "expected"),
    [("a/b", "a", True), ("a", "a", True), ("ab", "a", False), ("a", "a/b", False), ("a", "", True), ("", "a", False)],
)
def test_within_is_by_whole_components(path: str, directory: str, expected: bool) -> None:
    assert is_within(path, directory) == expected


def test_the_directories_of_many_paths_are_those_above_each() -> None:
    paths = ["a/b/c", "a/b/d", "e", "f/g"]
    assert directories_of(paths) == {directory for path in paths for directory in above(path)} == {"a", "a/b", "f"}


def test_a_relative_path_climbs_to_the_common_directory() -> None:
    assert relative("lib/x/a.py", "lib") == "x/a.py"
    assert relative("bin/tool", "lib/site") == "../../bin/tool"
    assert relative("lib/other/a", "lib/site") == "../other/a"
    assert relative("a", "") == "a"
