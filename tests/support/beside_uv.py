"""The same command to uv and to instui, in two equal environments: what is there afterwards, and from where."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conftest import Run
from support.cli import installed, run_uv
from support.environments import Venv
from support.source_projects import make_repositories

PLAIN = ("--no-fsync", "--ui", "plain")


class BesideUv:
    """Two equal environments, and one directory `here` in which both programs work. `said`: the last words of both."""

    def __init__(self, venv: Callable[[], Venv], run: Run, env: Mapping[str, str], here: Path) -> None:
        self.theirs, self.ours = venv(), venv()
        self.here = here
        self.said = ""
        self._run = run
        self._env = dict(env)

    def write(self, files: Mapping[str, str]) -> None:
        """Write files; one that is there grows. `{here}` and `{commit}` are filled in."""
        is_asked_for = any("/repo" in text for text in files.values())
        commit = make_repositories(self.here) if is_asked_for else ""
        for name, text in files.items():
            file = self.here / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as opened:
                opened.write(text.replace("{here}", str(self.here)).replace("{commit}", commit))

    def both(self, words: str, at: str, env: Mapping[str, str]) -> bool:
        """Run `uv pip WORDS` and `instui WORDS`, which must leave the same; whether they went well."""
        command, *rest = words.split(" ")
        env = {**self._env, **env}
        place = self.here / at
        theirs = run_uv("pip", command, "--python", self.theirs.top, *rest, env=env, cwd=place)
        ours = self._run(command, *PLAIN, "--python", self.ours.top, *rest, env=env, cwd=place)
        self.said = (
            f"{words}\nuv: {theirs.returncode} {theirs.stderr}\ninstui: {ours.returncode} {ours.stderr}{ours.stdout}"
        )
        assert "Traceback" not in ours.stderr, self.said
        assert (ours.returncode == 0) == (theirs.returncode == 0), self.said
        assert left_in(self.ours) == left_in(self.theirs), self.said
        return ours.returncode == 0


def left_in(target: Venv) -> dict[str, tuple[str, Any]]:
    """Of each distribution its version, and what is recorded about where it came from."""
    origins = {}
    for path in target.site.glob("*.dist-info/direct_url.json"):
        origin = json.loads(path.read_text())
        if "archive_info" in origin:
            origin["archive_info"] = {}  # uv records no hash
        origins[path.parent.name.partition("-")[0].replace("_", "-")] = origin
    return {name: (version, origins.get(name)) for name, version in installed(target.site).items()}


def without_indexes(env: Mapping[str, str], here: Path) -> dict[str, str]:
    """Variables under which both read the user's settings, and find nothing but what lies in `here`."""
    (here / "nothing").mkdir(exist_ok=True)
    places = {"UV_DEFAULT_INDEX": f"file://{here}/nothing", "UV_FIND_LINKS": os.fspath(here / "links")}
    return {**env, "UV_NO_CONFIG": "0", "UV_OFFLINE": "0", **places}
