"""The finder of the program's own modules does what Python's does."""

import importlib.util
import os
import py_compile
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

import pytest

import instui
import instui_engine
from instui.importing import Finder, StandIn, stand_ins

Make = Callable[[str], Path]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package as this program has them, with one module in it."""
    (tmp_path / "part.py").write_text("answer = 1\n")
    py_compile.compile(str(tmp_path / "part.py"))
    return tmp_path


def found(package: Path, name: str = "instui.part") -> ModuleSpec:
    spec = Finder.find_spec(name, [str(package)])
    assert spec is not None
    return spec


def loaded(package: Path) -> int:
    spec = found(package)
    module = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    answer: int = module.answer
    return answer


def forge(package: Path) -> None:
    """Change the byte code alone, so that it is seen who reads it."""
    path = Path(importlib.util.cache_from_source(str(package / "part.py")))
    code = path.read_bytes()
    (package / "part.py").rename(package / "kept")
    (package / "part.py").write_text("answer = 2\n")
    py_compile.compile(str(package / "part.py"))
    path.write_bytes(code[:16] + path.read_bytes()[16:])
    (package / "kept").rename(package / "part.py")


@pytest.mark.parametrize("top", [instui, instui_engine])
def test_every_module_is_found_as_by_python(top: object) -> None:
    directory = Path(str(top.__file__)).parent
    for path in directory.rglob("*.py"):
        parts = path.relative_to(directory.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if "." not in name:
            continue  # the two packages themselves are found before anything of them runs
        where = [str(path.parent.parent if parts[-1] == "__init__" else path.parent)]
        own, theirs = Finder.find_spec(name, where), PathFinder.find_spec(name, where)
        assert own is not None and theirs is not None
        for key in ("name", "origin", "cached", "has_location", "submodule_search_locations", "parent"):
            assert getattr(own, key) == getattr(theirs, key), (name, key)
        assert isinstance(own.loader, SourceFileLoader)
        assert own.loader.is_package(name) == (parts[-1] == "__init__")


def test_others_and_what_is_not_there_are_left_to_python(package: Path) -> None:
    assert Finder.find_spec("other.part", [str(package)]) is None
    assert Finder.find_spec("instui.missing", [str(package)]) is None
    assert Finder.find_spec("instui", None) is None


def test_byte_code_of_this_source_is_used(package: Path) -> None:
    assert loaded(package) == 1
    forge(package)
    assert loaded(package) == 2


@pytest.mark.parametrize("change", ["size", "mtime"])
def test_a_source_that_was_changed_counts_and_not_its_byte_code(change: str, package: Path) -> None:
    source = package / "part.py"
    status = source.stat()
    if change == "size":
        source.write_text("answer = 33\n")
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        source.write_text("answer = 3\n")
        os.utime(source, (1e9, 1e9))
    assert loaded(package) in (3, 33)


@pytest.mark.parametrize("damage", ["gone", "empty", "head", "body", "magic", "moved", "by hash"])
def test_byte_code_that_is_damaged_or_of_another_kind_is_left_to_python(damage: str, package: Path) -> None:
    source, path = package / "part.py", Path(importlib.util.cache_from_source(str(package / "part.py")))
    code = path.read_bytes()
    match damage:
        case "gone":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "head":
            path.write_bytes(code[:10])
        case "body":
            path.write_bytes(code[:16])
            with pytest.raises(EOFError):  # that of Python raises it, too
                loaded(package)
            return
        case "magic":
            path.write_bytes(b"\0\0\0\0" + code[4:])
        case "moved":
            py_compile.compile(str(source), dfile="/elsewhere/part.py")
            spec = found(package)
            assert isinstance(spec.loader, SourceFileLoader)
            made = spec.loader.get_code("instui.part")
            assert made is not None and made.co_filename == str(source)
        case "by hash":
            py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    assert loaded(package) == 1


def test_the_program_finds_its_modules_so() -> None:
    program = (
        "import os, sys\nos._exit = lambda code: print(sys.modules['instui.cli.main'].__loader__.__module__)\n"
        "sys.argv = ['instui', '--version']\nfrom instui.__main__ import main\nmain()\n"
    )
    for flags, expected in (((), "instui.importing"), (("-O",), "_frozen_importlib_external")):
        done = subprocess.run([sys.executable, *flags, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == expected


def test_the_parser_speaks_as_ever_without_gettext() -> None:
    speaks = (
        "parser = argparse.ArgumentParser(prog='it')\n"
        "parser.add_subparsers(title='commands').add_parser('other')\nprint(parser.format_help())\n"
        "parser = argparse.ArgumentParser(prog='it')\nparser.add_argument('word')\n"
        "print(parser.format_help())\n"
        "print(*(argparse.ngettext('one', 'several', number) for number in (1, 2)))\n"
        "try:\n    parser.parse_args(['a', 'b'])\nexcept SystemExit:\n    pass\n"
    )
    plain = f"import sys, argparse\nsys.stderr = sys.stdout\n{speaks}"
    ours = (
        "import sys\nsys.stderr = sys.stdout\nfrom instui.importing import load_argparse\n"
        f"load_argparse()\nimport argparse\n{speaks}assert 'gettext' not in sys.modules\n"
        "import gettext\ngettext.translation\n"
    )
    said = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for program in (plain, ours)
    ]
    assert said[0] == said[1]
    assert "unrecognized arguments: b" in said[1]


def test_pathlib_works_as_ever_and_loads_the_rest_when_it_is_used() -> None:
    program = (
        "import sys\nfrom instui.importing import load_pathlib\nload_pathlib()\n"
        "assert not {'ntpath', 'ipaddress'} & {*sys.modules}\n"
        "from pathlib import Path, PureWindowsPath\nfrom urllib.parse import urlsplit\n"
        "assert urlsplit(Path('/a b').as_uri()).path == '/a%20b'\n"
        "assert 'ntpath' not in sys.modules\n"
        "assert 'ipaddress' not in sys.modules or sys.version_info >= (3, 13)  # where pathlib needs no URLs\n"
        "assert str(PureWindowsPath('c:/a') / 'b') == 'c:\\\\a\\\\b'\n"
        "assert urlsplit('http://[::1]/a').hostname == '::1'\n"
        "try:\n    urlsplit('http://[a:b]/a')\nexcept ValueError:\n    print('refused')\n"
        "import ntpath, ipaddress\nassert ntpath.sep != '/' and ipaddress.ip_address('::1').is_loopback\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_what_stands_for_a_module_is_replaced_by_it_even_too_early() -> None:
    program = (
        "import sys\nfrom instui.importing import StandIn\nsys.modules['ntpath'] = late = StandIn('ntpath')\n"
        "import ntpath\nassert ntpath is late and ntpath.sep != '/'\nimport ntpath\nassert ntpath is not late\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_function_that_is_called_while_its_module_is_stood_for_is_the_real_one() -> None:
    program = (
        "from instui.importing import StandIn, stand_ins\n"
        "with stand_ins({'ntpath': StandIn('ntpath', ['basename'])}):\n"
        "    from ntpath import basename\n"
        "    assert basename(r'a\\b') == 'b'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_module_that_is_there_already_stays() -> None:
    with stand_ins({"os": StandIn("os"), "sys": None}):
        assert sys.modules["os"] is os
        assert sys.modules["sys"] is sys
    assert sys.modules["os"] is os
