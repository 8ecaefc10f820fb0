"""The judge finds what is wrong, and finds nothing where nothing is."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.crash.bench import bench
from support.crash.judge import said
from support.crash.lane import Lane

pytestmark = pytest.mark.xdist_group("crash-upgrade")
Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def lane() -> Iterator[Lane]:
    with bench().sweep("upgrade").lane() as found:
        yield found


@pytest.fixture
def site(lane: Lane) -> Path:
    """An environment after an undisturbed upgrade."""
    lane.reset()
    assert lane.run().code == 0
    return lane.top / lane.site


def put(path: Path, content: bytes) -> None:
    """Another file in the place of this one; it may be a hard link of the store's, which must not change."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def info(site: Path, name: str) -> Path:
    (found,) = site.glob(f"{name}-*.dist-info")
    return found


def test_what_is_whole_is_found_whole(lane: Lane, site: Path) -> None:
    assert lane.judge.readers_view(lane.top) == []
    assert lane.judge.finished(lane.top) == []
    assert lane.judge.orderly(lane.top) == []
    assert lane.judge.untouched(lane.top)
    lane.reset()
    assert lane.judge.readers_view(lane.top) == []
    assert lane.judge.orderly(lane.top) == []
    assert lane.judge.untouched(lane.top)
    assert lane.judge.finished(lane.top)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda site: (site / "alpha" / "same.py").unlink(), "alpha/same.py is missing"),
        (lambda site: put(site / "gamma.py", b"torn"), "gamma.py has other content"),
        (lambda site: put(site / "shared" / "common.py", b"WHOSE = 'gamma 2.0"), "has other content"),
        (lambda site: (site.parents[2] / "bin" / "alpha").unlink(), "bin/alpha is missing"),
        (lambda site: (info(site, "beta") / "INSTALLER").unlink(), "beta-2.0 has no INSTALLER"),
        (lambda site: (info(site, "beta") / "RECORD").unlink(), "RECORD is missing"),
        (lambda site: (site / "beta-1.0.dist-info").mkdir(), "beta-1.0.dist-info is a ghost"),
        (lambda site: shutil.copytree(info(site, "beta"), site / "beta-1.0.dist-info"), "beta is installed twice"),
        (lambda site: put(info(site, "beta") / "METADATA", b"Name: beta\nVersion: 3\n"), "beta 3 is neither"),
    ],
)
def test_what_a_reader_would_find_wrong_is_found(lane: Lane, site: Path, damage: Damage, said: str) -> None:
    damage(site)
    assert said in "\n".join(lane.judge.readers_view(lane.top))


def test_a_loser_may_lack_its_file_but_nothing_else(lane: Lane, site: Path) -> None:
    put(site / "shared" / "common.py", b"WHOSE = 'beta 2.0'\n")
    assert lane.judge.readers_view(lane.top) == []
    put(site / "shared" / "equal.py", b"")
    assert lane.judge.readers_view(lane.top)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda site: (site / "alpha" / "mine.txt").unlink(), "alpha/mine.txt"),
        (lambda site: put(site / "alpha" / "last.py", b""), "alpha/last.py"),
        (lambda site: (site / "alpha" / "removed").mkdir(), "alpha/removed"),
        (lambda site: (site.parents[2] / "bin" / "alpha").chmod(0o644), "bin/alpha"),
        (lambda site: put(site / "__pycache__" / "last.cpython-311.pyc", b""), "stale byte code"),
    ],
)
def test_what_differs_from_an_undisturbed_run_is_found(lane: Lane, site: Path, damage: Damage, said: str) -> None:
    (site / "__pycache__").mkdir(exist_ok=True)
    damage(site)
    assert said in "\n".join(lane.judge.finished(lane.top))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda site: put(site / "alpha" / "last.py", b""), "belongs to nobody"),
        (lambda site: (site / "alpha" / "mine.txt").unlink(), "alpha/mine.txt is gone"),
        (lambda site: shutil.rmtree(info(site, "gamma")), "gamma 1.0 is gone and 2.0 has not come"),
    ],
)
def test_what_an_orderly_end_may_not_leave_is_found(lane: Lane, site: Path, damage: Damage, said: str) -> None:
    damage(site)
    assert said in "\n".join(lane.judge.orderly(lane.top))


@pytest.mark.parametrize(
    ("code", "stderr", "right"),
    [
        (0, "", True),
        (1, "instui: the disk is full\n", True),
        (1, "", False),
        (1, "the disk is full\n", False),
        (1, "instui: one\ninstui: two\n", False),
        (0, "Traceback (most recent call last):\nOSError\n", False),
    ],
)
def test_an_error_is_one_line(code: int, stderr: str, right: bool) -> None:
    assert (said(code, stderr) == []) == right
