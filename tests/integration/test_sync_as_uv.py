"""The same files to `uv pip sync` and to `instui sync`, in two equal environments: the same must be there after."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from support import trees
from support.cli import error_line, fingerprints, installed, ok, run_uv
from support.environments import Venv
from support.wheelsmith import build_wheel

INDEXED = {
    ("alpha", "1"): [],
    ("alpha", "2"): [],
    ("beta", "1"): ["alpha"],
    ("gamma", "1"): [],
    ("extra", "1"): ["gamma; extra == 'more'"],
    ("pip", "1"): [],
    ("wheel", "1"): [],
    ("setuptools", "1"): [],
    ("uv", "1"): [],
}
PLAIN = ("--no-fsync", "--ui", "plain")
BY_UV = "home = /usr/bin\nuv = 0.13.9\n"


@dataclass(frozen=True)
class Case:
    """`listed`: the requirement file. `before`: what uv installs first. `made`: more lines of `pyvenv.cfg`."""

    listed: str
    before: str = "alpha==1 beta"
    made: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    arguments: str = "r.txt"
    fails: bool = False


LOCKED = 'lock-version = "1.0"\ncreated-by = "a test"\n[[packages]]\nname = "alpha"\nversion = "2"\n' + (
    'wheels = [{{name = "alpha-2-py3-none-any.whl", path = "{index}/alpha-2-py3-none-any.whl", '
    'hashes = {{sha256 = "{digest}"}}}}]\n'
)
PROJECT = '[project]\nname = "project"\nversion = "1"\ndependencies = ["beta", "alpha<2"]\n'
CASES = {
    "another version, and one goes": Case("alpha==2\n"),
    "the newest, whatever is there": Case("alpha\n"),
    "no dependency comes": Case("beta\n", "gamma"),
    "a dependency that is there goes": Case("beta==1\n"),
    "no dependency of an extra comes": Case("extra[more]\n", ""),
    "nothing to do": Case("alpha==1\nbeta==1\n"),
    "only removals": Case("beta==1\n"),
    "a marker that does not hold": Case("gamma\nalpha==1; sys_platform == 'win32'\n"),
    "a path": Case("{index}/alpha-2-py3-none-any.whl\n"),
    "a path in the place of an index": Case("{index}/alpha-1-py3-none-any.whl\nbeta\n"),
    "a constraint": Case("alpha\n", files={"c.txt": "alpha<2\n"}, arguments="r.txt -c c.txt"),
    "again": Case("alpha==1\n", arguments="r.txt --reinstall"),
    "two files": Case("alpha==1\n", files={"more.txt": "gamma\n"}, arguments="r.txt more.txt"),
    "a project": Case("", files={"pyproject.toml": PROJECT}, arguments="pyproject.toml"),
    "a project and a file": Case("gamma\n", files={"pyproject.toml": PROJECT}, arguments="pyproject.toml r.txt"),
    "two versions": Case("alpha==1\nalpha==2\n", fails=True),
    "no such version": Case("alpha==7\n", fails=True),
    "hashes": Case("alpha==2 --hash=sha256:{digest}\n", arguments="r.txt --require-hashes"),
    "no hashes": Case("alpha==2\n", arguments="r.txt --require-hashes", fails=True),
    "an empty file": Case("# nothing\n", fails=True),
    "an empty file, and that is meant": Case("# nothing\n", arguments="r.txt --allow-empty-requirements"),
    "a lock file": Case("", files={"pylock.toml": LOCKED}, arguments="pylock.toml"),
    "a lock file and another one": Case(
        "beta\n", files={"pylock.toml": LOCKED}, arguments="pylock.toml r.txt", fails=True
    ),
    "seeds": Case("beta\n", "pip wheel setuptools uv gamma"),
    "seeds that are listed": Case("pip\n", "pip wheel gamma"),
    "seeds where uv made it": Case("beta\n", "pip wheel setuptools uv gamma", BY_UV),
    "seeds where uv made it with them": Case("beta\n", "pip wheel setuptools uv gamma", f"{BY_UV}seed = True\n"),
    "seeds by a lock file": Case("", "pip gamma", files={"pylock.toml": LOCKED}, arguments="pylock.toml"),
    "seeds by a lock file where uv made it": Case(
        "", "pip gamma", BY_UV, files={"pylock.toml": LOCKED}, arguments="pylock.toml"
    ),
    "all seeds of an empty file": Case("", "pip gamma", arguments="r.txt --allow-empty-requirements"),
    "all of an empty file where uv made it": Case("", "pip gamma", BY_UV, arguments="r.txt --allow-empty-requirements"),
}
AGAIN = ("another version, and one goes", "a path in the place of an index", "a lock file", "seeds where uv made it")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("index")
    for (name, version), requires in INDEXED.items():
        build_wheel(place, name, version, {f"{name}.py": version.encode()}, requires=requires)
    return place


@pytest.mark.parametrize("name", CASES)
def test_what_is_left_is_what_uv_leaves(
    name: str,
    index: Path,
    venv: Callable[[], Venv],
    run_instui: Run,
    clean_environ: dict[str, str],
    tmp_path: Path,
) -> None:
    case = CASES[name]
    digest = hashlib.sha256((index / "alpha-2-py3-none-any.whl").read_bytes()).hexdigest()
    for file, text in {"r.txt": case.listed, **case.files}.items():
        (tmp_path / file).write_text(text.format(index=index, digest=digest) if "{" in text else text)
    places = ("--no-index", "--find-links", str(index))
    theirs, ours = venv(), venv()
    for target in (theirs, ours):
        with (target.top / "pyvenv.cfg").open("a") as settings:
            settings.write(case.made)
        if case.before:
            words = ("--no-deps", "--python", target.top, *places, *case.before.split())
            done = run_uv("pip", "install", *words, env=clean_environ, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
    before = trees.tree(ours.top)
    words = case.arguments.split()
    expected = run_uv("pip", "sync", "--python", theirs.top, *places, *words, env=clean_environ, cwd=tmp_path)
    done = run_instui("sync", *PLAIN, "--python", ours.top, *places, *words, cwd=tmp_path)
    # what uv ends with "nothing is listed", and code 0, is an error here
    assert (expected.returncode != 0 or "No requirements found" in expected.stderr) == case.fails, expected.stderr
    assert (done.returncode != 0) == case.fails, (done.stderr, expected.stderr)
    assert installed(ours.site) == installed(theirs.site)
    if case.fails:
        assert trees.differences(trees.tree(ours.top), before) == []
        return
    if name in AGAIN:
        there = fingerprints(ours.top)
        ok(run_instui("sync", *PLAIN, "--python", ours.top, *places, *words, cwd=tmp_path))
        assert fingerprints(ours.top) == there


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_lock_that_is_out_of_date_is_refused_if_it_is_to_be_locked(
    by_variable: bool, index: Path, venv: Callable[[], Venv], run_instui: Run, clean_environ: Any, tmp_path: Path
) -> None:
    """And it is taken as it is otherwise, as it is never written."""
    text = '[project]\nname = "own"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["alpha"]\n'
    project, lock = tmp_path / "pyproject.toml", tmp_path / "uv.lock"
    project.write_text(f"{text}[tool.uv]\npackage = false\n")
    env = {name: value for name, value in clean_environ.items() if name != "UV_OFFLINE"}
    assert run_uv("lock", "--no-index", "--find-links", index, env=env, cwd=tmp_path).returncode == 0
    target, before = venv(), lock.read_bytes()
    places = ("--no-index", "--find-links", index)
    command = ("sync", *PLAIN, "--python", target.top, *places, lock, *([] if by_variable else ["--locked"]))
    env |= {"UV_LOCKED": "1"} if by_variable else {}
    ok(run_instui(*command, env=env))
    assert installed(target.site) == {"alpha": "2"}
    project.write_text(project.read_text().replace("alpha", "gamma"))
    error = error_line(run_instui(*command, env=env), 2)
    assert "needs to be updated" in error
    assert installed(target.site) == {"alpha": "2"}
    ok(run_instui(*(word for word in command if word != "--locked"), "--frozen", env=env))
    assert lock.read_bytes() == before
    assert "--frozen" in error_line(run_instui("sync", lock, "--locked", "--frozen"), 2)
    if by_variable:  # it is about no other file
        (tmp_path / "r.txt").write_text("gamma\n")
        ok(run_instui("sync", *PLAIN, "--python", target.top, *places, tmp_path / "r.txt", env=env))


def test_the_lock_of_a_project_is_what_uv_locked(
    index: Path, venv: Callable[[], Venv], run_instui: Run, clean_environ: dict[str, str], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "own"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["beta"]\n'
        '[dependency-groups]\ndev = ["gamma"]\n[tool.uv]\npackage = false\n'
    )
    places = ("--no-index", "--find-links", str(index))
    env = {name: value for name, value in clean_environ.items() if name != "UV_OFFLINE"}
    locked = run_uv("lock", *places, env=env, cwd=project)
    assert locked.returncode == 0, locked.stderr
    target = venv()
    target.put(build_wheel(tmp_path, "goes", "1", {"goes.py": b""}))
    command = ("sync", *PLAIN, "--no-index", "--python", target.top, project / "uv.lock")
    ok(run_instui(*command))
    assert installed(target.site) == {"alpha": "2", "beta": "1", "gamma": "1"}
    ok(run_instui(*command, "--no-dev"))
    assert installed(target.site) == {"alpha": "2", "beta": "1"}
    for words in (["--no-dev"], ["--locked"]):
        assert "uv.lock" in error_line(run_instui(*command[:-1], project / "pyproject.toml", *words), 2)
    (project / "uv.lock").write_text("version = 1\n[[package]]\n")
    assert "uv.lock" in error_line(run_instui(*command), 2)
