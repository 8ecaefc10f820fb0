"""What is asked of the disk, by the calls that are made: when the kernel writes back by itself nobody can tell."""

import pytest

from support.crash.bench import bench, each_kind
from support.crash.lane import Setting
from support.crash.scenarios import GROUPED

pytestmark = pytest.mark.timeout(600)


def syncs(kind: str, setting: Setting) -> list[str]:
    """The calls of one undisturbed run that change names or wait for the disk, in their order."""
    with bench().sweep(kind, setting).lane() as lane:
        lane.reset()
        run = lane.run(trace=True)
    assert run.code == 0, run.stderr
    return [call.name for call in run.trace]


@each_kind("fresh", "upgrade", "uninstall")
def test_without_fsync_nothing_waits_for_the_disk(kind: str) -> None:
    assert not [name for name in syncs(kind, Setting()) if "sync" in name]


@each_kind(*GROUPED)
def test_a_group_waits_for_the_disk_once_for_its_record(kind: str) -> None:
    names = syncs(kind, Setting(fsync=True))
    assert len([name for name in names if name in ("fsync", "fdatasync")]) == 1


@each_kind("fresh", "upgrade", "uninstall")
def test_the_last_change_of_a_commit_is_on_the_disk_before_it_is_reported(kind: str) -> None:
    names = syncs(kind, Setting(fsync=True))
    assert "syncfs" in names
    assert "rename" not in "".join(names[len(names) - names[::-1].index("syncfs") :])
