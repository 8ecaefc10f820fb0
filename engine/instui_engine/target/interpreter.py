"""The target interpreter: the layout of its schemes, its wheel tags and its marker values.

It is queried once. The answer is cached for that file, as long as the file does not change, and for that system, since
several machines may share a home directory. All virtual environments of one interpreter share an answer, as their
layout below `sys.prefix` is that of sysconfig's `venv` scheme. So a new environment costs no subprocess.
"""

import json
import os
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import TargetError, printable, reason
from instui_engine.fs.files import write_note
from instui_engine.fs.given import absolute
from instui_engine.values import NamedTuple

OLDEST = (3, 8)  # of the Pythons that can be targets
FORMAT = 5  # version of the cached answer, with which its file name begins
DIRECTORY = "interpreters"  # directory of the answers, below the cache

_PATHS = frozenset({"purelib", "platlib", "scripts", "data", "include", "stdlib"})  # the paths that are used
_TEXTS = ("version", "executable", "prefix", "cache_tag", "magic")


class Interpreter(NamedTuple):
    """The target Python. `paths` are absolute, by sysconfig's names; `tags` are in order of preference.

    `cache_tag` is part of the names of its byte code, "" if it makes none. `magic` stands for the version of that, in
    hex.
    """

    executable: str
    prefix: str
    version: str
    is_venv: bool
    paths: Mapping[str, str]
    markers: Mapping[str, str]
    tags: tuple[str, ...]
    externally_managed: bool
    cache_tag: str = ""
    magic: str = ""
    libraries: tuple[str, ...] = ()  # purelib and platlib of a `--prefix`, relative to it
    is_relocatable: bool = False  # whether its environment may be moved, so that no script may name its place


def probe(python: Path, cache: Path, meanwhile: Callable[[], object] = lambda: None) -> Interpreter:
    """Query the interpreter at `python`, and do `meanwhile` until it answers, or the cache.

    Raises TargetError if it cannot be run, is not a Python, or is older than OLDEST.
    """
    executable = Path(absolute(str(python)))
    home = executable.parent.parent
    configuration = _configuration(home)
    is_venv = configuration is not None
    real = os.path.realpath(executable)
    try:
        status = os.stat(real)
    except OSError as error:
        problem = f"no Python interpreter at {printable(str(python))}: {error.strerror}"
        raise TargetError(problem, path=str(python)) from error
    # a rewritten file may get its old size and mtime again, but not its old ctime
    fingerprint = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    key = "|".join((real, fingerprint, _system(), "venv" if is_venv else ""))
    answer = _cached(cache, key)
    if answer is None:
        answer = _ask(executable, meanwhile)
        prefix = str(answer["prefix"])  # may be spelled otherwise than the path that was given
        was_expected = not is_venv or os.path.realpath(prefix) == os.path.realpath(home)
        is_venv = is_venv and was_expected  # else `bin/python` is a wrapper of the Python of another place
        if is_venv:
            _relocate(answer, prefix, "")
        # a shim is not remembered, since its answer may change any time
        if was_expected and os.path.realpath(str(answer["executable"])) == real:
            _remember(cache, key, answer)
    if is_venv:
        _relocate(answer, "", str(home))
        answer["executable"] = str(executable)
    paths: dict[str, str] = answer["paths"]  # type: ignore[assignment]
    stdlib = Path(paths["stdlib"])
    return Interpreter(
        executable=str(answer["executable"]),
        prefix=str(answer["prefix"]),
        version=str(answer["version"]),
        is_venv=is_venv,
        paths=paths,
        markers=answer["markers"],  # type: ignore[arg-type]
        tags=tuple(answer["tags"]),  # type: ignore[arg-type]
        externally_managed=not is_venv and os.path.isfile(stdlib / "EXTERNALLY-MANAGED"),
        cache_tag=str(answer["cache_tag"]),
        magic=str(answer["magic"]),
        libraries=tuple(answer["libraries"]),  # type: ignore[arg-type]
        is_relocatable=is_venv and _says_relocatable(configuration or ""),
    )


