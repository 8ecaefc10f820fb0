"""How often uv is asked: each question takes a good part of a small install."""

from hashlib import sha256
from pathlib import Path

import pytest

from instui_engine.journal.events import Warned
from instui_engine.resolve import at_once, uv
from instui_engine.resolve.resolving import Resolving
from instui_engine.resolve.source import Building
from support.builds import Builds
from support.cli import installed
from support.environments import Venv
from support.projects import make_sdist, make_tree
from support.wheelsmith import build_wheel

pytest_plugins = ("support.build_fixtures",)

NEWEST = ("online", "sync", "no cache", "a link")  # where nothing asks for the older version
SOURCES = '\n[tool.uv.sources]\nlib = { path = "../lib" }\n'


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of `uv pip` that were run."""
    found: list[str] = []
    run = uv.finished

    def noted(command: list[str], *more: object, **options: object) -> object:
        found.append(command[2])
        return run(command, *more, **options)  # type: ignore[arg-type]

    for module in (uv, at_once):
        monkeypatch.setattr(module, "finished", noted)
    return found


@pytest.mark.parametrize("editable", [False, True])
@pytest.mark.parametrize(
    ("requires", "sources", "expected"),
    [
        ([], "", ["install"]),
        ([], SOURCES, ["install", "compile"]),
        (["lib"], "", ["install", "compile"]),
        (["lib"], SOURCES, ["install", "compile"]),
    ],
)
def test_a_tree_without_sources_needs_no_further_question(
    editable: bool,
    requires: list[str],
    sources: str,
    expected: list[str],
    asked: list[str],
    builds: Builds,
    target: Venv,
    tmp_path: Path,
) -> None:
    make_tree(tmp_path / "lib", "lib")
    build_wheel(tmp_path / "lib", "lib", "0.1", {"lib.py": b""})
    tree = make_tree(tmp_path / "app", "app", requires=requires)
    with (tree / "pyproject.toml").open("a") as file:
        file.write(sources)
    chosen = {"find_links": (str(tmp_path / "lib"),)}
    if editable:
        builds.put(building=Building(editables=(str(tree),)), **chosen)
    else:
        builds.put(tree, **chosen)
    assert asked == expected
    assert installed(target.site) == {"app": "1.0"} | ({"lib": "1.0" if sources else "0.1"} if requires else {})


def test_a_table_of_a_workspace_above_counts(asked: list[str], builds: Builds, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[tool.uv.workspace]\nmembers = ["app"]\n{SOURCES}')
    builds.put(make_tree(tmp_path / "app", "app"))
    assert asked == ["install", "compile"]


def test_wheels_alone_are_decided_on_and_located(asked: list[str], builds: Builds, tmp_path: Path) -> None:
    build_wheel(tmp_path, "lib", "0.1", {"lib.py": b""})
    builds.put("lib", find_links=(str(tmp_path),))
    assert asked == ["install", "compile"]


@pytest.fixture
def links(tmp_path: Path) -> dict[str, object]:
    """A request that needs no index, and may fetch nothing."""
    place = tmp_path / "links"
    place.mkdir()
    build_wheel(place, "app", "1.0", {"app.py": b""}, requires=["lib"])
    build_wheel(place, "lib", "0.1", {"lib.py": b""})
    build_wheel(place, "lib", "0.2", {"lib.py": b""})
    return {"find_links": (str(place),), "offline": True}


def test_into_an_empty_environment_one_question_is_enough(
    asked: list[str], builds: Builds, target: Venv, links: dict[str, object]
) -> None:
    builds.put("app", **links)
    assert asked == ["compile"]
    assert installed(target.site) == {"app": "1.0", "lib": "0.2"}


def test_without_dependencies_what_else_is_there_does_not_matter(
    asked: list[str], builds: Builds, target: Venv, links: dict[str, object], tmp_path: Path
) -> None:
    target.put(build_wheel(tmp_path, "other", "1.0", {"other.py": b""}))
    builds.put("lib==0.1", no_deps=True, **links)
    assert asked == ["compile"]
    asked.clear()
    builds.put("lib", "app", no_deps=True, **links)
    assert asked == ["install", "compile"]
    assert installed(target.site) == {"app": "1.0", "lib": "0.1", "other": "1.0"}


def test_what_is_there_may_stay_so_uv_sees_it(
    asked: list[str], builds: Builds, target: Venv, links: dict[str, object]
) -> None:
    builds.put("lib==0.1", **links)
    asked.clear()
    builds.put("app", **links)
    assert asked == ["install", "compile"]
    assert installed(target.site) == {"app": "1.0", "lib": "0.1"}


@pytest.mark.parametrize(
    "case",
    [
        *("online", "constraints", "hashes", "a path", "uv's settings", "uv's variables", "an override", "an option"),
        *("sync", "a bound", "no cache", "a link"),
    ],
)
def test_whatever_the_two_questions_treat_differently_is_asked_as_usual(
    case: str,
    asked: list[str],
    builds: Builds,
    target: Venv,
    links: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more, words, limits = dict(links), ["lib"], tmp_path / "limits.txt"
    limits.write_text("lib==0.1\n")
    match case:
        case "online":
            more["offline"] = False
        case "constraints":
            more["constraint_files"] = (str(limits),)
        case "an option":
            more["resolving"] = Resolving(resolution="lowest")
        case "an override":
            more["resolving"] = Resolving(overrides=(str(limits),))
        case "hashes":
            (wheel,) = (tmp_path / "links").glob("lib-0.1-*")
            limits.write_text(f"lib==0.1 --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n")
            words, more["requirement_files"] = [], (str(limits),)
        case "a path":
            words = [str(next((tmp_path / "links").glob("lib-0.1-*"))), "app"]
        case "uv's settings":
            (tmp_path / "uv.toml").write_text('[pip]\nresolution = "lowest"\n')
            monkeypatch.chdir(tmp_path)
        case "uv's variables":
            monkeypatch.setenv("UV_CONSTRAINT", str(limits))
        case "no cache":
            for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("HOME", str(tmp_path / "none"))
        case "a link":
            (target.site / "dev.egg-link").write_text("/somewhere/dev\n.")
        case "sync":
            more["exact"] = True
        case "a bound":
            more["upgrade_packages"] = ("lib<0.2",)
    builds.put(*words, **more)
    assert asked[0] in ("install", "sync")
    assert installed(target.site)["lib"] == ("0.2" if case in NEWEST else "0.1")


def test_what_uv_warns_of_is_told_after_one_question_too(
    asked: list[str], builds: Builds, links: dict[str, object]
) -> None:
    builds.put("lib[more]", **links)
    assert asked == ["compile"]
    (warned,) = builds.lines.of(Warned)
    assert "extra named `more`" in warned.text


def test_what_is_wrong_is_said_by_the_usual_question(
    asked: list[str], builds: Builds, links: dict[str, object]
) -> None:
    failed = [builds.install("lib==3", **(links | {"offline": offline})) for offline in (True, False)]
    assert asked == ["compile", "install", "install"]
    assert [outcome.exit_code for outcome in failed] == [1, 1]
    assert "you require lib==3" in failed[0].error


def test_that_a_hash_is_missing_is_said_by_the_usual_question(
    asked: list[str], builds: Builds, links: dict[str, object]
) -> None:
    assert builds.install("lib==0.1", require_hashes=True, **links).exit_code != 0
    assert asked == ["install"]


def test_what_has_to_be_built_is_asked_for_as_usual(
    asked: list[str], builds: Builds, target: Venv, links: dict[str, object], tmp_path: Path
) -> None:
    make_sdist(tmp_path / "links", make_tree(tmp_path / "tree", "built"), "built")
    builds.put("built", **links)
    assert asked == ["compile", "install", "compile"]
    assert installed(target.site) == {"built": "1.0"}
