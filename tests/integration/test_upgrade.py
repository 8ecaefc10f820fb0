"""A new version over an old one: what was the old one's goes, everybody else's stays, what is listed is whole."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.journal.events import Overwrite
from support.cli import error_line, everything, fingerprints, installed, ok, uv, verify
from support.environments import Venv, install_old_record
from support.trees import complete, distributions, tree, unlisted
from support.wheelsmith import build_wheel

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Bench:
    """An environment, a directory of wheels and a way to install them by the command."""

    venv: Venv
    place: Path
    run: Run

    def wheel(self, name: str, version: str, files: Files, **options: object) -> Path:
        return build_wheel(self.place, name, version, files, **options)  # type: ignore[arg-type]

    def install(self, *arguments: object) -> str:
        return ok(self.run("install", "--no-deps", "--no-fsync", "--python", self.venv.top, *arguments))

    def fails(self, code: int, *arguments: object) -> str:
        return error_line(self.run("install", "--no-deps", "--no-fsync", "--python", self.venv.top, *arguments), code)

    def compile(self) -> None:
        """Byte code as Python itself leaves it."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        command = [self.venv.top / "bin" / "python", "-m", "compileall", "-q", "-o", "0", "-o", "1", self.venv.site]
        subprocess.run(command, check=True, env=env)

    def verify(self, expected: Mapping[str, str], **options: object) -> None:
        verify(self.venv.top, self.venv.site, expected, **options)  # type: ignore[arg-type]


