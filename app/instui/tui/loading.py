"""Loads the screen beside an install, which wants every core: without what Textual loads, but no screen here needs.

What is only called later, or never, is given by a stand-in; see `instui.importing`.
"""

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module

from instui.importing import StandIn, stand_ins

_INSTEAD: Mapping[str, StandIn | None] = {
    # where Textual would save a file; here `saving.py` does
    "platformdirs": StandIn("platformdirs", ["user_downloads_path"]),
    # types that `textual.types` passes on
    "textual.widgets._directory_tree": StandIn("textual.widgets._directory_tree", ["DirEntry"]),
    "textual.widgets._placeholder": StandIn("textual.widgets._placeholder", ["PlaceholderVariant"]),
    "textual.widgets._select": StandIn("textual.widgets._select", ["NoSelection", "SelectType"]),
    # what names notifications, and what shows all colours of a theme
    "uuid": StandIn("uuid", ["uuid4"]),
    "rich.table": StandIn("rich.table", ["Table"]),
    # texts that can be clicked on, and files that are sent to a browser
    "pickle": StandIn("pickle", ["dumps", "loads"]),
    "mimetypes": StandIn("mimetypes"),
    # asyncio does without: a screen has no connections
    "ssl": None,
}


def load() -> None:
    """Load the screen."""
    with suppress(ImportError), stand_ins(_INSTEAD):
        import_module("instui.tui.app")
    import_module("instui.tui.app")  # with all that it wants, if that was too little
