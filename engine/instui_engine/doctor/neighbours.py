"""One installed distribution among the others: what is not whole of it, and whose files are at the paths they share.

Only its own files are read, where a diagnosis reads all. Nothing is written.
"""

from collections.abc import Mapping

from instui_engine.commit.backups import Backups
from instui_engine.journal.writer import Journal
from instui_engine.session.context import Context
from instui_engine.session.control import Control
from instui_engine.session.options import Options
from instui_engine.target.bytecode import is_generated
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed
from instui_engine.target.listing import ListedFile, Listing, read
from instui_engine.values import NamedTuple

from .contents import read_all

Paths = tuple[str, ...]


class Neighbours(NamedTuple):
    """What became of the files of one distribution; all paths are relative to the environment's top.

    `overwritten_by`: owner -> the paths at which that one's file is now. `overwrote`: owner -> the paths at which that
    one's file was. `kept` are those of all these paths whose overwritten file is kept, and can come back. `missing` and
    `modified` files are nobody's.
    """

    listing: Listing
    overwritten_by: Mapping[str, Paths]
    overwrote: Mapping[str, Paths]
    kept: Paths
    missing: Paths
    modified: Paths


def neighbours(environment: Environment, installed: Installed, distribution: Distribution) -> Neighbours:
    """Compare the files of `distribution` with what is there, and with what others list at the same paths."""
    listing = read(environment, distribution)
    rows = {row.path: row for row in listing.files if not is_generated(row.path)}
    others: dict[str, dict[str, ListedFile]] = {}  # path -> owner -> what that one lists there
    for owner, theirs in _listed_there(environment, installed, distribution, rows):
        for row in theirs.files:
            if row.path in rows:
                others.setdefault(row.path, {})[owner] = row
    wanted = {path: [row, *others.get(path, {}).values()] for path, row in rows.items()}
    contents = read_all(Context(Options(jobs=1), Journal(), Control()), environment, wanted)
    backups = Backups(environment, lambda: True)
    lost: dict[str, list[str]] = {}
    won: dict[str, list[str]] = {}
    kept: list[str] = []
    missing: list[str] = []
    modified: list[str] = []
    for path, content in sorted(contents.items()):
        if content.is_closed:
            continue
        if content.fits(rows[path]):
            replaced = [owner for owner, row in others.get(path, {}).items() if not content.fits(row)]
            for owner in replaced:
                won.setdefault(owner, []).append(path)
            kept += [path] * any(backups.of(path, owner) for owner in replaced)
            continue
        winners = [owner for owner, row in others.get(path, {}).items() if content.fits(row)]
        if winners:
            lost.setdefault(winners[0], []).append(path)
            kept += [path] * bool(backups.of(path, distribution.owner))
        else:
            (modified if content.there else missing).append(path)
    return Neighbours(listing, _frozen(lost), _frozen(won), tuple(kept), tuple(missing), tuple(modified))


def _listed_there(
    environment: Environment, installed: Installed, distribution: Distribution, paths: Mapping[str, object]
) -> list[tuple[str, Listing]]:
    """The other distributions that list one of `paths`, by owner."""
    owners = installed.owners()
    names = {name for key in environment.keys(list(paths)) for name in owners.get(key, ())} - {distribution.name}
    return [(installed[name].owner, read(environment, installed[name])) for name in sorted(names)]


def _frozen(found: Mapping[str, list[str]]) -> dict[str, Paths]:
    return {owner: tuple(paths) for owner, paths in found.items()}
