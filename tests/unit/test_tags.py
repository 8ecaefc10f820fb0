"""The wheel tags of a target, computed here from facts that were collected there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.tags import sys_tags

from instui_engine.target import facts as collector
from instui_engine.target.asking import ask
from instui_engine.target.tags import supported_tags

PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
OTHERS = sorted(path for n in ("[89]", "1?") for path in PYENV.glob(f"versions/3.{n}.*/bin/python"))
PIP = (
    "import json; from pip._vendor.packaging import markers, tags;"
    "print(json.dumps([[str(tag) for tag in tags.sys_tags()], markers.default_environment()]))"
)


def facts(**changes: Any) -> dict[str, Any]:
    """Those of CPython 3.11 on Linux, changed."""
    machine = {"platform_system": changes.pop("system", "Linux")}
    known: dict[str, Any] = {
        "version": "3.11.7",
        "implementation": "cpython",
        "nodot": "311",
        "ext_suffix": ".cpython-311-x86_64-linux-gnu.so",
        "debug": False,
        "free_threaded": False,
        "platform": "linux-x86_64",
        "is_32_bit": False,
        "release": [],
        "archs": ["x86_64"],
        "glibc": [2, 36],
        "glibc_refused": [],
        "musl": None,
        "elf_machine": 62,
        "elf_flags": 0,
        "markers": machine,
    }
    return {**known, **changes}


def platforms(**changes: Any) -> list[str]:
    """The platforms in the tags with the interpreter's own ABI."""
    return [tag.split("-")[2] for tag in supported_tags(facts(**changes)) if tag.startswith("cp311-cp311-")]


def test_they_are_those_that_packaging_finds_in_the_interpreter_itself() -> None:
    here = ask(Path(sys.executable))
    ours, theirs = supported_tags(here), [str(tag) for tag in sys_tags()]
    assert {*ours} == {*theirs}
    plain = f"-{here['platform'].replace('-', '_')}"  # earlier versions of packaging have it behind the manylinux ones
    assert [tag for tag in ours if not tag.endswith(plain)] == [tag for tag in theirs if not tag.endswith(plain)]
    assert here["markers"] == default_environment()


@pytest.mark.parametrize("python", OTHERS, ids=lambda path: path.parent.parent.name)
def test_they_are_those_that_the_pip_of_another_interpreter_finds(python: Path) -> None:
    done = subprocess.run([python, "-I", "-c", PIP], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("it has no pip")
    tags, markers = json.loads(done.stdout)
    there = ask(python)
    minor = there["version"].split(".")[1]
    assert {*supported_tags(there), f"cp3{minor}-none-any"} == {*tags, f"cp3{minor}-none-any"}  # unknown to older pips
    assert there["markers"] == markers


def test_a_32_bit_interpreter_on_a_64_bit_kernel_takes_wheels_of_its_own_kind() -> None:
    i686 = platforms(archs=["i686"], is_32_bit=True, elf_machine=3)
    assert i686[:2] == ["linux_i686", "manylinux_2_36_i686"]
    assert i686[-2:] == ["manylinux_2_5_i686", "manylinux1_i686"]
    assert platforms(archs=["i686"], is_32_bit=True) == ["linux_i686"]  # x32
    arm = {"archs": ["armv8l", "armv7l"], "is_32_bit": True, "elf_machine": 40}
    assert platforms(**arm, elf_flags=0x05000400)[:3] == ["linux_armv8l", "linux_armv7l", "manylinux_2_36_armv8l"]
    assert platforms(**arm, elf_flags=0x05000200) == ["linux_armv8l", "linux_armv7l"]  # soft float
    assert platforms(archs=["aarch64"])[-1] == "manylinux2014_aarch64"


def test_an_interpreter_of_musl_takes_its_wheels_and_none_of_glibc() -> None:
    assert platforms(glibc=None, musl=[1, 2]) == ["linux_x86_64", *(f"musllinux_1_{n}_x86_64" for n in (2, 1, 0))]


def test_a_system_may_refuse_versions_of_glibc() -> None:
    refused = [[2, minor, "x86_64"] for minor in range(17, 37)]
    assert platforms(glibc_refused=refused)[:2] == ["linux_x86_64", "manylinux_2_16_x86_64"]


def test_a_future_glibc_takes_wheels_of_the_older_one() -> None:
    assert platforms(glibc=[3, 0])[1:3] == ["manylinux_3_0_x86_64", "manylinux_2_50_x86_64"]


def test_builds_of_one_version_differ_in_their_abi() -> None:
    def abis(**changes: Any) -> list[str]:
        tags = supported_tags(facts(version="3.13.0", nodot="313", **changes))
        return list(dict.fromkeys(tag.split("-")[1] for tag in tags if tag.startswith("cp313-")))

    assert abis() == ["cp313", "abi3", "none"]
    assert abis(debug=True) == ["cp313d", "cp313", "abi3", "none"]
    assert abis(free_threaded=True) == ["cp313t", "abi3t", "none"]
    assert abis(free_threaded=True, debug=True) == ["cp313td", "cp313t", "abi3t", "none"]


def test_other_implementations_are_named_by_the_suffix_of_their_extension_modules() -> None:
    suffix = ".pypy39-pp73-x86_64-linux-gnu.so"
    tags = supported_tags(facts(version="3.9.16", implementation="pypy", nodot="39", ext_suffix=suffix))
    assert tags[0] == "pp39-pypy39_pp73-linux_x86_64"
    assert "pp3-none-any" in tags
    suffix = ".graalpy-38-native-x86_64-linux.so"
    tags = supported_tags(facts(version="3.8.5", implementation="graalpy", nodot="38", ext_suffix=suffix))
    assert tags[0] == "graalpy38-graalpy_38_native-linux_x86_64"


def test_other_systems_have_platforms_of_their_own() -> None:
    mac = platforms(system="Darwin", release=[14, 2], archs=["arm64"], platform="macosx-11.0-arm64")
    assert mac[0] == "macosx_14_0_arm64"
    assert platforms(system="Android", release=[21], archs=["arm64_v8a"], platform="android-21-arm64_v8a")[0] == (
        "android_21_arm64_v8a"
    )
    assert platforms(system="FreeBSD", platform="freebsd-14.1-RELEASE-amd64") == ["freebsd_14_1_RELEASE_amd64".lower()]


def test_the_loader_in_the_header_of_the_executable_says_the_version_of_musl(tmp_path: Path) -> None:
    loader = tmp_path / "ld-musl-x86_64.so.1"
    loader.write_text(
        "#!/bin/sh\nprintf 'musl libc (x86_64)\\nVersion 1.2.3\\nDynamic Program Loader\\n' >&2\nexit 1\n"
    )
    loader.chmod(0o755)
    name = os.fsencode(loader) + b"\0"
    header = collector.struct.pack("<16sHHIQQQIHHH", b"\x7fELF\x02\x01", 3, 62, 1, 0, 64, 0, 7, 64, 56, 1) + bytes(6)
    segment = collector.struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(name), 0, 0)
    (tmp_path / "python").write_bytes(header + segment + name)
    assert collector._elf(str(tmp_path / "python")) == (62, 7, str(loader))
    assert collector._musl(str(loader)) == [1, 2]
    assert collector._elf(str(loader)) == (0, 0, "")
