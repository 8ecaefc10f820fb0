"""METADATA and WHEEL: formats, names and versions, encodings, headers that are missing, repeated, huge or hostile."""

from support.wheelsmith import metadata, wheel_file

from .model import Case, Installed, Refused, wheel

PLAIN = metadata("odd", "1.0")
WHEEL = wheel_file()


def with_metadata(data: bytes) -> bytes:
    return wheel(info={"METADATA": data})


def with_wheel(data: bytes) -> bytes:
    return wheel(info={"WHEEL": data})


def _refused(name: str, data: bytes, text: str, stored: bool = False) -> Case:
    return Case(f"METADATA: {name}", lambda: with_metadata(data), Refused(text, stored=stored))


def _installed(name: str, data: bytes, warning: str = "") -> Case:
    return Case(f"METADATA: {name}", lambda: with_metadata(data), Installed(warning=warning))


def _version(text: str) -> bytes:
    return f"Metadata-Version: {text}\nName: odd\nVersion: 1.0\n".encode()


def _wheel_refused(name: str, data: bytes, text: str) -> Case:
    return Case(f"WHEEL: {name}", lambda: with_wheel(data), Refused(text))


def _wheel_installed(name: str, data: bytes, warning: str = "") -> Case:
    return Case(f"WHEEL: {name}", lambda: with_wheel(data), Installed(warning=warning))


def _wheel_version(text: str) -> bytes:
    return WHEEL.replace(b"Wheel-Version: 1.0", b"Wheel-Version: " + text.encode())


