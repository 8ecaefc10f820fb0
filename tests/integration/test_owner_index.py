"""The owner index: every RECORD is read once in a session, and what others do meanwhile is seen all the same."""

import os
import random
import socket
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.commit import alone
from instui_engine.commit.commit import Commit
from instui_engine.fs import files
from instui_engine.journal.events import Overwrite
from instui_engine.target import file_owners, owners
from instui_engine.target.file_owners import FileOwners
from instui_engine.target.installed import scan
from instui_engine.target.owners import OwnerIndex, all_of
from support import trees
from support.cli import installed, ok
from support.environments import Venv, install_old_record, one_by_one, planned_environment
from support.wheelsmith import build_wheel

# Runs a command and prints the most memory that it had; not by the one who waits here, as a child begins with its peak.
_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def overlapping(place: Path, count: int) -> list[Path]:
    """Wheels that all ship another `shared.py`."""
    place.mkdir()
    names = [f"dist{number:03}" for number in range(count)]
    return [build_wheel(place, name, "1.0", {"shared.py": name.encode(), f"{name}/m.py": b""}) for name in names]


def index_of(top: Path, undisturbed: Callable[[], object]) -> tuple[OwnerIndex, Path]:
    environment = planned_environment(top)
    site = top / environment.site_packages[0]
    site.mkdir(parents=True, exist_ok=True)
    return OwnerIndex(environment, scan(environment), undisturbed), site


def test_reads_of_records_grow_with_the_number_of_wheels_and_listings_do_not(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "is_settled", lambda changed: True)
    monkeypatch.setattr(alone, "_AGAIN", 0.0)
    reads: Counter[int] = Counter()
    scans: list[object] = []
    read = files.read_regular
    monkeypatch.setattr(owners, "scan", lambda environment: scans.append(environment) or scan(environment))
    sizes = (10, 40)
    for size in sizes:
        target = venv()

        def counted(path: str | os.PathLike[str], *, follow: bool = True, size: int = size) -> bytes:
            reads[size] += os.fspath(path).endswith("/RECORD")
            return read(path, follow=follow)

        monkeypatch.setattr("instui_engine.target.installed.read_regular", counted)
        wheels = overlapping(tmp_path / str(size), size)
        scans.clear()
        target.put(*wheels, jobs=2)
        assert 1 <= len(scans) <= 9  # whatever the number of wheels
        assert len(target.lines.of(Overwrite)) == size - 1
        assert trees.complete(target.site, f"dist{size - 1:03}-1.0")
    assert reads[sizes[1]] <= 2 * sizes[1]
    assert reads[sizes[0]] > 0  # what is counted is what is done


def test_an_index_that_nobody_disturbs_is_kept_by_what_it_is_told(tmp_path: Path) -> None:
    index, site = index_of(tmp_path, lambda: "quiet")
    install_old_record(site, "one", "1.0", ["a.py"])
    assert index.find("one") is not None  # found by its first look
    info = f"{site.relative_to(tmp_path)}/two-1.0.dist-info"
    mark = index.mark()
    with index.changing("two"):
        install_old_record(site, "two", "1.0", ["a.py", "b.py"])
        assert index.newcomers(mark) == []  # as another worker asks: it would read all RECORDs
        index.committed("two", info)
    index.look()
    assert list(index.owners_of(f"{site.relative_to(tmp_path)}/a.py", but="")) == ["one 1.0", "two 1.0"]
    assert index.newcomers(1) == []
    with index.changing("two"):
        (site / "two-1.0.dist-info").rename(tmp_path / "away")
        index.committed("two", "")
    index.look()
    assert not index.is_owned(f"{site.relative_to(tmp_path)}/b.py", but="")


@pytest.mark.parametrize("takes_locks", [True, False], ids=["who takes locks", "who takes none"])
def test_what_somebody_else_installs_or_removes_is_seen(takes_locks: bool, tmp_path: Path) -> None:
    token = 0
    index, site = index_of(tmp_path, lambda: token)
    assert index.find("other") is None
    mark = index.mark()
    install_old_record(site, "other", "1.0", ["a.py"])
    token += takes_locks
    found = index.find("other")
    assert found is not None
    assert index.newcomers(mark) == [found]
    index.look()
    assert index.lists(found, f"{site.relative_to(tmp_path)}/a.py")
    (site / "other-1.0.dist-info").rename(tmp_path / "away")
    token += takes_locks
    assert index.find("other") is None
    assert index.newcomers(mark) == []


