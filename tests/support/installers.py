"""The same wheels installed by pip, by uv and by instui, and what differs in the trees.

`python tests/support/installers.py WHEEL...` prints the differences for each wheel by itself.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from support.trees import entries, rows

INSTALLERS = ("instui", "pip", "uv")
# What each installer writes about itself. RECORD is compared by its rows.
_OWN = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", "RECORD")
_HEAD = re.compile(rb"""#!/bin/sh\n'''exec' '?(.*?)'? "\$0" "\$@"\n' '''\n|#!(.*)\n""")
_LONGEST = 1000  # bytes of a launcher
_CALL = re.compile(rb"^from ([\w.]+) import (\w+)\n.*sys\.exit\(([\w.]+)\(\)\)", re.MULTILINE | re.DOTALL)


def install(installer: str, python: Path, wheels: Sequence[object], *arguments: object, **env: str) -> None:
    """Install wheel files by one of INSTALLERS, without dependencies, index and byte code."""
    offline = ["--offline"] if installer == "uv" else []
    own = {"UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": os.devnull}
    _run(installer, python, [*offline, "--no-index", *arguments, *wheels], {**own, **env})


def build(installer: str, python: Path, listed: Path, cache: Path) -> None:
    """Install the sources that a requirement file lists, without dependencies: by uv or instui, with caches of its own.

    They and what their builds need come from the index that is configured here.
    """
    _run(installer, python, ["-r", listed], {"UV_CACHE_DIR": str(cache), "INSTUI_CACHE_DIR": str(cache / "instui")})


def _run(installer: str, python: Path, arguments: Sequence[object], env: Mapping[str, str]) -> None:
    command = [*_command(installer, python), "--no-deps", *map(str, arguments)]
    environ = {**os.environ, "INSTUI_CONFIG": os.devnull, **env}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"{installer}: {done.stderr or done.stdout}")


def _command(installer: str, python: Path) -> list[str]:
    if installer == "pip":
        command = [sys.executable, "-m", "pip", "--python", str(python), "--no-input", "install"]
        return [*command, "--quiet", "--disable-pip-version-check", "--no-compile"]
    if installer == "uv":
        from uv import find_uv_bin

        command = [os.fsdecode(find_uv_bin()), "pip", "install", "--quiet"]
    else:
        command = [sys.executable, "-m", "instui", "install", "--quiet", "--ui", "plain", "--no-fsync"]
    return [*command, "--python", str(python)]


def result(top: Path) -> dict[str, str]:
    """What is in an environment, by path, without what is the installer's own: content, x bits, rows of RECORD.

    A launcher is what it calls, since each installer writes another one.
    """
    return dict(_result(top))


def _result(top: Path) -> Iterator[tuple[str, str]]:
    for path, place in entries(top):
        if place.is_symlink():
            yield path, f"link to {place.readlink()}"
        elif place.is_dir():
            yield path, "directory"
        elif place.parent.name.endswith(".dist-info") and place.name in _OWN:
            if place.name == "RECORD":
                yield from _recorded(path, place, top)
        else:
            yield path, f"{place.stat().st_mode & 0o111:03o} {_content(place.read_bytes(), top)}"


def _recorded(path: str, record: Path, top: Path) -> Iterator[tuple[str, str]]:
    for listed, value, size in rows(record):
        place = Path(os.path.normpath(record.parent.parent / listed))
        own = place.parent == record.parent and place.name in _OWN
        if own or "__pycache__" in place.parts:
            continue
        is_made = place.is_file() and (place.read_bytes()[:2] == b"#!" and place.parent == top / "bin")
        yield f"{path}: {os.path.relpath(place, top)}", "a row" if is_made else f"{value} {size}"


def _content(data: bytes, top: Path) -> str:
    data = data.replace(os.fsencode(top), b"$ENV")
    head = _HEAD.match(data)
    if head is None:
        return hashlib.sha256(data).hexdigest()
    rest = data[head.end() :]
    call = _CALL.search(rest) if len(rest) < _LONGEST else None
    what = f"{call[1].decode()}:{call[3].decode()}" if call else hashlib.sha256(rest).hexdigest()
    return f"script of {(head[1] or head[2]).decode()}: {what}"


def unlike(results: Mapping[str, Mapping[str, str]]) -> list[str]:
    """One line for each path at which the results are not all the same."""
    if any("refused" in found for found in results.values()):
        return [f"{installer}: {found['refused']}" for installer, found in results.items() if "refused" in found]
    paths = sorted({path for found in results.values() for path in found})
    lines = []
    for path in paths:
        said = {installer: found.get(path, "nothing") for installer, found in results.items()}
        if len({*said.values()}) > 1:
            lines.append(f"{path}: " + " | ".join(f"{installer}: {what}" for installer, what in said.items()))
    return lines


def compare(wheels: Sequence[object], place: Path) -> list[str]:
    """Install the wheels together by each installer into fresh environments below `place`: what differs."""
    return unlike(
        {
            installer: installed(place / installer, partial(install, installer, wheels=wheels))
            for installer in INSTALLERS
        }
    )


def installed(place: Path, into: Callable[[Path], None]) -> dict[str, str]:
    """The result of an install into a fresh environment below `place`, whose Python it is called with."""
    top = place / "environment"  # its name stands in its scripts
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", top], check=True)
    try:
        into(top / "bin" / "python")
    except RuntimeError as error:
        return {"refused": str(error).strip()}
    return result(top)


if __name__ == "__main__":
    for wheel in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory:
            for line in compare([wheel], Path(directory)):
                print(f"{Path(wheel).name}: {line}", flush=True)
