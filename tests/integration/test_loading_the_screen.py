"""Beside an install the screen is loaded without what it does not need; what it needs later is the real thing."""

import argparse
import json
import subprocess
import sys
from typing import Any, cast

import pytest

from instui.cli import fullscreen
from instui.tui import loading

NEEDLESS = {
    *("ssl", "hashlib", "tempfile"),  # OpenSSL is as much as thirty modules of this package
    *("http.client", "urllib.request", "urllib3"),  # they would stay without TLS
    *("platformdirs", "textual.widgets._directory_tree", "textual.widgets._tree"),
    *("textual.widgets._select", "textual.widgets._placeholder", "rich.table"),  # half of a hundredth each
    *("uuid", "pickle", "mimetypes"),
    *("instui.tui.views.help", "instui.tui.views.palette"),  # until they open
    *("instui.tui.views.home", "instui.tui.views.command_line", "instui.tui.host", "instui.monitor.sessions"),
}


def run(program: str) -> Any:
    """What a new Python has printed."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_screen_is_loaded_without_what_it_does_not_need() -> None:
    loaded = set(
        run("import json, sys; from instui.tui.loading import load; load(); print(json.dumps(sorted(sys.modules)))")
    )
    assert {"instui.tui.app", "instui.tui.views.dashboard", "textual.app"} <= loaded
    assert not NEEDLESS & loaded


def test_what_was_left_out_is_there_as_soon_as_it_is_wanted() -> None:
    program = """
import json
from instui.tui.loading import load
load()
import textual.app
saved = str(textual.app.user_downloads_path())  # as Textual imported it
from uuid import UUID
import platformdirs, ssl, textual.types
from rich.style import Style
from rich.table import Table
from textual.design import show_design
from textual.notifications import Notification
from textual.theme import BUILTIN_THEMES
from textual.widgets import DirectoryTree, Select
from instui.tui.views import registry
nord = BUILTIN_THEMES["nord"].to_color_system()
print(json.dumps([
    saved == str(platformdirs.user_downloads_path()), platformdirs.__file__ is not None,
    ssl.create_default_context() is not None, DirectoryTree.__name__ == "DirectoryTree",
    registry.where("type") == "Home",
    Select([]).value is Select.NULL,
    bool(UUID(Notification("").identity)), Style(meta={"a": 1}).meta == {"a": 1},
    isinstance(show_design(nord, nord), Table),
    textual.app.mimetypes.guess_type("a.svg")[0] == "image/svg+xml",
]))
"""
    assert run(program) == [True] * 10


@pytest.mark.parametrize(
    "program",
    [
        # something else of one of these modules
        "from instui.tui import loading\n"
        "with loading.stand_ins(loading._INSTEAD):\n"
        "    from platformdirs import user_cache_path\n"
        "import json; print(json.dumps(user_cache_path.__module__ == 'platformdirs'))",
        # one that it cannot do without
        "from instui.tui import loading; loading._INSTEAD = {'mimetypes': None}; loading.load()\n"
        "import instui.tui.app, json; print(json.dumps(callable(instui.tui.app.run_app)))",
    ],
)
def test_a_textual_that_needs_more_gets_it(program: str) -> None:
    assert run(program) is True


def test_the_screen_of_an_install_is_loaded_like_that(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bool] = []
    monkeypatch.setattr(loading, "load", lambda: loaded.append(True))
    child, signals = cast(Any, argparse.Namespace(ends_within=lambda _: False)), fullscreen._Signals()
    assert fullscreen._opens("screen", child, signals, stay=False)
    assert loaded
