"""The URL in direct_url.json: no credentials, and all that is needed to get the same again."""

import json
from pathlib import Path

import pytest

from instui_engine.resolve.origin import is_commit_of, origin_of, source_url
from instui_engine.resolve.source import Source
from instui_engine.target.installed import Distribution
from support.environments import planned_environment

COMMIT = "1" * 40


@pytest.mark.parametrize(
    "url, recorded",
    [
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("git+ssh://git@host:22/x.git#egg=x", "git+ssh://git@host:22/x.git"),
        ("ssh://git:secret@host/x.git", "ssh://host/x.git"),
        ("ssh://me@host/x.git", "ssh://host/x.git"),
        ("ssh://git@me@host/x.git", "ssh://host/x.git"),
        ("ssh://host/git@x.git", "ssh://host/git@x.git"),
        ("https://git@host/x.git", "https://host/x.git"),
        ("https://me:secret@host/x.whl?a=b#c", "https://host/x.whl?a=b"),
    ],
)
def test_only_the_user_git_of_ssh_stays(url: str, recorded: str) -> None:
    """It is no secret, and nobody else can log in there (PEP 610)."""
    assert origin_of(url, "") == recorded


@pytest.mark.parametrize("host, is_same", [("git@host", True), ("host", False)])
def test_a_commit_over_ssh_is_found_again_where_it_was_recorded_so(host: str, is_same: bool, tmp_path: Path) -> None:
    source = Source("git", url="ssh://git@host/x.git", commit=COMMIT)
    info = tmp_path / "x-1.dist-info"
    info.mkdir()
    content = json.loads(source_url(source, origin_of(source.url, "")))
    assert content["url"] == source.url
    (info / "direct_url.json").write_text(json.dumps({**content, "url": f"ssh://{host}/x.git"}))
    there = Distribution("x", "1", info.name, (0, 0))
    assert is_commit_of(planned_environment(tmp_path), there, origin_of(source.url, ""), source) == is_same
