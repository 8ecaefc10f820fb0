"""Recording installed projects, and the direct URL data structure beside it."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import ok
from support.environments import Venv, install_old_record
from support.trees import rows, tree
from support.wheelsmith import build_wheel

MakeVenv = Callable[[], Venv]


def make(directory: Path, version: str = "1.0") -> Path:
    return build_wheel(
        directory,
        "tool",
        version,
        {"tool/__init__.py": b"", "tool/a,b.txt": b"x", 'tool/"quoted".txt': b"y"},
        data={"data/share/tool": b"", "scripts/run": b"#!python\n"},
        entry_points="[console_scripts]\ntool = tool:main\n",
    )


def test_record_lists_every_file_once_with_hash_and_size_but_itself(venv: MakeVenv, tmp_path: Path) -> None:
    """The RECORD file: one row for each installed file; only RECORD has neither hash nor size."""
    target = venv()
    before = set(tree(target.top))
    target.put(make(tmp_path))
    record = target.site / "tool-1.0.dist-info" / "RECORD"
    listed = rows(record)
    files = {path for path in set(tree(target.top)) - before if (target.top / path).is_file()}
    assert {os.path.relpath(os.path.normpath(target.site / path), target.top) for path, _, _ in listed} == files
    assert len(listed) == len(files)
    without = [path for path, value, size in listed if not (value.startswith("sha256=") and size.isdigit())]
    assert without == ["tool-1.0.dist-info/RECORD"]


def test_record_is_csv_with_relative_paths_and_slashes(venv: MakeVenv, tmp_path: Path) -> None:
    """The RECORD file: the dialect of the csv module; paths are relative to the directory of .dist-info."""
    target = venv()
    target.put(make(tmp_path))
    with (target.site / "tool-1.0.dist-info" / "RECORD").open(newline="", encoding="utf-8") as file:
        paths = [row[0] for row in csv.reader(file, strict=True)]
    assert {"tool/a,b.txt", 'tool/"quoted".txt', "../../../bin/run"} <= {*paths}
    assert not any(path.startswith("/") or "\\" in path for path in paths)


def test_record_is_the_same_each_time(venv: MakeVenv, tmp_path: Path) -> None:
    """Two environments of the same content have the same RECORD but for what names their place."""
    wheel = make(tmp_path)
    found = []
    for _ in range(2):
        target = venv()
        target.put(wheel)
        found.append([path for path, _, _ in rows(target.site / "tool-1.0.dist-info" / "RECORD")])
    assert found[0] == found[1]


def test_the_installer_names_itself_on_one_line(venv: MakeVenv, tmp_path: Path) -> None:
    """The INSTALLER file."""
    target = venv()
    target.put(make(tmp_path))
    assert (target.site / "tool-1.0.dist-info" / "INSTALLER").read_bytes() == b"instui\n"


def test_what_is_named_is_requested_and_what_it_needs_is_not(venv: MakeVenv, tmp_path: Path, run_instui: Run) -> None:
    """The REQUESTED file. It stays when what is requested is asked for by something else."""
    target = venv()
    make(tmp_path)
    build_wheel(tmp_path, "user", "1.0", {"user.py": b""}, requires=["tool"])
    links = ("--python", target.top, "--no-index", "--find-links", tmp_path)
    ok(run_instui("install", *links, "user"))
    marks = [(target.site / f"{name}-1.0.dist-info" / "REQUESTED").exists() for name in ("user", "tool")]
    assert marks == [True, False]


def test_without_a_record_nothing_is_removed(venv: MakeVenv, tmp_path: Path, run_instui: Run) -> None:
    """The RECORD file: if it is missing, tools must not uninstall, as another manager may own the files."""
    target = venv()
    target.put(make(tmp_path))
    (target.site / "tool-1.0.dist-info" / "RECORD").unlink()
    before = tree(target.top)
    assert run_instui("uninstall", "--python", target.top, "tool").returncode == 1
    assert tree(target.top) == before


def test_rows_with_absolute_paths_are_understood(venv: MakeVenv) -> None:
    """The RECORD file: a path is absolute, or relative to the directory of .dist-info."""
    target = venv()
    listed = ["tool.py", f"{target.site}/absolute.py", f"{target.top}/bin/tool"]
    install_old_record(target.site, "tool", "1.0", listed)
    target.remove("tool")
    assert not any(os.path.exists(target.site / path) for path in listed)


def test_unknown_files_of_dist_info_are_kept_and_go_with_it(venv: MakeVenv, tmp_path: Path) -> None:
    """The .dist-info directory: other files may be there; what the wheel brings is copied."""
    target = venv()
    info = "tool-1.0.dist-info"
    files = {f"{info}/custom/deep.json": b"{}", f"{info}/top_level.txt": b"tool\n", "tool.py": b""}
    target.put(build_wheel(tmp_path, "tool", "1.0", files))
    assert (target.site / info / "custom" / "deep.json").read_bytes() == b"{}"
    target.remove("tool")
    assert not (target.site / info).exists()


NESTED = ("LICENSE", "licenses/third/LICENCE.txt", "licenses/ünï code/NOTICE")


def test_licence_files_and_sboms_are_copied_listed_and_removed(venv: MakeVenv, tmp_path: Path) -> None:
    """Licence files in `.dist-info/licenses` (PEP 639), documents in `.dist-info/sboms` (PEP 770)."""
    target = venv()
    info = "tool-1.0.dist-info"
    files = {f"{info}/licenses/{path}": path.encode() for path in NESTED} | {
        f"{info}/sboms/tool.cyclonedx.json": b"{}",
        f"{info}/sboms/deep/tool.spdx": b"SPDX",
    }
    target.put(build_wheel(tmp_path, "tool", "1.0", files))
    listed = {path for path, value, _ in rows(target.site / info / "RECORD") if value}
    assert listed >= {*files}
    assert {path: (target.site / path).read_bytes() for path in files} == files
    target.remove("tool")
    assert not (target.site / info).exists()


@pytest.mark.parametrize("kind", ["path", "url", "name"])
def test_the_origin_is_recorded_if_it_was_named_and_never_for_a_name(
    kind: str, venv: MakeVenv, tmp_path: Path, run_instui: Run
) -> None:
    """Direct URL, Specification: direct_url.json for a direct reference, none for a name, also from find-links."""
    target = venv()
    wheel = make(tmp_path)
    named = {"path": str(wheel), "url": f"tool @ {wheel.as_uri()}#egg=tool", "name": "tool"}[kind]
    ok(run_instui("install", "--python", target.top, "--no-index", "--find-links", tmp_path, named))
    origin = target.site / "tool-1.0.dist-info" / "direct_url.json"
    if kind == "name":
        assert not origin.exists()
        return
    content = json.loads(origin.read_text(encoding="utf-8"))
    assert content["url"] == wheel.as_uri()
    assert {*content} & {"archive_info", "dir_info", "vcs_info"} == {"archive_info"}
    hashes = content["archive_info"].get("hashes", {})
    single = content["archive_info"].get("hash")
    assert single is None or single == f"sha256={hashes['sha256']}"


def test_the_recorded_origin_goes_when_a_name_replaces_it(venv: MakeVenv, tmp_path: Path, run_instui: Run) -> None:
    """Direct URL: it is that of the present version."""
    target = venv()
    target.put(make(tmp_path))
    make(tmp_path, "2.0")
    ok(run_instui("install", "-U", "--python", target.top, "--no-index", "--find-links", tmp_path, "tool"))
    assert (target.site / "tool-2.0.dist-info").is_dir()
    assert not list(target.site.glob("tool-*/direct_url.json"))