def _configuration(home: Path) -> str | None:
    """The text of `pyvenv.cfg`, which makes a virtual environment of a directory. It must be readable."""
    configuration = home / "pyvenv.cfg"
    try:
        with open(configuration, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        problem = f"{printable(str(configuration))} is not text; recreate the environment"
        raise TargetError(problem, path=str(home)) from None
    except OSError as error:
        problem = f"{printable(str(home))} is not a usable environment: {reason(error)}"
        raise TargetError(problem, path=str(home)) from error


def _says_relocatable(configuration: str) -> bool:
    """Whether `uv venv --relocatable` has written it. Of keys that are there twice, the last one counts."""
    pairs = (line.partition("=") for line in configuration.splitlines())
    values = [value.strip().lower() for key, _, value in pairs if key.strip().lower() == "relocatable"]
    return values[-1:] == ["true"]


def _system() -> str:
    """The system, as far as tags and markers depend on it.

    The host name is not included: it differs at each start of a container.
    """
    system = os.uname()
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):  # a libc other than glibc
        libc = ""
    return " ".join((system.sysname, system.release, system.version, system.machine, libc))


def _relocate(answer: dict[str, object], old: str, new: str) -> None:
    """Move the paths of a virtual environment from prefix `old` to prefix `new`; "" means relative paths."""
    paths: dict[str, str] = answer["paths"]  # type: ignore[assignment]
    answer["prefix"] = new
    if old:
        answer["paths"] = {
            key: os.path.relpath(path, old) if path == old or path.startswith(old + "/") else path
            for key, path in paths.items()
        }
    else:
        answer["paths"] = {key: os.path.normpath(os.path.join(new, path)) for key, path in paths.items()}


def _ask(executable: Path, meanwhile: Callable[[], object]) -> dict[str, object]:
    """The answer that is cached: what the interpreter says, with its tags instead of what they follow from."""
    # most answers are cached
    from .asking import ask

    def load() -> None:
        import instui_engine.target.tags  # noqa: F401

        meanwhile()

    facts = ask(executable, meanwhile=load)
    from .tags import supported_tags

    shown = printable(str(executable))
    try:
        version = tuple(int(part) for part in str(facts["version"]).split(".")[:2])
        if version < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            problem = f"{shown} is Python {printable(str(facts['version']))}; instui needs {oldest} or newer there"
            raise TargetError(problem, path=str(executable))
        answer = {key: facts[key] for key in ("paths", "libraries", "markers", *_TEXTS)}
        answer["tags"] = supported_tags(facts)
    except (LookupError, TypeError, ValueError, AttributeError):
        answer = {}
    if not _is_answer(answer):
        raise TargetError(f"{shown} is not a Python interpreter", path=str(executable))
    return answer


def _is_answer(answer: object) -> bool:
    """Whether it has the form of what `_ask` returns."""
    if not isinstance(answer, dict) or not all(isinstance(answer.get(key), list) for key in ("tags", "libraries")):
        return False
    texts = [answer.get(key) for key in _TEXTS]
    for key in ("paths", "markers"):
        table = answer.get(key)
        if not isinstance(table, dict):
            return False
        texts += table.values()
    texts += [*answer["tags"], *answer["libraries"]]
    is_whole = answer["paths"].keys() >= _PATHS and len(answer["libraries"]) == 2
    return is_whole and all(isinstance(text, str) for text in texts)


def _cache_file(cache: Path, key: str) -> Path:
    return cache / DIRECTORY / f"{FORMAT}-{zlib.crc32(os.fsencode(key)):08x}.json"


def _cached(cache: Path, key: str) -> dict[str, object] | None:
    try:
        with open(_cache_file(cache, key), encoding="utf-8") as file:
            entry = json.load(file)
    except (OSError, ValueError):
        return None
    if not isinstance(entry, dict) or entry.get("key") != key or not _is_answer(entry.get("answer")):
        return None
    return dict(entry["answer"])


def _remember(cache: Path, key: str, answer: dict[str, object]) -> None:
    """Write the answer to where `_cached` finds it. A cache that cannot be written only costs time."""
    with suppress(OSError):
        write_note(_cache_file(cache, key), json.dumps({"key": key, "answer": answer}))
