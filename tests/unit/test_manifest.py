"""The manifest: files in the groups that are claimed and renamed as a whole, and a form on disk that shows damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui_engine.wheel.manifest import dump, load, split
from support.environments import entry

parts = st.sampled_from(["a", "b", "a.b", "a b", "ab"])
files = st.sets(st.lists(parts, min_size=1, max_size=5).map("/".join)).map(
    lambda paths: {p for p in paths if not any(q.startswith(f"{p}/") for q in paths)}
)


@given(files)
def test_split_keeps_every_file_once(paths: set[str]) -> None:
    singles, subtrees = split(paths)
    found = list(singles)
    for top, directories in subtrees:
        for directory, names in directories:
            found += ["/".join(filter(None, (top, directory, name))) for name in names]
    assert sorted(found) == sorted(paths)


@given(files)
def test_subtrees_begin_where_a_file_lies_and_never_nest(paths: set[str]) -> None:
    _, subtrees = split(paths)
    tops = [top for top, _ in subtrees]
    for top, directories in subtrees:
        assert directories[0][0] == ""
        assert directories[0][1], "the top of a subtree receives a file"
        assert not any(top.startswith(f"{other}/") for other in tops)


@given(files)
def test_parents_come_before_their_children(paths: set[str]) -> None:
    for _, directories in split(paths)[1]:
        seen = set()
        for directory, _ in directories:
            assert not directory or "/" not in directory or directory.rpartition("/")[0] in seen
            assert directory not in seen
            seen.add(directory)


def test_a_manifest_comes_back_as_it_was() -> None:
    _, stored = entry("x", ["x/a.py", "y.py"], ["scripts/tool", "data/etc/x.conf"], commands=("x",), shebangs=("tool",))
    assert load(dump(stored.manifest)) == stored.manifest


def test_a_name_that_is_no_unicode_survives() -> None:
    _, stored = entry("x", ["x/\udcff.py"])
    assert load(dump(stored.manifest)) == stored.manifest


def test_any_damage_is_noticed() -> None:
    data = dump(entry("x", ["x/a.py"])[1].manifest)
    for length in range(len(data)):
        with pytest.raises(ValueError, match="damaged"):
            load(data[:length])
    for place in range(len(data)):
        for bit in (1, 128):
            with pytest.raises(ValueError, match="damaged"):
                load(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
    with pytest.raises(ValueError, match="damaged"):
        load(data + b"x")


def test_what_the_installer_writes_itself_is_not_taken_from_the_wheel() -> None:
    forged = [f"x-1.0.dist-info/{name}" for name in ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws")]
    _, stored = entry("x", ["x/a.py", *forged])
    assert [name for _, names in stored.manifest.info for name in names] == ["METADATA"]
    assert not any(path in stored.manifest.record for path in forged)
