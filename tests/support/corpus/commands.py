"""entry_points.txt: launchers that lead elsewhere or run something else, and files that can be read in two ways."""

from collections.abc import Callable
from pathlib import Path

from .model import INFO, Case, Installed, Refused, wheel

FILE = f"site/{INFO}/entry_points.txt"


def points(text: str | bytes) -> bytes:
    return wheel(info={"entry_points.txt": text if isinstance(text, bytes) else text.encode()})


def _refused(name: str, text: str | bytes, problem: str = "entry point") -> Case:
    return Case(f"entry points: {name}", lambda: points(text), Refused(problem))


def _command(name: str, line: str) -> Case:
    return _refused(name, f"[console_scripts]\n{line}\n")


def _runs(module: str, attribute: str) -> Callable[[Path], bool]:
    """Whether each launcher imports that, and calls it."""

    def check(site: Path) -> bool:
        texts = [path.read_text() for path in (site.parents[2] / "bin").iterdir() if path.name.startswith("odd")]
        return all(f"from {module} import {attribute.split('.')[0]}" in text for text in texts)

    return check


def _installed(name: str, text: str | bytes, *commands: str) -> Case:
    places = tuple(f"bin/{command}" for command in commands)
    outcome = Installed((FILE, *places), executable=places, check=_runs("odd", "main"))
    return Case(f"entry points: {name}", lambda: points(text), outcome)


