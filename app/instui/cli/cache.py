"""`instui cache dir` and `instui cache prune`: where unpacked wheels are kept, and removing those that nobody uses."""

import argparse
import sys

from instui.monitor.units import count, size
from instui_engine.errors import printable

from .options import cache_directory


def run(parsed: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises InstuiError."""
    cache = cache_directory(parsed.cache_dir)
    if parsed.action == "dir":
        sys.stdout.write(f"{printable(str(cache))}\n")
        return 0
    from instui_engine.store.prune import prune

    freed = prune(cache, parsed.lock_timeout, lambda: False, _tell)
    removed = count(freed.entries, "unused wheel")
    sys.stdout.write(f"{removed} removed, {size(freed.size)} freed; {count(freed.kept, 'wheel')} in use\n")
    return 0


def _tell(holder: str) -> None:
    sys.stderr.write(f"instui: waiting for the cache, which is held by {printable(holder)}\n")
    sys.stderr.flush()
