"""Named tuples of our own are those of `typing`, and are defined without compiling anything."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from typing import NamedTuple as Standard

import pytest

from instui_engine.values import NamedTuple as Own


class StandardPoint(Standard):
    """A point."""

    x: int
    y: int = 2
    label: str = ""

    @property
    def total(self) -> int:
        return self.x + self.y


class OwnPoint(Own):
    """A point."""

    x: int
    y: int = 2
    label: str = ""

    @property
    def total(self) -> int:
        return self.x + self.y


class OwnNothing(Own):
    """Nothing at all."""


USES: list[Callable[[Any], object]] = [
    lambda cls: tuple(cls(1)),
    lambda cls: tuple(cls(1, label="a")),
    lambda cls: tuple(cls(y=4, x=3)),
    lambda cls: tuple(cls(1, 3, "a")._replace(y=5)),
    lambda cls: cls(1)._asdict(),
    lambda cls: cls._fields,
    lambda cls: cls._field_defaults,
    lambda cls: cls.__match_args__,
    lambda cls: cls.__annotations__,
    lambda cls: cls.__doc__,
    lambda cls: (cls(1).x, cls(1).y, cls(1).total),
    lambda cls: cls(1) == (1, 2, ""),
    lambda cls: hash(cls(1)) == hash((1, 2, "")),
    lambda cls: repr(cls(1, label="a")).partition("(")[2],
    lambda cls: hasattr(cls(1), "__dict__"),
    lambda cls: issubclass(cls, tuple),
    lambda cls: tuple(cls._make([1, 2, "c"])),
    lambda cls: type(pickle.loads(pickle.dumps(cls(1)))) is cls,
    lambda cls: cls(),
    lambda cls: cls(1, 2, "", 4),
    lambda cls: cls(1, z=2),
    lambda cls: cls._make([1]),
    lambda cls: setattr(cls(1), "x", 2),
]


def outcome(use: Callable[[Any], object], cls: type) -> object:
    try:
        return use(cls)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("use", USES)
def test_a_named_tuple_is_like_one_of_typing(use: Callable[[Any], object]) -> None:
    assert outcome(use, OwnPoint) == outcome(use, StandardPoint)


def test_a_class_pattern_takes_it_apart() -> None:
    match OwnPoint(1, 3):
        case OwnPoint(x, label=label):
            assert (x, label) == (1, "")
    assert OwnNothing() == ()


def test_a_field_without_a_default_cannot_follow_one_with_a_default() -> None:
    with pytest.raises(TypeError, match="without a default"):
        type(Own)("Wrong", (Own,), {"__annotations__": {"x": int, "y": int}, "x": 1, "__module__": __name__})


def test_defining_one_more_of_a_size_compiles_nothing() -> None:
    program = """
import sys
from instui_engine.values import NamedTuple
class First(NamedTuple):
    a: int
    b: str = ""
compiled = []
sys.addaudithook(lambda event, arguments: compiled.append(event) if event in ("compile", "exec") else None)
class Second(NamedTuple):
    c: int = 1
    d: str = ""
assert Second(d="x") == (1, "x"), Second(d="x")
assert not compiled, compiled
import typing
class Third(typing.NamedTuple):
    c: int
assert compiled
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_classes_are_made_while_the_garbage_collector_runs() -> None:
    """What the classes of one size share was once taken from a class that nobody had any more."""
    program = "import gc; gc.set_threshold(1, 1, 1)\nfrom instui_engine.values import _constructor, _getters\n"
    program += "for size in range(1, 40): _constructor(size), _getters(size)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_field_that_is_not_there_cannot_be_replaced() -> None:
    """`typing` raises ValueError up to Python 3.12, and TypeError since."""
    with pytest.raises(ValueError):
        OwnPoint(1)._replace(z=2)
