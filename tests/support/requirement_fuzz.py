"""What uv, pip and the reader of the engine make of a requirement file.

All of them start in the directory of the files, so relative paths mean one thing.
"""

import codecs
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

from instui_engine.errors import InstuiError
from instui_engine.resolve.normal_form import limits_text, requirements_text
from instui_engine.resolve.requirement_files import read_requirement_files
from instui_engine.resolve.requirements import Requirements
from support.requirement_writer import BAD
from support.wheelsmith import build_wheel, escaped

VARIABLES = {"NAME": "alpha", "DIR": "d", "EMPTY": "", "LINKS": "links", "QUOTE": "it's", "AGAIN": "${DIR}"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def _text(content: bytes) -> str:
    """The file as text, whatever its encoding. uv knows no coding lines, and neither uv nor pip knows UTF-32."""
    if content.startswith(_UTF32):
        return content.decode("utf-32")
    if content.startswith(_UTF16):
        return content.decode("utf-16", "replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        named = content.startswith(b"#") and b"coding: latin-1" in content.split(b"\n")[0]
        return content.decode("latin-1") if named else content.decode("utf-8", "surrogateescape")


def _unfolded(text: str) -> str:
    """The file without what only pip can read: continued lines, and values right behind short options."""
    before = ""
    while before != text:
        before, text = text, re.sub(r"(?m)^((?:[^#\r\n]*[ \t])?)\\(?:\r\n|\n|\r|\Z)[ \t]*", r"\1 ", text, count=1)
    return re.sub(r"(?m)^([ \t]*-[rcif])(?=[^\s=])", r"\1 ", text)


class Reading(NamedTuple):
    """What an installer did with a file: its exit code, what it installed, and its last words."""

    code: int
    installed: frozenset[str]
    message: str


@dataclass(frozen=True)
class Case:
    """A file and its readings. `ours` is None where the engine refuses it, with its `refusal`.

    `as_ours` is what uv makes of the text that the engine writes for it, `unfolded` what it makes of the file with the
    forms undone that it cannot read. `pip` has a key for each requirement, None where pip refuses the file.
    """

    content: bytes
    ours: Requirements | None
    refusal: str
    uv: Reading
    as_ours: Reading | None
    unfolded: Reading
    pip: list[str] | None

    @property
    def text(self) -> str:
        """The file as text."""
        return _text(self.content)


class Playground:
    """A directory of files and wheels that the random files name."""

    def __init__(self, top: Path, environ: Mapping[str, str]) -> None:
        from uv import find_uv_bin

        self.top, self.environ, self._uv = top, {**environ, **VARIABLES}, find_uv_bin()
        self.digests: dict[str, str] = {}
        self._numbers = count()
        for place, name, version in (
            *(("links", "alpha", "1"), ("links", "alpha", "2"), ("links", "beta", "1.5"), ("links", "gamma-x", "3")),
            *(("d", "delta", "1"), ("my wheels", "epsilon", "1"), (".", "zeta", "1")),
            *((place, "eta", "1") for place in ("it's", "a#b", "a;b", "a[b]", "é", "${UNSET}")),
        ):
            (top / place).mkdir(exist_ok=True)
            path = build_wheel(top / place, name, version, {f"{escaped(name)}.py": b"1"})
            self.digests[f"{name} {version}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        for name, text in {
            "n.txt": "beta",
            "c.txt": "alpha<2",
            "my file.txt": "gamma-x",
            "hashed.txt": f"alpha==1 --hash=sha256:{BAD}",
            "index.txt": "-i https://h/s\nbeta",
            "hashes.txt": "--require-hashes\nalpha==1",
            "both.txt": "-r c.txt\nbeta",
            "links.txt": "-f d\nalpha",
            "d/n.txt": "-r ../n.txt\ngamma-x",
        }.items():
            (top / name).write_text(text)

    def cases(self, contents: Sequence[bytes]) -> list[Case]:
        """What all readers make of the files."""
        paths = [self.top / f"case{next(self._numbers)}.txt" for _ in contents]
        names = [path.name for path in paths]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        ours = [self._ours(name) for name in names]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(_text(content).encode() if content.startswith(_UTF32) else content)
        pip = self._pip(names)
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(
                content if content.startswith(_UTF16) else _text(content).encode("utf-8", "surrogateescape")
            )
        with ThreadPoolExecutor(2) as pool:
            uv = list(pool.map(lambda path: self._read(path, None), paths))
            again = list(pool.map(self._reread, paths, ours))
            unfolded = list(pool.map(self._unfold, paths, contents, uv))
        return [
            Case(content, None if isinstance(own, str) else own, own if isinstance(own, str) else "", *others)
            for content, own, *others in zip(contents, ours, uv, again, unfolded, pip, strict=True)
        ]

    def _ours(self, name: str) -> Requirements | str:
        here = os.getcwd()
        before = {key: os.environ.get(key) for key in VARIABLES}
        os.chdir(self.top)
        os.environ.update(VARIABLES)
        try:
            return read_requirement_files([name])
        except InstuiError as error:
            assert "\n" not in str(error), error
            return str(error)
        finally:
            os.chdir(here)
            for key, value in before.items():
                os.environ.pop(key) if value is None else os.environ.update({key: value})

    def _unfold(self, path: Path, content: bytes, reading: Reading) -> Reading:
        if reading.code == _REFUSED:
            path.write_bytes(_unfolded(_text(content)).encode("utf-8", "surrogateescape"))
            reading = self._read(path, None)
        return reading

    def _reread(self, path: Path, ours: Requirements | str) -> Reading | None:
        if isinstance(ours, str):
            return None
        text, limits = path.with_suffix(".own.txt"), path.with_suffix(".limits.txt")
        text.write_text(requirements_text(ours))
        limits.write_text(limits_text(ours, ours.constraints))
        return self._read(text, limits)

    def _read(self, path: Path, limits: Path | None) -> Reading:
        """Install what the file asks for into a directory of its own."""
        command = [self._uv, "pip", "install", "--python", sys.executable, "--target", f"{path}.target", "--no-deps"]
        command += ["--no-index", "--find-links", "links", "-r", path.name, *(["-c", limits.name] if limits else [])]
        done = subprocess.run(command, cwd=self.top, env=self.environ, capture_output=True, text=True, check=False)
        lines = done.stderr.splitlines()
        installed = frozenset(re.sub(r"#[^)]*", "", line.strip()) for line in lines if line.startswith(" + "))
        words = " ".join(line for line in lines if not line.startswith(("Using Python", "Resolved", "warning: ")))
        return Reading(done.returncode, installed, words)

    def _pip(self, names: Sequence[str]) -> list[list[str] | None]:
        done = subprocess.run(
            [sys.executable, "-c", _PIP],
            input=json.dumps(names),
            cwd=self.top,
            env=self.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        found: list[list[str] | None] = json.loads(done.stdout)
        return found


def keys(requirements: Requirements) -> list[str]:
    """A key for each requirement and constraint, as in `Case.pip`."""
    from packaging.requirements import Requirement

    found = []
    for entry in (*requirements.requirements, *requirements.constraints):
        parsed = Requirement(entry.text)
        place = entry.url.rpartition("/")[2]
        made = (
            entry.name,
            sorted(parsed.extras),
            _sorted(str(parsed.specifier)),
            place,
            _quoted(str(parsed.marker or "")),
        )
        found.append(repr(made))
    return sorted(found)


def _sorted(specifier: str) -> str:
    return ",".join(sorted(specifier.split(",")))


def _quoted(marker: str) -> str:
    return marker.replace("'", '"')


_PIP = """
import json, logging, re, sys
logging.disable(logging.CRITICAL)
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements
from pip._vendor.packaging.utils import canonicalize_name

def key(entry):
    made = install_req_from_parsed_requirement(entry)
    place = made.link.filename if made.link else ""
    name = made.req.name if made.req else place.partition("-")[0]
    specifier = "" if made.link else str(made.req.specifier)  # pip knows the version in the name of a wheel
    specifier = ",".join(sorted(specifier.split(",")))
    marker = str(made.markers or "").replace("'", '"')
    return repr((canonicalize_name(name), sorted(made.extras), specifier, place, marker))

def read(name, session):
    try:
        return sorted(key(entry) for entry in parse_requirements(name, session))
    except (Exception, SystemExit):
        return None

session = PipSession()
print(json.dumps([read(name, session) for name in json.load(sys.stdin)]))
"""


# --- the judge


def disagreement(case: Case) -> str:
    """Why the engine's reading of a file is wrong; "" if it refuses the file or agrees with uv.

    Where uv refuses what pip reads (continued lines, named encodings, `-rFILE`), it may agree with pip. A hash that uv
    overlooks may make the difference: then nothing is installed.
    """
    if case.ours is None or case.as_ours is None:
        return ""
    same = (case.uv.code, case.uv.installed) == (case.as_ours.code, case.as_ours.installed)
    if same and (case.uv.code != _REFUSED or case.uv.message[:30] == case.as_ours.message[:30]):
        return ""
    if case.as_ours.code and "ash" in case.as_ours.message:
        return ""
    if case.uv.code != _REFUSED:
        return "it differs from uv's reading"
    if re.search(r"\.whl/?#", case.text):  # uv knows a hash in a URL, but not behind a path
        return ""
    if case.as_ours.code or case.unfolded[:2] == case.as_ours[:2] or set(case.pip or ()) == set(keys(case.ours)):
        return ""
    return "uv refuses it, and it differs from pip's reading"


_REFUSED = 2  # uv's exit code for what it cannot read
