"""The wheel tags that an interpreter accepts, computed from the facts about it.

`packaging` knows the rules, but as a library it speaks of the Python that it runs in, and its present version does not
run in the older Pythons that can be targets. What it cannot be given as an argument is repeated here: the names of ABIs
(PEP 425) and of Linux platforms (PEP 600 and 656).
"""

from collections.abc import Iterator, Mapping
from typing import Any

Facts = Mapping[str, Any]

_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_HAVE_MANYLINUX = {"x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64"}  # i686 and armv7l aside
_LAST_MINOR = 50  # more than an older major version of glibc will ever have
_I386, _ARM = 3, 40  # processors, as ELF numbers them
_ARM_ABI, _ARM_ABI_5, _ARM_HARD_FLOAT = 0xFF000000, 0x05000000, 0x400


def supported_tags(facts: Facts) -> list[str]:
    """The tags in order of preference, as `packaging.tags.sys_tags()` would list them in that interpreter."""
    from packaging.tags import INTERPRETER_SHORT_NAMES, compatible_tags, cpython_tags, generic_tags

    major, minor = (int(part) for part in str(facts["version"]).split(".")[:2])
    name = INTERPRETER_SHORT_NAMES.get(str(facts["implementation"]), str(facts["implementation"]))
    interpreter = f"{name}{facts['nodot']}"
    platforms = list(_platforms(facts))
    if name == "cp":
        specific = cpython_tags((major, minor), list(_cpython_abis(major, minor, facts)), platforms)
    else:
        specific = generic_tags(interpreter, _generic_abis(facts["ext_suffix"]), platforms)
    shared = {"cp": interpreter, "pp": "pp3"}.get(name)
    return [str(tag) for tags in (specific, compatible_tags((major, minor), shared, platforms)) for tag in tags]


def _cpython_abis(major: int, minor: int, facts: Facts) -> Iterator[str]:
    threads = "t" if facts["free_threaded"] and (major, minor) >= (3, 13) else ""
    if facts["debug"]:  # loads extension modules without the letter, too
        yield f"cp{major}{minor}{threads}d"
    yield f"cp{major}{minor}{threads}"


def _generic_abis(suffix: str) -> list[str]:
    """The ABI in the suffix of extension modules: `.pypy39-pp73-x86_64-linux-gnu.so` is of `pypy39_pp73`."""
    parts = suffix.split(".")
    if len(parts) < 3 or not parts[1]:
        return []
    words = parts[1].split("-")
    if words[0] == "cpython":
        return [f"cp{words[1]}"] if len(words) > 1 else []
    used = {"pypy": 2, "graalpy": 3}.get(words[0].rstrip("0123456789"), len(words))
    return [_normalized("-".join(words[:used]))]


def _platforms(facts: Facts) -> Iterator[str]:
    from packaging.tags import android_platforms, mac_platforms

    system, archs, release = facts["markers"]["platform_system"], facts["archs"], facts["release"]
    plain = _normalized(facts["platform"])
    if system == "Darwin":
        yield from mac_platforms((release[0], release[1]), archs[0])
    elif system == "Android":
        yield from android_platforms(release[0], facts["platform"].rpartition("-")[2])
    elif system == "Linux" and plain.startswith("linux_"):
        yield from (f"linux_{arch}" for arch in archs)
        yield from _manylinux(facts, archs)
        if facts["musl"]:
            major, minor = facts["musl"]
            yield from (f"musllinux_{major}_{older}_{arch}" for arch in archs for older in range(minor, -1, -1))
    else:
        yield plain


def _manylinux(facts: Facts, archs: list[str]) -> Iterator[str]:
    if not facts["glibc"] or not _has_manylinux(facts, archs):
        return
    newest_major, newest_minor = facts["glibc"]
    oldest = 5 if {"x86_64", "i686"} & set(archs) else 17
    refused = {tuple(version) for version in facts["glibc_refused"]}
    for arch in archs:
        for major in range(newest_major, 1, -1):
            newest = newest_minor if major == newest_major else _LAST_MINOR
            for minor in range(newest, (oldest if major == 2 else 0) - 1, -1):
                if (major, minor, arch) in refused:
                    continue
                yield f"manylinux_{major}_{minor}_{arch}"
                if (major, minor) in _LEGACY:
                    yield f"{_LEGACY[major, minor]}_{arch}"


def _has_manylinux(facts: Facts, archs: list[str]) -> bool:
    """Whether the interpreter has the ABI for which such wheels are built."""
    machine, flags = facts["elf_machine"], facts["elf_flags"]
    if "armv7l" in archs:
        is_abi_5 = flags & _ARM_ABI == _ARM_ABI_5
        return bool(facts["is_32_bit"] and machine == _ARM and is_abi_5 and flags & _ARM_HARD_FLOAT)
    if "i686" in archs:
        return bool(facts["is_32_bit"] and machine == _I386)
    return not _HAVE_MANYLINUX.isdisjoint(archs)


def _normalized(text: str) -> str:
    return text.replace(".", "_").replace("-", "_").replace(" ", "_")
