"""Members of a workspace, to `uv pip install` and to instui: what they need, also to be built, is what uv takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from support.beside_uv import BesideUv

pytest_plugins = ("support.source_fixtures",)


@dataclass(frozen=True)
class Case:
    """`words` are run in `at`, after `files` were written."""

    words: str
    files: Mapping[str, str] = field(default_factory=dict)
    at: str = "ws"
    fails: bool = False


NAMED_EXTRA = '[tool.uv.extra-build-dependencies]\nneed = ["lib"]\n'
CASES = {
    "a member": Case("install -e packages/user"),
    "a member from elsewhere": Case("install -e ../ws/packages/user", at="app"),
    "a member from its own directory": Case("install -e .", at="ws/packages/user"),
    "two members": Case("install -e packages/user -e packages/need"),
    "a member that is not editable": Case("install packages/user"),
    "the root": Case("install -e ."),
    "the root as a project": Case("install -r pyproject.toml"),
    "a group of the root": Case("install --group dev"),
    "by a repository": Case(
        "install -r r.txt", {"app/r.txt": "user @ git+file://{here}/repows#subdirectory=packages/user\n"}, at="app"
    ),
    "without sources": Case("install -e packages/user --no-sources"),
    "no member that says it is one": Case(
        "install -e .", {"lib/pyproject.toml": "[tool.uv.sources]\nopt = {workspace = true}\n"}, at="lib"
    ),
    "built, by the table of the root": Case("install -e packages/inherits"),
    "built as an ordinary wheel": Case("install packages/inherits"),
    "built, by its own table": Case("install -e ws/packages/own", at="."),
    "built with what its backend asks for": Case("install -e packages/asks"),
    "built with what an index of the root has": Case("install -e packages/indexed"),
    "built with a member that is said to be on an index": Case("install -e packages/wrong", fails=True),
    "built outside of the workspace, though below it": Case("install -e packages/excluded"),
    "built without sources": Case("install -e packages/own --no-sources", fails=True),
    "built within bounds": Case("install -e packages/own --build-constraints b.txt", {"ws/b.txt": "need<2\n"}),
    "built out of bounds": Case(
        "install -e packages/own --build-constraints b.txt", {"ws/b.txt": "need>2\n"}, fails=True
    ),
    "built with what the settings add": Case(
        "install -e packages/need", {"ws/pyproject.toml": NAMED_EXTRA, "ws/packages/need/during.py": "import lib\n"}
    ),
    "built with variables that the settings add": Case(
        "install -e packages/need",
        {
            "ws/pyproject.toml": '[tool.uv.extra-build-variables]\nneed = { VALUE = "1" }\n',
            "ws/packages/need/during.py": "import os\nassert os.environ['VALUE'] == '1'\n",
        },
    ),
    "built with the root": Case("install -e packages/rooted"),
    "built, and not allowed": Case("install --no-build packages/own", fails=True),
    "built editable, which always is": Case("install --no-build -e packages/user"),
}


@pytest.mark.needs("git")
@pytest.mark.parametrize("name", CASES)
def test_a_member_gets_what_it_gets_from_uv(name: str, beside: BesideUv) -> None:
    case = CASES[name]
    beside.write(case.files)
    assert beside.both(case.words, case.at, {}) != case.fails, beside.said


def test_a_member_behind_a_link_is_one(beside: BesideUv) -> None:
    (beside.here / "link").symlink_to("ws")
    assert beside.both("install -e link/packages/own -e link/packages/rooted", ".", {}), beside.said
