"""`--allow-record`: a wheel whose RECORD is wrong in harmless ways is installed by who names it, and by nobody else."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.commands.command import Outcome, Recording
from instui_engine.commands.install import install
from instui_engine.errors import RecordError
from instui_engine.resolve.request import Request
from instui_engine.session.options import Options
from instui_engine.target.environment import discover
from instui_engine.wheel.permission import unused
from support import trees, wheelsmith
from support.cli import error_line, ok
from support.environments import Venv

FILES = {"odd/__init__.py": b"x = 1\n", "odd/weak.txt": b"weak", "odd/none.txt": b"none", "odd/hex.txt": b"hex"}
UNLISTED = {"odd/extra.py": b"y = 2\n", "odd-1.0.data/scripts/odd": b"#!python\n", "odd-1.0.data/data/odd.txt": b"z"}
INFO = "odd-1.0.dist-info"
PERMISSION = "odd==1.0"


def odd_wheel(directory: Path, replaced: str = "", row: str = "") -> Path:
    """A wheel with every harmless flaw; `row` takes the place of the row of `replaced`, or is added."""
    content = wheelsmith.wheel_files("odd", "1.0", FILES)
    record = content.pop(f"{INFO}/RECORD").decode()
    rows = {line.partition(",")[0]: line for line in record.splitlines()}
    rows["odd/weak.txt"] = f"odd/weak.txt,{wheelsmith.digest(b'weak', 'md5')},4"
    rows["odd/none.txt"] = "odd/none.txt,,"
    rows["odd/hex.txt"] = f"/odd/hex.txt,sha256={hashlib.sha256(b'hex').hexdigest()},3"
    rows["gone"] = f"odd/gone.txt,{wheelsmith.digest(b'')},0"
    if row:
        rows[replaced] = row
    content |= UNLISTED
    content[f"{INFO}/RECORD"] = "".join(f"{line}\n" for line in rows.values()).encode()
    path = directory / "odd-1.0-py3-none-any.whl"
    path.write_bytes(wheelsmith.zipped(content))
    return path


@pytest.fixture
def own_cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def command(own_cache: Path) -> Callable[..., tuple[object, ...]]:
    def make(target: Venv, *arguments: object, verb: str = "install") -> tuple[object, ...]:
        first = ("--no-deps", "--ui", "plain") if verb == "install" else ()
        return verb, *first, "--no-fsync", "--cache-dir", own_cache, "--python", target.top, *arguments

    return make


Command = Callable[..., tuple[object, ...]]


def test_the_error_names_the_flag_and_with_it_a_true_record_is_written(
    venv: Callable[[], Venv], tmp_path: Path, command: Command, run_instui: Run
) -> None:
    wheel, target = odd_wheel(tmp_path), venv()
    before = trees.tree(target.top)
    for arguments in ((wheel,), (wheel, "--dry-run"), (wheel, "--allow-record", "odd==1.0.post1")):
        line = error_line(run_instui(*command(target, *arguments)), 1)
        assert line.startswith("odd-1.0-py3-none-any.whl: RECORD ")
        assert line.endswith("; if you trust this wheel, --allow-record odd==1.0 installs it")
    assert trees.differences(before, trees.tree(target.top)) == []
    assert "would install 1 wheel" in ok(run_instui(*command(target, wheel, "--dry-run", "--allow-record", PERMISSION)))
    said = ok(run_instui(*command(target, wheel, "--allow-record", PERMISSION)))
    (warning,) = (line for line in said.splitlines() if "warning" in line)
    for text in (
        "odd/gone.txt, which is not",
        "/odd/hex.txt differently",
        "of odd/hex.txt in an unusual",
        "weak one, for",
    ):
        assert text in warning
    assert "does not list odd/extra.py (and 2 more); installed all the same, as --allow-record permits" in warning
    with (target.site / INFO / "RECORD").open(newline="") as file:
        rows = {path: (digest, size) for path, digest, size in csv.reader(file)}
    assert rows.keys() >= {*FILES, "odd/extra.py", "../../../bin/odd", "../../../odd.txt"}
    assert "odd/gone.txt" not in rows
    assert rows.pop(f"{INFO}/RECORD") == ("", "")
    assert all(digest.startswith("sha256=") and size for digest, size in rows.values())
    assert trees.wrong_rows(target.site, "odd-1.0") == []
    assert ok(run_instui(*command(target, verb="doctor"))).endswith("all whole\n")
    ok(run_instui(*command(target, "odd", verb="uninstall"), "--ui", "plain"))
    left = trees.differences(before, trees.tree(target.top))
    assert [path for path in left if ".instui" not in str(path) and ".lock" not in str(path)] == []


def test_what_was_admitted_by_permission_is_in_the_store_for_nobody_else(
    venv: Callable[[], Venv], tmp_path: Path, own_cache: Path, command: Command, run_instui: Run
) -> None:
    wheel = odd_wheel(tmp_path)
    ok(run_instui(*command(venv(), wheel, "--allow-record", "Odd==1")))
    (entry,) = own_cache.glob("store-*/??/*/manifest")
    made = entry.stat().st_ino
    target = venv()
    for arguments in ((wheel,), (wheel, "--dry-run"), ("odd", "--no-index", "-f", tmp_path)):
        assert error_line(run_instui(*command(target, *arguments)), 1).endswith("--allow-record odd==1.0 installs it")
    ok(run_instui(*command(target, wheel, "-q"), env={"INSTUI_ALLOW_RECORD": "other==2 odd==1.0"}))
    assert entry.stat().st_ino == made  # it is used again
    assert trees.complete(target.site, "odd-1.0")


@pytest.mark.parametrize(
    ("replaced", "row", "match"),
    [
        ("odd/weak.txt", f"odd/weak.txt,{wheelsmith.digest(b'WEAK', 'md5')},4", "md5 differs"),
        ("odd/hex.txt", f"odd/hex.txt,sha256={hashlib.sha256(b'HEX').hexdigest()},3", "sha256 differs"),
        ("odd/__init__.py", f"odd/__init__.py,{wheelsmith.digest(b'')},6", "sha256 differs"),
        ("odd/none.txt", "odd/none.txt,,5", "has 5 bytes, but it has 4"),
        ("new", "../../../evil.py,,", "outside of the wheel"),
        ("new", "odd/none.txt,,", "twice"),
        ("new", "odd/none.txt", "malformed row"),
    ],
)
def test_what_is_dangerous_is_refused_with_the_permission_too_and_leaves_nothing(
    replaced: str, row: str, match: str, venv: Callable[[], Venv], tmp_path: Path, own_cache: Path
) -> None:
    wheel, target = odd_wheel(tmp_path, replaced, row), venv()
    outcome = install_here(target, wheel, Options(cache=own_cache, fsync=False, allow_record=(PERMISSION,)))
    assert match in outcome.error
    assert not isinstance(outcome.failure, RecordError)
    assert list(own_cache.glob("store-*/??/*")) == list(own_cache.glob("store-*/new/*")) == []
    assert not (target.site / "odd").exists()


def install_here(target: Venv, wheel: Path, options: Options) -> Outcome:
    environment = discover(options.cache, python=str(target.top))
    return install(Request(arguments=(str(wheel),), no_deps=True), environment, options)


def test_the_error_has_the_permission_as_a_field(venv: Callable[[], Venv], tmp_path: Path, own_cache: Path) -> None:
    failure = install_here(venv(), odd_wheel(tmp_path), Options(cache=own_cache, fsync=False)).failure
    assert isinstance(failure, RecordError)
    assert failure.permission == PERMISSION
    assert failure.wheel == "odd-1.0-py3-none-any.whl"


@pytest.mark.parametrize("text", ["odd", "odd==", "==1.0", "odd==1.*", "odd===1.0", "odd>=1", "odd[x]==1", "odd==1 ,b"])
def test_a_permission_that_names_no_wheel_is_a_usage_error(text: str, tmp_path: Path, run_instui: Run) -> None:
    for verb in ("install", "doctor") if text == "odd" else ("install",):
        done = run_instui(verb, "--python", tmp_path / "none", "--allow-record", text)
        assert error_line(done, 2) == f"--allow-record needs NAME==VERSION, not {text!r}"


def test_a_permission_for_no_wheel_of_the_run_is_a_warning(
    venv: Callable[[], Venv], tmp_path: Path, command: Command, run_instui: Run
) -> None:
    wheel, target = wheelsmith.build_wheel(tmp_path, "plain", "1.0+local.1", {"plain.py": b""}), venv()
    said = ok(run_instui(*command(target, wheel, "--allow-record", "odd==1", "--allow-record", "plain==1.0+LOCAL-1")))
    assert [line for line in said.splitlines() if "warning" in line] == [
        "warning: --allow-record odd==1 is for no wheel of this run"
    ]
    again = ok(run_instui(*command(target, "plain==1.0+local.1", "--no-index", "--allow-record", "plain==1.0+local.1")))
    assert "warning" not in again


def test_doctor_repairs_it_with_the_permission_and_says_that_without_it_cannot(
    venv: Callable[[], Venv], tmp_path: Path, own_cache: Path, command: Command, run_instui: Run
) -> None:
    wheel, target = odd_wheel(tmp_path), venv()
    good = wheelsmith.build_wheel(tmp_path, "good", "1.0", {"good.py": b"1\n"})
    ok(run_instui(*command(target, wheel, good, "--link-mode", "copy", "--allow-record", PERMISSION)))
    for is_cached in (True, False):
        for path in ("odd/extra.py", "good.py"):
            (target.site / path).unlink()
        if not is_cached:
            shutil.rmtree(own_cache)
        done = run_instui(*command(target, "--repair", verb="doctor"))
        assert done.returncode == 1
        assert "good 1.0 is reinstalled" in done.stdout
        assert "odd 1.0 could not be reinstalled: odd-1.0-py3-none-any.whl: RECORD " in done.stdout
        assert "--allow-record odd==1.0 installs it" in done.stdout
        done = run_instui(*command(target, "--repair", "--json", "--allow-record", PERMISSION, verb="doctor"))
        assert json.loads(ok(done))["clean"]
        assert trees.complete(target.site, "odd-1.0")


def test_one_bad_wheel_keeps_doctor_from_repairing_no_other(
    venv: Callable[[], Venv], tmp_path: Path, own_cache: Path, command: Command, run_instui: Run
) -> None:
    target = venv()
    wheels = [wheelsmith.build_wheel(tmp_path, name, "1.0", {f"{name}.py": b"1\n"}) for name in ("bad", "good")]
    ok(run_instui(*command(target, *wheels)))
    files = wheelsmith.wheel_files("bad", "1.0", {"bad.py": b"1\n"}) | {"bad.py": b"2\n"}
    wheels[0].write_bytes(wheelsmith.zipped(files))  # only the unpacking shows that it is bad
    shutil.rmtree(own_cache)
    for name in ("bad", "good"):
        (target.site / f"{name}.py").unlink()
    done = run_instui(*command(target, "--repair", verb="doctor"))
    assert "good 1.0 is reinstalled" in done.stdout
    assert "bad 1.0 could not be reinstalled: bad-1.0-py3-none-any.whl: bad.py is not the file" in done.stdout


@pytest.mark.network
@pytest.mark.parametrize("requirement", ["furo==2022.12.7", "pydata-sphinx-theme==0.13.1", "selenium==4.1.0"])
def test_real_wheels_with_a_sloppy_record_are_installed_by_permission(
    requirement: str, venv: Callable[[], Venv], own_cache: Path
) -> None:
    target = venv()
    environment = discover(own_cache, python=str(target.top))
    request = Request(arguments=(requirement,), no_deps=True)
    refused = install(request, environment, Options(cache=own_cache, fsync=False)).failure
    assert isinstance(refused, RecordError)
    options = Options(cache=own_cache, fsync=False, allow_record=(refused.permission,))
    assert install(request, environment, options).failure is None
    (installed,) = trees.distributions(target.site)
    assert trees.wrong_rows(target.site, installed) == []


@pytest.mark.network
def test_real_wheels_whose_tags_are_none_are_installed_with_a_warning(
    venv: Callable[[], Venv], own_cache: Path
) -> None:
    lines: list[str] = []
    target = venv()
    environment = discover(own_cache, python=str(target.top))
    request = Request(arguments=("nvidia-nvimgcodec-cu12==0.2.0.7",), no_deps=True)
    outcome = install(request, environment, Options(cache=own_cache, fsync=False), recording=Recording((lines.append,)))
    assert outcome.failure is None
    assert len([line for line in lines if "WHEEL has a Tag that is none, 'py3-manylinux2014_x86_64'" in line]) == 1


@pytest.mark.network
def test_a_real_wheel_that_was_changed_after_it_was_built_stays_refused(
    venv: Callable[[], Venv], own_cache: Path
) -> None:
    environment = discover(own_cache, python=str(venv().top))
    request = Request(arguments=("debugpy==1.6.6",), no_deps=True)
    options = Options(cache=own_cache, fsync=False, allow_record=("debugpy==1.6.6",))
    outcome = install(request, environment, options)
    assert "changed after it was built, so take another version" in outcome.error


def test_an_entry_of_the_format_before_is_not_used(
    venv: Callable[[], Venv], tmp_path: Path, own_cache: Path, command: Command, run_instui: Run
) -> None:
    """The rules by which it was unpacked were others."""
    wheel = odd_wheel(tmp_path)
    ok(run_instui(*command(venv(), wheel, "--allow-record", PERMISSION)))
    (store,) = own_cache.glob("store-*")
    number = int(store.name.partition("-")[2])
    store.rename(store.with_name(f"store-{number - 1}"))
    assert "--allow-record odd==1.0" in error_line(run_instui(*command(venv(), wheel)), 1)


def test_a_permission_may_be_for_a_wheel_that_is_still_to_be_built() -> None:
    """Its version is not known before: this was an internal error."""
    assert unused([PERMISSION], {"odd": ""}) == []
    assert unused([PERMISSION], {"odd": "1.0"}) == []
    assert unused([PERMISSION], {"odd": "2.0", "even": ""}) == [PERMISSION]
