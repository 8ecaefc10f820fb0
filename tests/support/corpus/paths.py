"""Names of entries: those that lead elsewhere, that steer a terminal, and those that are merely unusual."""

from support.zipbytes import Entry, assemble

from .model import TEXT, Case, Installed, Refused, entries, wheel


def named(name: bytes, flags: int = 0) -> bytes:
    return assemble(entries(Entry(name, TEXT, flags=flags)))


def _refused(name: str, path: bytes, text: str) -> Case:
    return Case(f"name: {name}", lambda: named(path), Refused(text))


def _installed(name: str, path: str) -> Case:
    return Case(f"name: {name}", lambda: named(path.encode()), Installed((f"site/{path}",)))


COMPONENT, EMPTY, FORBIDDEN = "as a component", "an empty component", "forbidden character"
CASES = (
    _refused("parent", b"../evil.py", COMPONENT),
    _refused("parent inside", b"odd/../../evil.py", COMPONENT),
    _refused("parent inside, back again", b"odd/../odd/evil.py", COMPONENT),
    _refused("ends in a parent", b"odd/..", COMPONENT),
    _refused("current", b"./evil.py", COMPONENT),
    _refused("current inside", b"odd/./evil.py", COMPONENT),
    _refused("empty component", b"odd//evil.py", EMPTY),
    _refused("empty", b"", EMPTY),
    _refused("absolute", b"/tmp/evil.py", "absolute"),
    _refused("two slashes in front", b"//host/evil.py", "absolute"),
    _refused("drive", b"C:/evil.py", "absolute"),
    _refused("drive without slash", b"c:evil.py", "absolute"),
    _refused("backslash", b"odd\\..\\evil.py", FORBIDDEN),
    _refused("UNC", b"\\\\host\\evil.py", FORBIDDEN),
    _refused("NUL", b"odd/evil.py\0.txt", FORBIDDEN),
    _refused("newline", b"odd/ev\nil.py", FORBIDDEN),
    _refused("carriage return", b"odd/ev\ril.py", FORBIDDEN),
    _refused("tab", b"odd/ev\til.py", FORBIDDEN),
    _refused("delete", b"odd/ev\x7fil.py", FORBIDDEN),
    _refused("ANSI escape", b"odd/\x1b[2Jevil.py", FORBIDDEN),
    _refused("C1 control", "odd/\x9bevil.py".encode(), FORBIDDEN),
    _refused("right to left override", "odd/\u202eyp.live".encode(), FORBIDDEN),
    _refused("isolate", "odd/\u2066evil.py".encode(), FORBIDDEN),
    _refused("zero width space", "odd/e\u200bvil.py".encode(), FORBIDDEN),
    _refused("byte order mark", "odd/\ufeffevil.py".encode(), FORBIDDEN),
    _refused("line separator", "odd/\u2028evil.py".encode(), FORBIDDEN),
    _refused("tag characters", "odd/\U000e0041evil.py".encode(), FORBIDDEN),
    _refused("deprecated format characters", "odd/\u206fevil.py".encode(), FORBIDDEN),
    _refused("not UTF-8", b"odd/\xff\xfe.py", "not UTF-8"),
    _refused("code page 437", b"odd/\x82t\x82.py", "not UTF-8"),
    _refused("surrogate", b"odd/\xed\xa0\x80.py", "not UTF-8"),
    _refused("overlong slash", b"odd/..\xc0\xaf..\xc0\xafevil.py", "not UTF-8"),
    _refused("component of 256 bytes", b"odd/" + b"e" * 256, "longer than 255"),
    _refused("component of 256 bytes in 128 letters", "é".encode() * 128, "longer than 255"),
    _refused("of 65,000 bytes", b"e" * 65_000, "at most 1024"),
    _refused("only slashes", b"///", "absolute"),
    _installed("component of 255 bytes", "odd/" + "e" * 255),
    _installed("dots in front", "odd/...evil"),
    _installed("hidden", "odd/..data"),
    _installed("trailing dot", "odd/evil."),
    _installed("trailing blank", "odd/evil "),
    _installed("leading blank", "odd/ evil"),
    _installed("reserved by Windows", "odd/CON"),
    _installed("colon", "odd/evil.py:stream"),
    _installed("shell", "odd/$(touch x);`id`|*?.py"),
    _installed("quotes and commas", "odd/a,\"b\",'c'.py"),
    _installed("dash", "-rf"),
    _installed("letters", "odd/é\u4e2d\U0001f600.py"),
    _installed("decomposed letters", "odd/e\u0301.py"),
    _installed("many accents", "odd/a" + "\u0301" * 40),
    _installed("joiner", "odd/\u0645\u200c\u0646.py"),
    _installed("private letters", "odd/\ue000.py"),
    Case("name: letters, announced", lambda: named("odd/é.py".encode(), 0x800), Installed(("site/odd/é.py",))),
    Case(
        "names that differ by case",
        lambda: wheel({"odd/Evil.py": b"1", "odd/evil.py": b"2"}),
        Installed(("site/odd/Evil.py", "site/odd/evil.py")),
    ),
    Case(
        "names that differ by composition",
        lambda: wheel({"odd/\u00e9.py": b"1", "odd/e\u0301.py": b"2"}),
        Installed(("site/odd/\u00e9.py", "site/odd/e\u0301.py")),
    ),
    Case(
        "top-level names of an environment", lambda: wheel({"bin/python": b"x", "lib64": b""}),
        Installed(("site/bin/python", "site/lib64")),
    ),
    Case("the engine's own directory", lambda: wheel({".instui/x": b""}), Refused("vital part")),
    Case("the lock of the environment", lambda: wheel({".lock": b""}), Refused("vital part")),
    Case("pyvenv.cfg", lambda: wheel({"pyvenv.cfg": b""}), Refused("vital part")),
    Case(
        "byte code of the builder",
        lambda: wheel({"odd/__pycache__/odd.cpython-311.pyc": b"x", "odd/more.py": b""}),
        Installed(("site/odd/more.py",)),
    ),
    Case(
        "a .pth file",
        lambda: wheel({"odd.pth": b"import os"}),
        Installed(("site/odd.pth",), "odd.pth runs at every"),
    ),
    Case(
        "sitecustomize", lambda: wheel({"sitecustomize.py": b""}),
        Installed(("site/sitecustomize.py",), "sitecustomize.py runs at every start"),
    ),
    Case(
        "usercustomize", lambda: wheel({"usercustomize.py": b""}),
        Installed(("site/usercustomize.py",), "usercustomize.py runs at every start"),
    ),
)  # fmt: skip
