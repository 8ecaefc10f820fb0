"""`instui cache dir` and `instui cache prune`: where unpacked wheels are kept, and removal of unused ones."""

import argparse
from collections.abc import Sequence

from instui.monitor.units import count, size
from instui_engine.errors import printable
from instui_engine.journal.events import Holder

from .output import print_error, print_lines
from .parsed import cache_directory


def run(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    cache = cache_directory(parsed.cache_dir)
    if parsed.action == "dir":
        print_lines([printable(str(cache))])
        return 0
    from instui_engine.store.prune import prune

    freed = prune(cache, parsed.lock_timeout, lambda: False, _on_wait)
    removed = count(freed.entries, "unused wheel")
    print_lines([f"{removed} removed, {size(freed.size)} freed; {count(freed.kept, 'wheel')} in use"])
    return 0


def _on_wait(holders: Sequence[Holder]) -> None:
    from instui_engine.locks.phrases import describe

    print_error(f"waiting for the cache, which is held by {describe(holders)}")
