"""Which hashes prove that a file is the right one, and what is said where none does."""

import pytest

from instui_engine.errors import ResolutionError
from instui_engine.hashes import Demands
from instui_engine.journal.events import Event, Warned
from instui_engine.resolve.request import LockedWheel
from instui_engine.resolve.strength import check_strong, note_weak

STRONG, WEAK = f"sha256:{'a' * 64}", f"md5:{'a' * 32}"


def wheel(name: str = "one", url: str = "https://host/one.whl", origin: str = "", *hashes: str) -> LockedWheel:
    demands = tuple(frozenset([value]) for value in hashes)
    return LockedWheel(name, "1", f"{name}-1-py3-none-any.whl", url=url, origin=origin, demands=demands)


@pytest.mark.parametrize(
    ("demands", "proves"),
    [
        ((), False),
        ((frozenset([WEAK]),), False),
        ((frozenset([STRONG]),), True),
        ((frozenset([WEAK]), frozenset([STRONG])), True),  # it must meet both
        ((frozenset([WEAK, STRONG]),), False),  # a file with the weak one would do
    ],
)
def test_one_demand_that_only_strong_hashes_meet_is_enough(demands: Demands, proves: bool) -> None:
    if proves:
        check_strong(wheel(), demands)
    else:
        with pytest.raises(ResolutionError, match="no strong hash"):
            check_strong(wheel(), demands)


def warnings(*wheels: LockedWheel) -> list[str]:
    told: list[Event] = []
    note_weak(wheels, told.append)
    return [event.text for event in told if isinstance(event, Warned)]


def test_wheels_of_an_index_without_strong_hashes_are_named_once() -> None:
    weak = [wheel(name, "https://host/", "", *((WEAK,) if name == "b" else ())) for name in "gfedcba"]
    (said,) = warnings(*weak, wheel("z", "https://host/", "", STRONG))
    assert said.startswith("the index or --find-links page gives no strong hash for a, b, c, d, e and 2 more: ")
    assert said.endswith("; give hashes in a requirements file (NAME==VERSION --hash=sha256:...)")


def test_nothing_is_said_of_what_no_index_answers_for() -> None:
    """A local file, and a wheel that was named by its URL."""
    assert warnings(wheel(url=""), wheel(origin="https://host/one.whl")) == []
    assert warnings() == []
