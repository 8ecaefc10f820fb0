"""Projects to build wheels from, without an index: each has its own tiny backend in its tree."""

import os
import subprocess
import tarfile
from pathlib import Path

_PYPROJECT = """
[build-system]
requires = []
build-backend = "tiny"
backend-path = ["backend"]

[project]
name = "{name}"
version = "{version}"
dependencies = {requires}

[project.optional-dependencies]
more = {more}
"""
_BACKEND = '''
"""Builds a wheel of `src`. Runs `during.py` first, if there is one, and counts its builds in a file beside the tree."""

import base64, hashlib, json, os, sys, zipfile
from pathlib import Path

FACTS = json.loads(Path("facts.json").read_text())
STEM = f"{FACTS['name'].replace('-', '_')}-{FACTS['version']}"


def _metadata():
    lines = ["Metadata-Version: 2.1", f"Name: {FACTS['name']}", f"Version: {FACTS['version']}", "Provides-Extra: more"]
    lines += [f"Requires-Dist: {text}" for text in FACTS["requires"]]
    lines += [f"Requires-Dist: {text}; extra == 'more'" for text in FACTS["more"]]
    return "\\n".join(lines) + "\\n"


def _wheel(directory, files):
    if os.path.exists("during.py"):
        exec(compile(Path("during.py").read_text(), "during.py", "exec"), {"__name__": "during"})
    if FACTS["counter"]:
        with open(FACTS["counter"], "a") as file:
            file.write(".")
    info = f"{STEM}.dist-info"
    files = {**files, f"{info}/METADATA": _metadata(), f"{info}/WHEEL":
             "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text.encode())}\\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\\n"
    name = f"{STEM}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    files = {path.name: path.read_text() for path in Path("src").glob("*.py")}
    if config_settings:
        files[f"{STEM.partition('-')[0]}_settings.json"] = json.dumps(config_settings)
    return _wheel(wheel_directory, files)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _wheel(wheel_directory, {f"__editable__.{STEM}.pth": os.path.join(os.getcwd(), "src") + "\\n"})
'''


def make_tree(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: list[str] | None = None,
    more: list[str] | None = None,
    during: str = "",
    counter: Path | None = None,
) -> Path:
    """Make a project in `directory` with one module of its name, whose `value` is its version.

    `during` is Python that runs within each build; `counter` gets a dot for each.
    """
    import json

    (directory / "src").mkdir(parents=True)
    (directory / "backend").mkdir()
    pyproject = _PYPROJECT.format(
        name=name, version=version, requires=json.dumps(requires or []), more=json.dumps(more or [])
    )
    (directory / "pyproject.toml").write_text(pyproject)
    (directory / "backend" / "tiny.py").write_text(_BACKEND)
    facts = {"name": name, "version": version, "requires": requires or [], "more": more or []}
    (directory / "facts.json").write_text(json.dumps({**facts, "counter": str(counter or "")}))
    (directory / "src" / f"{name.replace('-', '_')}.py").write_text(f"value = {version!r}\n")
    if during:
        (directory / "during.py").write_text(during)
    return directory


def make_sdist(directory: Path, tree: Path, name: str, version: str = "1.0") -> Path:
    """A source distribution of the project in `tree`, with static metadata."""
    path = directory / f"{name.replace('-', '_')}-{version}.tar.gz"
    (tree / "PKG-INFO").write_text(f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tree, arcname=path.name.removesuffix(".tar.gz"))
    (tree / "PKG-INFO").unlink()
    return path


def make_repository(tree: Path) -> str:
    """Make a git repository of a directory, with one commit of all that is in it; its hash."""

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
        command = ["git", *who, "-c", "init.defaultBranch=main", *arguments]
        variables = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        done = subprocess.run(command, cwd=tree, env=variables, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "all of it")
    return git("rev-parse", "HEAD")
