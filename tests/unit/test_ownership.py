"""Whose each contested file is, at any moment of a session."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui.monitor.fold import Fold
from instui.monitor.ownership import ABSENT, SHARED, Ownership, letter, ownerships
from instui.tui.rows import ownership as maps
from instui.tui.rows.ownership import MIXED, binned, block, layout, legend, tally
from instui.tui.text.glyphs import ASCII, UNICODE
from instui.tui.text.pieces import plain, width_of
from instui_engine.journal import events
from instui_engine.journal.events import Event

SITE = "lib/site-packages"
SESSION = events.SessionStarted(1, "s", 42, 0.0, 0.0, "0.1", ["instui"], "/v", "py", {"purelib": SITE, "data": ""}, 2)


def folded(*given: Event) -> Fold:
    fold = Fold()
    for t, event in enumerate((SESSION, *given)):
        fold.feed(float(t), event)
    return fold


def planned(*keys: str) -> list[Event]:
    """Wheels of version 1, in the order of their plan."""
    return [
        event
        for order, key in enumerate(keys)
        for event in (
            events.WheelAdded(key, "1", f"{key}.whl", 1, True),
            events.PlanWheel(key, order, 1, 1, [], [], ""),
        )
    ]


def conflict(path: str, *owners: str) -> list[Event]:
    return [events.PlanConflict(path, f"{a} 1", f"{b} 1") for a, b in pairwise(owners)]


def overwrite(path: str, old: str, new: str, same: bool = False) -> Event:
    return events.Overwrite(new, path, f"{old} 1", f"{new} 1", same)


def owned(fold: Fold, directory: str = f"{SITE}/d") -> Ownership:
    return next(one for one in ownerships(fold.snapshot(0.0)) if one.directory == directory)


def drawn(fold: Fold) -> str:
    signs = {ABSENT: ".", SHARED: "="}
    return "".join(signs.get(cell) or letter(cell) for cell in owned(fold).cells)


def test_files_change_their_owner_when_a_wheel_is_complete_and_the_plan_knows_them_before() -> None:
    files = [f"{SITE}/d/{name}" for name in ("x", "y")]
    fold = folded(*planned("a", "b"), *(event for path in files for event in conflict(path, "a", "b")))
    assert drawn(fold) == ".."
    fold.feed(20.0, events.CommitFinished("a", 2))
    assert drawn(fold) == "AA"
    for path in files:
        fold.feed(21.0, overwrite(path, "a", "b"))
    assert drawn(fold) == "BB"
    found = owned(fold)
    assert (found.owners, found.files, found.whole) == (("a 1", "b 1"), ("x", "y"), (1,))


def test_what_was_installed_before_owns_its_files_from_the_beginning() -> None:
    fold = folded(*planned("b"), *conflict(f"{SITE}/d/x", "old", "b"))
    assert drawn(fold) == "A"
    assert owned(fold).owners == ("old 1", "b 1")


def test_a_wheel_that_failed_owns_nothing() -> None:
    fold = folded(*planned("a", "b"), *conflict(f"{SITE}/d/x", "a", "b"), events.WheelFailed("a", "broken"))
    assert drawn(fold) == "."
    fold.feed(20.0, events.CommitFinished("b", 1))
    assert drawn(fold) == "B"


def test_equal_content_is_shared_until_other_content_replaces_it() -> None:
    fold = folded(*planned("a", "b", "c"), overwrite(f"{SITE}/d/x", "a", "b", same=True))
    assert drawn(fold) == "="
    assert owned(fold).whole == (0, 1)
    fold.feed(20.0, overwrite(f"{SITE}/d/x", "b", "c"))
    assert drawn(fold) == "C"


def test_a_file_that_is_back_is_of_its_first_owner_again() -> None:
    restored = events.Restored("b", f"{SITE}/d/x", "a 1")
    fold = folded(*planned("b"), overwrite(f"{SITE}/d/x", "a", "b"), restored)
    assert drawn(fold) == "A"


def test_directories_are_those_in_the_roots_with_the_most_contested_files_first() -> None:
    paths = [f"{SITE}/cv2/a", f"{SITE}/cv2/data/b", f"{SITE}/README.md", "etc/jupyter/x/y", "etc/jupyter/z", "etc/w"]
    fold = folded(*planned("a", "b"), *(event for path in paths for event in conflict(path, "a", "b")))
    found = [(one.directory, len(one.files)) for one in ownerships(fold.snapshot(0.0))]
    assert found == [("etc", 3), (f"{SITE}/cv2", 2), (SITE, 1)]
    assert owned(fold, f"{SITE}/cv2").files == ("a", "data/b")
    assert owned(fold, SITE).files == ("README.md",)


@pytest.mark.parametrize("seed", range(20))
def test_while_one_wheel_commits_only_its_files_grow_and_each_file_has_one_owner(seed: int) -> None:
    choose = random.Random(seed)
    keys = [f"w{number}" for number in range(choose.randint(2, 5))]
    ships = {f"{SITE}/d/f{n}": sorted(choose.sample(keys, choose.randint(2, len(keys)))) for n in range(30)}
    fold = folded(*planned(*keys), *(event for path, owners in ships.items() for event in conflict(path, *owners)))
    present: dict[str, str] = {}
    last = owned(fold)
    for t, key in enumerate(keys, 1000):
        for path in [path for path, owners in ships.items() if key in owners]:
            if path in present:
                fold.feed(t, overwrite(path, present[path], key))
            present[path] = key
        fold.feed(t, events.CommitFinished(key, 1))
        now = owned(fold)
        grown = [owner for number, owner in enumerate(now.owners) if now.count(number) > last.count(number)]
        assert grown in ([f"{key} 1"], [])
        assert len(now.cells) == 30
        assert sum(map(now.count, range(-1, len(keys)))) == 30
        assert {path: now.owners[cell] for path, cell in zip(now.files, now.cells, strict=True) if cell >= 0} == {
            path.removeprefix(f"{SITE}/d/"): f"{owner} 1" for path, owner in present.items()
        }
        assert f"{key} 1" in [now.owners[number] for number in now.whole] or not grown
        last = now


@given(st.lists(st.integers(-2, 60), max_size=3000), st.integers(1, 120), st.integers(1, 8))
def test_a_map_of_any_number_of_files_fits_its_place(cells: list[int], width: int, height: int) -> None:
    for glyphs in (UNICODE, ASCII):
        lines = block(cells, width, height, glyphs)
        assert len(lines) <= height
        assert all(width_of(pieces) <= width for pieces in lines)
    look = layout(len(cells), width, height)
    if look.files == 1:
        assert sum(len(plain(pieces)) for pieces in lines) == len(cells) * look.width


def test_a_cell_for_many_files_has_a_letter_only_if_all_are_of_one_owner() -> None:
    assert binned([0, 0, 1, 1, 0, 1, 2], 2) == [0, 1, MIXED, 2]


@pytest.mark.parametrize(
    ("cells", "whole", "width", "text"),
    [
        ([0] * 13 + [1] * 9 + [2] * 18, [], 80, "40 files: 13 A, 9 B, 18 C; nobody's is whole"),
        ([0] * 13 + [1] * 9 + [2] * 18, [], 30, "13 A, 9 B, 18 C: none whole"),
        ([2] * 40, ["triangle"], 80, "40 files, all C: triangle is whole"),
        ([2] * 40, ["triangle"], 22, "all C: triangle whole"),
        ([ABSENT] * 40, [], 80, "40 files, none written yet"),
        ([0, SHARED, ABSENT], ["a"], 80, "3 files: 1 A, 1 shared, 1 not yet; a is whole"),
    ],
)
def test_the_counts_say_whose_package_is_whole(cells: list[int], whole: list[str], width: int, text: str) -> None:
    assert tally(cells, whole, width) == text


def test_of_thousands_of_owners_only_those_are_named_for_whom_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    named = maps._named
    monkeypatch.setattr(maps, "_named", lambda *given: made.append(given) or named(*given))
    text = plain(legend([f"wheel{number} 1.0" for number in range(3000)], {2999}, 60))
    assert text.endswith(" more")
    assert len(made) < 200


def test_the_legend_names_first_who_owns_a_file_now() -> None:
    names = [f"wheel{number}" for number in range(12)]
    text = plain(legend(names, {9}, 40))
    assert " J  wheel9" in text
    assert text.endswith("more")
