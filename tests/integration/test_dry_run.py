"""`--dry-run`: it names what would be done, fetches and unpacks nothing, and writes nothing into the environment."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.wheel.manifest import FORMAT
from support.cli import as_anybody, error_line, everything, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

PLAIN = ("--no-fsync", "--ui", "plain")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A directory of wheels: two versions of alpha, and gamma, which needs delta and shares a file with alpha."""
    place = tmp_path / "index"
    place.mkdir()
    for version in ("1", "2"):
        build_wheel(place, "alpha", version, {"alpha.py": version.encode(), "shared/a.py": b"of alpha"})
    build_wheel(place, "gamma", "1", {"gamma.py": b"", "shared/a.py": b"of gamma"}, requires=["delta"])
    build_wheel(place, "delta", "1", {"delta.py": b""})
    return place


def test_it_names_what_would_be_installed_and_fetches_nothing(
    venv: Callable[[], Venv], index: Path, tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    cache = tmp_path / "cache"
    place = (*PLAIN, "--python", target.top, "--cache-dir", cache, "--no-index", "--find-links", index)
    ok(run_instui("install", *place, "alpha==1", "delta"))
    store = cache / f"store-{FORMAT}"
    before = everything(target.top), everything(store)
    said = ok(run_instui("install", "--dry-run", *place, "alpha==2", "gamma", "delta")).splitlines()
    assert said[1].startswith("would install 2 wheels (planned in ")
    assert sorted(said[2:4]) == ["  alpha 2 (replaces 1)", "  gamma 1"]
    assert said[4:] == [
        "  already installed: delta 1",
        "  2 wheels are not in the cache: their files are not known",
    ]
    assert (everything(target.top), everything(store)) == before
    assert ok(run_instui("install", "--dry-run", "-q", *place, "alpha==2", "gamma", "delta")) == ""
    lines = ok(run_instui("install", "--dry-run", *place, "--ui", "json", "alpha==2", "gamma", "delta")).splitlines()
    events = [json.loads(line) for line in lines]
    added = {(e["wheel"], e["version"], e["cached"]) for e in events if e["event"] == "wheel.added"}
    assert added == {("alpha", "2", False), ("gamma", "1", False)}
    assert {e["wheel"]: e["replaces"] for e in events if e["event"] == "plan.wheel"} == {"alpha": "1", "gamma": ""}
    assert not [e for e in events if e["event"].startswith(("fetch.", "unpack."))]
    assert ok(run_instui("install", "--dry-run", *place, "alpha")) == "already installed: alpha 1; nothing to do\n"


def test_it_foresees_conflicts_and_turns_of_what_is_in_the_cache(
    venv: Callable[[], Venv], index: Path, tmp_path: Path, run_instui: Run
) -> None:
    place = (*PLAIN, "--cache-dir", tmp_path / "cache", "--no-index", "--find-links", index, "alpha", "gamma")
    ok(run_instui("install", "--python", venv().top, *place))
    target = venv()
    said = ok(run_instui("install", "--dry-run", "--python", target.top, *place))
    assert "conflict: site-packages/shared/a.py of alpha 2 would be replaced by gamma 1" in said
    assert "  alpha 2, gamma 1 would take turns at site-packages/shared\n" in said
    assert "would install 3 wheels, 19 files" in said
    assert "not in the cache" not in said
    done = run_instui("install", "--dry-run", "--fail-on-conflict", "-q", "--python", target.top, *place)
    assert "would be replaced" in error_line(done, 3)
    assert not (target.top / ".instui").exists()


def test_a_dry_run_works_where_nothing_can_be_written(
    venv: Callable[[], Venv], index: Path, clean_environ: dict[str, str]
) -> None:
    python = as_anybody()
    if python is None:
        pytest.skip("root cannot give up its capabilities here")
    target = venv()
    target.put(index / "delta-1-py3-none-any.whl")
    before = everything(target.top)
    modes = {path: path.stat().st_mode for path in (target.top, target.site, target.top / ".instui")}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        for words in (
            ["install", "--no-deps", str(index / "alpha-1-py3-none-any.whl")],
            ["uninstall", "delta"],
        ):
            command = [*python, "-m", "instui", words[0], "--dry-run", *PLAIN, "--python", str(target.top), *words[1:]]
            done = subprocess.run(command, capture_output=True, text=True, env=clean_environ, check=False)
            assert "would " in ok(done)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert everything(target.top) == before


def test_uninstall_names_what_would_go(venv: Callable[[], Venv], index: Path, run_instui: Run) -> None:
    target = venv()
    target.put(index / "alpha-1-py3-none-any.whl", index / "delta-1-py3-none-any.whl")
    before = everything(target.top)
    said = ok(run_instui("uninstall", "--dry-run", *PLAIN, "--python", target.top, "delta", "alpha", "nothing"))
    first, second, *names = said.splitlines()
    assert first == "warning: nothing is not installed"
    assert second.startswith("would remove 2 distributions, 15 files (planned in ")
    assert names == ["  delta 1, 7 files", "  alpha 1, 8 files"]
    assert everything(target.top) == before
    assert ok(run_instui("uninstall", "--dry-run", "-q", *PLAIN, "--python", target.top, "delta")) == ""
