"""Random requirement files, and what uv, pip and the reader of the engine make of each.

A file consists of a few lines from a grammar that knows what the three readers distinguish, sometimes with characters
changed. All readers start in the directory of the files, so relative paths mean one thing.
"""

import codecs
import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple, TypeVar

from instui_engine.errors import InstuiError
from instui_engine.resolve.normal_form import constraints_text, requirements_text
from instui_engine.resolve.requirement_files import read_requirement_files
from instui_engine.resolve.requirements import Requirements
from support.wheelsmith import build_wheel, escaped

VARIABLES = {"NAME": "alpha", "DIR": "d", "EMPTY": "", "LINKS": "links", "QUOTE": "it's", "AGAIN": "${DIR}"}
BAD = "0" * 64
_T = TypeVar("_T")
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
        limits.write_text(constraints_text(ours))
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


# --- the grammar


class Writer:
    """A writer of random requirement files. Each file has its own share of what is rare or wrong."""

    def __init__(self, seed: int, playground: Playground) -> None:
        self._random = random.Random(seed)
        self._wildness = self._random.choice((0.0, 0.03, 0.06, 0.12, 0.3))
        self._top, self._digests = playground.top, playground.digests

    def file(self) -> bytes:
        """One file."""
        lines = [self._line() for _ in range(self._random.choice((1, 1, 2, 2, 3)))]
        end = self._some(["\n"], ["\r\n", "\r"])
        text = end.join(lines) + self._some([end], [""])
        while self._random.random() < self._wildness:
            text = self._mutated(text)
        return self._encoded(text)

    def _some(self, tame: Sequence[_T], wild: Sequence[_T]) -> _T:
        return self._random.choice(wild if self._random.random() < self._wildness else tame)

    def _line(self) -> str:
        kind = self._some([self._name, self._place, self._option], [self._odd])
        lead = self._some([""], [" ", "\t", "# c\n", " # c \\\n", "\xa0"])
        tail = self._some(
            ["", "", " ", " # c"], ["\t# c", " # c \\", "#c", " \\", "\\", " \\\n# c", "\x0c", " x", ";", "\xa0"]
        )
        return lead + kind() + tail

    def _name(self) -> str:
        name = self._some(["alpha", "alpha", "Alpha", "beta", "gamma_x"], ["Gamma.X", "delta", "eta", "${NAME}", "a-"])
        tame = ["", "", ">=1", "<2", "==1.*", " == 1", "(>=1)", "==1,<2", "==1.0"]
        tame += ["==1"] * 8 if name.lower() == "alpha" else []
        wild = [">=1,", ">=1.*", "=1", "==${EMPTY}1", ">=1 , <3", "()", "!=1", "==1+x", "== 1 \\\n", ">= \\\n1", "==v1"]
        wild += [
            "<2a1",
            "~=1.0",
            "===1",
            ">=0,!=2",
            "==\\\n1",
            "(==1",
            " (==1) ",
            "== 1.0.0 ",
            "<2 >0",
            "==1 \t",
            "==1.a",
        ]
        return f"{name}{self._extras()}{self._some(tame, wild)}{self._marker()}{self._hashes()}"

    def _extras(self) -> str:
        return self._some(["", "", "", "", "[fast]"], [" [ a , b ]", "[]", "[a,]", "[a b]", "[-]", "[A_b.c]", "[a][b]"])

    def _marker(self) -> str:
        if self._random.random() < 0.7:
            return ""
        tame = ["python_version>'3'", "os_name=='nt'", 'sys_platform != "x" and python_version>"3"', "'x' in os_name"]
        wild = [
            *["python_version > os_name", "os_name ~= 'x'", "extra == 'x'", "os_name", "platform_version == 'a\\x41'"],
            *["os_name == 'a #b'", "os_name != 'a --b'", "os_name=='posix'or os_name=='x'", "(os_name != 'x')", ""],
            *["os_name == '${NAME}'", "python_full_version >= '3.11.0'", "implementation_name == \\\n 'cpython'"],
            *["python_version in '3.10, 3.11'", "os_name != '\"'", "os_name != 'a\\\nb'", "os.name == 'posix'"],
            *[
                "python_version > '3.x'",
                "python_version not in '3'",
                "os_name not  in 'x'",
                "'posix'==os_name",
                "'a'=='b'",
            ],
        ]
        return f"{self._some(['; ', ' ; ', ' ;'], [';'])}{self._some(tame, wild)}"

    def _hash(self) -> str:
        digest = self._some(
            [self._digests["alpha 1"]] * 3 + [BAD],
            [*self._digests.values(), BAD.replace("0", "A"), "12", "g" * 64, self._digests["alpha 1"].upper()],
        )
        return f"{self._some(['sha256'], ['SHA256', 'md5', 'sha1', 'sha512'])}{self._some([':'], ['='])}{digest}"

    def _hashes(self) -> str:
        parts = []
        for _ in range(self._random.choice((0, 0, 0, 0, 1, 2))):
            option = self._some(["--hash"], ["--has", "--hashes", "-hash", "--no-index", "--config-settings", "--HASH"])
            quote = self._some([""], ['"', "'"])
            gap = self._some(["=", "=", " "], ["  ", "= ", " \\\n ", "\n", " = "])
            lead = self._some([" ", " \\\n    "], ["  ", "\t", "\\\n", ""])
            parts.append(f"{lead}{option}{gap}{quote}{self._hash()}{quote}")
        return "".join(parts)

    def _place(self) -> str:
        wheel = self._some(
            [
                *["links/alpha-1-py3-none-any.whl"] * 4,
                "zeta-1-py3-none-any.whl",
                "my wheels/epsilon-1-py3-none-any.whl",
            ],
            [
                *["links/alpha-2-py3-none-any.whl", "d/delta-1-py3-none-any.whl", "${LINKS}/beta-1.5-py3-none-any.whl"],
                *[
                    "links/alpha-1.tar.gz",
                    "links",
                    "n.txt",
                    "it's/eta-1-py3-none-any.whl",
                    "my%20wheels/epsilon-1-py3-none-any.whl",
                ],
                *["${QUOTE}/eta-1-py3-none-any.whl", "a#b/eta-1-py3-none-any.whl", "a;b/eta-1-py3-none-any.whl"],
                *["a[b]/eta-1-py3-none-any.whl", "é/eta-1-py3-none-any.whl", "${UNSET}/eta-1-py3-none-any.whl"],
            ],
        )
        top = str(self._top)
        place = self._some(
            [wheel, f"./{wheel}", f"{top}/{wheel}", f"file://{top}/{wheel}"],
            [
                *[
                    f"file:{wheel}",
                    f"file:./{wheel}",
                    f"FILE://{top}/{wheel}",
                    f"file://host/{wheel}",
                    f"file:{top}/{wheel}",
                ],
                *[f"file://{top}/{wheel.replace('a', '%61').replace(' ', '%20')}", f"~/{wheel}", f"./{wheel}/"],
                *[wheel.upper(), f"../{self._top.name}/{wheel}", f"file://localhost{top}/{wheel}", f"file:///{wheel}"],
                *[
                    f"./{wheel.replace('-', '-' + chr(92) + chr(10))}",
                    f"https://h/{wheel}",
                    f".//{wheel}",
                    f"links/../{wheel}",
                ],
            ],
        )
        name = re.search(r"(\w+)-[^/]*$", wheel)
        right = name[1] if name else "alpha"
        lead = self._some(
            ["", "", f"{right} @ "],
            [f"{right}@", f"{right}[fast] @ ", "beta @ ", f"{right} @", f"{right} @\\\n", f"{right}>1 @ "],
        )
        key = self._some(["sha256"], ["SHA256", "egg", "md5", "x", "sha512", "sha1"])
        hashed = f"#{key}={self._some([self._digests['alpha 1'], BAD], list(self._digests.values()))}"
        fragment = self._some(
            ["", "", "", hashed],
            [
                f"#egg=alpha&{hashed[1:]}",
                "#",
                " #x",
                f"{hashed}&subdirectory=x",
                f"{hashed}&sha256={BAD}",
                f"#x&{hashed}",
            ],
        )
        return f"{lead}{place}{fragment}{self._extras()}{self._marker()}{self._hashes()}"

    def _option(self) -> str:
        files = ["n.txt", "d/n.txt", "'my file.txt'", "c.txt", "hashed.txt", "both.txt"]
        strange_files = [
            "my file.txt",
            "${DIR}/n.txt",
            "index.txt",
            "hashes.txt",
            "links.txt",
            "absent.txt",
        ]
        strange_files += [
            f"file://{self._top}/n.txt",
            "file:n.txt",
            "./n.txt#x",
            "n.txt # c",
            "${NAME}",
            '"n.txt',
            "n.txt \\\n# c",
        ]
        links = ["d", "./d", "'my wheels'", f"file://{self._top}/d"]
        strange_links = [
            "my wheels",
            "my\\ wheels",
            "${DIR}",
            "'${DIR}'",
            "absent",
            '"it\'s"',
            "${QUOTE}",
            "it's",
            "${AGAIN}",
        ]
        strange_links += [
            '"${QUOTE}"',
            "d#x",
            "d # c",
            '"d',
            "d/../d",
            '"\\${DIR}"',
            "${UNSET}",
            "",
            "d\\",
            "d d",
            "'d' x",
        ]
        urls = ["https://h/s", "https://u:p@h/s", "d"]
        strange_urls = [
            "'https://h/s'",
            "https://h/s --no-index",
            "https://h/s#x",
            "h",
            "https://h/${DIR}",
            "https://",
            "d d",
        ]
        names, strange_names = [":all:", ":none:", "beta"], ["a,b", "'alpha'", "a b", "", "ALPHA", ":ALL:"]
        table = [
            *[(option, files, strange_files) for option in ("-r", "--requirement", "-c", "-c", "--constraint")],
            *[(option, links, strange_links) for option in ("-f", "--find-links")],
            *[(option, urls, strange_urls) for option in ("-i", "--index-url", "--extra-index-url")],
            *[(option, names, strange_names) for option in ("--only-binary", "--no-binary")],
            *[(option, ["h"], ["", "h x", "h --pre", "'h'"]) for option in ("--trusted-host",)],
            ("--use-feature", ["fast-deps"], ["", "x y"]),
            *[
                (option, [""], ["alpha", "--pre", "--no-index", "-r n.txt", "--require-hashes", "-f d", "\\\n -f d"])
                for option in ("--no-index", "--pre", "--prefer-binary", "--require-hashes")
            ],
        ]
        rare = [
            (option, [".", "links"], ["x"]) for option in ("-e", "--editable", "--requir", "--pypi-url", "-C", "--")
        ]
        option, values, strange_values = self._some(table, rare)
        value = self._some(values, strange_values)
        gap = self._some(
            [" "] if option[1] != "-" or not value else [" ", "="],
            ["= ", " =", "", "  ", "\t", " \\\n", "\\\n", "\n", "s "],
        )
        tail = self._some([""], [" --pre", " -r n.txt", " \\\n", "\\\nbeta", "="])
        return f"{option}{gap}{value}{tail}"

    def _odd(self) -> str:
        return self._random.choice(
            [
                *[
                    "",
                    "#",
                    "\\",
                    "n.txt",
                    "./n.txt",
                    "'alpha'",
                    "alpha beta",
                    "alpha,beta",
                    "alpha\\",
                    "git+https://h/x",
                    ".",
                ],
                *[
                    "alpha\x0cbeta",
                    "alpha\rbeta",
                    "--hash=sha256:" + BAD,
                    "alpha @",
                    "@ x",
                    ";",
                    "\ufeffalpha",
                    "\xa0alpha",
                ],
                *[
                    "alpha # x\x0cbeta",
                    "# x\x85beta",
                    "alpha\u2028beta",
                    "alpha;",
                    "alpha -r n.txt",
                    "-",
                    "${NAME}",
                    "$",
                ],
                *[
                    "alpha \\\n\nbeta",
                    "alpha \\\n# c\nbeta",
                    "alpha # c \\\nbeta",
                    "# c \\\nbeta",
                    "alpha \\\nbeta",
                    "al\\\npha",
                ],
            ]
        )

    def _mutated(self, text: str) -> str:
        place = self._random.randrange(len(text) + 1)
        special = "\\\n\r#'\"${};@[],-= \t\x0c\xa0\x00~!()<>:/.%&a1é"
        match self._random.choice(("delete", "double", "insert", "insert", "case", "swap")):
            case "delete":
                return text[:place] + text[place + 1 :]
            case "double":
                return text[:place] + text[max(place - 1, 0) : place] + text[place:]
            case "insert":
                return text[:place] + self._random.choice(special) + text[place:]
            case "case":
                return text[:place] + text[place : place + 1].swapcase() + text[place + 1 :]
            case _:
                return text[:place] + text[place : place + 2][::-1] + text[place + 2 :]

    def _encoded(self, text: str) -> bytes:
        match self._some(
            ["utf-8"], ["mark", "utf-16", "utf-16-be", "utf-32", "latin-1", "named", "cut", "bare-latin-1"]
        ):
            case "mark":
                return codecs.BOM_UTF8 + text.encode()
            case "utf-16-be":
                return codecs.BOM_UTF16_BE + text.encode("utf-16-be")
            case "latin-1":
                return f"# -*- coding: latin-1 -*- é\n{text}".encode("latin-1", "replace")
            case "named":
                return f"# coding: latin-1\n{text}".encode()
            case "cut":
                return text.encode("utf-16")[:-1]
            case "bare-latin-1":
                return f"{text} # é".encode("latin-1", "replace")
            case name:
                return text.encode(name)


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
