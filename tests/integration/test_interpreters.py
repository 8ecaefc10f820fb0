"""Every Python that may be a target, in every kind of environment: the same tree as uv's, and commands that run.

Each kind is tried with some versions, and each version with some kinds; `--sweep` tries all pairs.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Run
from support.cli import error_line, everything, ok
from support.installers import install, result, unlike
from support.pythons import KINDS, by_venv, cpythons, installation, older_pythons, relocatable, with_system_packages
from support.trees import tree
from support.wheelsmith import build_wheel

MAIN = b"import sys\ndef main():\n    print(sys.executable, *sys.argv[1:])\n    return 7\n"
COMMANDS = ("tool", "gui", "script")
ASK = """
import json, sys
from importlib.metadata import distribution
found = distribution("some-tool")
print(json.dumps([found.version, sorted(str(path.locate().resolve()) for path in found.files)]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(
        tmp_path_factory.mktemp("wheels"),
        "some-tool",
        "1.0",
        {"tool/__init__.py": MAIN, "tool/data.txt": b"x", "single.py": b""},
        data={
            "data/etc/tool.conf": b"",
            "data/share/tool/readme": b"r",
            "scripts/script": b"#!python\nimport tool; raise SystemExit(tool.main())\n",
            "headers/sub/tool.h": b"h",
            "purelib/pure.py": b"",
            "platlib/plat.py": b"",
        },
        entry_points="[console_scripts]\ntool = tool:main [extra]\n[gui_scripts]\ngui = tool:main\n",
    )


def versions_for(kind: int, sweeping: bool) -> Iterator[tuple[str, Path]]:
    """All versions when sweeping, else one, another for each kind."""
    for number, version in enumerate(cpythons().items()):
        if sweeping or number == kind % len(cpythons()):
            yield version


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, env={}, timeout=60, check=False)


@pytest.mark.parametrize("kind", KINDS)
def test_in_every_kind_of_environment_of_every_python_it_is_as_uv_has_it(
    kind: str, wheel: Path, tmp_path: Path, run_instui: Run, clean_environ: dict[str, str], sweeping: bool
) -> None:
    for version, python in versions_for(list(KINDS).index(kind), sweeping):
        ours, theirs = (tmp_path / version / name / "environment" for name in ("ours", "uv_s"))
        for top in (ours, theirs):
            KINDS[kind](top, python)
        before = tree(ours)
        ok(run_instui("install", "--no-deps", "--no-fsync", "--python", ours, wheel))
        install("uv", theirs / "bin" / "python", [wheel], **clean_environ)
        assert unlike({"instui": result(ours), "uv": result(theirs)}) == [], version
        found, files = json.loads(run(ours / "bin" / "python", "-c", ASK).stdout)
        assert found == "1.0"
        assert all(path.startswith(f"{ours}/") and os.path.exists(path) for path in files)
        for command in COMMANDS:
            done = run(ours / "bin" / command, "a word")
            assert (done.returncode, done.stdout, done.stderr) == (7, f"{ours}/bin/python a word\n", ""), version
        ok(run_instui("uninstall", "--no-fsync", "--python", ours, "some-tool"))
        # the directories of a scheme stay, as in pip and uv
        left = {path for path in tree(ours).items() if path[1] != "directory" or "include" not in path[0]}
        assert left <= before.items() and before.items() <= tree(ours).items(), version


@pytest.mark.parametrize("option", ["--target", "--prefix"])
def test_beside_every_python_it_is_as_uv_has_it(
    option: str, wheel: Path, tmp_path: Path, run_instui: Run, clean_environ: dict[str, str], sweeping: bool
) -> None:
    for version, python in versions_for(len(option), sweeping):
        ours, theirs = (tmp_path / version / name / "there" for name in ("ours", "uv_s"))
        ok(run_instui("install", "--no-deps", "--no-fsync", "--python", python, option, ours, wheel))
        install("uv", python, [wheel], option, theirs, **clean_environ)
        # uv puts the headers of a prefix into `include/site`, as those of an environment; sysconfig and pip do not
        found = {path.replace("include/site/", "include/"): what for path, what in result(theirs).items()}
        found.pop("include/site", None)
        assert unlike({"instui": result(ours), "uv": found}) == [], version


def test_an_interpreter_with_a_library_of_another_name_has_it_in_a_prefix_too(
    wheel: Path, tmp_path: Path, run_instui: Run
) -> None:
    """PyPy has `lib/pypy3.11`, CPython without the GIL `lib/python3.13t`."""
    version, python = next(reversed(cpythons().items()))
    other = tmp_path / "python"
    other.write_text(
        f"#!{python}\n"
        "import sys, sysconfig\n"
        "known = sysconfig.get_paths\n"
        "def get_paths(*words):\n"
        "    there = known(*words)\n"
        "    return {name: path.replace('lib/python', 'lib/pypy') for name, path in there.items()}\n"
        "sysconfig.get_paths = get_paths\n"
        "words = sys.argv[sys.argv.index('-c') + 1:]\n"
        "sys.argv = ['-c', *words[1:]]\n"
        "exec(words[0])\n"
    )
    other.chmod(0o755)
    there = tmp_path / "there"
    ok(run_instui("install", "--no-deps", "--no-fsync", "--python", other, "--prefix", there, wheel))
    assert os.listdir(there / "lib") == [f"pypy{version}"]
    assert (there / "lib" / f"pypy{version}" / "site-packages" / "plat.py").exists()


def test_the_commands_of_a_relocatable_environment_run_where_it_was_moved_to(
    wheel: Path, tmp_path: Path, run_instui: Run
) -> None:
    """As in uv, they begin with the way from the command to the interpreter."""
    top = tmp_path / "with a space" / "it's"
    relocatable(top, next(iter(cpythons().values())))
    (tmp_path / "link").symlink_to(top)
    nested = build_wheel(tmp_path, "nested", "1.0", {}, data={"scripts/sub/nested": b"#!python\nprint('runs')\n"})
    ok(run_instui("install", "--no-deps", "--python", tmp_path / "link", wheel, nested))
    moved = tmp_path / "else where"
    top.rename(moved)
    (tmp_path / "tool").symlink_to(moved / "bin" / "tool")
    for command in (*(moved / "bin" / name for name in COMMANDS), tmp_path / "tool"):
        done = run(command, "a word")
        assert (done.returncode, done.stdout, done.stderr) == (7, f"{moved}/bin/python a word\n", "")
    assert run(moved / "bin" / "sub" / "nested").stdout == "runs\n"
    assert "all whole" in ok(run_instui("doctor", "--python", moved))


@pytest.mark.parametrize("name", ['it\'s "quoted" $HOME `x`', "back\\slash \\N", "ünï"])
def test_beside_a_relocatable_environment_commands_find_it_too(
    name: str, wheel: Path, tmp_path: Path, run_instui: Run
) -> None:
    """The way leads out of the target then, through whatever names there are."""
    top = tmp_path / name / "environment"
    relocatable(top, next(iter(cpythons().values())))
    there = tmp_path / "there"
    ok(run_instui("install", "--no-deps", "--python", top, "--target", there, wheel))
    for command in COMMANDS:
        done = subprocess.run(
            [there / "bin" / command], capture_output=True, env={"PYTHONPATH": str(there)}, check=False
        )
        assert (done.returncode, done.stderr) == (7, b"")
        assert os.path.normpath(os.fsdecode(done.stdout.strip())) == f"{top}/bin/python"


def test_an_active_installation_is_found_as_conda_names_it(wheel: Path, tmp_path: Path, run_instui: Run) -> None:
    top = tmp_path / "conda"
    version, python = next(iter(cpythons().items()))
    installation(top, python)
    ok(run_instui("install", "--no-deps", wheel, env={"CONDA_PREFIX": str(top)}, cwd=tmp_path))
    assert (top / "lib" / f"python{version}" / "site-packages" / "single.py").exists()
    assert run(top / "bin" / "tool").returncode == 7


def test_what_is_not_said_to_be_relocatable_names_its_interpreter(wheel: Path, tmp_path: Path, run_instui: Run) -> None:
    top = tmp_path / "environment"
    relocatable(top, next(iter(cpythons().values())))
    with (top / "pyvenv.cfg").open("a") as file:
        file.write("Relocatable = FALSE\n")
    ok(run_instui("install", "--no-deps", "--python", top, wheel))
    for command in COMMANDS:
        assert (top / "bin" / command).read_text().startswith(f"#!{top}/bin/python\n")


def test_packages_of_the_system_neither_serve_nor_are_touched(
    wheel: Path, tmp_path: Path, run_instui: Run, clean_environ: dict[str, str]
) -> None:
    """As in uv: an environment that sees them gets its own all the same, and only those can be removed."""
    system = tmp_path / "system"
    installation(system, next(iter(cpythons().values())))
    ok(run_instui("install", "--no-deps", "--python", system, wheel))
    before = written(system / "lib")
    ours, theirs = (tmp_path / name / "environment" for name in ("ours", "uv_s"))
    for top in (ours, theirs):
        with_system_packages(top, system / "bin" / "python")
    links = ("--find-links", wheel.parent)
    assert "not installed" in ok(run_instui("uninstall", "--python", ours, "some-tool"))
    ok(run_instui("install", "--no-index", *links, "--python", ours, "some-tool"))
    install("uv", theirs / "bin" / "python", ["some-tool"], *links, **clean_environ)
    assert unlike({"instui": result(ours), "uv": result(theirs)}) == []
    assert (ours / "bin" / "tool").exists()
    ok(run_instui("uninstall", "--python", ours, "some-tool"))
    assert written(system / "lib") == before


def written(library: Path) -> dict[str, str]:
    """All files, without what that Python itself writes when it runs."""
    return {path: what for path, what in everything(library).items() if "__pycache__" not in path}


def test_a_python_that_is_too_old_is_refused_in_one_line(wheel: Path, tmp_path: Path, run_instui: Run) -> None:
    old = older_pythons()
    if not old:
        pytest.skip("there is no Python here that is too old")
    for python in old:
        text = error_line(run_instui("install", "--no-deps", "--python", python, wheel), 1)
        assert str(python) in text
        assert "3.8 or newer" in text


MARKED = """[externally-managed]
Error=Take pacman
 for %(this)s one.

 Or something else, with many words.
Error-de=Nimm pacman
"""


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        (MARKED, "managed by the system (Take pacman for %(this)s one); make an environment"),
        ("", "managed by the system; make an environment"),
        ("[externally-managed]\n", "managed by the system; make an environment"),
        ("[externally-managed]\nError=\x1b[31mred\n", "managed by the system (\\x1b[31mred); make an environment"),
        ("no section", "managed by the system; make an environment"),
    ],
    ids=["words", "empty", "no words", "hostile", "malformed"],
)
def test_a_python_that_the_system_manages_is_refused_in_its_words(
    marker: str, words: str, wheel: Path, tmp_path: Path, run_instui: Run
) -> None:
    """Externally managed environments, "Python-specific package installers": refused outside of environments only."""
    top = tmp_path / "system"
    version, python = next(iter(cpythons().items()))
    installation(top, python)
    (top / "lib" / f"python{version}" / "EXTERNALLY-MANAGED").write_text(marker)
    before = everything(top)
    for arguments in (("install", "--no-deps", wheel), ("uninstall", "some-tool")):
        text = error_line(run_instui(*arguments, "--python", top), 1)
        assert words in text
        assert "--break-system-packages" in text
    assert everything(top) == before
    if marker == MARKED:
        by_venv(tmp_path / "venv", top / "bin" / "python")
        elsewhere = ("--python", top, "--target", tmp_path / "there")
        for arguments in (("--python", tmp_path / "venv"), elsewhere, ("--python", top, "--break-system-packages")):
            ok(run_instui("install", "--no-deps", *arguments, wheel))
        assert (top / "lib" / f"python{version}" / "site-packages" / "single.py").exists()
