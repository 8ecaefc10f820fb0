"""`.dist-info`, `.data` and what pretends to be one of them."""

import sys

from support.wheelsmith import metadata, record, zipped

from .model import DATA, INFO, Case, Installed, Refused, contents, wheel

VITAL = "vital part of the environment"
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def data(*paths: str) -> bytes:
    return wheel({f"{DATA}/{path}": b"#!/bin/sh\n" for path in paths})


def renamed(info: str) -> bytes:
    """A wheel whose .dist-info directory has another name."""
    files = {path.replace(INFO, info): content for path, content in contents().items() if not path.endswith("/RECORD")}
    files[f"{info}/RECORD"] = record(files, f"{info}/RECORD")
    return zipped(files)


def without(name: str) -> bytes:
    return wheel(info={name: None})


def _vital(path: str) -> Case:
    return Case(f"data: {path}", lambda: data(path), Refused(VITAL))


def _data(path: str, place: str, executable: bool = False) -> Case:
    return Case(f"data: {path}", lambda: data(path), Installed((place,), executable=(place,) if executable else ()))


OTHER = {"other-2.0.dist-info/METADATA": metadata("other", "2.0"), "other-2.0.dist-info/RECORD": b""}
CASES = (
    Case("no .dist-info", lambda: zipped({"odd/__init__.py": b""}), Refused("one .dist-info")),
    Case("two .dist-info", lambda: wheel(OTHER), Refused("one .dist-info")),
    Case(
        "two .dist-info of the same name",
        lambda: wheel({"Odd-1.0.dist-info/METADATA": b""}),
        Refused("one .dist-info"),
    ),
    Case(".dist-info of another version", lambda: renamed("odd-2.0.dist-info"), Refused("another distribution")),
    Case(".dist-info of another name", lambda: renamed("even-1.0.dist-info"), Refused("another distribution")),
    Case(".dist-info without version", lambda: renamed("odd.dist-info"), Refused("another distribution")),
    Case(".DIST-INFO", lambda: renamed("odd-1.0.DIST-INFO"), Refused("another distribution")),
    Case(".dist-info below a directory", lambda: renamed(f"odd/{INFO}"), Refused("one .dist-info")),
    Case(".dist-info is a file", lambda: zipped({"odd/__init__.py": b"", INFO: b"x"}), Refused("has no")),
    Case(
        ".dist-info is a file beside the directory",
        lambda: zipped({**contents(), INFO: b"x"}),
        Refused("file and a dir"),
    ),
    Case("no METADATA", lambda: without("METADATA"), Refused("METADATA")),
    Case("no WHEEL", lambda: without("WHEEL"), Refused("WHEEL")),
    Case("no RECORD", lambda: without("RECORD"), Refused("RECORD")),
    Case("metadata in lower case", lambda: wheel({f"{INFO}/metadata": b""}, {"METADATA": None}), Refused("METADATA")),
    Case(
        "another .egg-info",
        lambda: wheel({"other-2.0.egg-info/PKG-INFO": b"Name: other\n"}),
        Refused("would count as an installed distribution of its own"),
    ),
    Case(
        "another .egg-info, a file",
        lambda: wheel({"other.egg-info": b"Name: other\n"}),
        Refused("would count as an installed distribution of its own"),
    ),
    Case(
        "another .egg-link",
        lambda: wheel({"other.egg-link": b"/tmp\n"}),
        Refused("would count as an installed distribution of its own"),
    ),
    Case(
        "its own .egg-info",
        lambda: wheel({"odd.egg-info/PKG-INFO": b"Name: odd\n"}),
        Refused("would count as an installed distribution of its own"),
    ),
    Case(
        "licenses and other files in .dist-info",
        lambda: wheel({f"{INFO}/licenses/MIT": b"", f"{INFO}/sboms/a/b.json": b"{}"}),
        Installed((f"site/{INFO}/licenses/MIT", f"site/{INFO}/sboms/a/b.json")),
    ),
    Case(
        "a .dist-info deeper down", lambda: wheel({"odd/vendor/other-2.0.dist-info/METADATA": b""}),
        Installed(("site/odd/vendor/other-2.0.dist-info/METADATA",)),
    ),
    Case("forged INSTALLER", lambda: wheel(info={"INSTALLER": b"pip\n"}), Installed()),
    Case("forged REQUESTED", lambda: wheel(info={"REQUESTED": b"yes"}), Installed()),
    Case("forged direct_url.json", lambda: wheel(info={"direct_url.json": b'{"url": "https://evil"}'}), Installed()),
    Case("forged uv_cache.json", lambda: wheel(info={"uv_cache.json": b"{}", "uv_build.json": b"{}"}), Installed()),
    Case("INSTALLER is a directory", lambda: wheel(info={"INSTALLER/x": b""}), Refused("INSTALLER is a directory")),
    Case(
        "signatures of RECORD",
        lambda: zipped({**contents(), f"{INFO}/RECORD.jws": b"", f"{INFO}/RECORD.p7s": b""}),
        Installed(),
    ),
    Case("a signature that RECORD has a hash for", lambda: wheel({f"{INFO}/RECORD.jws": b""}), Refused("RECORD.jws")),
    _data("scripts/tool", "bin/tool", executable=True),
    _data("scripts/sub/tool", "bin/sub/tool", executable=True),
    _data("purelib/more.py", "site/more.py"),
    _data("platlib/more.py", "site/more.py"),
    _data("data/share/odd/x", "share/odd/x"),
    _data("data/etc/odd.conf", "etc/odd.conf"),
    _data("headers/odd.h", f"include/site/{PYTHON}/odd/odd.h"),
    _vital("scripts/python"),
    _vital("scripts/Python3.exe"),
    _vital("scripts/python3.11"),
    _vital("scripts/python/x"),
    _vital("scripts/activate"),
    _vital("scripts/activate.fish"),
    _vital("scripts/pypy3"),
    _vital("data/pyvenv.cfg"),
    _vital("data/PyVenv.CFG"),
    _vital("data/pyvenv.cfg/x"),
    _vital("data/.lock"),
    _vital("data/.instui/sessions/x.jsonl"),
    _vital("data/bin/python"),
    _vital("data/bin/activate"),
    _vital(f"data/lib/{PYTHON}/site-packages/other-2.0.dist-info/METADATA"),
    _vital(f"data/lib64/{PYTHON}/site-packages/other-2.0.dist-info/METADATA"),
    _vital(f"data/lib/{PYTHON}/site-packages/other.egg-link"),
    _vital("purelib/other-2.0.dist-info/METADATA"),
    _vital("platlib/other.egg-info/PKG-INFO"),
    _vital(f"purelib/{INFO}/INSTALLER"),
    Case(
        "data: a .pth file",
        lambda: data(f"data/lib/{PYTHON}/site-packages/odd.pth"),
        Installed(("site/odd.pth",), "odd.pth runs at every start"),
    ),
    Case("data: a link of the environment", lambda: data("data/lib64"), Refused(VITAL)),
    Case("data: through a link of the environment", lambda: data("data/lib64/odd/x"), Installed(("lib/odd/x",))),
    Case("data: a directory of the environment as a file", lambda: data("data/bin"), Refused(VITAL)),
    Case("data: an unknown scheme", lambda: data("stdlib/os.py"), Refused("no known scheme")),
    Case("data: no scheme", lambda: data("x.py"), Refused("no known scheme")),
    Case("data: a scheme in upper case", lambda: data("Scripts/x"), Refused("no known scheme")),
    Case(
        "data: of another version",
        lambda: wheel({"odd-2.0.data/purelib/x.py": b""}),
        Refused("another distribution"),
    ),
    Case("data: of another name", lambda: wheel({"even-1.0.data/purelib/x.py": b""}), Refused("another distribution")),
    Case("data: a package of that name", lambda: wheel({"sample.data/x": b""}), Installed(("site/sample.data/x",))),
    Case(
        "data: two files for one place",
        lambda: wheel({"x.py": b"1", f"{DATA}/purelib/x.py": b"2"}),
        Refused("x.py", stored=True),
    ),
    Case(
        "data: two files of the same content for one place",
        lambda: wheel({f"{root}{name}": b"" for root in ("", f"{DATA}/purelib/") for name in ("x.py", "y/a.py")}),
        Installed(("site/x.py", "site/y/a.py")),
    ),
    Case(
        "data: a module, and a directory of its name",
        lambda: wheel({"x/y": b"1", f"{DATA}/platlib/x": b"2"}),
        Refused("x", stored=True),
    ),
)  # fmt: skip