@pytest.fixture
def bench(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> Bench:
    place = tmp_path / "wheels"
    place.mkdir()
    return Bench(venv(), place, run_instui)


def test_the_old_version_goes_with_its_byte_code_and_its_empty_directories(bench: Bench) -> None:
    old = {"pkg/__init__.py": b"", "pkg/old.py": b"", "pkg/sub/deep/old.py": b"", "single.py": b"", "pkg/kept.py": b"1"}
    data = {"scripts/tool": b"#!python\n", "data/share/pkg/old.txt": b"", "headers/pkg.h": b""}
    points = "[console_scripts]\nold-command = pkg:main\n"
    bench.venv.put(bench.wheel("pkg", "1.0", old, data=data, entry_points=points))
    bench.compile()
    assert (bench.venv.site / "pkg" / "sub" / "deep" / "__pycache__").is_dir()
    bench.install(bench.wheel("pkg", "2.0", {"pkg/__init__.py": b"", "pkg/kept.py": b"2"}))
    bench.verify({"pkg": "2.0"})
    assert unlisted(bench.venv.site) == []
    assert list(bench.venv.site.rglob("__pycache__")) == []
    for path in ("bin/tool", "bin/old-command", "share"):
        assert not (bench.venv.top / path).exists(), path
    assert not list(bench.venv.top.rglob("pkg.h"))


def test_the_new_text_of_a_module_runs_though_it_looks_like_the_old_one(bench: Bench) -> None:
    """Python takes byte code for a module's own that was compiled from a text of its size and second."""
    program = [bench.venv.top / "bin" / "python", "-c", "import pkg; print(pkg.VALUE)"]
    wheels = [bench.wheel("pkg", f"{number}.0", {"pkg.py": f"VALUE = {number}\n".encode()}) for number in (1, 2)]
    for number, wheel in enumerate(wheels, 1):
        bench.venv.put(wheel)
        os.utime(bench.venv.site / "pkg.py", (10**9, 10**9))
        done = subprocess.run(program, capture_output=True, text=True, env={}, check=True)
        assert done.stdout == f"{number}\n"
    assert list((bench.venv.site / "__pycache__").iterdir())


def test_foreign_files_in_a_directory_of_the_package_stay(bench: Bench) -> None:
    bench.venv.put(bench.wheel("pkg", "1.0", {"pkg/__init__.py": b"", "pkg/data/old.txt": b"", "pkg/gone/a.py": b""}))
    mine = ("pkg/data/mine.txt", "pkg/local.py", "pkg/__pycache__/local.cpython-311.pyc")
    for path in mine:
        (bench.venv.site / path).parent.mkdir(exist_ok=True)
        (bench.venv.site / path).write_bytes(b"mine")
    bench.install(bench.wheel("pkg", "2.0", {"pkg/__init__.py": b""}))
    bench.verify({"pkg": "2.0"})
    assert all((bench.venv.site / path).read_bytes() == b"mine" for path in mine)
    assert not (bench.venv.site / "pkg" / "data" / "old.txt").exists()


def test_what_another_distribution_lists_is_never_removed(bench: Bench) -> None:
    bench.venv.put(bench.wheel("one", "1.0", {"one.py": b"", "both/a.py": b"1", "both/b.py": b"same"}))
    bench.venv.put(bench.wheel("two", "1.0", {"two.py": b"", "both/a.py": b"2", "both/b.py": b"same"}))
    bench.install(bench.wheel("one", "2.0", {"one.py": b"new"}))
    bench.verify({"one": "2.0", "two": "1.0"})


def test_a_file_that_moves_from_one_distribution_to_another_in_one_session_stays(bench: Bench) -> None:
    bench.venv.put(bench.wheel("one", "1.0", {"one.py": b"", "moved/a.py": b"1"}))
    newer = bench.wheel("one", "2.0", {"one.py": b"new"})
    other = bench.wheel("two", "1.0", {"two.py": b"", "moved/a.py": b"2"})
    for order in ((newer, other), (other, newer)):
        bench.install("--reinstall", *order)
        bench.verify({"one": "2.0", "two": "1.0"})
        bench.install("--reinstall", bench.place / "one-1.0-py3-none-any.whl")


def test_a_downgrade_is_an_upgrade_to_an_older_version(bench: Bench) -> None:
    old = bench.wheel("pkg", "1.0", {"pkg/__init__.py": b"1", "pkg/old.py": b""})
    bench.venv.put(bench.wheel("pkg", "2.0", {"pkg/__init__.py": b"2", "pkg/new.py": b""}))
    bench.install(old)
    bench.verify({"pkg": "1.0"})
    assert unlisted(bench.venv.site) == []
    bench.install("--no-index", "--find-links", bench.place, "pkg==2.0")
    bench.verify({"pkg": "2.0"})
    assert unlisted(bench.venv.site) == []


def test_reinstalling_mends_what_was_changed(bench: Bench) -> None:
    wheel = bench.wheel("pkg", "1.0", {"pkg/__init__.py": b"1", "pkg/a.py": b"1", "pkg/b.py": b"1"})
    bench.venv.put(wheel)
    (bench.venv.site / "pkg" / "a.py").unlink()
    (bench.venv.site / "pkg" / "b.py").unlink()
    (bench.venv.site / "pkg" / "b.py").write_bytes(b"changed")
    assert "installed pkg 1.0" in bench.install("--reinstall", wheel)
    bench.verify({"pkg": "1.0"})


def test_upgrade_takes_the_newest_that_is_to_be_had(bench: Bench) -> None:
    bench.venv.put(bench.wheel("pkg", "1.0", {"pkg.py": b"1"}))
    bench.wheel("pkg", "1.5", {"pkg.py": b"1.5"})
    sources = ("--no-index", "--find-links", bench.place)
    bench.install(*sources, "pkg")
    bench.verify({"pkg": "1.0"})
    bench.install(*sources, "-U", "pkg")
    bench.verify({"pkg": "1.5"})


def test_reinstalling_a_part_of_a_namespace_leaves_the_others(bench: Bench) -> None:
    parts = [
        bench.wheel(f"ns-{part}", "1.0", {f"ns/{part}/__init__.py": part.encode(), "ns/shared.txt": b"same"})
        for part in ("a", "b", "c")
    ]
    bench.venv.put(*parts)
    others = {
        path: fingerprint
        for path, fingerprint in fingerprints(bench.venv.site).items()
        if path.startswith(("ns/b", "ns/c"))
    }
    bench.install("--reinstall", parts[0])
    bench.install(bench.wheel("ns-a", "2.0", {"ns/a/new.py": b""}))
    bench.verify({"ns-a": "2.0", "ns-b": "1.0", "ns-c": "1.0"})
    now = fingerprints(bench.venv.site)
    assert {path: now.get(path) for path in others} == others


SHAPES: dict[str, tuple[Files, Files]] = {
    "module to package": ({"foo.py": b"1"}, {"foo/__init__.py": b"2", "foo/a.py": b""}),
    "file to directory": ({"pkg/x": b"1", "pkg/__init__.py": b""}, {"pkg/x/inside.py": b"2", "pkg/__init__.py": b""}),
    "top file to directory": ({"x": b"1", "pkg.py": b""}, {"x/inside.py": b"2", "pkg.py": b""}),
    "deep file to deep directory": ({"a/b/c": b"1"}, {"a/b/c/d/e.py": b"2"}),
    "parent was a file": ({"a": b"1", "z.py": b""}, {"a/b/c/d.py": b"2", "z.py": b""}),
    "namespace to package": ({"a/b/c.py": b"1"}, {"a/__init__.py": b"", "a/b/c.py": b"2"}),
    "name in other case": ({"Pkg/a.py": b"1"}, {"pkg/a.py": b"2"}),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_may_become_a_directory_and_the_reverse(
    shape: str, backwards: bool, compiled: bool, bench: Bench
) -> None:
    old, new = reversed(SHAPES[shape]) if backwards else SHAPES[shape]
    bench.venv.put(bench.wheel("foo", "1.0", old))
    if compiled:
        bench.compile()
    bench.install(bench.wheel("foo", "2.0", new))
    bench.verify({"foo": "2.0"})
    assert unlisted(bench.venv.site) == []


def test_a_directory_with_foreign_files_does_not_become_a_file(bench: Bench) -> None:
    bench.venv.put(bench.wheel("foo", "1.0", {"foo.py": b"", "x/a.py": b""}))
    (bench.venv.site / "x" / "mine.txt").write_bytes(b"mine")
    before = everything(bench.venv.site)
    text = bench.fails(1, bench.wheel("foo", "2.0", {"foo.py": b"", "x": b"file"}))
    assert "x is a" in text
    assert everything(bench.venv.site) == before


def test_a_directory_that_another_distribution_shares_does_not_become_a_file(bench: Bench) -> None:
    bench.venv.put(bench.wheel("foo", "1.0", {"foo.py": b"", "x/a.py": b""}))
    bench.venv.put(bench.wheel("two", "1.0", {"x/b.py": b""}))
    text = bench.fails(1, bench.wheel("foo", "2.0", {"foo.py": b"", "x": b"file"}))
    assert "two 1.0" in text
    bench.verify({"foo": "1.0", "two": "1.0"})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("Foo.Bar", "1.0", "Foo.Bar-1.0"), ("foo-bar", "2.0")),
        (("Foo_Bar", "1.0", "Foo_Bar-1.0"), ("foo-bar", "1.0")),
        (("foo_bar", "1.0", "foo_bar-1.0"), ("foo-bar", "1.0.0")),
        (("foo_bar", "1.0.post1", "foo_bar-1.0.post1"), ("foo-bar", "1.0")),
    ],
)
def test_one_name_is_never_listed_twice_however_it_is_spelled(
    old: tuple[str, str, str], new: tuple[str, str], bench: Bench
) -> None:
    name, version, stem = old
    install_old_record(bench.venv.site, name, version, ["foo_bar.py", "old.py"])
    assert (bench.venv.site / f"{stem}.dist-info").is_dir()
    bench.install("--reinstall", bench.wheel(new[0], new[1], {"foo_bar.py": b"new"}))
    bench.verify({"foo-bar": new[1]})
    assert unlisted(bench.venv.site) == []


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_what_another_installer_installed_is_replaced(tool: str, bench: Bench) -> None:
    old = {"pkg/__init__.py": b"", "pkg/old.py": b"", "old_single.py": b""}
    points = "[console_scripts]\npkg-old = pkg:main\n"
    wheel = bench.wheel("pkg", "1.0", old, entry_points=points, data={"data/etc/pkg.conf": b""})
    python = bench.venv.top / "bin" / "python"
    if tool == "uv":
        uv("pip", "install", "--offline", "--no-index", "--compile-bytecode", "--python", python, wheel)
    else:
        command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (bench.venv.site / "pkg" / "__pycache__").is_dir()
    bench.install(bench.wheel("pkg", "2.0", {"pkg/__init__.py": b"2"}))
    bench.verify({"pkg": "2.0"})
    assert not (bench.venv.top / "bin" / "pkg-old").exists()
    assert not (bench.venv.top / "etc").exists()
    assert unlisted(bench.venv.site) == []
    assert not [path for path in bench.venv.site.rglob("*.pyc") if "old" in path.name]


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_another_installer_can_replace_and_remove_what_we_installed(tool: str, bench: Bench) -> None:
    points = "[console_scripts]\npkg-old = pkg:main\n"
    clean = tree(bench.venv.top)
    bench.install(
        bench.wheel(
            "pkg",
            "1.0",
            {"pkg/__init__.py": b"", "pkg/sub/old.py": b""},
            entry_points=points,
            data={"data/etc/pkg.conf": b"", "scripts/run": b"#!python\n", "headers/a.h": b""},
        )
    )
    python = bench.venv.top / "bin" / "python"
    if tool == "uv":
        uv("pip", "uninstall", "--python", python, "pkg")
    else:
        command = [sys.executable, "-m", "pip", "--python", python, "uninstall", "--yes", "pkg"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    left = {path: what for path, what in tree(bench.venv.top).items() if what != "directory"}
    assert left == {path: what for path, what in clean.items() if what != "directory"}


def test_a_version_without_record_is_refused_with_the_way_out(bench: Bench) -> None:
    info = bench.venv.site / "pkg-1.0-py3.11.egg-info"
    info.write_text("Metadata-Version: 1.0\nName: pkg\nVersion: 1.0\n")
    before = everything(bench.venv.top)
    text = bench.fails(1, bench.wheel("pkg", "2.0", {"pkg.py": b""}))
    assert "pkg 1.0" in text
    assert "remove it" in text
    assert everything(bench.venv.top) == before


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("kind", ["empty", "only METADATA", "no METADATA"])
def test_a_ghost_is_repaired_by_installing(kind: str, version: str, bench: Bench) -> None:
    """The plain command, without --reinstall: what is listed and has no RECORD cannot be whole."""
    info = bench.venv.site / "pkg-1.0.dist-info"
    info.mkdir()
    if kind == "only METADATA":
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n")
    if kind == "no METADATA":
        (info / "RECORD").write_text("pkg.py,,\n")
    bench.install(bench.wheel("pkg", version, {"pkg.py": b""}))
    bench.verify({"pkg": version})


def test_two_versions_of_an_interrupted_upgrade_become_one(bench: Bench) -> None:
    install_old_record(bench.venv.site, "pkg", "1.0", ["pkg.py", "one.py"])
    install_old_record(bench.venv.site, "pkg", "1.5", ["pkg.py", "two.py"])
    bench.install(bench.wheel("pkg", "2.0", {"pkg.py": b"2"}))
    bench.verify({"pkg": "2.0"})


def test_a_record_that_leads_out_of_the_environment_removes_nothing_there(bench: Bench, tmp_path: Path) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_bytes(b"mine")
    config = (bench.venv.top / "pyvenv.cfg").read_bytes()
    listed = ["pkg.py", os.path.relpath(victim, bench.venv.site), str(victim), "../../../pyvenv.cfg", "../../../.lock"]
    info = bench.venv.site / "pkg-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in listed))
    (bench.venv.site / "pkg.py").write_bytes(b"")
    bench.install(bench.wheel("pkg", "2.0", {"other.py": b""}))
    assert victim.read_bytes() == b"mine"
    assert (bench.venv.top / "pyvenv.cfg").exists() and (bench.venv.top / "pyvenv.cfg").read_bytes() == config
    assert not (bench.venv.site / "pkg.py").exists()


def test_a_directory_in_an_old_record_is_not_removed_with_what_others_put_there(bench: Bench) -> None:
    """Some tools list directories; only files can be listed."""
    install_old_record(bench.venv.site, "pkg", "1.0", ["pkg/a.py"])
    record = bench.venv.site / "pkg-1.0.dist-info" / "RECORD"
    record.write_text(f"pkg/,,\npkg,,\n{record.read_text()}")
    (bench.venv.site / "pkg" / "mine.txt").write_bytes(b"mine")
    bench.install(bench.wheel("pkg", "2.0", {"other.py": b""}))
    assert (bench.venv.site / "pkg" / "mine.txt").read_bytes() == b"mine"
    assert not (bench.venv.site / "pkg" / "a.py").exists()
    bench.verify({"pkg": "2.0"})


def test_a_package_directory_that_is_a_link_within_the_environment_keeps_being_one(bench: Bench) -> None:
    bench.venv.put(bench.wheel("pkg", "1.0", {"pkg/__init__.py": b"1", "pkg/old.py": b""}))
    (bench.venv.site / "pkg").rename(bench.venv.site / "elsewhere")
    (bench.venv.site / "pkg").symlink_to("elsewhere")
    bench.install(bench.wheel("pkg", "2.0", {"pkg/__init__.py": b"2"}))
    bench.verify({"pkg": "2.0"})
    assert (bench.venv.site / "pkg").is_symlink()
    assert (bench.venv.site / "elsewhere" / "__init__.py").read_bytes() == b"2"


def test_a_package_directory_that_is_a_link_out_of_the_environment_is_not_followed(
    bench: Bench, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (bench.venv.site / "pkg").symlink_to(outside)
    text = bench.fails(1, bench.wheel("pkg", "1.0", {"pkg/__init__.py": b"1"}))
    assert "symbolic link" in text
    assert list(outside.iterdir()) == []


def test_nothing_is_removed_through_a_link_out_of_the_environment(bench: Bench, tmp_path: Path) -> None:
    bench.venv.put(bench.wheel("pkg", "1.0", {"pkg/__init__.py": b"1", "pkg/old.py": b"", "pkg.py": b""}))
    outside = tmp_path / "outside"
    (bench.venv.site / "pkg").rename(outside)
    (bench.venv.site / "pkg").symlink_to(outside)
    outcome = bench.venv.install(bench.wheel("pkg", "2.0", {"pkg.py": b"2"}))
    assert outcome.exit_code == 1 and str(bench.venv.site / "pkg") in outcome.error
    assert sorted(path.name for path in outside.iterdir()) == ["__init__.py", "old.py"]
    assert installed(bench.venv.site) == {"pkg": "1.0"}


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(bench: Bench, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_bytes(b"mine")
    bench.venv.put(bench.wheel("pkg", "1.0", {"pkg.py": b"1"}))
    (bench.venv.site / "pkg.py").unlink()
    (bench.venv.site / "pkg.py").symlink_to(mine)
    bench.install(bench.wheel("pkg", "2.0", {"pkg.py": b"2"}))
    bench.verify({"pkg": "2.0"})
    assert mine.read_bytes() == b"mine"
    assert not (bench.venv.site / "pkg.py").is_symlink()


# --- nothing to do


@pytest.mark.parametrize("form", ["file", "requirement", "directory", "requirement file"])
def test_the_same_command_twice_changes_nothing(form: str, bench: Bench) -> None:
    wheel = bench.wheel("pkg", "1.0", {"pkg/__init__.py": b""}, entry_points="[console_scripts]\npkg = pkg:main\n")
    sources = ["--no-index", "--find-links", bench.place]
    requirements = bench.place / "requirements.txt"
    requirements.write_text("pkg\n")
    arguments = {
        "file": [wheel],
        "requirement": [*sources, "pkg"],
        "directory": [f"{bench.place}/"],
        "requirement file": [*sources, "-r", requirements],
    }[form]
    bench.install(*arguments)
    before = fingerprints(bench.venv.top)
    text = bench.install(*arguments)
    assert "already installed" in text
    assert "nothing to do" in text
    assert fingerprints(bench.venv.top) == before


def test_what_is_installed_is_left_alone_beside_what_is_not(bench: Bench) -> None:
    one = bench.wheel("one", "1.0", {"one.py": b""})
    bench.venv.put(one)
    before = fingerprints(bench.venv.site)
    text = bench.install(one, bench.wheel("two", "1.0", {"two.py": b""}))
    assert "1 already installed" in text
    bench.verify({"one": "1.0", "two": "1.0"})
    now = fingerprints(bench.venv.site)
    assert {path: now[path] for path in before} == before


def test_a_dry_run_writes_nothing(bench: Bench) -> None:
    bench.venv.put(bench.wheel("pkg", "1.0", {"pkg.py": b"1"}))
    before = everything(bench.venv.top), fingerprints(bench.venv.top)
    bench.install("--dry-run", bench.wheel("pkg", "2.0", {"pkg.py": b"2"}), bench.wheel("two", "1.0", {"two.py": b""}))
    assert (everything(bench.venv.top), fingerprints(bench.venv.top)) == before


def test_a_dry_run_of_a_fresh_environment_leaves_no_trace(bench: Bench) -> None:
    before = everything(bench.venv.top)
    text = bench.install("--dry-run", bench.wheel("pkg", "1.0", {"pkg.py": b"1"}))
    assert "installed none" in text
    assert everything(bench.venv.top) == before


# --- many upgrades in a row


def test_a_walk_through_versions_ends_as_if_the_last_had_been_installed_first(
    bench: Bench, venv: Callable[[], Venv]
) -> None:
    versions = [
        bench.wheel("foo", f"{number}.0", files)
        for number, shape in enumerate(SHAPES.values(), 1)
        for files in (shape[number % 2],)
    ]
    for wheel in [*versions, *reversed(versions)]:
        bench.venv.put(wheel)
        assert complete(bench.venv.site, next(iter(distributions(bench.venv.site))))
    fresh = venv()
    fresh.put(versions[0])
    assert tree(bench.venv.site) == tree(fresh.site)
    assert installed(fresh.site) == {"foo": "1.0"}


def test_a_row_of_record_with_commas_and_quotes_is_understood(bench: Bench) -> None:
    awkward = 'pkg/a,b "c".txt'
    bench.venv.put(bench.wheel("pkg", "1.0", {"pkg/__init__.py": b"", awkward: b"1"}))
    with (bench.venv.site / "pkg-1.0.dist-info" / "RECORD").open(newline="") as file:
        assert awkward in {row[0] for row in csv.reader(file)}
    bench.install(bench.wheel("pkg", "2.0", {"pkg/__init__.py": b""}))
    bench.verify({"pkg": "2.0"})
    assert not (bench.venv.site / awkward).exists()


def test_an_environment_that_moved_is_still_upgraded(bench: Bench, tmp_path: Path) -> None:
    """RECORD and journal hold relative paths; only launchers know where they are."""
    bench.venv.put(bench.wheel("pkg", "1.0", {"pkg/__init__.py": b"", "pkg/old.py": b""}))
    moved = Venv(Path(shutil.move(bench.venv.top, tmp_path / "moved")), bench.venv.cache)
    ok(bench.run("install", "--no-deps", "--python", moved.top, bench.wheel("pkg", "2.0", {"pkg/__init__.py": b""})))
    verify(moved.top, moved.site, {"pkg": "2.0"})
    assert unlisted(moved.site) == []


@pytest.mark.parametrize("upgraded", [False, True])
def test_a_file_that_moves_to_a_later_wheel_of_the_session_is_nobodys_at_no_time(
    upgraded: bool, tmp_path: Path, venv: Callable[[], Venv]
) -> None:
    """What is left for a later wheel would be taken for the user's by others, and come back when that one goes."""
    old = build_wheel(tmp_path, "one", "1.0", {"same/a.py": b"old"})
    new = build_wheel(tmp_path, "one", "2.0", {"one.py": b""})
    successor = build_wheel(tmp_path, "two", "2.0", {"same/a.py": b"new"})
    older = [build_wheel(tmp_path, "two", "1.0", {"two.py": b""})] if upgraded else []
    for user in (b"", b"of the user"):
        target = venv()
        if user:
            (target.site / "same").mkdir()
            (target.site / "same" / "a.py").write_bytes(user)
        target.put(old, *older)
        target.put(new, successor)
        assert (target.site / "same" / "a.py").read_bytes() == b"new"
        assert [overwrite.old for overwrite in target.lines.of(Overwrite)] == ([""] if user else [])
        target.remove("two")
        assert unlisted(target.site) == (["same/a.py"] if user else [])


def test_a_file_at_the_top_of_the_environment_stays_for_the_earlier_wheel_that_brings_it(bench: Bench) -> None:
    readme = {"data/readme.txt": b"equal\n"}
    bench.install(bench.wheel("old", "0.9", {}, data=readme), bench.wheel("new", "0.9", {}))
    bench.install(bench.wheel("new", "1.0", {}, data=readme), bench.wheel("old", "1.0", {}))
    assert (bench.venv.top / "readme.txt").read_bytes() == b"equal\n"
