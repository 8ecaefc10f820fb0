"""Entry points specification: what launchers are made of, compared with `importlib.metadata` of the target."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.environments import Venv
from support.trees import complete
from support.wheelsmith import build_wheel

MakeVenv = Callable[[], Venv]
MODULE = (
    b"import sys\nclass Deep:\n    class In:\n        run = staticmethod(lambda: 'deep')\ndef main():\n    return 7\n"
)
NAMED = {
    "letters and signs": ("Tool_1.x-y", "tool:main"),
    "a comma": (",tool", "tool:main"),
    "only a comma": (",", "tool:main"),
    "a blank": ("a tool", "tool:main"),
    "an at sign": ("x@y+z", "tool:main"),
    "unicode": ("進入點", "tool:main"),
    "a number": ("1", "tool:main"),
    "blanks around the colon": ("tool", "tool : main"),
    "extras": ("tool", "tool:main [x,y.z]"),
    "extras without a blank": ("tool", "tool:main[x]"),
    "an attribute of an attribute": ("tool", "tool:Deep.In.run"),
    "a module in a package": ("tool", "pack.mod:main"),
}


def command(venv: Venv, name: str) -> int:
    done = subprocess.run([venv.top / "bin" / name], capture_output=True, text=True, env={}, timeout=60, check=False)
    return done.returncode


@pytest.mark.parametrize("case", NAMED)
@pytest.mark.parametrize("group", ["console_scripts", "gui_scripts"])
def test_a_command_is_called_as_it_is_named(case: str, group: str, venv: MakeVenv, tmp_path: Path) -> None:
    """Data model and "Use for scripts": any name but one that is no file; extras are read and not used."""
    target = venv()
    name, value = NAMED[case]
    files = {"tool.py": MODULE, "pack/__init__.py": b"", "pack/mod.py": MODULE}
    target.put(build_wheel(tmp_path, "tool", "1.0", files, entry_points=f"[{group}]\n{name} = {value}\n"))
    assert complete(target.site, "tool-1.0")
    assert command(target, name) == (1 if "Deep" in value else 7)  # a text is printed, and counts as 1
    target.remove("tool")
    assert not (target.top / "bin" / name).exists()


def test_groups_of_plug_ins_make_no_commands_and_may_have_odd_names(venv: MakeVenv, tmp_path: Path) -> None:
    """Data model: a group is whatever its users say; names of entry points may have colons."""
    target = venv()
    points = "[a.group]\nep:name1 = tool\nep:name2 = tool:main\n\n[another-group]\nx y = tool.z:a.b [e]\n"
    before = {path.name for path in (target.top / "bin").iterdir()}
    target.put(build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""}, entry_points=points))
    assert {path.name for path in (target.top / "bin").iterdir()} == before
    asked = (
        "from importlib.metadata import distribution as d; print(*[p.name for p in d('tool').entry_points], sep='|')"
    )
    done = subprocess.run([target.top / "bin" / "python", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "ep:name1|ep:name2|x y\n"


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n; another\n\n[console_scripts]\n  tool = tool:main\n",
        "[console_scripts]\r\ntool=tool:main\r\n",
        "[console_scripts]\ntool\t=\ttool:main",
        "\ufeff[console_scripts]\ntool = tool:main\n",
        "[empty]\n[console_scripts]\ntool = tool:main\n",
    ],
    ids=["comments", "carriage returns", "tabs, no last line end", "byte order mark", "an empty group"],
)
def test_the_file_is_read_as_its_format_allows(text: str, venv: MakeVenv, tmp_path: Path) -> None:
    """File format: INI without interpolation; comments, blank lines and blanks around `=` mean nothing."""
    target = venv()
    target.put(build_wheel(tmp_path, "tool", "1.0", {"tool.py": MODULE}, entry_points=text))
    assert command(target, "tool") == 7


def test_names_differ_by_case(venv: MakeVenv, tmp_path: Path) -> None:
    """File format: names are case-sensitive."""
    target = venv()
    points = "[console_scripts]\ntool = tool:main\nTOOL = tool:Deep.In.run\n"
    target.put(build_wheel(tmp_path, "tool", "1.0", {"tool.py": MODULE}, entry_points=points))
    assert [command(target, name) for name in ("tool", "TOOL")] == [7, 1]


@pytest.mark.parametrize("had", ["pip3", "pip3.7", "pip3.99 without pip3"])
def test_pip_has_a_command_of_the_version_of_the_target(had: str, venv: MakeVenv, tmp_path: Path) -> None:
    """No specification, but what pip and uv do: `pip3.12` is that of the target, not of who built the wheel."""
    target = venv()
    names = {"pip3": ["pip", "pip3"], "pip3.7": ["pip", "pip3", "pip3.7"]}.get(had, ["pip", "pip3.99"])
    points = "[console_scripts]\n" + "".join(f"{name} = pip:main\n" for name in names)
    target.put(build_wheel(tmp_path, "pip", "1.0", {"pip.py": MODULE}, entry_points=points))
    version = ".".join(target.environment.interpreter.version.split(".")[:2])
    expected = {"pip", "pip3", f"pip{version}"} if "pip3" in names else {"pip"}
    assert {path.name for path in (target.top / "bin").glob("pip*")} == expected
    assert complete(target.site, "pip-1.0")
    # another distribution may have a command of such a name
    target.put(
        build_wheel(tmp_path, "other", "1.0", {"pip.py": MODULE}, entry_points="[console_scripts]\npip3.7=pip:main")
    )
    assert command(target, "pip3.7") == 7
