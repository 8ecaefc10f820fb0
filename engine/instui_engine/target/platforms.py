"""Targets other than the Python that is there: its tags and markers for another version or platform, as uv has them.

`--python-version` and `--python-platform` choose wheels for a place to which a directory is brought later. The layout
of that directory remains that of the interpreter which is there.
"""

import os
import re
from collections.abc import Iterator, Mapping

from instui_engine.errors import UsageError, printable

from .environment import Environment
from .interpreter import Interpreter

_SHORT = {"windows": "x86_64-pc-windows-msvc", "linux": "x86_64-unknown-linux-gnu", "macos": "aarch64-apple-darwin"}
_GLIBC = (2, 28)  # what uv takes for a Linux of which no more is said
_MUSL = (1, 2)
_OLDEST = {"x86_64": 5}  # minor versions of glibc 2 for which there are wheels; 17 of other processors
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_WINDOWS = {"x86_64": ("win_amd64", "AMD64"), "aarch64": ("win_arm64", "ARM64"), "i686": ("win32", "x86")}


def retargeted(environment: Environment, version: str, platform: str) -> Environment:
    """The environment as one of Python `version` on `platform`; "" leaves what is there. Raises UsageError."""
    if not version and not platform:
        return environment
    interpreter = environment.interpreter
    if version:
        interpreter = _of_version(interpreter, version)
    triple = _SHORT.get(platform, platform)
    platforms = list(_platforms(triple)) if platform else _present(interpreter)
    markers = {**interpreter.markers, **(_markers(triple) if platform else {})}
    return environment._replace(
        interpreter=interpreter._replace(tags=tuple(_tags(interpreter, platforms)), markers=markers)
    )


def _of_version(interpreter: Interpreter, version: str) -> Interpreter:
    numbers = re.fullmatch(r"(\d{1,3})\.(\d{1,3})(\.\d{1,3})?", version)
    if not numbers:
        raise UsageError(f"--python-version must be as 3.12 or 3.12.1, not {printable(repr(version))}")
    short, full = f"{numbers[1]}.{numbers[2]}", version if numbers[3] else f"{version}.0"
    told = {"python_version": short, "python_full_version": full, "implementation_version": full}
    return interpreter._replace(version=full, markers={**interpreter.markers, **told})


def _tags(interpreter: Interpreter, platforms: list[str]) -> Iterator[str]:
    from packaging.tags import compatible_tags, cpython_tags

    if interpreter.markers["platform_python_implementation"] != "CPython":
        raise UsageError("--python-version and --python-platform are for CPython; name one with --python")
    major, minor = (int(part) for part in interpreter.version.split(".")[:2])
    name = f"cp{major}{minor}"
    is_free_threaded = interpreter.tags[0].split("-")[1].endswith("t")
    abi = f"{name}t" if is_free_threaded and (major, minor) >= (3, 13) else name
    for tags in (
        cpython_tags((major, minor), [abi], platforms),
        compatible_tags((major, minor), name, platforms),
    ):
        yield from map(str, tags)


def _present(interpreter: Interpreter) -> list[str]:
    """The platforms of the interpreter, in its order."""
    found = dict.fromkeys(tag.split("-", 2)[2] for tag in interpreter.tags)
    return [platform for platform in found if platform != "any"]


def _platforms(triple: str) -> Iterator[str]:
    """The platforms of a target that uv knows, the best first. Raises UsageError for one that is not known here."""
    arch, _, system = triple.partition("-")
    manylinux = re.fullmatch(r"manylinux(?:2014|_2_(\d+))", system)
    if system == "unknown-linux-gnu" or manylinux:
        newest = int(manylinux[1] or 17) if manylinux else _GLIBC[1]
        for minor in range(newest, _OLDEST.get(arch, 17) - 1, -1):
            yield f"manylinux_2_{minor}_{arch}"
            if minor in _LEGACY:
                yield f"{_LEGACY[minor]}_{arch}"
        yield f"linux_{arch}"
    elif system == "unknown-linux-musl":
        yield from (f"musllinux_{_MUSL[0]}_{minor}_{arch}" for minor in range(_MUSL[1], -1, -1))
        yield f"linux_{arch}"
    elif system == "apple-darwin":
        from packaging.tags import mac_platforms

        wanted = re.fullmatch(r"(\d+)(?:\.(\d+).*)?", os.environ.get("MACOSX_DEPLOYMENT_TARGET", "")) or ("", "13", "0")
        yield from mac_platforms((int(wanted[1]), int(wanted[2] or 0)), "arm64" if arch == "aarch64" else arch)
    elif system == "pc-windows-msvc" and arch in _WINDOWS:
        yield _WINDOWS[arch][0]
    else:
        known = "windows, linux, macos, and what uv names ARCH-unknown-linux-gnu, -musl, ARCH-manylinux_2_N or such"
        raise UsageError(f"--python-platform {printable(triple)} is not known here; there are {known}")


def _markers(triple: str) -> Mapping[str, str]:
    arch, _, system = triple.partition("-")
    if "windows" in system:
        names = ("nt", "win32", "Windows", _WINDOWS[arch][1])
    elif system == "apple-darwin":
        names = ("posix", "darwin", "Darwin", "arm64" if arch == "aarch64" else arch)
    else:
        names = ("posix", "linux", "Linux", arch)
    told = dict(zip(("os_name", "sys_platform", "platform_system", "platform_machine"), names, strict=True))
    return {**told, "platform_release": "", "platform_version": ""}
