"""The types of flags: what a text on the command line, in a variable or in the settings stands for."""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from instui_engine.errors import printable

from .standing import OFF, ON


def permitted(text: str) -> str:
    """A value of --allow-record. Raises UsageError if it is none."""
    from instui_engine.wheel.permission import parse

    parse(text)
    return text


def choice(names: Sequence[str]) -> dict[str, Any]:
    """The type of an argument that is one of `names`, or "": argparse would not check a default (a variable)."""

    def one_of(text: str) -> str:
        if text and text not in names:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(names)}, not {text!r}")
        return text

    return {"type": one_of, "default": "", "metavar": f"{{{','.join(names)}}}"}


def named(text: str) -> str:
    """A place that is named: an empty one is an unset variable of a script, and not the default."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def positive(text: str) -> int:
    """A number of workers."""
    return _whole(text, 1, 256, "between 1 and 256")


def count(text: str) -> int:
    """A number that may be 0."""
    return _whole(text, 0, float("inf"), "that is not negative")


def _whole(text: str, least: int, most: float, which: str) -> int:
    with suppress(ValueError):
        if least <= (number := int(text)) <= most:
            return number
    raise argparse.ArgumentTypeError(f"must be a number {which}, not {text!r}")


def seconds(text: str) -> float:
    """A time, or a factor."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError(f"must be a number that is not negative, not {text!r}")
    return number


def collector(text: str) -> str | None:
    """The URL of a collector, "" for that of OpenTelemetry's variables, None for no collector."""
    word = text.strip().lower()
    if not word or word in OFF:
        return None
    if word in ON:
        return ""
    if not word.startswith(("http://", "https://")):
        shown = printable(text)
        raise argparse.ArgumentTypeError(f"must be the URL of a collector, not {shown!r}; without a URL, put it last")
    return text


def port(text: str) -> int:
    """The number of a port."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a number up to 65535, not {text!r}")
    return int(text)


def speed(text: str) -> float:
    """How fast a recording is played."""
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0.125 <= speed <= 128:
        raise argparse.ArgumentTypeError(f"must be a number from 0.125 to 128, not {text!r}")
    return speed
