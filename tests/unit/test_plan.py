"""Plans: where files go, in which order, what an upgrade removes, and what no wheel may touch."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from instui_engine.errors import BadWheelError, ClashError, TargetError
from instui_engine.fs.paths import is_within
from instui_engine.locks.names import file_name
from instui_engine.plan import planner
from instui_engine.plan.conflicts import find
from instui_engine.plan.outlook import Outlook
from instui_engine.plan.plan import WheelPlan, Whole, removed_files
from instui_engine.plan.planner import plan_wheels
from instui_engine.plan.removal import plan_removals
from instui_engine.target.environment import Environment
from instui_engine.target.installed import scan
from instui_engine.target.volumes import Volumes
from support.environments import entry, install_old_record, planned_environment

SITE = "lib/python3.11/site-packages"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    (tmp_path / SITE).mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    return planned_environment(tmp_path)


def plan_of(environment: Environment, files: Sequence[str], data: Sequence[str] = (), **options: object) -> WheelPlan:
    return plan_wheels(environment, scan(environment), [entry("x", files, data, **options)])[0]  # type: ignore[arg-type]


def test_every_scheme_goes_to_its_root(environment: Environment) -> None:
    data = ("data/etc/x.conf", "headers/x.h", "scripts/tool", "platlib/p/ext.so", "purelib/q/a.py")
    plan = plan_of(environment, ["x/a.py", "y.py"], data, commands=("go",))
    assert {item.path for item in plan.items} == {
        f"{SITE}/x",
        f"{SITE}/y.py",
        f"{SITE}/p",
        f"{SITE}/q",
        "etc",
        "include/site/python3.11/x/x.h",
        "bin/tool",
        "bin/go",
    }
    assert plan.info == f"{SITE}/x-1.0.dist-info"


def test_units_follow_the_order_of_the_commit(environment: Environment) -> None:
    data = ("scripts/tool", "data/etc/x.conf", "headers/x.h")
    plan = plan_of(environment, ["a.pth", "x/a.py"], data, commands=("go",))
    paths = [item.path for item in plan.items]
    assert paths == [f"{SITE}/x", "etc", "include/site/python3.11/x/x.h", "bin/tool", "bin/go", f"{SITE}/a.pth"]


def test_a_launcher_replaces_a_script_of_its_name(environment: Environment) -> None:
    (item,) = [i for i in plan_of(environment, ["x.py"], ["scripts/go"], commands=("go",)).items if i.path == "bin/go"]
    assert item.kind == "launcher"


def test_lib64_is_lib(environment: Environment) -> None:
    (environment.top / "lib64").symlink_to("lib")
    plan = plan_of(environment, ["x.py"], [f"data/{SITE.replace('lib/', 'lib64/')}/foo/a.txt"])
    assert f"{SITE}/foo" in plan.claims.exclusive
    assert not any(path.startswith("lib64") for path in (*plan.claims.exclusive, *plan.claims.shared))


def test_a_link_within_the_environment_gives_one_name(environment: Environment) -> None:
    (environment.top / "real").mkdir()
    (environment.top / "linked").symlink_to("real")
    plan = plan_of(environment, ["x.py"], ["data/linked/a.txt"])
    assert "real" in plan.claims.exclusive


def test_a_link_out_of_the_environment_is_not_followed(environment: Environment) -> None:
    (environment.top / "etc").symlink_to(environment.top.parent)
    with pytest.raises(TargetError, match="symbolic link out of the environment"):
        plan_of(environment, ["x.py"], ["data/etc/a.txt"])


@pytest.mark.parametrize(
    "path",
    [
        "data/pyvenv.cfg",
        "data/.instui/locks/x",
        "data/.lock",
        "data/bin/python3",
        "scripts/python",
        "data/lib/python3.11/site-packages/other-1.0.dist-info/RECORD",
        "purelib/other-1.0.dist-info/METADATA",
    ],
)
def test_vital_files_are_refused(environment: Environment, path: str) -> None:
    with pytest.raises(BadWheelError, match="would replace"):
        plan_of(environment, ["x.py"], [path])


@pytest.mark.parametrize("twin", ["purelib/x/a.py", f"data/{SITE}/x/a.py"])
def test_two_files_of_one_wheel_for_one_place_are_one_if_they_are_equal_and_refused_otherwise(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, twin: str
) -> None:
    plan = plan_of(environment, ["x/a.py", "x/b.py"], [twin])
    assert sorted(path for item in plan.items for path, _ in item.files()) == [f"{SITE}/x/a.py", f"{SITE}/x/b.py"]
    monkeypatch.setattr(planner, "digests", lambda manifest: {})
    with pytest.raises(BadWheelError, match="two files"):
        plan_of(environment, ["x/a.py"], [twin])


def test_an_upgrade_removes_what_the_new_version_lacks(environment: Environment) -> None:
    site = environment.top / SITE
    install_old_record(site, "x", "0.9", ["x/a.py", "x/gone.py", "old/b.py", "../../../etc/x.conf"])
    plan = plan_of(environment, ["x/a.py"])
    assert plan.replaces is not None
    assert plan.replaces.version == "0.9"
    assert not plan.stale
    assert set(plan.whole) == {
        Whole("etc", ("etc/x.conf",), ("etc",)),
        Whole(f"{SITE}/old", (f"{SITE}/old/b.py",), (f"{SITE}/old",)),
        Whole(f"{SITE}/x", (f"{SITE}/x/a.py", f"{SITE}/x/gone.py"), (f"{SITE}/x",)),
    }
    for path in (*removed_files(plan), plan.replaces.info, plan.info):
        assert any(is_within(path, claim) for claim in plan.claims.exclusive), path


def test_an_upgrade_takes_its_byte_code_along(environment: Environment) -> None:
    site = environment.top / SITE
    install_old_record(site, "x", "0.9", ["x/gone.py", "x/stays.py"])
    (site / "x" / "__pycache__").mkdir()
    for name in ("gone.cpython-311.pyc", "stays.cpython-311.pyc", "gone_too.cpython-311.pyc"):
        (site / "x" / "__pycache__" / name).touch()
    (site / "x" / "mine.txt").touch()  # so that it is not the whole directory that goes
    plan = plan_of(environment, ["x/stays.py"])
    compiled = (f"{SITE}/x/__pycache__/gone.cpython-311.pyc", f"{SITE}/x/__pycache__/stays.cpython-311.pyc")
    assert plan.stale == (*compiled, f"{SITE}/x/gone.py")


def test_a_file_of_another_distribution_is_never_stale(environment: Environment) -> None:
    install_old_record(environment.top / SITE, "x", "0.9", ["shared/a.py", "shared/b.py"])
    install_old_record(environment.top / SITE, "y", "1.0", ["shared/b.py"])
    assert plan_of(environment, ["x/a.py"]).stale == (f"{SITE}/shared/a.py",)


def test_a_file_that_an_earlier_wheel_of_the_session_installs_is_not_stale_and_a_later_one_brings_it_anew(
    environment: Environment,
) -> None:
    install_old_record(environment.top / SITE, "x", "0.9", ["shared/a.py", "shared/b.py"])
    x, y = entry("x", ["x/a.py"]), entry("y", ["shared/b.py"])
    plans = plan_wheels(environment, scan(environment), [y, x])
    assert plans[1].stale == (f"{SITE}/shared/a.py",)
    plans = plan_wheels(environment, scan(environment), [x, y])
    assert tuple(removed_files(plans[0])) == (f"{SITE}/shared/a.py", f"{SITE}/shared/b.py")


def test_a_row_that_leaves_the_environment_is_left_alone(environment: Environment) -> None:
    outside = environment.top.parent / "outside.txt"
    install_old_record(environment.top / SITE, "x", "0.9", ["x.py", "../../../../outside.txt", str(outside)])
    assert plan_of(environment, ["y.py"]).stale == (f"{SITE}/x.py",)


def test_a_distribution_without_a_record_cannot_be_replaced(environment: Environment) -> None:
    (environment.top / SITE / "x-0.9-py3.11.egg-info").mkdir()
    with pytest.raises(TargetError, match="without a RECORD"):
        plan_of(environment, ["x.py"])


OLD = ["x/a.py", "x/deep/er/b.py", "x/other/c.py", "ns/y/d.py"]


def whole_of(environment: Environment) -> list[str]:
    """The directories that an upgrade of x takes away as a whole."""
    return [one.path.removeprefix(f"{SITE}/") for one in plan_of(environment, ["x/a.py"]).whole]


def test_a_directory_that_the_old_version_has_alone_goes_as_a_whole(environment: Environment) -> None:
    site = environment.top / SITE
    install_old_record(site, "x", "0.9", OLD)
    (site / "x" / "__pycache__").mkdir()
    (site / "x" / "__pycache__" / "a.cpython-311.pyc").touch()
    assert whole_of(environment) == ["ns/y", "x"]


@pytest.mark.parametrize("place", ["x/mine.txt", "x/mine/", "x/a.pyc", "x/deep/mine.py", "x/deep/er/mine/file"])
def test_what_is_not_in_record_keeps_the_directories_around_it(environment: Environment, place: str) -> None:
    site = environment.top / SITE
    install_old_record(site, "x", "0.9", OLD)
    (site / place).parent.mkdir(exist_ok=True)
    (site / place).mkdir() if place.endswith("/") else (site / place).touch()
    left = [] if "/er/" in place else ["x/deep/er"]
    assert whole_of(environment) == ["ns/y", *left, "x/other"]


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_a_listed_file_that_is_no_file_keeps_its_directory(environment: Environment, kind: str) -> None:
    site = environment.top / SITE
    install_old_record(site, "x", "0.9", OLD)
    (site / "ns/y/d.py").unlink()
    if kind == "link":
        (site / "ns/y/d.py").symlink_to("elsewhere")
    elif kind == "fifo":
        os.mkfifo(site / "ns/y/d.py")
    else:
        (site / "ns/y/d.py").mkdir()
    assert whole_of(environment) == ["x"]


def test_a_directory_that_another_distribution_or_an_earlier_wheel_shares_does_not_go(environment: Environment) -> None:
    install_old_record(environment.top / SITE, "x", "0.9", OLD)
    install_old_record(environment.top / SITE, "z", "1.0", ["ns/y/d.py"])
    assert whole_of(environment) == ["x"]
    for earlier in ("x/new.py", "x/deep/er/new.py"):
        ready = [entry("y", [earlier]), entry("x", ["x/a.py"])]
        assert not plan_wheels(environment, scan(environment), ready)[1].whole or earlier.startswith("x/deep")


def test_a_directory_with_a_file_that_has_a_backup_does_not_go(environment: Environment) -> None:
    install_old_record(environment.top / SITE, "x", "0.9", OLD)
    kept = environment.private / "kept"
    kept.mkdir(parents=True)
    (kept / f"{file_name(f'{SITE}/ns/y/d.py')}%%0001%%z-1.0").touch()
    assert whole_of(environment) == ["x"]


def test_a_mount_or_a_link_in_a_directory_keeps_it(environment: Environment, tmp_path: Path) -> None:
    install_old_record(environment.top / SITE, "x", "0.9", OLD)
    volumes = Volumes(environment.volumes.top, frozenset({f"{SITE}/x/deep"}))
    mounted = environment._replace(volumes=volumes)
    assert whole_of(mounted) == ["ns/y"]


def test_what_goes_before_a_wheel_owns_nothing_when_that_is_planned(environment: Environment) -> None:
    site = environment.top / SITE
    install_old_record(site, "y", "1.0", ["shared/a.py", "thing/b.py"])
    install_old_record(site, "x", "0.9", ["shared/a.py"])
    installed = scan(environment)
    outlook = Outlook(environment)
    removals = plan_removals(environment, installed, ["y"], outlook)
    assert removals[0].shared_files == {f"{SITE}/shared/a.py"}  # x still has it when y goes
    wheels = plan_wheels(environment, installed, [entry("x", ["thing"])], outlook=outlook, first=1)
    assert wheels[0].order == 1
    assert tuple(removed_files(wheels[0])) == (f"{SITE}/shared/a.py",)
    overlaps = find(environment, installed, [*removals, *wheels])
    assert overlaps.conflicts == ()
    with pytest.raises(ClashError):
        find(environment, installed, wheels)
