"""What users of pip rely on where the specifications leave room: odd wheels, and removals of what was changed since."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import error_line, everything, installed, ok
from support.environments import Venv
from support.trees import complete, tree
from support.wheelsmith import build_wheel, record, wheel_files, zipped

MakeVenv = Callable[[], Venv]
INFO = "tool-1.0.dist-info"


def test_metadata_of_others_below_a_package_means_nothing(venv: MakeVenv, tmp_path: Path) -> None:
    """Some packages carry copies of others: only directories in site-packages itself are installed distributions."""
    target = venv()
    other = {"METADATA": b"Metadata-Version: 2.1\nName: other\nVersion: 2.0\n", "WHEEL": b"Wheel-Version: 1.0\n"}
    vendored = {f"tool/_vendor/other-2.0.dist-info/{name}": content for name, content in other.items()}
    target.put(build_wheel(tmp_path, "tool", "1.0", {"tool/__init__.py": b"", **vendored}))
    assert installed(target.site) == {"tool": "1.0"}
    assert complete(target.site, "tool-1.0")
    target.remove("tool")
    assert not (target.site / "tool").exists()


def test_files_beside_the_metadata_may_have_any_encoding(venv: MakeVenv, tmp_path: Path) -> None:
    target = venv()
    files = {f"{INFO}/AUTHORS.txt": b"\xff", f"{INFO}/top_level.txt": b"\xfe\xff", f"{INFO}/licenses/L": b"\xe9"}
    target.put(build_wheel(tmp_path, "tool", "1.0", files))
    assert complete(target.site, "tool-1.0")


@pytest.mark.parametrize("file", ["METADATA", "WHEEL", "RECORD", "entry_points.txt"])
def test_metadata_that_is_no_text_is_refused_and_the_file_named(file: str, venv: MakeVenv, tmp_path: Path) -> None:
    target = venv()
    before = tree(target.top)
    files = wheel_files("tool", "1.0", {"tool.py": b""}) | {f"{INFO}/{file}": b"\xff\n"}
    listing = f"{INFO}/RECORD"
    if file != "RECORD":
        files = {path: content for path, content in files.items() if path != listing}
        files[listing] = record(files, listing)
    (tmp_path / "tool-1.0-py3-none-any.whl").write_bytes(zipped(files))
    outcome = target.install(tmp_path / "tool-1.0-py3-none-any.whl")
    assert outcome.exit_code == 1
    assert "tool-1.0-py3-none-any.whl" in outcome.error
    assert file in outcome.error
    assert tree(target.top) == before


@pytest.mark.parametrize(
    "content", [None, "directory", b"", b"\n", b"\xc0\xff\xee", b"pip\n", b"Some\x1b[31m Manager\n"]
)
def test_without_a_record_the_removal_is_refused_whoever_installed_it(
    content: bytes | str | None, venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """INSTALLER may be missing, a directory, empty, or anything."""
    target = venv()
    target.put(build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""}))
    installer = target.site / INFO / "INSTALLER"
    installer.unlink()
    (target.site / INFO / "RECORD").unlink()
    if content == "directory":
        installer.mkdir()
    elif isinstance(content, bytes):
        installer.write_bytes(content)
    before = everything(target.site)
    text = error_line(run_instui("uninstall", "--python", target.top, "tool"), 1)
    assert "RECORD" in text
    assert "\x1b" not in text
    assert everything(target.site) == before


@pytest.mark.parametrize("leads_to", ["a directory", "a file", "nothing"])
def test_a_link_that_record_lists_goes_and_what_it_leads_to_stays(
    leads_to: str, venv: MakeVenv, tmp_path: Path
) -> None:
    target = venv()
    target.put(build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""}))
    elsewhere = tmp_path / "elsewhere"
    if leads_to == "a directory":
        elsewhere.mkdir(mode=0o750)
        (elsewhere / "kept").write_bytes(b"x")
    elif leads_to == "a file":
        elsewhere.write_bytes(b"x")
    before = everything(tmp_path / "elsewhere") if elsewhere.is_dir() else {}
    (target.site / "link").symlink_to(elsewhere)
    with (target.site / INFO / "RECORD").open("a") as file:
        file.write("link,,\n")
    target.remove("tool")
    assert not os.path.lexists(target.site / "link")
    assert elsewhere.exists() is (leads_to != "nothing")
    assert (everything(elsewhere) if elsewhere.is_dir() else {}) == before


def test_of_several_names_those_that_are_there_go(venv: MakeVenv, tmp_path: Path, run_instui: Run) -> None:
    target = venv()
    target.put(*(build_wheel(tmp_path, name, "1.0", {f"{name}.py": b""}) for name in ("one", "two", "three")))
    text = ok(run_instui("uninstall", "--python", target.top, "absent", "One", "three", "ONE"))
    assert "absent" in text
    assert installed(target.site) == {"two": "1.0"}


def test_modules_of_a_package_of_others_go_alone(venv: MakeVenv, tmp_path: Path) -> None:
    """A plug-in that lies in the package of its host: also with byte code that was made since."""
    target = venv()
    host = build_wheel(tmp_path, "host", "1.0", {"host/__init__.py": b"", "host/plugins/__init__.py": b""})
    plug = build_wheel(tmp_path, "plug", "1.0", {"host/plugins/plug.py": b"", "plug/__init__.py": b""})
    target.put(host)
    before = tree(target.site)
    target.put(plug)
    cache = target.site / "host" / "plugins" / "__pycache__"
    cache.mkdir()
    for name in ("plug", "__init__"):
        (cache / f"{name}.{sys.implementation.cache_tag}.pyc").write_bytes(b"")
    target.remove("plug")
    assert tree(target.site) == before
    assert [path.name.partition(".")[0] for path in cache.iterdir()] == ["__init__"]
