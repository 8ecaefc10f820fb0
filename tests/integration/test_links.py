"""Environments with symbolic links: those that the user has put on the way, and distributions that are made of them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.journal.events import StageStarted
from instui_engine.target.environment import discover
from instui_engine.target.installed import scan
from support import trees
from support.cli import error_line, everything, installed, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

_MOVED = {
    "lib": ("lib",),
    "site-packages": ("lib/python*/site-packages",),
    "bin": ("bin",),
    "share": ("share",),
    "several": ("lib/python*", "bin", "include"),
    "nested": ("lib", "lib/python*/site-packages"),
}


def _wheel(place: Path, version: str) -> Path:
    files = {"pkg/__init__.py": version.encode(), f"pkg/v{version}.py": b"", "pkg/sub/x.py": b"", "one.py": b""}
    data = {
        "data/share/pkg/guide.txt": version.encode(),
        "headers/pkg.h": version.encode(),
        "scripts/tool": b"#!python",
    }
    return build_wheel(place, "pkg", version, files, data=data, entry_points="[console_scripts]\npkg = pkg:main\n")


def _move(top: Path, pattern: str, away: Path) -> Path:
    """Move a directory of the environment to another place, and link it back."""
    place = next(iter(sorted(top.glob(pattern))), top / pattern)
    place.mkdir(parents=True, exist_ok=True)
    shutil.move(place.resolve(), away)
    if place.is_symlink():
        place.unlink()
    place.symlink_to(away)
    return away


def _rows_are_true(top: Path, site: str, distribution: str) -> bool:
    """Whether RECORD is true where `..` leads back over the link, as installers write it."""
    return all(
        (top / os.path.normpath(f"{site}/{path}")).is_file()
        for path, _, _ in trees.rows(top / site / f"{distribution}.dist-info" / "RECORD")
    )


@pytest.mark.parametrize("moved", _MOVED)
def test_a_directory_that_was_moved_to_another_disk_and_linked_back_works(
    moved: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    site = target.site.relative_to(target.top).as_posix()
    (target.top / target.environment.roots["headers"]).mkdir(parents=True)
    disks = [_move(target.top, pattern, tmp_path / f"disk{n}") for n, pattern in enumerate(_MOVED[moved])]
    (tmp_path / "disk0" / "mine.txt").write_text("of the user")
    line = ("--no-fsync", "--ui", "none", "--python", target.top)
    before = trees.tree(target.top), [everything(disk) for disk in disks]
    for version in ("1.0", "2.0"):
        ok(run_instui("install", "--no-deps", _wheel(tmp_path, version), *line))
        assert installed(target.site) == {"pkg": version}
        assert _rows_are_true(target.top, site, f"pkg-{version}")
        assert (target.site / "pkg" / "__init__.py").read_text() == version
        assert not (target.site / "pkg" / "v1.0.py").exists() or version == "1.0"
        assert [disk for disk in disks if (disk / ".instui").exists()] == []
    ok(run_instui("doctor", "--python", target.top))
    rival = build_wheel(tmp_path, "rival", "1.0", {"pkg/__init__.py": b"rival"}, data={"scripts/tool": b"rival"})
    ok(run_instui("install", "--no-deps", rival, *line))
    assert (target.top / "bin" / "tool").read_bytes() == b"rival"
    ok(run_instui("uninstall", "rival", *line))
    assert (target.site / "pkg" / "__init__.py").read_text() == "2.0"
    assert b"rival" not in (target.top / "bin" / "tool").read_bytes()
    ok(run_instui("uninstall", "pkg", *line))
    assert (trees.tree(target.top), [everything(disk) for disk in disks]) == before


def test_a_link_of_the_way_leads_to_where_it_led_when_the_session_began(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    disk = _move(target.top, "lib", tmp_path / "disk")
    target = Venv(target.top, target.cache)
    outside = tmp_path / "outside"
    shutil.copytree(disk, outside, symlinks=True)
    before = everything(outside)
    emit = StageStarted.__init__

    def swap(event: StageStarted, *fields: object) -> None:
        emit(event, *fields)  # type: ignore[arg-type]
        (target.top / "lib").unlink()
        (target.top / "lib").symlink_to(outside)

    monkeypatch.setattr(StageStarted, "__init__", swap)
    target.install(_wheel(tmp_path, "1.0"))
    assert everything(outside) == before


def test_below_a_directory_that_was_linked_back_no_link_is_followed(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    _move(target.top, "lib", tmp_path / "disk")
    outside = tmp_path / "outside"
    outside.mkdir()
    (target.site / "pkg").symlink_to(outside)
    line = ("install", "--no-deps", _wheel(tmp_path, "1.0"), "--no-fsync", "--ui", "none", "--python", target.top)
    assert "symbolic link out of the environment" in error_line(run_instui(*line), 1)
    assert list(outside.iterdir()) == []
    (target.site / "pkg").unlink()
    (target.site / "other").mkdir()
    (target.site / "other" / "mine.txt").write_text("")
    (target.site / "pkg").symlink_to("other")  # it stays inside
    ok(run_instui(*line))
    assert (target.site / "other" / "__init__.py").read_text() == "1.0"
    ok(run_instui("uninstall", "pkg", "--no-fsync", "--ui", "none", "--python", target.top))
    assert not (target.site / "other" / "__init__.py").exists()


def test_a_link_that_cannot_be_used_is_named_in_one_line(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    other, target = venv(), venv()
    wheel = _wheel(tmp_path, "1.0")
    line = ("install", "--no-deps", wheel, "--no-fsync", "--ui", "none", "--python", target.top)
    shutil.rmtree(target.site)
    for destination, words in (
        (tmp_path / "unplugged", "leads nowhere"),
        (target.site, "leads nowhere"),
        (target.top.parent, "contains"),
        (other.site, "another environment"),
    ):
        target.site.symlink_to(destination)
        error = error_line(run_instui(*line), 1)
        assert words in error and str(target.site) in error
        target.site.unlink()
    assert not (target.top / ".instui").exists()
    assert trees.distributions(other.site) == {}


@pytest.mark.parametrize("flag", ["--target", "--prefix"])
def test_a_target_that_is_a_link_or_has_links_inside_works(
    flag: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    place, disk = tmp_path / "place", tmp_path / "disk"
    (place / "real").mkdir(parents=True)
    disk.mkdir()
    (place / "real" / "bin").symlink_to(disk)
    (place / "link").symlink_to("real")
    line = ("--no-fsync", "--ui", "none", "--python", venv().top, flag, place / "link")
    for version in ("1.0", "2.0"):
        ok(run_instui("install", "--no-deps", _wheel(tmp_path, version), *line))
        assert {path.name for path in disk.iterdir()} == {"tool", "pkg"}
        assert (place / "real" / "bin").is_symlink()
    ok(run_instui("uninstall", "pkg", *line))
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize("moved", ["lib", "site-packages"])
def test_a_target_that_is_named_through_a_link_of_an_environment_belongs_to_it(
    moved: str, venv: Callable[[], Venv], tmp_path: Path
) -> None:
    top = venv().top.resolve()
    site = next(top.glob("lib/python*/site-packages"))
    _move(top, _MOVED[moved][0], tmp_path / "disk")
    (tmp_path / "alias").symlink_to(top)
    whole = discover(tmp_path / "cache", python=str(top))
    for name in (site, tmp_path / "alias" / site.relative_to(top)):
        through = discover(tmp_path / "cache", python=str(top), target=str(name))
        assert (through.top, through.roots["purelib"]) == (whole.top, whole.roots["purelib"])
        assert through.volumes.links == whole.volumes.links
        assert not through.is_bare
    (top / "mine").symlink_to(tmp_path)
    assert discover(tmp_path / "cache", python=str(top), target=str(top / "mine" / "own")).top == tmp_path / "own"
    missing = discover(tmp_path / "cache", python=str(top), target=f"{site}/new/one")
    assert missing.roots["purelib"] == f"{whole.roots['purelib']}/new/one"


def test_each_file_has_one_name_whatever_links_lead_to_it(venv: Callable[[], Venv], tmp_path: Path) -> None:
    target = venv()
    _move(target.top, "lib", tmp_path / "disk")
    shutil.rmtree(target.top / "include", ignore_errors=True)
    (target.top / "include").symlink_to(tmp_path / "disk" / "headers")
    (tmp_path / "disk" / "headers").mkdir()
    environment = discover(target.cache, python=str(target.top))
    assert environment.roots["headers"].startswith("lib/headers/")
    assert list(environment.volumes) == ["lib"]


# -- distributions made of links


def _linked(target: Venv, name: str, away: Path) -> None:
    (target.site / name).rename(away)
    (target.site / name).symlink_to(away)


@pytest.mark.parametrize("linked", ["package", "metadata", "both"])
def test_a_distribution_that_lies_elsewhere_is_neither_removed_nor_replaced(
    linked: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """As Bazel and Spack make them. What is behind the links is theirs, and half a removal is none."""
    target = venv()
    target.put(_wheel(tmp_path, "1.0"))
    names = {"package": ["pkg"], "metadata": ["pkg-1.0.dist-info"], "both": ["pkg", "pkg-1.0.dist-info"]}[linked]
    for name in names:
        _linked(target, name, tmp_path / name)
    before = trees.tree(target.top), [everything(tmp_path / name) for name in names]
    moved = build_wheel(tmp_path, "pkg", "2.0", {"pkg2/__init__.py": b""})
    line = ("--no-fsync", "--ui", "none", "--python", target.top)
    for words in (("uninstall", "pkg"), ("install", "--no-deps", moved)):
        error = error_line(run_instui(*words, *line), 1)
        assert "symbolic links" in error and str(target.site / names[0]) in error
        assert (trees.tree(target.top), [everything(tmp_path / name) for name in names]) == before
    ok(run_instui("install", "--no-deps", build_wheel(tmp_path, "other", "1.0", {"other.py": b""}), *line))


def test_a_distribution_whose_files_are_links_is_removed_with_the_links_only(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    (target.top / target.environment.roots["headers"]).mkdir(parents=True)
    start = trees.tree(target.top)
    target.put(_wheel(tmp_path, "1.0"))
    away = tmp_path / "away"
    away.mkdir()
    for number, path in enumerate(sorted(path for path in target.site.rglob("*") if path.is_file())):
        path.rename(away / str(number))
        path.symlink_to(away / str(number))
    before = everything(away)
    line = ("--no-fsync", "--ui", "plain", "--python", target.top)
    assert "removed pkg 1.0" in ok(run_instui("uninstall", "pkg", *line))
    assert everything(away) == before
    assert trees.differences(trees.tree(target.top), start) == []


def test_one_odd_entry_in_site_packages_stops_nobody_and_doctor_names_it(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    target.put(_wheel(tmp_path, "1.0"))
    for name, destination in (("loop-1.0.dist-info", "loop-1.0.dist-info"), ("gone-1.0.dist-info", "nowhere")):
        (target.site / name).symlink_to(destination)
    (target.site / "file-1.0.dist-info").write_text("no directory")
    line = ("--no-fsync", "--ui", "none", "--python", target.top)
    ok(run_instui("install", "--no-deps", _wheel(tmp_path, "2.0"), *line))
    rival = build_wheel(tmp_path, "rival", "1.0", {"pkg/__init__.py": b"rival"})
    ok(run_instui("install", "--no-deps", rival, *line))
    ok(run_instui("uninstall", "rival", "pkg", *line))
    shown = run_instui("doctor", "--python", target.top)
    assert shown.returncode == 1
    assert all(name in shown.stdout for name in ("loop 1.0", "gone 1.0", "file 1.0"))
    ok(run_instui("doctor", "--repair", "--python", target.top))
    assert scan(target.environment) == {}
    assert not list(target.site.glob("*.dist-info"))