CASES = (
    _refused("Metadata-Version 99.0", _version("99.0"), "Metadata-Version 99.0 is too new"),
    _refused("Metadata-Version 3.0", _version("3.0"), "Metadata-Version 3.0 is too new"),
    _refused("Metadata-Version in words", _version("newest"), "is not a Metadata-Version"),
    _refused("Metadata-Version of 5,000 digits", _version("9" * 5000 + ".0"), "is not a Metadata-Version"),
    _refused("no Metadata-Version", b"Name: odd\nVersion: 1.0\n", "one header Metadata-Version"),
    _refused("Metadata-Version twice", b"Metadata-Version: 2.1\n" + PLAIN, "one header Metadata-Version"),
    _installed("Metadata-Version 2.99", _version("2.99"), "Metadata-Version 2.99 is newer"),
    _installed("Metadata-Version 1.0", _version("1.0")),
    _installed("Metadata-Version 2.0", _version("2.0")),
    _refused("empty", b"", "one header"),
    _refused("no Name", b"Metadata-Version: 2.1\nVersion: 1.0\n", "one header Name"),
    _refused("no Version", b"Metadata-Version: 2.1\nName: odd\n", "one header Version"),
    _refused("Name twice", PLAIN + b"Name: odd\n", "one header Name"),
    _refused("Name twice, behind a line of blanks", PLAIN + b"License: x\n \nName: odd\n", "one header Name"),
    _refused("Name twice, behind a header without name", PLAIN + b": x\nName: odd\n", "one header Name"),
    _refused("a version with a control behind it", PLAIN.replace(b"2.1", b"2.1\x0b"), "is not a Metadata-Version"),
    _refused("Version twice", PLAIN + b"Version: 2.0\n", "one header Version"),
    _refused("another name", metadata("even", "1.0"), "is that of even 1.0"),
    _refused("another version", metadata("odd", "2.0"), "is that of odd 2.0"),
    _refused("a name with an escape", metadata("o\x1b[31mdd", "1.0"), "is that of"),
    _refused("a name with an override", metadata("\u202eodd", "1.0"), "is that of"),
    _refused("a name in letters that look alike", metadata("\u043edd", "1.0"), "is that of"),
    _refused("a name in two lines", metadata("od\n d", "1.0"), "is that of"),
    _refused("a name that is not UTF-8", PLAIN.replace(b"odd", b"od\xff"), "is that of"),
    _refused("a version that is none", metadata("odd", "one"), "is not a version"),
    _refused("a version of 5,000 digits", metadata("odd", "9" * 5000), "is not a version"),
    _refused("the headers come behind a blank line", b"\n" + PLAIN, "one header"),
    _refused("the headers come behind what is none", b"hello\n" + PLAIN, "one header"),
    _refused("4 MB and more", PLAIN + b"Description: " + b"x" * (4 << 20), "at most 4194304"),
    _refused(
        "two different Requires-Python", PLAIN + b"Requires-Python: >=3\nRequires-Python: >=2\n", "different headers"
    ),
    _refused("a later Python", PLAIN + b"Requires-Python: >=4\n", "requires Python >=4", stored=True),
    _installed("a later Python, with an escape", PLAIN + b"Requires-Python: >=4\x1b[31m\n"),
    _installed("Requires-Python in words", PLAIN + b"Requires-Python: three\n"),
    _installed("Requires-Python of 5,000 digits", PLAIN + b"Requires-Python: >=" + b"9" * 5000 + b"\n"),
    _installed("Requires-Python is empty", PLAIN + b"Requires-Python:\n"),
    _installed("Requires-Dist is none", PLAIN + b"Requires-Dist: ../../evil; import os\n"),
    _installed("Requires-Dist with escapes", PLAIN + b"Requires-Dist: e\x1b[31mvil\n"),
    _installed("a hundred thousand headers", PLAIN + b"a:\n" * 100_000),
    _installed("a description of a megabyte", PLAIN + b"\n" + b"word\n" * 200_000),
    _installed("CRLF", PLAIN.replace(b"\n", b"\r\n")),
    _installed("carriage returns", PLAIN.replace(b"\n", b"\r")),
    _installed("byte order mark", b"\xef\xbb\xbf" + PLAIN),
    _installed("Latin-1", PLAIN + "Author: Jos\xe9\n".encode("latin-1")),
    _installed("no line end at the end", PLAIN.rstrip(b"\n")),
    _installed("UNKNOWN", PLAIN + b"Author: UNKNOWN\nLicense: UNKNOWN\n"),
    _installed("header names in other case", PLAIN.replace(b"Name:", b"NAME:").replace(b"Version: 1", b"version: 1")),
    _installed("the name in other spelling", PLAIN.replace(b"Name: odd", b"Name: Odd")),
    _installed("the version in other spelling", PLAIN.replace(b"Version: 1.0", b"Version: v1.0.0")),
    _installed("a summary with escapes", PLAIN + b"Summary: \x1b]0;title\x07 \x9b2J\n"),
    _installed("folded headers", PLAIN + b"License: one\n two\n\tthree\n"),
    _wheel_refused("empty", b"", "one header Wheel-Version"),
    _wheel_refused("Wheel-Version 2.0", _wheel_version("2.0"), "Wheel-Version 2.0 is too new"),
    _wheel_refused("Wheel-Version 99.0", _wheel_version("99.0"), "too new"),
    _wheel_refused("Wheel-Version in words", _wheel_version("one"), "is not a Wheel-Version"),
    _wheel_refused("Wheel-Version of 5,000 digits", _wheel_version("9" * 5000 + ".0"), "is not a Wheel-Version"),
    _wheel_refused("Wheel-Version twice", WHEEL + b"Wheel-Version: 1.0\n", "one header Wheel-Version"),
    _wheel_refused("Root-Is-Purelib is both", WHEEL + b"Root-Is-Purelib: false\n", "different headers"),
    _wheel_refused("two megabytes", WHEEL + b"Generator: " + b"x" * (2 << 20), "at most 1048576"),
    _wheel_installed("Wheel-Version 1.9", _wheel_version("1.9"), "Wheel-Version 1.9 is newer"),
    _wheel_installed("Wheel-Version without a minor", _wheel_version("1")),
    _wheel_installed("no Root-Is-Purelib", WHEEL.replace(b"Root-Is-Purelib: true\n", b"")),
    _wheel_installed("Root-Is-Purelib in words", WHEEL.replace(b"Root-Is-Purelib: true", b"Root-Is-Purelib: maybe")),
    _wheel_installed("CRLF", WHEEL.replace(b"\n", b"\r\n")),
    _wheel_installed("byte order mark", b"\xef\xbb\xbf" + WHEEL),
    _wheel_installed("a generator with escapes", WHEEL.replace(b"wheelsmith", b"\x1b[31m")),
)
