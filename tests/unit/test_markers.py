"""Simple markers: what is said of them is what packaging says, and the usual ones are simple."""

import random

import pytest
from packaging.markers import Marker

from instui_engine.plan.markers import simple

VALUES = {
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "platform_release": "6.1.0-x",
    "platform_version": "#1",
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "platform_python_implementation": "CPython",
    "extra": "",
}
USUAL = (
    'python_version < "3.14"',
    "python_version>='3.9'",
    'python_version >= "3.14" and python_version < "3.15"',
    "(sys_platform == 'win32') and extra == 'dev'",
    'platform_python_implementation != "PyPy" and extra == "interpolatable"',
    '(sys_platform == "linux" or sys_platform == "darwin") and extra == "tests"',
    'sys_platform != "emscripten" and sys_platform != "cygwin" and sys_platform != "android"',
    "python_full_version <= '3.11.0'",
    'platform_machine == "x86_64"',
    'platform_machine=="arm64"',
    "os_name != 'nt'",
    'extra == "a-b"',
)


@pytest.mark.parametrize("marker", USUAL)
def test_the_usual_ones_are_simple(marker: str) -> None:
    for extra in ("", "dev", "tests", "A_B"):
        values = VALUES | {"extra": extra}
        answer = simple(marker, values)
        assert answer is Marker(marker).evaluate(values)


@pytest.mark.parametrize(
    "marker",
    [
        *("", "()", "T", "True", "T and F", "? or T", "python_version", "'3' < python_version", "sys_platform == '3'"),
        *("sys_platform == 'v3'", "sys_platform < 'win32'", "python_version < '3.0a1'", "python_version == '3.*'"),
        *("python_version ~= '3.8'", "python_version === '3.8'", "python_version in '3.8'", "platform_release == 'x'"),
        *("python_version < '3' python_version < '4'", "python_version < '3' (python_version < '4')", "os_name == ''"),
        *("(python_version < '3'", "python_version < '3')", "and python_version < '3'", "python_version < '3' or"),
        *("() or python_version < '3'", "not python_version < '3'", "python_version < '3' & os_name == 'nt'"),
        *("(" * 100_000, "python_version < '3' or " * 1000, "python_version < '" + "9" * 5000 + "'"),
        "(" * 300 + "os_name == 'nt'" + ")" * 300,
        "sys_platform == 'wín'",
        *(text.replace("@", space) for space in "\n\r\x0b\x0c\u00a0" for text in ("extra@== 'x'", "extra ==@'x'")),
        *(f"(os_name == 'nt'{space}) or extra == 'x'{space}" for space in "\n\x0b\u00a0"),
    ],
)
def test_of_anything_else_nothing_is_said(marker: str) -> None:
    assert simple(marker, VALUES) is None


def test_a_value_that_is_no_plain_version_is_left_to_the_parser() -> None:
    assert simple("python_full_version < '3.12'", VALUES | {"python_full_version": "3.12.0rc1"}) is None
    assert simple("python_full_version < '3.12'", {}) is None


def _term(choose: random.Random) -> str:
    quote = choose.choice("'\"")
    if choose.random() < 0.5:
        variable = choose.choice(["python_version", "python_full_version"])
        operator = choose.choice(["==", "!=", "<", "<=", ">", ">="])
        literal = choose.choice(["3", "3.0", "3.9", "3.11", "3.11.0", "3.11.7", "3.11.07", "3.12", "4", "2.7", "0"])
    else:
        variable = choose.choice(["sys_platform", "os_name", "platform_machine", "implementation_name", "extra"])
        operator = choose.choice(["==", "!="])
        literal = choose.choice(["linux", "Linux", "posix", "x86_64", "cpython", "win32", "a-b", "A_b", "dev"])
    return f"{variable}{choose.choice(['', ' '])}{operator}{choose.choice(['', ' '])}{quote}{literal}{quote}"


def _marker(choose: random.Random, depth: int = 0) -> str:
    parts = [
        f"({_marker(choose, depth + 1)})" if depth < 3 and choose.random() < 0.3 else _term(choose)
        for _ in range(choose.randint(1, 4))
    ]
    text = parts[0]
    for part in parts[1:]:
        text += f" {choose.choice(['and', 'or'])} {part}"
    return text


def test_what_is_said_is_what_packaging_says() -> None:
    choose = random.Random(7)
    said = 0
    for _ in range(3000):
        marker, values = _marker(choose), VALUES | {"extra": choose.choice(["", "a-b", "dev"])}
        answer = simple(marker, values)
        assert answer in (None, Marker(marker).evaluate(values)), marker
        said += answer is not None
    assert said > 2500
