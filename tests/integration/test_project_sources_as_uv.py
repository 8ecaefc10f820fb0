"""Projects with a table of sources, to `uv pip install` and to instui: the same must be there after, from there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from support.beside_uv import BesideUv

pytest_plugins = ("support.source_fixtures",)

EDITABLE = 'lib = {path = "../lib", editable = true}'
PLAIN = 'lib = {path = "../lib"}'
OPT = 'opt = {path = "../opt", editable = true, extra = "more"}'
GROUP = '[dependency-groups]\ndev = ["opt"]\n'


@dataclass(frozen=True)
class Case:
    """`sources` is the table of app, where `words` are run; `then` are run after them. `files` are written, too."""

    words: str
    sources: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    then: tuple[str, ...] = ()
    fails: bool = False


CASES = {
    "a path": Case("install .", PLAIN),
    "an editable path, of what is not": Case("install .", EDITABLE),
    "a path that is not editable, of what is": Case(
        "install -e .", 'lib = {path = "../lib", editable = false}', then=("install --reinstall -r pyproject.toml",)
    ),
    "an editable path": Case(
        "install -e .",
        EDITABLE,
        then=("install -e .", "install --reinstall-package lib -r pyproject.toml", "install -U -e ."),
    ),
    "an archive": Case("install -e .", 'lib = {path = "../lib-1.0.tar.gz"}'),
    "a wheel": Case("install -e .", 'lib = {path = "../lib-3-py3-none-any.whl"}'),
    "a URL that is none": Case("install -e .", 'lib = {url = "file://{here}/lib-1.0.tar.gz"}', fails=True),
    "an index": Case(
        "install -e .",
        'lib = {index = "other"}\n[[tool.uv.index]]\nname = "other"\nurl = "../simple"\nexplicit = true',
        then=("install --reinstall -r pyproject.toml",),
    ),
    "an index that is not there": Case("install -e .", 'lib = {index = "nowhere"}', fails=True),
    "a repository": Case("install -e .", 'lib = {git = "file://{here}/repo"}'),
    "a branch of it": Case("install -e .", 'lib = {git = "file://{here}/repo", branch = "main"}'),
    "a commit of it": Case("install -r pyproject.toml", 'lib = {git = "file://{here}/repo", rev = "{commit}"}'),
    "by a marker": Case(
        "install -e .",
        "lib = [{path = '../lib', editable = true, marker = \"sys_platform == 'linux'\"},"
        " {path = '../lib2', marker = \"sys_platform != 'linux'\"}]",
    ),
    "of an extra": Case("install -e .[more]", f"{OPT}\n{PLAIN}", then=("install --exact -e .",)),
    "of an extra of a project": Case("install -r pyproject.toml --extra more", f"{OPT}\n{PLAIN}"),
    "of a group": Case(
        "install --group dev",
        'opt = {path = "../opt", editable = true, group = "dev"}',
        {"app/pyproject.toml": GROUP},
        then=("install --group dev -e .",),
    ),
    "none": Case("install -e . --no-sources", EDITABLE),
    "none, by the variable": Case("install -r pyproject.toml", EDITABLE, env={"UV_NO_SOURCES": "1"}),
    "none of one": Case("install -e .[more] --no-sources-package lib", f'{EDITABLE}\nopt = {{path = "../opt"}}'),
    "of what is a source": Case(
        "install -e ../top",
        EDITABLE,
        {"top/pyproject.toml": '[tool.uv.sources]\napp = {path = "../app", editable = true}\n'},
    ),
    "offline, again": Case("install -e .", EDITABLE, then=("install --offline --reinstall -r pyproject.toml",)),
    "beside a tree that is there, and required by its name": Case(
        "install --no-deps ../top", EDITABLE, {"app/r.txt": "top\n-e .\n"}, then=("install -r r.txt",)
    ),
    "without dependencies": Case("install --no-deps -r pyproject.toml", EDITABLE, then=("install --no-deps -e .",)),
    "editable, and named": Case("install -e . ../lib", EDITABLE),
    "not editable, and named as such": Case("install -e . -e ../lib", PLAIN, fails=True),
    "in another place than what is named": Case("install -e . -e ../lib2", PLAIN, fails=True),
    "no longer editable": Case("install -e ../lib", PLAIN, then=("install -e .", "install ../lib")),
}


@pytest.mark.needs("git")
@pytest.mark.parametrize("name", CASES)
def test_a_source_leads_where_it_leads_uv(name: str, beside: BesideUv) -> None:
    case = CASES[name]
    beside.write(case.files)
    if case.sources:
        beside.write({"app/pyproject.toml": f"[tool.uv.sources]\n{case.sources}\n"})
    assert beside.both(case.words, "app", case.env) != case.fails, beside.said
    for words in case.then:
        assert beside.both(words, "app", case.env)
