"""File names are as the wheel has them, in UTF-8, whatever the locale."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from conftest import Run
from support.cli import error_line, ok
from support.environments import Venv
from support.trees import digest, rows
from support.wheelsmith import build_wheel

NAMES = ("pkg/café.py", "pkg/Ω.txt", "pkg/漢字/データ.txt")
FLAGS = ("--no-fsync", "--ui", "plain")
LATIN = "en_US.ISO-8859-1"
HOW = ("UTF-8", "latin-1", "C", "C without UTF-8", "UTF-8 without its mode")


@pytest.fixture(scope="session")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of locales with a latin-1 one."""
    place = tmp_path_factory.mktemp("locales")
    try:
        command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(place / LATIN)]
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        pytest.skip(f"no localedef to make a latin-1 locale with: {error}")
    if not (place / LATIN).is_dir():
        pytest.skip(f"cannot make a latin-1 locale: {done.stderr.decode(errors='replace').strip()}")
    return place


@pytest.fixture
def variables(locales: Path) -> Callable[[str], dict[str, str]]:
    return lambda how: {
        "UTF-8": {"LC_ALL": "C.UTF-8"},
        "latin-1": {"LC_ALL": LATIN, "LOCPATH": str(locales), "PYTHONUTF8": "0"},
        "C": {"LC_ALL": "C"},
        "C without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        "UTF-8 without its mode": {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"},
    }[how]


def _wheel(place: Path) -> Path:
    files = {name: name.encode() for name in NAMES if not name.endswith(".py")}
    return build_wheel(place, "pkg", "1.0", {"pkg/__init__.py": b"", "pkg/café.py": b"x = 1\n", **files})


def test_every_locale_gives_the_same_tree_and_the_same_record(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run, variables: Callable[[str], Mapping[str, str]]
) -> None:
    wheel = _wheel(tmp_path)
    found = set()
    for how in HOW:
        target = venv()
        own = {**variables(how), "INSTUI_CACHE_DIR": str(tmp_path / f"cache of {how}")}
        ok(run_instui("install", "--no-deps", *FLAGS, "--python", target.top, wheel, env=own))
        record = target.site / "pkg-1.0.dist-info" / "RECORD"
        assert {path for path, _, _ in rows(record)} >= set(NAMES), how
        names = sorted(os.listdir(os.fsencode(target.site / "pkg")))
        assert "café.py".encode() in names, how
        found.add((digest(target.site), record.read_bytes()))
        assert "all whole" in ok(run_instui("doctor", "--python", target.top, env=own))
    assert len(found) == 1


def test_what_one_locale_installed_is_removed_whole_under_another(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run, variables: Callable[[str], Mapping[str, str]]
) -> None:
    wheel = _wheel(tmp_path)
    for one, other in (("UTF-8", "latin-1"), ("latin-1", "C without UTF-8"), ("C", "UTF-8")):
        target = venv()
        before = sorted(os.listdir(target.site))
        ok(run_instui("install", "--no-deps", *FLAGS, "--python", target.top, wheel, env=variables(one)))
        ok(run_instui("uninstall", *FLAGS, "--python", target.top, "pkg", env=variables(other)))
        assert sorted(os.listdir(target.site)) == before


def test_arguments_reach_it_as_they_were_and_what_the_locale_lacks_is_escaped(
    tmp_path: Path, run_instui: Run, variables: Callable[[str], Mapping[str, str]]
) -> None:
    for how in HOW:
        done = run_instui(
            "cache", "dir", "--cache-dir", tmp_path / "é Ω", env=variables(how), encoding=None, text=False
        )
        assert (done.returncode, done.stderr) == (0, b""), how
        shown = {"latin-1": "é \\u03a9".encode("latin-1"), "C without UTF-8": b"\\xe9 \\u03a9"}.get(how, "é Ω".encode())
        assert done.stdout == os.fsencode(tmp_path) + b"/" + shown + b"\n", how


def test_the_library_refuses_where_it_would_write_other_names(
    venv: Callable[[], Venv], clean_environ: dict[str, str], variables: Callable[[str], Mapping[str, str]]
) -> None:
    program = (
        "import sys\nfrom instui_engine import *\ntry: discover(python=sys.argv[1])\nexcept InstuiError as e: print(e)"
    )
    for how, encoding in (("latin-1", "iso8859-1"), ("C without UTF-8", "ascii")):
        command = [sys.executable, "-c", program, str(venv().top)]
        done = subprocess.run(
            command, env={**clean_environ, **variables(how)}, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(
            f"this Python encodes file names in {encoding}, which cannot write all names of wheels"
        )
        assert "PYTHONUTF8=1" in done.stdout


def test_a_usage_error_is_one_line_in_every_locale(
    run_instui: Run, variables: Callable[[str], Mapping[str, str]]
) -> None:
    for how in HOW:
        error_line(run_instui("install", "--python", "/nowhere/é", "x", env=variables(how), errors="replace"), 1)
