"""Editable trees in requirement files, lock files and limits, to uv and to instui: the same must be there after."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from conftest import Run
from support.beside_uv import PLAIN, BesideUv, left_in
from support.cli import ok, run_uv

pytest_plugins = ("support.source_fixtures",)

SOURCES = '[tool.uv.sources]\nlib = {path = "../lib", editable = true}\nopt = {path = "../opt"}\n'
SOURCED = {"app/pyproject.toml": SOURCES}
LOCK = """lock-version = "1.0"
created-by = "hand"
packages = [
  {name = "lib", directory = {path = "../lib", editable = true}},
  {name = "opt", directory = {path = "../opt", editable = false}},
  {name = "app", directory = {path = "."}},
]
"""


@dataclass(frozen=True)
class Case:
    """`words` are run in app, after `files` were written; `then` after them."""

    words: str
    files: Mapping[str, str] = field(default_factory=dict)
    then: tuple[str, ...] = ()
    fails: bool = False


CASES = {
    "in nested files": Case("install -r r.txt", {"app/r.txt": "-r sub/s.txt\n", "app/sub/s.txt": "-e ../lib\n-e .\n"}),
    "with an extra, and by a URL": Case(
        "install -r r.txt", {"app/r.txt": "-e .[more]\n-e lib @ ../lib\n-e file://{here}/opt ; os_name == 'posix'\n"}
    ),
    "a constraint": Case("install -e . -c c.txt", {**SOURCED, "app/c.txt": "lib<2\n"}),
    "a constraint that is broken": Case("install -e . -c c.txt", {**SOURCED, "app/c.txt": "lib>2\n"}, fails=True),
    "a constraint by its place": Case("install -e . -c c.txt", {"app/c.txt": "lib @ file://{here}/lib\n"}),
    "an editable constraint": Case("install -e . -c c.txt", {"app/c.txt": "-e lib @ ../lib\n"}),
    "an editable constraint without a name": Case("install -e . -c c.txt", {"app/c.txt": "-e ../lib\n"}, fails=True),
    "an override": Case("install -e . --overrides o.txt", {**SOURCED, "app/o.txt": "lib @ ../lib2\n"}),
    "an override without a name": Case("install -e . --overrides o.txt", {**SOURCED, "app/o.txt": "../lib2\n"}),
    "an editable override": Case(
        "install -e . --overrides o.txt", {**SOURCED, "app/o.txt": "-e ../lib2\n"}, then=("install -e .",)
    ),
    "an exclude": Case("install -e .[more] --excludes x.txt", {**SOURCED, "app/x.txt": "lib\n"}),
    "exact": Case("install --exact -r pyproject.toml --extra more", SOURCED, then=("install --exact -e ../lib",)),
    "sync of a file": Case("sync r.txt", {"app/r.txt": "-e .\n-e ../lib\nopt\n"}, then=("sync r.txt",)),
    "sync of a file, without what that needs": Case("sync r.txt", {**SOURCED, "app/r.txt": "-e .\n"}),
    "sync of a project": Case(
        "sync pyproject.toml", SOURCED, then=("sync pyproject.toml --extra more", "sync pyproject.toml --no-sources")
    ),
    "sync of a group": Case(
        "sync pyproject.toml --group dev",
        {"app/pyproject.toml": f'[dependency-groups]\ndev = ["opt"]\n{SOURCES}'},
        then=("sync pyproject.toml --group dev --no-sources-package opt",),
    ),
    "sync of a group alone": Case(
        "sync --group dev", {"app/pyproject.toml": f'[dependency-groups]\ndev = ["opt"]\n{SOURCES}'}, fails=True
    ),
    "sync with a constraint": Case("sync pyproject.toml -c c.txt", {**SOURCED, "app/c.txt": "lib>2\n"}, fails=True),
    "sync of a lock file": Case("sync pylock.toml", {"app/pylock.toml": LOCK}, then=("sync pylock.toml",)),
}


@pytest.mark.parametrize("name", CASES)
def test_an_editable_tree_is_what_it_is_for_uv(name: str, beside: BesideUv) -> None:
    case = CASES[name]
    beside.write(case.files)
    assert beside.both(case.words, "app", {}) != case.fails, beside.said
    for words in case.then:
        assert beside.both(words, "app", {})


@pytest.mark.parametrize("kind", ["requirements-txt", "pylock.toml"])
def test_what_uv_exports_is_synced_as_by_uv(kind: str, beside: BesideUv, clean_environ: dict[str, str]) -> None:
    """It has `-e .` for the project, and so for editable members."""
    env = {**clean_environ, "UV_FIND_LINKS": str(beside.here / "links"), "UV_NO_INDEX": "1"}
    project = beside.here / "ws"
    file = project / ("pylock.toml" if kind == "pylock.toml" else "r.txt")
    words = ("export", "--quiet", "--format", kind, "--output-file", file)
    done = run_uv(*words, env={name: value for name, value in env.items() if name != "UV_OFFLINE"}, cwd=project)
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    assert "editable = true" in text or "-e ." in text
    assert beside.both(f"sync {file.name}", "ws", {}), beside.said
    editable = {name for name, (_, origin) in left_in(beside.ours).items() if origin["dir_info"].get("editable")}
    assert editable == {"root", "user", "need"}


@pytest.mark.parametrize(
    "words",
    [
        *((), ("--extra", "more"), ("--all-extras",), ("--group", "late", "--no-dev")),
        ("--no-install-workspace", "--all-extras"),
        ("--no-install-project", "--all-extras"),
    ],
)
def test_the_lock_file_of_a_project_is_synced_as_by_uv(
    words: tuple[str, ...], beside: BesideUv, run_instui: Run, clean_environ: dict[str, str]
) -> None:
    project = beside.here / "app"
    groups = '[dependency-groups]\ndev = ["top"]\nlate = ["opt"]\n'
    beside.write({"app/pyproject.toml": f'{groups}{SOURCES}top = {{path = "../top"}}\n'})
    beside.write({"top/pyproject.toml": '[tool.uv.sources]\napp = {path = "../app", editable = true}\n'})
    for file in beside.here.glob("*/pyproject.toml"):
        file.write_text(file.read_text().replace("\ndependencies", '\nrequires-python = ">=3.9"\ndependencies'))
    env = {name: value for name, value in clean_environ.items() if name != "UV_OFFLINE"} | {"UV_NO_INDEX": "1"}
    done = run_uv("lock", "--quiet", env=env, cwd=project)
    assert done.returncode == 0, done.stderr
    for target in (beside.theirs, beside.ours):
        run_uv("pip", "install", "--python", target.top, beside.here / "links" / "need-0.1-py3-none-any.whl", env=env)
    env |= {"VIRTUAL_ENV": str(beside.theirs.top)}
    done = run_uv("sync", "--frozen", "--active", *words, env=env, cwd=project)
    assert done.returncode == 0, done.stderr
    ok(run_instui("sync", *PLAIN, "--no-index", "--python", beside.ours.top, project / "uv.lock", *words))
    assert left_in(beside.ours) == left_in(beside.theirs)
    assert left_in(beside.ours) or words == ("--no-install-local",)
