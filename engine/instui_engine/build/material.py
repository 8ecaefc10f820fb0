"""What is built: archives are fetched and verified, commits are checked out, trees are where they are."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from instui_engine.errors import BuildError, printable
from instui_engine.journal.events import FetchFinished
from instui_engine.redaction import redacted
from instui_engine.resolve.request import LockedWheel
from instui_engine.resolve.source import Source
from instui_engine.session.context import Context
from instui_engine.store.local import LocalDigests, check_demands

from .running import Output, run

if TYPE_CHECKING:
    from instui_engine.fetch.download import Client


def fetch_archive(
    context: Context, wheel: LockedWheel, client: "Client", directory: Path, number: int
) -> tuple[str, str]:
    """Download the archive of a source into `directory`; return its path and its sha256. Raises FetchError."""
    from instui_engine.fetch.download import Download
    from instui_engine.store.fetching import fetch

    target = directory / wheel.filename
    download = Download(wheel.url, wheel.filename, wheel.demands, wheel.size)
    fetched = fetch(context, client, wheel.name, download, target, number, lambda: context.gives_up(wheel.name))
    assert fetched is not None
    context.emit(FetchFinished(wheel.name, target.stat().st_size))
    return str(target), fetched.sha256


def read_archive(wheel: LockedWheel, local: LocalDigests) -> str:
    """The sha256 of a local archive. Raises BadWheelError if it is not the one that is demanded, or cannot be read."""
    digest = local.read(wheel.path, wheel.demands)
    check_demands(wheel.filename, wheel.demands, digest)
    return digest.sha256


def check_out(
    wheel: LockedWheel,
    source: Source,
    directory: Path,
    variables: Mapping[str, str],
    output: Output,
    cancelled: Callable[[], bool],
) -> str:
    """Make a clone of the repository in `directory`, at the commit of `source`; return where it is.

    It has all branches and tags, as projects take their version from them. Submodules belong to it.
    """
    place = directory / "source"
    place.mkdir()
    # The URL may have a password, so it is not in our command lines: only in those of git's own helpers for https, as
    # of every git. It never asks for one.
    count = variables.get("GIT_CONFIG_COUNT", "")
    own = int(count) if count.isdecimal() else 0  # settings of the user, which stay
    quiet = {
        **variables,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": f"{own + 1}",
        f"GIT_CONFIG_KEY_{own}": "remote.origin.url",
        f"GIT_CONFIG_VALUE_{own}": source.url,
    }
    if not variables.get("UV_GIT_LFS"):
        quiet["GIT_LFS_SKIP_SMUDGE"] = "1"
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        quiet.pop(name, None)  # set within a hook of git
    everything = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")

    def git(*arguments: str) -> bool:
        return run(["git", *arguments], quiet, output, cancelled, directory=os.fspath(place)) == 0

    fetched = git("init", "--quiet") and git("fetch", "--quiet", "--force", "origin", *everything)
    if fetched and not git("cat-file", "-e", f"{source.commit}^{{commit}}"):
        fetched = git("fetch", "--quiet", "origin", source.commit)  # of a pull request, for example
    done = (
        fetched
        and git("checkout", "--quiet", "--detach", source.commit)
        and git("submodule", "--quiet", "update", "--init", "--recursive")
    )
    if not done:
        said = output.lines[-1] if output.lines else "git failed without a word"
        raise BuildError(
            f"{printable(wheel.name)}: cannot get commit {source.commit[:12]} of "
            f"{printable(redacted(source.url))}: {said}",
            wheel=wheel.name,
        )
    return os.fspath(place)
