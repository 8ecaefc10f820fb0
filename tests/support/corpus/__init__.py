"""Odd and hostile wheels, each with its outcome: data for `integration/test_wheels_from_hell.py` and the fuzzers."""

from . import commands, filenames, layout, metadata, paths, records, zip_entries, zip_files
from .model import Case

CASES: tuple[Case, ...] = (
    *zip_files.CASES,
    *zip_entries.CASES,
    *paths.CASES,
    *layout.CASES,
    *records.CASES,
    *metadata.CASES,
    *commands.CASES,
    *filenames.CASES,
)