def test_a_distribution_that_another_session_installs_between_two_commits_keeps_its_file(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    first, second, rival = overlapping(tmp_path / "w", 3)
    one_by_one(monkeypatch)
    transact = Commit._transact
    met = []

    def between(self: Commit, *arguments: object) -> None:
        transact(self, *arguments)  # type: ignore[arg-type]
        if not met:  # claims of ours are still held; those of the rival meet none of them
            met.append(1)
            alone = build_wheel(tmp_path / "w", "rival", "1.0", {"dist001/m.py": b"of the rival"})
            ok(run_instui("install", "--no-deps", "--ui", "plain", "--python", target.top, alone))

    monkeypatch.setattr(Commit, "_transact", between)
    target.put(first, second, jobs=1)
    assert installed(target.site) == {"dist000": "1.0", "dist001": "1.0", "rival": "1.0"}
    (overwrite,) = [one for one in target.lines.of(Overwrite) if one.path.endswith("dist001/m.py")]
    assert (overwrite.old, overwrite.same) == ("rival 1.0", False)
    assert (target.top / overwrite.kept).read_bytes() == b"of the rival"
    assert rival.exists()


@pytest.mark.parametrize("what", ["fifo", "socket", "directory"])
def test_a_record_that_is_no_regular_file_lists_nothing_and_hangs_nobody(
    what: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    install_old_record(target.site, "odd", "1.0", ["odd.py"])
    record = target.site / "odd-1.0.dist-info" / "RECORD"
    record.unlink()
    if what == "fifo":
        os.mkfifo(record)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(record.parent)
            server.bind("RECORD")
    else:
        record.mkdir()
    (target.site / "shared.py").write_text("nobody's")
    wheels = overlapping(tmp_path / "w", 2)
    ok(run_instui("install", "--no-deps", "--ui", "none", "--python", target.top, *wheels))
    assert installed(target.site) == {"dist000": "1.0", "dist001": "1.0", "odd": "1.0"}
    shown = run_instui("doctor", "--python", target.top)
    assert "odd 1.0" in shown.stdout
    assert run_instui("uninstall", "odd", "--ui", "none", "--python", target.top).returncode == 1


def test_a_large_file_that_is_replaced_is_never_in_memory_as_a_whole(
    venv: Callable[[], Venv], tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    size = 128 << 20
    target = venv()
    chance = random.Random(0)  # so much that it is no zip bomb
    some = b"".join(chance.randbytes(100) + bytes(3996) for _ in range(size // 4096))
    one, two = (
        build_wheel(tmp_path, name, "1.0", {"big.bin": some[:-1] + name[:1].encode(), f"{name}.py": b""})
        for name in ("one", "two")
    )
    command = [sys.executable, "-c", _PEAK, sys.executable, "-m", "instui", "install", "--no-deps", "--no-fsync"]
    command += ["--ui", "none", "--python", str(target.top), str(one), str(two)]
    done = subprocess.run(command, env=clean_environ, capture_output=True, text=True, check=True, timeout=60)
    assert 1 << 20 < int(done.stdout) * (1024 if sys.platform == "linux" else 1) < size
    assert (target.site / "big.bin").stat().st_size == size


def test_paths_that_share_a_hash_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_owners, "hash", lambda key: 0, raising=False)
    index, site = index_of(tmp_path, lambda: "quiet")
    install_old_record(site, "one", "1.0", ["a.py", "both.py"])
    install_old_record(site, "two", "1.0", ["b.py", "both.py"])
    index.look()
    owned = {
        name: list(index.owners_of(f"{site.relative_to(tmp_path)}/{name}", but=""))
        for name in ("a.py", "b.py", "both.py", "none.py")
    }
    assert owned == {"a.py": ["one 1.0"], "b.py": ["two 1.0"], "both.py": ["one 1.0", "two 1.0"], "none.py": []}


def test_paths_of_distributions_are_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_owners, "_ROWS", 500)
    environment = planned_environment(tmp_path)
    site = tmp_path / environment.site_packages[0]
    for number in range(20):
        install_old_record(
            site, f"dist{number}", "1.0", [f"dist{number}/{'long' * 20}{place}.py" for place in range(200)]
        )
    listed = list(all_of(scan(environment)))
    files = FileOwners(environment)
    tracemalloc.start()
    try:
        assert all(map(files.add, listed))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 20 * 200 * 200  # bytes for each path; the paths alone have more
    assert files.of(f"{environment.site_packages[0]}/dist3/{'long' * 20}7.py").popitem()[0].name == "dist3"


def test_what_is_gone_since_the_files_were_read_owns_nothing(tmp_path: Path) -> None:
    environment = planned_environment(tmp_path)
    root = environment.site_packages[0]
    files = FileOwners(environment)
    for name in ("one", "two"):
        install_old_record(tmp_path / root, name, "1.0", ["both.py"])
    for distribution in all_of(scan(environment)):
        files.add(distribution)
    (tmp_path / root / "one-1.0.dist-info").rename(tmp_path / "away")
    index = OwnerIndex(environment, scan(environment), lambda: "quiet", files)
    index.look()
    assert list(index.owners_of(f"{root}/both.py", but="")) == ["two 1.0"]
