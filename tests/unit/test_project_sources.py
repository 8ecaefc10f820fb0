"""The project that stands for another one in a build: what it takes over, from whatever is written there."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from instui_engine.build.editable import make_project
from instui_engine.errors import UsageError

PROJECT = '[build-system]\nrequires = ["x"]\nbuild-backend = "b"\n[project]\nname = "one"\nversion = "1"\n'
NOT_ASKED, NO_WORKSPACE = ("/nothing/that/runs",), ("false",)


def made(text: str, tmp_path: Path, uv: tuple[str, ...] = NOT_ASKED) -> Any:
    root, directory = tmp_path / "a ü", tmp_path / "made"
    root.mkdir()
    directory.mkdir()
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    make_project(str(root), directory, "one", uv, {})
    compile((directory / "backend" / "instui_editable_backend.py").read_text(), "backend", "exec")
    return tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('a = {path = "../x y"}', [{"path": "{here}/x y"}]),
        ('a = {path = "/abs/../x"}', [{"path": "/x"}]),
        ('a = {path = "C:\\\\x"}', [{"path": "{here}/a ü/C:\\x"}]),
        ('a = {path = "ö\\n\\u0000\\u007f\\"]"}', [{"path": '{here}/a ü/ö\n\0\x7f"]'}]),
        ('a = {url = "https://h/x?a=[b]#c", marker = "os_name == \'nt\'"}', None),
        ('a = [{index = "i", marker = "x"}, 3]', [{"index": "i", "marker": "x"}]),
        ('a = {git = "g", rev = 2020-01-01, tag = 12:00:01, n = 99999999999999999999, f = inf}', None),
        ("a = {git = {x = [1, {y = true}]}}", None),
        ("a = {path = 3}", None),
    ],
)
def test_sources_keep_their_values_and_only_places_change(written: str, expected: Any, tmp_path: Path) -> None:
    text = f"{PROJECT}[tool.uv.sources]\n{written}\n"
    value = tomllib.loads(text)["tool"]["uv"]["sources"]["a"] if expected is None else expected
    if expected is not None:
        value = [
            {key: text.replace("{here}", str(tmp_path)) if key == "path" else text for key, text in entry.items()}
            for entry in value
        ]
    found = made(text, tmp_path)["tool"]["uv"]["sources"]["a"]
    assert found == (value if isinstance(value, list) else [value])


@pytest.mark.parametrize(
    "written",
    [
        "sources = 3",
        "sources = [1]",
        'sources = {a = "x"}',
        "sources = {a = [3]}",
        'sources = {a = {path = "x", extra = "e"}, b = {path = "x", group = "g"}}',
        "workspace = 3",
        'index = "x"',
    ],
)
def test_what_tells_of_no_source_is_left_out(written: str, tmp_path: Path) -> None:
    assert "tool" not in made(f"{PROJECT}[tool.uv]\n{written}\n", tmp_path)


@pytest.mark.parametrize("uv", [NO_WORKSPACE, ("true",)])
def test_a_workspace_of_which_uv_knows_nothing_is_none(uv: tuple[str, ...], tmp_path: Path) -> None:
    text = f"{PROJECT}[tool.uv]\nworkspace = {{members = [3]}}\nsources = {{a = {{workspace = true}}}}\n"
    assert made(text, tmp_path, uv)["tool"]["uv"] == {"sources": {"a": [{"workspace": True}]}, "index": []}


def test_indexes_come_along_if_there_are_sources(tmp_path: Path) -> None:
    index = (
        '[[tool.uv.index]]\nname = "i"\nurl = "../simple"\ndate = 2020-01-01T00:00:00Z\n[[tool.uv.index]]\nurl = 3\n'
    )
    found = made(f'{PROJECT}[tool.uv.sources]\na = {{index = "i"}}\n{index}', tmp_path)["tool"]["uv"]["index"]
    assert [entry["url"] for entry in found] == [f"{tmp_path}/simple", 3]


@pytest.mark.parametrize("key", ["requires", "backend-path"])
def test_what_is_wrong_about_the_build_is_passed_on(key: str, tmp_path: Path) -> None:
    table = {"requires": '["x"]', "backend-path": '["y"]', key: "3"}
    lines = "".join(f"{name} = {value}\n" for name, value in table.items())
    assert made(f"[build-system]\n{lines}", tmp_path)["build-system"][key] == 3


@pytest.mark.parametrize("text", ["", "build-system = 3\n", "project = [1]\n", "[build-system]\nbuild-backend = 3\n"])
def test_what_names_no_backend_or_no_name_is_made_all_the_same(text: str, tmp_path: Path) -> None:
    assert made(text, tmp_path)["project"] == {"name": "one", "version": "0"}


def test_a_byte_order_mark_is_read_over_as_by_uv(tmp_path: Path) -> None:
    assert made(f"\ufeff{PROJECT}", tmp_path)["build-system"]["requires"] == ["x"]


def test_what_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pyproject\.toml: "):
        made("x = [", tmp_path)
