"""`instui cache dir` and `instui cache prune`: where unpacked wheels are kept, and removal of unused ones."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from instui.monitor.units import count, size
from instui_engine.errors import InstuiError, printable
from instui_engine.journal.events import Holder

from .output import print_error, print_lines
from .parsed import cache_directory

_NOTES = {"entry": "", "built": " (as it was built)", "rest": " (no wheel)"}  # the last is in no count of wheels


def run(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit code. Raises InstuiError."""
    cache = cache_directory(parsed.cache_dir)
    if parsed.action == "dir":
        print_lines([printable(str(cache))])
        return 0
    if cache.exists() and not cache.is_dir():
        raise InstuiError(f"{printable(str(cache))} is not a directory, so there is no cache in it")
    from instui_engine.store.prune import prune

    if parsed.dry_run:
        return _foretell(cache)
    freed = prune(cache, parsed.lock_timeout, lambda: False, _on_wait)
    removed = _wheels(freed.entries, freed.built)
    if parsed.quiet:
        return 0
    print_lines([f"{removed} removed, {size(freed.size)} freed; {count(freed.kept, 'wheel')} in use"])
    return 0


def _foretell(cache: Path) -> int:
    """Say what would go, the largest first."""
    from instui_engine.locks.holders import holders_of
    from instui_engine.locks.phrases import describe
    from instui_engine.store.gc_lock import lock_file
    from instui_engine.store.prune import foresee

    doomed, kept = foresee(cache)
    doomed.sort(key=lambda one: (-one.size, one.what))
    kinds = [one.kind for one in doomed]
    lines = [f"{size(one.size):>8}  {printable(one.what)}{_NOTES[one.kind]}" for one in doomed if one.size]
    unused = _wheels(kinds.count("entry"), kinds.count("built"))
    freed = size(sum(one.size for one in doomed))
    print_lines([*lines, f"{unused} would be removed, {freed} freed; {count(kept, 'wheel')} in use"])
    if holders := holders_of(lock_file(cache)):
        print_error(f"of that, running installs may still use some, and prune waits for them: {describe(holders)}")
    return 0


def _wheels(entries: int, built: int) -> str:
    return count(entries, "unused wheel") + (f" and {count(built, 'build')}" if built else "")


def _on_wait(holders: Sequence[Holder]) -> None:
    from instui_engine.locks.phrases import describe

    print_error(f"waiting for the cache, which is held by {describe(holders)}")
