"""Whether what a transaction will replace is as it was found, after the environment has changed, or has not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instui_engine.commit.transaction import Step, Transaction, is_as_found
from instui_engine.fs.dirfd import DirfdTree
from instui_engine.locks.claims import derive


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[DirfdTree]:
    with DirfdTree(tmp_path, False) as tree:
        yield tree


def as_found(tree: DirfdTree, *steps: Step) -> bool:
    return is_as_found(tree, Transaction("one", "1", "s", 0, derive([], "one"), "", "", "", "stage", steps))


def test_what_goes_first_makes_room(tree: DirfdTree, tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").touch()
    (tmp_path / "empty").mkdir()
    old, place = tree.fingerprint("pkg"), Step("place", "pkg", "stage/0")
    assert as_found(tree, Step("retire", "pkg", saved="stage/old", old=old), place, Step("place", "pkg/a.py"))
    assert as_found(tree, Step("rmdir", "empty"), Step("place", "empty"))
    assert not as_found(tree, place)
    assert not as_found(tree, place, Step("retire", "pkg", saved="stage/old", old=old))


def test_where_case_is_folded_what_goes_makes_room_for_another_spelling(tree: DirfdTree, tmp_path: Path) -> None:
    """A link stands for the second look-up that such a file system makes."""
    (tmp_path / "Mod.py").touch()
    (tmp_path / "mod.py").hardlink_to(tmp_path / "Mod.py")
    retire = Step("retire", "Mod.py", saved="stage/old", old=tree.fingerprint("Mod.py"))
    assert as_found(tree, retire, Step("place", "mod.py"))
    (tmp_path / "mod.py").unlink()
    (tmp_path / "mod.py").write_bytes(b"another")
    assert not as_found(tree, retire, Step("place", "mod.py"))


@pytest.mark.parametrize("action", ["retire", "replace"])
def test_what_was_changed_or_is_gone_is_not_as_found(action: str, tree: DirfdTree, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.touch()
    step = Step(action, "a.py", "stage/0", "stage/old", tree.fingerprint("a.py"))  # type: ignore[arg-type]
    assert as_found(tree, step)
    path.write_bytes(b"changed")
    assert not as_found(tree, step)
    path.unlink()
    assert not as_found(tree, step)


def test_byte_code_that_goes_may_be_gone_already(tree: DirfdTree) -> None:
    assert as_found(tree, Step("retire", "a.pyc", saved="stage/old"), Step("mkdir", "pkg"))
