"""What lies in an environment, read without any code of the engine: digests of trees, and whether RECORD is true.

`site` is the site-packages directory of the environment `top`.
"""

import csv
import hashlib
import os
import stat
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

# what is not part of the result: the engine's own directory, locks, byte code
_APART = {".instui", ".lock", "__pycache__"}


def entries(top: Path) -> Iterator[tuple[str, Path]]:
    """Everything below `top` by its relative path, links not followed."""
    for path, place in _entries(top):
        yield path, Path(place)


def _entries(top: Path) -> Iterator[tuple[str, str]]:
    length = len(os.fspath(top)) + 1
    for place, directories, files in os.walk(top):
        directories[:] = sorted(set(directories) - _APART)
        for name in sorted([*directories, *files]):
            if name not in _APART:
                path = os.path.join(place, name)
                yield path[length:], path


def tree(top: Path) -> dict[str, str]:
    """Relative path -> what is there: kind, x bit and content."""
    return {path: _described(place) for path, place in _entries(top)}


def _described(path: str) -> str:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return f"link to {os.readlink(path)}"
    if stat.S_ISDIR(status.st_mode):
        return "directory"
    mark = "x" if status.st_mode & 0o100 else "-"
    with open(path, "rb") as file:
        return f"file {mark} {hashlib.sha256(file.read()).hexdigest()}"


def digest(top: Path) -> str:
    """One digest of the whole tree."""
    lines = [f"{path}\0{what}\n" for path, what in tree(top).items()]
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The paths on which two trees differ; what a failed comparison should show."""
    return [
        f"{path}: {one.get(path, 'nothing')} / {other.get(path, 'nothing')}"
        for path in sorted({*one, *other})
        if one.get(path) != other.get(path)
    ]


def rows(record: Path) -> list[tuple[str, str, str]]:
    """Path relative to site-packages, hash and size of every row."""
    with record.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return [(path, value, size) for path, value, size in csv.reader(file)]


def distributions(site: Path) -> dict[str, Path]:
    """`name-version` -> its `.dist-info` directory."""
    return {path.name.removesuffix(".dist-info"): path for path in sorted(site.glob("*.dist-info"))}


def wrong_rows(site: Path, distribution: str) -> list[str]:
    """What RECORD of `distribution` (`name-version`) says and the disk does not confirm; [] for a complete one."""
    info = site / f"{distribution}.dist-info"
    record = info / "RECORD"
    if not record.is_file():
        return [f"{record.name} is missing"]
    problems = []
    listed = rows(record)
    paths = [path for path, _, _ in listed]
    problems += [f"{path} is listed twice" for path in set(paths) if paths.count(path) > 1]
    for path, value, size in listed:
        place = site / path
        if not place.is_file():
            problems.append(f"{path} is missing")
            continue
        if not value:
            if path != f"{info.name}/RECORD" and not path.endswith(".pyc"):  # which Python may write anew
                problems.append(f"{path} has no hash")
            continue
        algorithm, _, expected = value.partition("=")
        content = place.read_bytes()
        found = urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
        if found != expected:
            problems.append(f"{path} has other content")
        if size and int(size) != len(content):
            problems.append(f"{path} has {len(content)} bytes, not {size}")
    below = {f"{info.name}/{path}" for path, place in entries(info) if place.is_file()}
    problems += [f"{path} is not listed" for path in sorted(below - set(paths))]
    return problems


def complete(site: Path, distribution: str) -> bool:
    """Whether `distribution` is there, byte for byte as its RECORD says."""
    return wrong_rows(site, distribution) == []


def unlisted(site: Path) -> list[str]:
    """Files in site-packages that no distribution lists, and directories without any file."""
    listed = set()
    for info in distributions(site).values():
        listed |= {os.path.normpath(path) for path, _, _ in rows(info / "RECORD")}
    found = []
    for path, place in entries(site):
        if place.is_dir() and not place.is_symlink():
            if not any(place.iterdir()):
                found.append(f"{path}/")
        elif path not in listed:
            found.append(path)
    return found
