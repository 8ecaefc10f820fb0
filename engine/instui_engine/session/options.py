"""The options of a session, apart from what it is about."""

import os
from pathlib import Path
from typing import Final, Literal

from instui_engine.fs.cache_directory import default_cache

LinkMode = Literal["hardlink", "copy", "clone", "symlink"]
"""How files of an environment are made from files of the store."""


def default_jobs() -> int:
    """The default number of workers on this machine."""
    return max(2, min(8, os.cpu_count() or 2))


class Options:
    """Options of an install. Each has a default that suits most machines.

    `cache`: where unpacked wheels are kept. `jobs`: the number of workers. `lock_timeout`: seconds to wait for a lock.
    `fail_on_conflict`: different content for one path is an error before the first write. `fsync`: wait for the disk,
    so that a power cut tears nothing. `slow`: see `SlowMotion`. `dry_run`: plan, and write nothing. `journal_file`: the
    journal is written there as well; "" for nowhere. `allow_record`: wheels, as NAME==VERSION, whose RECORD may have
    flaws. `compile_bytecode`: modules are installed with their byte code.
    """

    def __init__(
        self,
        cache: Path | None = None,
        jobs: int | None = None,
        lock_timeout: float = 300.0,
        fail_on_conflict: bool = False,
        link_mode: LinkMode = "hardlink",
        fsync: bool = True,
        slow: float = 0.0,
        dry_run: bool = False,
        journal_file: str = "",
        allow_record: tuple[str, ...] = (),
        compile_bytecode: bool = False,
    ) -> None:
        self.cache: Final = default_cache() if cache is None else cache
        self.jobs: Final = jobs or default_jobs()
        self.lock_timeout: Final = lock_timeout
        self.fail_on_conflict: Final = fail_on_conflict
        self.link_mode: Final = link_mode
        self.fsync: Final = fsync
        self.slow: Final = slow
        self.dry_run: Final = dry_run
        self.journal_file: Final = journal_file
        self.allow_record: Final = allow_record
        self.compile_bytecode: Final = compile_bytecode

    def for_a_trial(self) -> "Options":
        """The same options for a dry run that nobody records."""
        return Options(**{**vars(self), "dry_run": True, "journal_file": ""})
