"""The markers that most requirements have, judged without a parser of markers, which takes longer to load than to plan.

Such a marker compares a variable with a plain version or a word, perhaps several times, with `and`, `or` and
parentheses. Of anything else nothing is said here.
"""

import re
from collections.abc import Mapping

_VERSIONS = ("python_version", "python_full_version")
_WORDS = (
    *("os_name", "sys_platform", "platform_system", "platform_machine"),
    *("implementation_name", "platform_python_implementation", "extra"),
)
_BLANK = r"[ \t]*"  # no other space is one in a marker
_COMPARISON = rf"""\b({"|".join((*_VERSIONS, *_WORDS))}){_BLANK}(==|!=|<=|>=|<|>){_BLANK}(?:'([^'"]*)'|"([^'"]*)")"""
_BETWEEN = r"(?:[ \t()]|\band\b|\bor\b)*"
_NUMBERS = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,9}"
_WORD = r"(?![vV]?[0-9])[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*"  # which is no version
_LONGEST = 500  # characters: of those in many parentheses, each pair takes a pass over the whole


def simple(marker: str, values: Mapping[str, str]) -> bool | None:
    """Whether a marker holds for these values of the variables; None if it takes a parser to say."""
    if len(marker) > _LONGEST or not re.fullmatch(_BETWEEN, re.sub(_COMPARISON, " ", marker)):
        return None
    judged = re.sub(_COMPARISON, lambda found: _judge(values, *found.groups("")), marker)
    text = re.sub(r"\band\b", "&", re.sub(r"\bor\b", "|", judged))
    return _reduced(re.sub(rf"{_BLANK}([&|()]){_BLANK}", r"\1", text.strip(" \t")))


def _judge(values: Mapping[str, str], variable: str, operator: str, one: str, other: str) -> str:
    """T or F for true and false, ? for what is not simple."""
    value, literal = values.get(variable, "?"), one or other
    if variable in _VERSIONS and re.fullmatch(_NUMBERS, value) and re.fullmatch(_NUMBERS, literal):
        return "T" if _compares(_release(value), operator, _release(literal)) else "F"
    if variable in _VERSIONS or operator not in ("==", "!=") or not re.fullmatch(_WORD, literal):
        return "?"
    if variable == "extra":
        value, literal = (re.sub(r"[-_.]+", "-", text).lower() for text in (value, literal))
    elif not re.fullmatch(_WORD, value):
        return "?"
    return "T" if (value == literal) == (operator == "==") else "F"


def _release(version: str) -> list[int]:
    numbers = [int(number) for number in version.split(".")]
    while numbers[-1:] == [0]:  # 3 is 3.0
        numbers.pop()
    return numbers


def _compares(value: list[int], operator: str, limit: list[int]) -> bool:
    return {
        "==": value == limit,
        "!=": value != limit,
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
    }[operator]


def _reduced(text: str) -> bool | None:
    """The value of T and F with & and | and parentheses; None for anything else."""
    while len(text) > 1:
        shorter = re.sub(r"\(([TF])\)", r"\1", text).replace("T&T", "T")
        shorter = re.sub(r"F&[TF]|T&F", "F", shorter)
        shorter = re.sub(r"(?<!&)([TF])\|([TF])(?!&)", lambda two: "T" if "T" in two[0] else "F", shorter)
        if shorter == text:
            return None
        text = shorter
    return {"T": True, "F": False}.get(text)
