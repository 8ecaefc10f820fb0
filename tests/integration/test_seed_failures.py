"""The two failures of the issue that this project comes from, and the wrong success beside them.

Many wheels that ship one file in the root of site-packages, many that create one data directory, and many that ship
one package: installed at once there is never an error, and the last in plan order is complete.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from instui_engine.journal.events import Overwrite, PlanConflict
from support import trees
from support.environments import Venv, jitter
from support.wheelsmith import build_wheel

COUNT = 30
JOBS = 8


def readme(directory: Path, number: int) -> Path:
    """As in the issue: README.md beside the package."""
    name = f"w{number:02}"
    files = {"README.md": f"# {name}\n".encode(), f"{name}/__init__.py": b"", f"{name}/a.py": b"x = 1\n"}
    return build_wheel(directory, name, "1.0", files)


def etc(directory: Path, number: int) -> Path:
    """As in the issue: `etc/` in the data scheme."""
    name = f"w{number:02}"
    data = {
        "data/etc/shared.conf": name.encode(),
        f"data/etc/{name}.conf": name.encode(),
        "data/etc/jupyter/conf.d/same.json": b"{}",
        f"data/etc/jupyter/conf.d/{name}.json": b"{}",
    }
    return build_wheel(directory, name, "1.0", {f"{name}.py": b""}, data=data)


def module(directory: Path, number: int) -> Path:
    """One package in many distributions; every third has a file more, in a directory more."""
    name = f"w{number:02}"
    files = {f"same/m{place:02}.py": f"{name} = {place}\n".encode() for place in range(12)}
    if number % 3 == 0:
        files[f"same/sub{number % 2}/extra.py"] = name.encode()
    return build_wheel(directory, name, "1.0", files)


def nested(directory: Path, number: int) -> Path:
    """A package of which every other distribution has only a part, so that claims contain each other."""
    name = f"w{number:02}"
    files = {f"ns/part/m{place:02}.py": f"{name} = {place}\n".encode() for place in range(8)}
    if number % 2:
        files["ns/__init__.py"] = b""
    return build_wheel(directory, name, "1.0", files)


@pytest.mark.sweep
@pytest.mark.parametrize("kind", [readme, etc, module, nested])
def test_the_last_in_plan_order_wins_whatever_the_timing(
    kind: Callable[[Path, int], Path],
    tmp_path: Path,
    venv: Callable[[], Venv],
    rounds: Callable[[int, int], range],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheels = [kind(tmp_path, number) for number in range(COUNT)]
    jitter(monkeypatch, 0, longest=0.001)
    for seed in rounds(6, 200):
        order = Random(seed).sample(wheels, COUNT)
        check(order, venv())


def check(order: Sequence[Path], target: Venv) -> None:
    target.put(*order, jobs=JOBS)
    assert len(trees.distributions(target.site)) == COUNT
    assert trees.wrong_rows(target.site, order[-1].name.split("-py3")[0]) == []
    assert trees.unlisted(target.site) == []
    assert target.stages() == []


@pytest.mark.parametrize("kind", [readme, etc, module, nested])
def test_existing_files_are_overridden(
    kind: Callable[[Path, int], Path], tmp_path: Path, venv: Callable[[], Venv]
) -> None:
    wheels = [kind(tmp_path, number) for number in range(COUNT)]
    target = venv()
    check(wheels, target)
    target.put(*reversed(wheels), jobs=JOBS, reinstall=True)
    assert trees.complete(target.site, "w00-1.0")
    assert trees.unlisted(target.site) == []


def test_a_directory_of_nobody_is_told_as_such(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    target = venv()
    (target.site / "mod.py").mkdir()
    (target.site / "mod.py" / "file").touch()
    outcome = target.install(build_wheel(tmp_path, "one", "1.0", {"mod.py": b""}))
    assert "mod.py is a file of one 1.0 and a directory of no distribution; " in outcome.error
    (target.site / "pkg").touch()
    outcome = target.install(build_wheel(tmp_path, "two", "1.0", {"pkg/mod.py": b""}))
    assert "pkg is a file of no distribution and a directory of two 1.0; " in outcome.error


def test_what_is_overwritten_by_whom_is_told_before_and_after(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    target = venv()
    target.put(*(readme(tmp_path, number) for number in range(4)), jobs=JOBS)
    path = f"{target.environment.roots['purelib']}/README.md"
    pairs = [(f"w0{n} 1.0", f"w0{n + 1} 1.0") for n in range(3)]
    assert [(e.path, e.first, e.last) for e in target.lines.of(PlanConflict)] == [(path, *pair) for pair in pairs]
    assert [(e.path, e.old, e.new, e.same) for e in target.lines.of(Overwrite)] == [
        (path, *pair, False) for pair in pairs
    ]


def test_equal_content_is_no_conflict(tmp_path: Path, venv: Callable[[], Venv]) -> None:
    target = venv()
    wheels = [
        build_wheel(tmp_path, name, "1.0", {"ns/__init__.py": b"", f"ns/{name}.py": name.encode()}) for name in "abcdef"
    ]
    target.put(*wheels, jobs=JOBS, fail_on_conflict=True)
    assert target.lines.of(PlanConflict) == []
    for name in "abcdef":
        assert trees.complete(target.site, f"{name}-1.0")
