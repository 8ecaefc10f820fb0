"""The process under the full screen, as the screen sees it."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from instui.cli.child import PRIVATE_JOURNAL_FLAG, Child


@pytest.fixture(autouse=True)
def _started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No copies of the process that runs the tests; see `test_forked.py`."""
    monkeypatch.setattr("instui.cli.child.possible", lambda: False)


def test_a_pause_of_a_dry_run_is_refused_with_its_reason(tmp_path: Path) -> None:
    arguments = ["install", PRIVATE_JOURNAL_FLAG, os.devnull, "--help"]
    with closing(Child(arguments, "identity", tmp_path / "journal")) as child:
        child.pause()
        assert child.refusal() == "cannot pause the install: it is a dry run, which commits nothing"
        assert child.wait() == 0


def test_the_end_of_the_child_is_seen_while_it_is_waited_for(tmp_path: Path) -> None:
    with closing(Child(["install", "--help"], "identity", tmp_path / "journal")) as child:
        assert not child.began()
        assert child.ends_within(60)
        assert child.ends_within(0)
        assert child.exit_code() == 0
        assert not child.began()
