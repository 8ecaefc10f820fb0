"""Binary distribution format: what installing a wheel means. Each test names the section that it is about."""

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.environments import Venv
from support.trees import complete, rows, tree
from support.wheelsmith import build_wheel, record, wheel_files, zipped

MakeVenv = Callable[[], Venv]


def rebuilt(directory: Path, name: str, changes: dict[str, bytes], filename: str = "") -> Path:
    """A wheel with other files than `build_wheel` makes, and a RECORD that is true of them."""
    files = wheel_files(name, "1.0", {f"{name}.py": b""})
    listing = f"{name}-1.0.dist-info/RECORD"
    content = {path: data for path, data in files.items() if path != listing} | changes
    unlisted = {path: data for path, data in content.items() if not path.startswith(f"{listing}.")}
    path = directory / (filename or f"{name}-1.0-py3-none-any.whl")
    path.write_bytes(zipped({**content, listing: record(unlisted, listing)}))
    return path


def wheel_file(text: str) -> bytes:
    return f"Wheel-Version: {text}\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n".encode()


@pytest.mark.parametrize(("version", "goes"), [("1.0", True), ("1.9", True), ("2.0", False), ("x", False)])
def test_a_greater_minor_version_of_the_format_warns_and_a_greater_major_one_is_refused(
    version: str, goes: bool, venv: MakeVenv, tmp_path: Path
) -> None:
    """Installing a wheel, Unpack 1 and 2."""
    target = venv()
    before = tree(target.top)
    outcome = target.install(rebuilt(tmp_path, "tool", {"tool-1.0.dist-info/WHEEL": wheel_file(version)}))
    assert (outcome.exit_code == 0) is goes
    assert (version in outcome.error) is not goes
    assert (tree(target.top) == before) is not goes


def test_the_data_directory_is_spread_and_does_not_stay(venv: MakeVenv, tmp_path: Path) -> None:
    """Installing a wheel, Spread: its files move to their schemes, and RECORD lists them where they are."""
    target = venv()
    data = {"purelib/pure.py": b"1", "data/share/x": b"2", "scripts/run": b"#!/bin/sh\n", "headers/t.h": b"3"}
    target.put(build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""}, data=data))
    assert complete(target.site, "tool-1.0")
    listed = [path for path, _, _ in rows(target.site / "tool-1.0.dist-info" / "RECORD")]
    places = [Path(os.path.normpath(target.site / path)) for path in listed]
    assert {path.name for path in places} >= {"pure.py", "x", "run", "t.h"}
    assert all(path.is_file() for path in places)
    assert not any(".data" in path for path in listed)
    assert not list(target.top.rglob("*.data"))


def test_the_hashes_of_rewritten_scripts_are_those_of_what_is_installed(venv: MakeVenv, tmp_path: Path) -> None:
    """Installing a wheel, Spread 3 and 4: `#!python` is replaced, then RECORD is updated."""
    target = venv()
    data = {"scripts/a": b"#!python\nprint(1)\n", "scripts/b": b"#!pythonw\nprint(2)\n"}
    target.put(build_wheel(tmp_path, "tool", "1.0", {}, data=data))
    assert complete(target.site, "tool-1.0")
    for name in "ab":
        assert (target.top / "bin" / name).read_bytes().startswith(b"#!" + os.fsencode(target.top))


