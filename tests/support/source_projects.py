"""Small projects that need each other: `lib` in many places, and a workspace. Nothing of it is on an index of anybody.

app             needs lib, and opt for its extra `more`; it has no table of sources: a case writes one
top             needs app
lib lib2 opt    trees; lib2 is a lib 2.0
lib-1.0.tar.gz lib-3-py3-none-any.whl
links           wheels of lib, opt and need, all 0.1
simple          an index with lib, helper 7
repo repows     repositories: lib, and the workspace
ws              a workspace: root needs user, user needs need; the others need something to be built
"""

import shutil
from pathlib import Path

from support.projects import make_repository, make_sdist, make_tree
from support.wheelsmith import build_wheel

ROOT = """
[dependency-groups]
dev = ["need"]
[tool.uv.workspace]
members = ["packages/*"]
exclude = ["packages/excluded"]
[tool.uv.sources]
need = { workspace = true }
user = { workspace = true }
root = { workspace = true }
[[tool.uv.index]]
name = "other"
url = "../simple"
explicit = true
"""


def make_all(here: Path) -> None:
    """Make all of it in `here`, which is empty."""
    make_tree(here / "app", "app", requires=["lib"], more=["opt"])
    make_tree(here / "top", "top", requires=["app"])
    for directory, name, version in (("lib", "lib", "1.0"), ("lib2", "lib", "2.0"), ("opt", "opt", "1.0")):
        make_tree(here / directory, name, version)
    make_sdist(here, here / "lib", "lib")
    build_wheel(here, "lib", "3", {"lib.py": b""})
    (here / "links").mkdir()
    for name in ("lib", "opt", "need"):
        build_wheel(here / "links", name, "0.1", {f"{name}.py": b"value = '0.1'\n"})
    for name in ("lib", "helper"):
        (here / "simple" / name).mkdir(parents=True)
        wheel = build_wheel(here / "simple" / name, name, "7", {f"{name}.py": b"value = '7'\n"})
        page = f'<!DOCTYPE html><html><body><a href="{wheel.name}">{wheel.name}</a></body></html>'
        (wheel.parent / "index.html").write_text(page)
    _workspace(here / "ws")
    shutil.copytree(here / "lib", here / "repo")
    shutil.copytree(here / "ws", here / "repows")


def make_repositories(here: Path) -> str:
    """Make repositories of what is there for that; the commit of the one with lib."""
    make_repository(here / "repows")
    return make_repository(here / "repo")


def _workspace(ws: Path) -> None:
    make_tree(ws, "root", requires=["user"])
    append(ws / "pyproject.toml", ROOT)
    packages = ws / "packages"
    make_tree(packages / "need", "need")
    make_tree(packages / "user", "user", requires=["need"])
    for name, source in (("inherits", ""), ("own", "need = { workspace = true }")):
        _built_with(packages / name, name, "need", "1.0", source)
    _built_with(packages / "indexed", "indexed", "helper", "7", 'helper = { index = "other" }')
    _built_with(packages / "rooted", "rooted", "root", "1.0", "")
    _built_with(packages / "wrong", "wrong", "need", "0.1", 'need = { index = "other" }')
    _built_with(packages / "excluded", "excluded", "need", "0.1", "")
    _built_with(packages / "asks", "asks", "", "1.0", "")
    asks = '\n\ndef get_requires_for_build_wheel(config_settings=None):\n    return ["need"]\n\n\n'
    with (packages / "asks" / "backend" / "tiny.py").open("a") as backend:
        backend.write(f"{asks}get_requires_for_build_editable = get_requires_for_build_wheel\n")
    (packages / "asks" / "during.py").write_text("import need\nassert need.value == '1.0', need.value\n")


def _built_with(tree: Path, name: str, needs: str, version: str, source: str) -> None:
    """A project whose build fails without just that version."""
    during = f"import {needs}\nassert {needs}.value == {version!r}, {needs}.value\n" if needs else ""
    make_tree(tree, name, during=during)
    file = tree / "pyproject.toml"
    file.write_text(file.read_text().replace("requires = []", f"requires = {[needs] if needs else []}", 1))
    if source:
        append(file, f"\n[tool.uv.sources]\n{source}\n")


def append(file: Path, text: str) -> None:
    """Add to the end of a file."""
    with file.open("a") as opened:
        opened.write(text)
