"""The colours of a report: those of the full screen, so that both mean the same by them.

Text has a contrast of at least 4.5 to 1 to its background, and what is only drawn one of 3 to 1, as WCAG asks for.
Colour is never the only sign: waits are hatched, bars have their words, states are words.
"""

from collections.abc import Mapping

from instui.explain.attribution import WAITS, Kind

_OF_KIND: Mapping[Kind, str] = {
    "resolve": "accent",
    "compile": "unpack",
    "plan": "accent",
    "fetch": "fetch",
    "build": "accent",
    "unpack": "unpack",
    "stage": "stage",
    "commit": "commit",
    "sync": "age",
    "pause": "pause",
    "halt": "pause",
    "unexplained": "unexplained",
}
_OF_FINDING: Mapping[str, str] = {
    "giant-wheel": "unpack",
    "unpacked-again": "unpack",
    "copy": "stage",
    "replace": "commit",
    "remove": "commit",
    "turns": "wait",
    "environment-lock": "wait",
    "disk": "age",
}


def of_kind(kind: Kind) -> str:
    """The class of a bar for a piece of that kind."""
    return "wait" if kind in WAITS else _OF_KIND.get(kind, "other")


def of_finding(kind: str) -> str:
    """The class of a bar for a finding of that kind."""
    if kind.startswith("wait-") or kind in WAITS:
        return "wait"
    return _OF_FINDING.get(kind) or next((style for one, style in _OF_KIND.items() if one == kind), "other")


def variables(colours: Mapping[str, str]) -> str:
    """The colours as properties of a style sheet."""
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
