"""RECORD. What may be permitted by name (`--allow-record`) is refused here, since nothing permits it."""

from collections.abc import Callable

from support.wheelsmith import digest

from .model import INFO, Case, Installed, Refused, contents, wheel

PATH = f"{INFO}/RECORD"
INIT = "odd/__init__.py"


def changed(change: Callable[[str], str]) -> Callable[[], bytes]:
    """A wheel whose RECORD was changed after it was written."""
    return lambda: wheel(info={"RECORD": change(contents()[PATH].decode()).encode(errors="surrogateescape")})


def _refused(name: str, change: Callable[[str], str], text: str = "RECORD") -> Case:
    return Case(f"RECORD: {name}", changed(change), Refused(text))


def _installed(name: str, change: Callable[[str], str]) -> Case:
    return Case(f"RECORD: {name}", changed(change), Installed())


def row(text: str) -> str:
    """The row of odd/__init__.py in RECORD."""
    return next(line for line in text.splitlines() if line.startswith(INIT))


def replaced(value: str) -> Callable[[str], str]:
    """Another row for odd/__init__.py."""
    return lambda text: text.replace(row(text), value)


EMPTY = digest(b"")
CASES = (
    _refused("empty", lambda text: ""),
    _refused("no row for a file", replaced("")),
    _refused("a row without a file", lambda text: text + f"odd/gone.py,{EMPTY},0\n"),
    _refused("a row twice", lambda text: text + row(text) + "\n"),
    _refused("two rows that disagree", lambda text: text + f"{INIT},{digest(b'x')},0\n"),
    _refused("wrong hash", replaced(f"{INIT},{digest(b'x')},0")),
    _refused("wrong size", replaced(f"{INIT},{EMPTY},7")),
    _refused("hash without a file, absolute", lambda text: text + f"/etc/passwd,{EMPTY},0\n"),
    _refused("a row that leads out", lambda text: text + f"../../../../etc/passwd,{EMPTY},0\n"),
    _refused("a row for the interpreter", lambda text: text + f"../../../bin/python,{EMPTY},0\n"),
    _refused("no hash", replaced(f"{INIT},,0")),
    _refused("md5", replaced(f"{INIT},md5=1B2M2Y8AsgTpgAmY7PhCfg,0")),
    _refused("sha1", replaced(f"{INIT},sha1=2jmj7l5rSw0yVb_vlWAYkK_YBwk,0")),
    _refused("an unknown hash", replaced(f"{INIT},sha257={EMPTY[7:]},0")),
    _refused("shake, which has no length", replaced(f"{INIT},shake_256={EMPTY[7:]},0")),
    _refused("no algorithm", replaced(f"{INIT},={EMPTY[7:]},0")),
    _refused("a hash that is cut off", replaced(f"{INIT},{EMPTY[:-3]},0")),
    _refused("a hash with other letters", replaced(f"{INIT},{EMPTY[:-1]}!,0")),
    _refused("a size in words", replaced(f"{INIT},{EMPTY},none")),
    _refused("a negative size", replaced(f"{INIT},{EMPTY},-1")),
    _refused("a size of 5,000 digits", replaced(f"{INIT},{EMPTY},{'9' * 5000}")),
    _refused("two fields", replaced(f"{INIT},{EMPTY}")),
    _refused("four fields", replaced(f"{INIT},{EMPTY},0,x")),
    _refused("no path", lambda text: text + f",{EMPTY},0\n"),
    _refused("an open quote", replaced(f'"{INIT},{EMPTY},0')),
    _refused("NUL", replaced(f"{INIT}\0,{EMPTY},0")),
    _refused("an escape in a path", lambda text: text + f"odd/\x1b[31m.py,{EMPTY},0\n"),
    _refused("a line of 200,000 letters", lambda text: text + "x" * 200_000 + ",,\n"),
    _refused("200,000 rows", lambda text: text + "".join(f"{n},,\n" for n in range(200_000)), "are expected"),
    _refused("a hash of itself", lambda text: text.replace(f"{PATH},,", f"{PATH},{EMPTY},0")),
    _refused("not UTF-8", lambda text: text + f"odd/\udcff.py,{EMPTY},0\n"),
    _installed("CRLF", lambda text: text.replace("\n", "\r\n")),
    _installed("byte order mark", lambda text: "\ufeff" + text),
    _installed("blank lines", lambda text: text.replace("\n", "\n\n")),
    _installed("no line end at the end", lambda text: text.rstrip("\n")),
    _installed("all quoted", replaced(f'"{INIT}","{EMPTY}","0"')),
    _installed("no size", replaced(f"{INIT},{EMPTY},")),
    _installed("padded hash", replaced(f"{INIT},{EMPTY}=,0")),
    _installed("sha512", replaced(f"{INIT},{digest(b'', 'sha512')},0")),
    _installed("in another order", lambda text: "".join(f"{line}\n" for line in reversed(text.splitlines()))),
)
