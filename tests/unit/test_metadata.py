"""A wheel's file name, WHEEL, METADATA and entry points are understood, must agree, and cannot harm an environment."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui_engine.errors import BadWheelError
from instui_engine.wheel.entry_points import EntryPoint
from instui_engine.wheel.metadata import WheelMetadata, headers, read_wheel_metadata
from support import wheelsmith

INFO = "good_pkg-1.0.dist-info"
NAME = "good_pkg-1.0-py3-none-any.whl"


def read(files: dict[str, bytes], filename: str = NAME) -> WheelMetadata:
    return read_wheel_metadata(filename, files, files.__getitem__)


def wheel(**changes: object) -> dict[str, bytes]:
    return wheelsmith.wheel_files("Good.Pkg", "1.0", {"good.py": b""}, **changes)  # type: ignore[arg-type] # by case


def test_all_is_read() -> None:
    files = wheel(
        data={"scripts/tool": b"#!python\n", "headers/x.h": b""},
        entry_points="[console_scripts]\n good = good : main \n# no\nbetter=good.sub:App.run [all]\n\n"
        "[gui_scripts]\ngood-gui=good:gui\n[pytest11]\nanything = not even ! valid\n",
        requires=["a>=1", "b; extra == 'x'"],
        tag="py2.py3-none-any",
        root_is_purelib=True,
    )
    files[f"{INFO}/METADATA"] = files[f"{INFO}/METADATA"] + b"requires-PYTHON: >=3.8,\r\n  <4\n\nRequires-Dist: body\n"
    found = read(files, "good_pkg-1.0-py2.py3-none-any.whl")
    assert found == WheelMetadata(
        name="good-pkg",
        version="1.0",
        root_is_purelib=True,
        requires_python=">=3.8, <4",
        requires_dist=("a>=1", "b; extra == 'x'"),
        dist_info=INFO,
        data_dir="good_pkg-1.0.data",
        entry_points=(
            EntryPoint("console", "good", "good", "main"),
            EntryPoint("console", "better", "good.sub", "App.run"),
            EntryPoint("gui", "good-gui", "good", "gui"),
        ),
        warnings=(),
    )


TAGS = {
    "two parts (nvidia-nvimgcodec-cu12 0.2.0.7)": (["py3-manylinux2014_x86_64"], "'py3-manylinux2014_x86_64'; the"),
    "empty ones (openturns 1.22)": (["", "-manylinux_2_17_x86_64"], "'' (and 1 more); the tags of the file name count"),
    "spaces": (["py3-none- any"], "'py3-none- any'"),
    "other letters": (["pÿ3-none-any\u202e"], "'pÿ3-none-any\\\\u202e'"),
    "thousands": (["x"] * 5000, "(and 4999 more)"),
    "endless": (["x" * 10**6], "the tags of the file name count"),
}


def tagged(tags: list[str]) -> tuple[str, ...]:
    lines = "".join(f"Tag: {tag}\n" for tag in tags)
    files = wheel() | {f"{INFO}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{lines}".encode()}
    return read(files).warnings


@pytest.mark.parametrize("case", TAGS)
def test_lines_that_are_no_tags_are_one_warning(case: str) -> None:
    tags, text = TAGS[case]
    (warning,) = tagged(["py3-none-any", *tags])
    assert text in warning
    assert len(warning) < 300
    assert warning.isprintable()


@pytest.mark.parametrize(
    "tags", [[], ["py2.py3-none-any"], ["PY3-None-Any"], ["py3-none-any"] * 5000, ["cp38-cp38-linux_x86_64"]]
)
def test_tags_that_are_missing_repeated_compressed_or_of_another_platform_are_nothing_to_say(tags: list[str]) -> None:
    assert tagged(tags) == ()


def test_a_wheel_for_a_platform_is_told_from_a_pure_one() -> None:
    assert not read(wheel(root_is_purelib=False)).root_is_purelib


@pytest.mark.parametrize("old", ["Good.Pkg", "good-pkg", "GOOD_PKG"])
def test_old_spellings_of_the_directory_are_accepted(old: str) -> None:
    files = {
        path.replace("good_pkg-1.0", f"{old}-1.0.0"): content for path, content in wheel(data={"data/x": b""}).items()
    }
    found = read(files)
    assert (found.dist_info, found.data_dir) == (f"{old}-1.0.0.dist-info", f"{old}-1.0.0.data")


MISMATCHES: list[tuple[str, dict[str, bytes | None], str]] = [
    ("no WHEEL", {f"{INFO}/WHEEL": None}, "has no .*WHEEL"),
    ("no METADATA", {f"{INFO}/METADATA": None}, "has no .*METADATA"),
    ("no RECORD", {f"{INFO}/RECORD": None}, "has no .*RECORD"),
    ("two .dist-info", {"other-1.0.dist-info/METADATA": b""}, "one .dist-info directory, it has 2"),
    ("two cases of .dist-info", {"good_pkg-1.0.DIST-INFO/METADATA": b""}, "it has 2"),
    ("other name", {f"{INFO}/METADATA": wheelsmith.metadata("other", "1.0")}, "METADATA is that of other"),
    ("other version", {f"{INFO}/METADATA": wheelsmith.metadata("good.pkg", "2.0")}, "METADATA is that of"),
    ("no version", {f"{INFO}/METADATA": b"Name: good-pkg\n"}, "one header Version, it has 0"),
    ("two names", {f"{INFO}/METADATA": b"Name: good-pkg\nName: x\nVersion: 1.0\n"}, "one header Name, it has 2"),
    ("bad version", {f"{INFO}/METADATA": b"Name: good-pkg\nVersion: one\n"}, "not a version"),
    ("version in the body", {f"{INFO}/METADATA": b"Name: good-pkg\n\nVersion: 1.0\n"}, "one header Version"),
    ("steers the terminal", {f"{INFO}/METADATA": b"Name: \x1b[2J\nVersion: 1.0\n"}, "METADATA is that of"),
    ("greater major", {f"{INFO}/WHEEL": wheelsmith.wheel_file(wheel_version="2.0")}, "too new"),
    ("no Wheel-Version", {f"{INFO}/WHEEL": b"Root-Is-Purelib: true\n"}, "one header Wheel-Version"),
    ("odd Wheel-Version", {f"{INFO}/WHEEL": wheelsmith.wheel_file(wheel_version="one")}, "not a Wheel-Version"),
    ("unknown scheme", {"good_pkg-1.0.data/etc/x": b""}, "no known scheme"),
    ("no scheme", {"good_pkg-1.0.data/purelib": b""}, "no known scheme"),
    ("data of another", {"other-1.0.data/purelib/x.py": b""}, "another distribution"),
    ("data of another version", {"good_pkg-2.0.data/purelib/x.py": b""}, "another distribution"),
    ("two data", {"good_pkg-1.0.data/data/x": b"", "Good.pkg-1.0.data/data/x": b""}, "2 .data"),
    ("python as script", {"good_pkg-1.0.data/scripts/python3": b""}, "vital"),
    ("activate as script", {"good_pkg-1.0.data/scripts/activate.fish": b""}, "vital"),
    ("python as data", {"good_pkg-1.0.data/data/bin/python3.11": b""}, "vital"),
    ("pyvenv.cfg", {"good_pkg-1.0.data/data/pyvenv.cfg": b""}, "vital"),
    ("foreign .dist-info", {"good_pkg-1.0.data/purelib/pip-1.dist-info/RECORD": b""}, "vital"),
    (
        "foreign .dist-info as data",
        {"good_pkg-1.0.data/data/lib/python3.11/site-packages/pip-1.dist-info/RECORD": b""},
        "vital",
    ),
]


@pytest.mark.parametrize(("changes", "match"), [case[1:] for case in MISMATCHES], ids=[case[0] for case in MISMATCHES])
def test_a_wheel_at_odds_with_itself_is_refused(changes: dict[str, bytes | None], match: str) -> None:
    files = {**wheel(), **changes}
    with pytest.raises(BadWheelError, match=match) as caught:
        read({path: content for path, content in files.items() if content is not None})
    assert str(caught.value).startswith(f"{NAME}: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("filename", ["good_pkg.whl", "good_pkg-1.0.zip", "good_pkg-x-py3-none-any.whl", "a\x1b-1.whl"])
def test_a_file_name_that_is_none_of_a_wheel_is_refused(filename: str) -> None:
    with pytest.raises(BadWheelError, match="not the name of a wheel") as caught:
        read(wheel(), filename)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("filename", ["other-1.0-py3-none-any.whl", "good_pkg-2.0-py3-none-any.whl"])
def test_a_file_name_of_another_wheel_is_refused(filename: str) -> None:
    with pytest.raises(BadWheelError, match="another distribution"):
        read(wheel(), filename)


HOSTILE_COMMANDS = [
    "../evil=a:b",
    "/bin/sh=a:b",
    "a\\b=a:b",
    "..=a:b",
    ".hidden=a:b",
    "-rf=a:b",
    "=a:b",
    "a\u202eb=a:b",
    "a\x1bb=a:b",
    "a:b=a:b",
    "python=a:b",
    "Python3=a:b",
    "python3.11=a:b",
    "python3.13t=a:b",
    "pythonw.exe=a:b",
    "activate=a:b",
    "activate_this.py=a:b",
    "x=a",
    "x=a:",
    "x",
    "x=a:b;import os",
    "x=a;b:c",
    "x=os:system('evil')",
    "x=a:b.",
    "x=.a:b",
    "x=1a:b",
    "x=a b:c",
    "x=a:b\ny",
    "x=a:b\nx=c:d",
    f"{'x' * 300}=a:b",
]


@pytest.mark.parametrize("section", ["console_scripts", "gui_scripts"])
@pytest.mark.parametrize("line", HOSTILE_COMMANDS)
def test_a_hostile_entry_point_is_refused(line: str, section: str) -> None:
    with pytest.raises(BadWheelError, match="entry point") as caught:
        read(wheel(entry_points=f"[{section}]\n{line}\n"))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name", ["pip", "pip3.11", "2to3", "py.test", "activate-global-python-argcomplete", "ipython", "a b"]
)
def test_commands_of_real_wheels_are_accepted(name: str) -> None:
    assert read(wheel(entry_points=f"[console_scripts]\n{name} = a:b\n")).entry_points[0].name == name


def test_what_runs_at_every_start_is_a_warning() -> None:
    files = wheel(data={"purelib/b.pth": b"", "platlib/usercustomize.py": b"", "data/c.pth": b""})
    files |= {"a.pth": b"", "sitecustomize.py": b"", "pkg/d.pth": b"", "pkg/sitecustomize.py": b""}
    assert {line.split()[0] for line in read(files).warnings} == {
        "a.pth",
        "b.pth",
        "sitecustomize.py",
        "usercustomize.py",
    }


def test_a_newer_minor_wheel_version_is_a_warning() -> None:
    files = {**wheel(), f"{INFO}/WHEEL": wheelsmith.wheel_file(wheel_version="1.9")}
    assert read(files).warnings == ("Wheel-Version 1.9 is newer than the known 1.0",)


def test_a_package_that_is_only_named_like_data_is_no_data_directory() -> None:
    assert read({**wheel(), "sample.data/x": b""}).data_dir == ""


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9)


@given(st.lists(st.tuples(st.sampled_from(["Name", "X-Y", "requires-dist"]), st.lists(words, min_size=1, max_size=3))))
def test_headers_are_read_as_the_email_package_reads_them(block: list[tuple[str, list[str]]]) -> None:
    import email
    import email.policy

    text = "".join(f"{key}: " + "\n  ".join(lines) + "\n" for key, lines in block) + "\nName: in the body\n"
    reference = email.message_from_string(text, policy=email.policy.compat32)
    expected = [(key.lower(), " ".join(str(value).split())) for key, value in reference.items()]
    assert [(key, " ".join(value.split())) for key, value in headers(text)] == expected


def test_slow_modules_are_not_imported() -> None:
    code = "import sys, instui_engine.wheel.extract, instui_engine.wheel.metadata; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"zipfile", "email", "importlib.metadata"} & set(loaded)
