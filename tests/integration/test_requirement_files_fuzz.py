"""Random requirement files: the engine refuses each or reads it as uv does, or as pip does what uv cannot read."""

from pathlib import Path

import pytest

from support.requirement_fuzz import Playground, disagreement
from support.requirement_writer import Writer

_BATCH = 200  # files that one process of pip reads


@pytest.mark.sweep
def test_a_file_is_refused_or_means_what_it_means_to_uv(
    tmp_path: Path, clean_environ: dict[str, str], sweeping: bool
) -> None:
    (tmp_path / "files").mkdir()
    playground = Playground(tmp_path / "files", clean_environ)
    wrong, read, count = [], 0, 5000 if sweeping else 150
    for start in range(0, count, _BATCH):
        seeds = range(start, min(start + _BATCH, count))
        files = [Writer(seed, playground.top, playground.digests).file() for seed in seeds]
        for seed, case in zip(seeds, playground.cases(files), strict=True):
            read += case.ours is not None
            why = disagreement(case)
            if why:
                wrong.append(f"seed {seed}: {why}: {case}")
    assert wrong == []
    assert read > count / 3  # else most of the files are junk, and the test says little
