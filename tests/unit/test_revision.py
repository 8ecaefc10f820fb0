"""What a second answer of uv changes for the wheels that are ready."""

from typing import Any, cast

from instui_engine.commands.planning import Unpacked
from instui_engine.commands.revision import revised, told
from instui_engine.journal.events import RequirementSatisfied, Warned, WheelDropped
from instui_engine.resolve.request import LockedWheel
from instui_engine.resolve.source import Source
from instui_engine.session.cancelled import CancelledWheels
from instui_engine.target.installed import Distribution


def wheel(name: str, version: str) -> LockedWheel:
    return LockedWheel(name, version, f"{name}-{version}-py3-none-any.whl")


def archive(name: str, version: str) -> LockedWheel:
    """An archive of an index, which has no URL of origin."""
    place = f"https://index.test/{name}-{version}.tar.gz"
    return LockedWheel(name, version, f"{name}-{version}.tar.gz", url=place, source=Source("archive", url=place))


def built(source: LockedWheel) -> LockedWheel:
    return source._replace(filename=f"{source.name}-{source.version}-py3-none-any.whl", url="", path="/kept.whl")


def ready(*wheels: LockedWheel) -> list[Unpacked]:
    return [(one, cast(Any, None)) for one in wheels]


def test_what_is_wanted_still_stays_and_the_rest_changes() -> None:
    a, b, c = (wheel(name, "1") for name in "abc")
    revision = revised(ready(a, b), [b, c], CancelledWheels())
    assert revision == (ready(b), [a], [c])


def test_what_was_built_is_not_built_again_unless_it_is_another_source() -> None:
    one, two = archive("a", "1"), archive("a", "2")
    assert revised(ready(built(one)), [one], CancelledWheels()) == (ready(built(one)), [], [])
    assert revised(ready(built(two)), [one], CancelledWheels()) == ([], [built(two)], [one])


def test_what_was_cancelled_neither_comes_nor_is_dropped() -> None:
    cancelled = CancelledWheels()
    cancelled.expect("ab")
    assert [cancelled.cancel("a"), cancelled.cancel("b")] == ["", ""]
    assert revised(ready(wheel("a", "1")), [wheel("b", "1")], cancelled) == ([], [], [])


def test_only_a_newcomer_in_whose_favour_a_wheel_is_dropped_is_told() -> None:
    newcomers = {name: Distribution(name, "0", "", (0, 0)) for name in "ab"}
    revision = revised(ready(wheel("a", "1"), wheel("b", "1"), wheel("c", "1")), [wheel("b", "2")], CancelledWheels())
    events = told(revision, newcomers)
    assert [type(event) for event in events] == [RequirementSatisfied, Warned, *[WheelDropped] * 3]
    assert [event.wheel for event in events if isinstance(event, Warned)] == ["a"]