SCRIPTS = {
    "carriage returns": (b"#!python\r\nprint(1)\r\n", b"print(1)\r\n"),
    "pythonw": (b"#!pythonw\nprint(1)\n", b"print(1)\n"),
    "pythonw with carriage returns": (b"#!pythonw\r\nprint(1)\r\n", b"print(1)\r\n"),
    "a version": (b"#!python3.9\nprint(1)\n", b"print(1)\n"),
    "options": (b"#!python -E -s\nprint(1)\n", b"print(1)\n"),
    "one line": (b"#!python", b""),
    "bytes behind it": (b"#!python\n\xff\xfe\0", b"\xff\xfe\0"),
    "env": (b"#!/usr/bin/env python\nprint(1)\n", None),
    "a blank": (b"#! python\nprint(1)\n", None),
    "capitals": (b"#!PYTHON\n", None),
    "a byte order mark": (b"\xef\xbb\xbf#!python\n", None),
    "a program": (b"\x7fELF" + bytes(range(256)), None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize("content", SCRIPTS)
def test_scripts_that_begin_with_python_name_the_interpreter_and_others_stay(
    content: str, venv: MakeVenv, tmp_path: Path
) -> None:
    """Recommended installer features, Rewrite #!python: what pip and uv do with these, too. All can be executed."""
    target = venv()
    script, rest = SCRIPTS[content]
    target.put(build_wheel(tmp_path, "tool", "1.0", {}, data={"scripts/tool": script}))
    installed = target.top / "bin" / "tool"
    assert stat.S_IMODE(installed.stat().st_mode) & 0o111 == 0o111
    if rest is None:
        assert installed.read_bytes() == script
    else:
        head = installed.read_bytes().removesuffix(rest)
        assert head.endswith(b"\n")
        assert os.fsencode(target.top / "bin" / "python") in head
    assert complete(target.site, "tool-1.0")


def test_modules_go_to_the_root_that_the_wheel_names(venv: MakeVenv, tmp_path: Path) -> None:
    """Installing a wheel, Unpack 3 and 4; in an environment whose two roots differ, as in Fedora."""
    target = venv()
    site = str(target.environment.roots["purelib"])
    roots = {**target.environment.roots, "platlib": site.replace("lib/", "lib_64/", 1)}
    target.environment = target.environment._replace(roots=roots)
    pure = build_wheel(tmp_path, "pure", "1.0", {"pure.py": b""}, data={"platlib/plat_of_pure.py": b""})
    plat = build_wheel(
        tmp_path, "plat", "1.0", {"plat.py": b""}, data={"purelib/pure_of_plat.py": b""}, root_is_purelib=False
    )
    target.put(pure, plat)
    there = target.top / roots["platlib"]
    found = [sorted(path.name for path in place.glob("p*")) for place in (target.site, there)]
    assert found == [
        ["pure-1.0.dist-info", "pure.py", "pure_of_plat.py"],
        ["plat-1.0.dist-info", "plat.py", "plat_of_pure.py"],
    ]
    assert complete(target.site, "pure-1.0")
    assert complete(there, "plat-1.0")


@pytest.mark.parametrize("filename", ["Some.Tool-1.0-py3-none-any.whl", "some.tool-1.0-py3-none-any.whl"])
def test_a_file_name_may_have_capitals_and_full_stops(filename: str, venv: MakeVenv, tmp_path: Path) -> None:
    """Escaping and Unicode: consumers must accept what earlier versions of the rules allowed."""
    target = venv()
    made = build_wheel(tmp_path, "some.tool", "1.0", {"some.py": b""})
    made.rename(tmp_path / filename)
    target.put(tmp_path / filename)
    assert {path.name for path in target.site.glob("some*")} == {"some_tool-1.0.dist-info", "some.py"}
    target.remove("Some_Tool")
    assert not list(target.site.glob("some*"))


def test_names_in_the_archive_may_be_any_unicode(venv: MakeVenv, tmp_path: Path) -> None:
    """Escaping and Unicode: the names of files in the archive are UTF-8."""
    target = venv()
    files = {"வணக்கம்/__init__.py": b"", "вода/água.txt": b"x", "e\u0301.py": b"decomposed", "\u00e9.py": b"composed"}
    target.put(build_wheel(tmp_path, "tool", "1.0", files))
    assert complete(target.site, "tool-1.0")
    assert {path for path in files if (target.site / path).is_file()} == {*files}


def test_signatures_are_not_installed(venv: MakeVenv, tmp_path: Path) -> None:
    """Signed wheel files: RECORD.jws and RECORD.p7s cannot be listed, and are of the archive alone."""
    target = venv()
    info = "tool-1.0.dist-info"
    signed = {f"{info}/RECORD.jws": b"{}", f"{info}/RECORD.p7s": b"x", f"{info}/WHEEL": wheel_file("1.0")}
    target.put(rebuilt(tmp_path, "tool", signed))
    assert complete(target.site, "tool-1.0")
    assert not list((target.site / info).glob("RECORD.*"))


@pytest.mark.parametrize("place", ["tool-1.0.data/x", "tool-1.0.data/nowhere/x", "tool-1.0.data/../x"])
def test_what_is_in_no_scheme_is_refused(place: str, venv: MakeVenv, tmp_path: Path) -> None:
    """The .data directory: each of its directories is a key of the installation schemes."""
    target = venv()
    before = tree(target.top)
    outcome = target.install(rebuilt(tmp_path, "tool", {place: b""}))
    assert outcome.exit_code == 1
    assert "tool-1.0-py3-none-any.whl" in outcome.error
    assert tree(target.top) == before


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_entries_of_directories_are_nothing_and_empty_ones_are_not_made(
    method: int, venv: MakeVenv, tmp_path: Path
) -> None:
    """File contents: a wheel is its files. As in pip; uv makes the empty directories."""
    target = venv()
    files = wheel_files("tool", "1.0", {"tool/__init__.py": b""})
    content = {"tool/": b"", "tool/empty/": b"", "tool.libs/": b"", **files}
    (tmp_path / "tool-1.0-py3-none-any.whl").write_bytes(zipped(content, method=method))
    target.put(tmp_path / "tool-1.0-py3-none-any.whl")
    assert complete(target.site, "tool-1.0")
    assert {path.name for path in target.site.rglob("*") if path.is_dir()} == {"tool-1.0.dist-info", "tool"}


def test_of_equal_tags_the_higher_build_is_taken(
    venv: MakeVenv, tmp_path: Path, run_instui: Callable[..., object]
) -> None:
    """File name convention: the build tag is the tie breaker, by its number first; no build tag is the lowest."""
    target = venv()
    for build in ("", "2", "10", "9z"):
        made = build_wheel(tmp_path, "tool", "1.0", {"tool.py": build.encode()})
        made.rename(tmp_path / f"tool-1.0{f'-{build}' if build else ''}-py3-none-any.whl")
    run_instui("install", "--python", target.top, "--no-index", "--find-links", tmp_path, "tool", check=True)
    assert (target.site / "tool.py").read_bytes() == b"10"