CASES = (
    _command("parent", "../evil = odd:main"),
    _command("absolute", "/bin/sh = odd:main"),
    _command("below a directory", "a/b = odd:main"),
    _command("backslash", "a\\b = odd:main"),
    _command("only dots", ".. = odd:main"),
    _command("hidden", ".profile = odd:main"),
    _command("dash", "-rf = odd:main"),
    _command("empty name", " = odd:main"),
    _command("python", "python = odd:main"),
    _command("Python3", "Python3 = odd:main"),
    _command("python3.11", "python3.11 = odd:main"),
    _command("python3.13t", "python3.13t = odd:main"),
    _command("pythonw.exe", "pythonw.exe = odd:main"),
    _command("pypy", "pypy3 = odd:main"),
    _command("activate", "activate = odd:main"),
    _command("activate.ps1", "Activate.ps1 = odd:main"),
    _command("quote", "a\"b = odd:main"),
    _command("single quote", "a'b = odd:main"),
    _command("shell", "$(id) = odd:main"),
    _command("backtick", "`id` = odd:main"),
    _command("escape", "a\x1b[31m = odd:main"),
    _command("override", "a\u202eb = odd:main"),
    _command("NUL", "a\0b = odd:main"),
    _command("300 letters", f"{'x' * 300} = odd:main"),
    _command("twice", "a = odd:main\na = odd:other"),
    _command("code behind the attribute", "a = odd:main;import os"),
    _command("code as the attribute", "a = odd:main() or exec('x')"),
    _command("code as the module", "a = odd;import os:main"),
    _command("code in the extras", "a = odd:main [x];import os"),
    _command("brackets in the extras", "a = odd:main [[x]]"),
    _command("a module alone", "a = odd"),
    _command("no attribute", "a = odd:"),
    _command("no module", "a = :main"),
    _command("a number", "a = 1odd:main"),
    _command("a dash in the module", "a = odd-odd:main"),
    _command("a blank in the module", "a = odd odd:main"),
    _command("a dot at the end", "a = odd:main."),
    _command("a dot in front", "a = .odd:main"),
    _command("two attributes", "a = odd:main:other"),
    _command("no value", "a ="),
    _command("a name alone", "a"),
    _command("a colon for the equals sign", "a: odd.main"),
    _command("the value in the next line", "a =\n  odd:main"),
    _command("an interpolation", "a = %(b)s"),
    _refused("gui: parent", "[gui_scripts]\n../evil = odd:main\n"),
    _refused("no section", "a = odd:main\n"),
    _refused("text in front of the sections", "hello\n[console_scripts]\na = odd:main\n"),
    _refused("an open section", "[console_scripts\na = odd:main\n", "malformed section"),
    _refused("an empty section", "[]\na = odd:main\n", "malformed section"),
    _refused("words behind a section", "[console_scripts] x\na = odd:main\n", "malformed section"),
    _refused("blanks in a section", "[ console_scripts ]\na = odd:main\n", "malformed section"),
    _refused("an escape in a section", "[\x1b[31m]\na = odd:main\n", "malformed section"),
    _refused("the section twice", "[console_scripts]\na = odd:main\n[console_scripts]\nb = odd:main\n", "two sections"),
    _refused("DEFAULT", "[DEFAULT]\na = odd:main\n[console_scripts]\n", "[DEFAULT]"),
    _refused("a malformed line for a plug-in", "[plugins]\nhello\n"),
    _refused("no name for a plug-in", "[plugins]\n= odd:main\n"),
    _refused("another line end", "[plugins]\na = odd\u2028[console_scripts]\n", "end of a line"),
    _refused("a form feed", "[plugins]\na = odd\f[console_scripts]\n", "end of a line"),
    _refused("not UTF-8", b"[console_scripts]\nodd-\xe9 = odd:main\n", "not UTF-8"),
    _refused("not UTF-8 in a comment", b"# \xff\n[console_scripts]\na = odd:main\n", "not UTF-8"),
    _refused("UTF-16", "[console_scripts]\na = odd:main\n".encode("utf-16"), "not UTF-8"),
    _refused("two megabytes", "#" * (2 << 20), "at most 1048576"),
    _installed("none", ""),
    _installed("comments only", "# nothing\n; nothing\n"),
    _installed("one", "[console_scripts]\nodd = odd:main\n", "odd"),
    _installed("no blanks", "[console_scripts]\nodd=odd:main\n", "odd"),
    _installed("blanks around the colon", "[console_scripts]\n  odd  =  odd : main  \n", "odd"),
    _installed("extras", "[console_scripts]\nodd = odd:main [a, b-c]\n", "odd"),
    _installed("empty extras", "[console_scripts]\nodd = odd:main []\n", "odd"),
    _installed("an attribute of an attribute", "[console_scripts]\nodd = odd:main.run\n", "odd"),
    _installed("in both sections", "[console_scripts]\nodd = odd:main\n[gui_scripts]\nodd = odd:main\n", "odd"),
    Case(
        "entry points: in both sections, and not the same",
        lambda: points("[gui_scripts]\nodd = odd:main\n[console_scripts]\nodd = odd:other\n"),
        Installed(
            (FILE, "bin/odd"),
            warning="the command odd is in console_scripts and gui_scripts: gui counts",
            executable=("bin/odd",),
            check=_runs("odd", "main"),
        ),
    ),
    _installed("gui", "[gui_scripts]\nodd = odd:main\n", "odd"),
    _installed("dots, dashes and blanks in a name", "[console_scripts]\nodd.a-b c = odd:main\n", "odd.a-b c"),
    _installed("letters in a name", "[console_scripts]\noddé = odd:main\n", "oddé"),
    _installed("CRLF", "[console_scripts]\r\nodd = odd:main\r\n", "odd"),
    _installed("byte order mark", "\ufeff[console_scripts]\nodd = odd:main\n", "odd"),
    _installed("plug-ins with odd values", "[plug.ins]\na b = \na/b:c = os;system\nd = odd-odd\n"),
    _installed("a section of plug-ins twice", "[plugins]\na = odd\n[plugins]\nb = odd\n"),
    _installed("a section that only looks alike", "[Console_Scripts]\n../evil = odd:main\n"),
    _installed("300 commands", "[console_scripts]\n" + "".join(f"odd{n} = odd:main\n" for n in range(300)),
               *(f"odd{n}" for n in range(300))),
)  # fmt: skip
