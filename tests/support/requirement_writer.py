"""Random requirement files.

A file consists of a few lines from a grammar that knows what uv, pip and the engine distinguish, sometimes with
characters changed. It names files, directories, wheels and variables of support/requirement_fuzz.py.
"""

import codecs
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

BAD = "0" * 64
_T = TypeVar("_T")


class Writer:
    """A writer of random requirement files. Each file has its own share of what is rare or wrong."""

    def __init__(self, seed: int, top: Path, digests: Mapping[str, str]) -> None:
        self._random = random.Random(seed)
        self._wildness = self._random.choice((0.0, 0.03, 0.06, 0.12, 0.3))
        self._top, self._digests = top, digests

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
