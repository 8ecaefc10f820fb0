"""All steps of a distribution's transaction, determined under its claims before the first step is taken.

Nothing is written here. The plan says what is wanted. The environment shows what is in the way now, which of that is
kept (`backups`), and which backups come back.
"""

import stat
from collections.abc import Iterator, Mapping

from instui_engine.errors import ClashError, TargetError, printable
from instui_engine.fs.dirfd import DirfdTree, Fingerprint, fingerprint_of
from instui_engine.fs.paths import is_within, join, name_of, parent_of
from instui_engine.journal.events import Overwrite, Restored
from instui_engine.plan.items import StagedItem
from instui_engine.plan.plan import Plan, WheelPlan, Whole
from instui_engine.session.session import stage_of
from instui_engine.target.bytecode import Bytecode, is_generated
from instui_engine.target.environment import Environment
from instui_engine.target.installed import recorded_hashes
from instui_engine.target.owners import OwnerIndex
from instui_engine.values import NamedTuple

from .backups import Backups
from .transaction import Step, Transaction
from .whole import Seen, Times, foreign_in, trusted


class StalePlan(Exception):
    """The environment, checked under the wheel's claims, is no longer as it was when the wheel was planned."""


class Prepared(NamedTuple):
    """A transaction, with the files that it overwrites and those that it brings back.

    `seen`: each directory that is renamed away as a whole -> what was seen of those below it (`whole.trusted`).
    """

    transaction: Transaction
    overwrites: tuple[Overwrite, ...]
    restored: tuple[Restored, ...]
    seen: Mapping[str, Seen]


def prepare(
    environment: Environment,
    tree: DirfdTree,
    plan: Plan,
    session: str,
    replaced_owners: Mapping[str, str],
    index: OwnerIndex,
    backups: Backups,
) -> Prepared:
    """The transaction of `plan`, whose staged entries lie in the stage of `session`.

    `replaced_owners` gives, by path, the owner of each file that `plan` replaces. `index` and `backups` are the
    session's. Raises ClashError, TargetError and OSError, and StalePlan if there is anything else in a directory that
    was to go as a whole.
    """
    preparation = _Preparation(environment, tree, plan, session, replaced_owners, index, backups)
    steps = tuple(preparation.steps())
    transaction = Transaction(
        plan.name,
        plan.version,
        session,
        plan.order,
        plan.claims,
        plan.replaces.info if plan.replaces else "",
        plan.info,
        preparation.staged_info,
        preparation.saved,
        steps,
    )
    return Prepared(transaction, tuple(preparation.overwrites), tuple(preparation.restored), preparation.seen)


class _Preparation:
    def __init__(
        self,
        environment: Environment,
        tree: DirfdTree,
        plan: Plan,
        session: str,
        replaced_owners: Mapping[str, str],
        index: OwnerIndex,
        backups: Backups,
    ) -> None:
        self._environment = environment
        self._tree = tree
        self._plan = plan
        self._session = session
        self._replaced_owners = replaced_owners
        self._key = environment.key
        self._gone = set(map(self._key, (*plan.stale, *plan.emptied)))
        self._made: set[str] = set()
        self._there: set[str] = set()  # keys of directories that were looked at, and stay
        self._brought = _bytecode_in(plan, environment)
        self._bytecode = Bytecode(environment)
        self._backups = backups
        self._count = 0  # number of saved entries that are not backups
        self._hashes: dict[str, Mapping[str, str]] = {}  # .dist-info -> what its RECORD lists
        self._digests: dict[tuple[str, str], str] = {}  # (path, algorithm) -> digest of the file there
        self._index = index
        self._has_looked = False  # whether the index is up to date
        self.saved = stage_of("", session)
        self.staged_info = f"{self._stage(plan.info)}.info" if plan.info else ""
        self.overwrites: list[Overwrite] = []
        self.restored: list[Restored] = []
        self.seen: dict[str, Seen] = {}

    def steps(self) -> Iterator[Step]:
        plan = self._plan
        for directory in plan.whole:
            self._check_whole(directory)
        if plan.replaces is not None:
            yield self._retire(plan.replaces.info)
            self._gone.add(self._key(plan.replaces.info))
        for info in plan.duplicates:
            if self._kind(info) is not None:
                yield self._retire(info)
                self._gone.add(self._key(info))
        for directory in plan.whole:
            yield self._retire(directory.path)
        yield from self._give_up()
        for path in plan.emptied:
            yield Step("rmdir", path)
        for number, item in enumerate(plan.items):
            yield from self._item(item, f"{self._stage(item.path)}.{number}")
        if plan.info:
            yield from self._parents(plan.info)
            if self._key(plan.info) not in self._gone and self._kind(plan.info) is not None:
                raise TargetError(
                    f"{printable(plan.info)} appeared while {printable(plan.owner)} was being installed; run again",
                    path=f"{self._environment.top}/{plan.info}",
                )
            yield self._place(plan.info, self.staged_info)

    # -- what the old version gives up

    def _check_whole(self, directory: Whole) -> None:
        """Raise StalePlan if the old version does not have the directory for itself alone any more."""
        backups, path = self._backups, directory.path
        if backups.any() and any(backups.has(file) for file in directory.files):
            raise StalePlan
        seen: dict[str, Times] = {}
        try:
            if foreign_in(self._tree, path, path, directory.files, seen):
                raise StalePlan
        except (FileNotFoundError, NotADirectoryError):
            raise StalePlan from None
        self.seen[path] = trusted(seen)

    def _give_up(self) -> Iterator[Step]:
        """Remove the old version's stale files, or bring back what they had replaced. Files of others stay."""
        plan, backups = self._plan, self._backups
        for path in plan.stale:
            status = self._tree.status(path)
            if is_generated(path):
                if status is not None:
                    yield Step("retire", path, saved=self._save(path))
                continue
            entry = backups.newest(path, ()) if backups.any() else None
            if entry is not None:
                yield from self._restore(path, *entry, status is not None)
            elif status is not None:
                yield self._retire(path)
        if plan.replaces is None or not backups.any():
            return
        rows = self._rows(plan.replaces.info)
        for path in sorted(plan.shared_files):
            mine, others = self._holds(path, rows.get(path, "")), self._hashes_of_others(path)
            entry = backups.newest(path, tuple(others))
            # without a backup there, an owner's file was never replaced by other content: what is there is its own
            on_top = any(self._holds(path, value) and not backups.of(path, owner) for owner, value in others.items())
            if entry is not None and mine and not on_top:
                yield from self._restore(path, *entry, True)
        for path in rows:
            for mine_there in backups.of(path, plan.replaces.owner):
                yield from self._drop(mine_there, plan.replaces.owner)

    def _drop(self, entry: str, owner: str) -> Iterator[Step]:
        """Remove `owner` from a backup. The entry passes to co-owners of that content; without any, it goes."""
        remaining = self._backups.without(entry, owner)
        yield self._place(remaining, entry) if remaining else self._retire(entry)

    def _hashes_of_others(self, path: str) -> dict[str, str]:
        """The hashes of `path` in the RECORDs of all other distributions that list it now, by owner."""
        if not self._has_looked:
            self._index.look()
            self._has_looked = True
        return self._index.owners_of(path, but=self._plan.name)

    def _restore(self, path: str, entry: str, owner: str, present: bool) -> Iterator[Step]:
        """Bring a backup back to `path`."""
        for compiled in self._bytecode.of(path):
            if self._key(compiled) not in self._gone:
                yield Step("retire", compiled, saved=self._save(compiled))
        if present:
            yield self._replacement(path, entry, self._save(path))
        else:
            yield from self._parents(path)
            yield self._place(path, entry)
        self.restored.append(Restored(self._plan.name, path, owner))

    def _rows(self, info: str) -> Mapping[str, str]:
        if info not in self._hashes:
            self._hashes[info] = recorded_hashes(self._environment, info)
        return self._hashes[info]

    def _holds(self, path: str, value: str) -> bool:
        """Whether the file at `path` has the hash `value` ("algorithm=digest", as in RECORD)."""
        algorithm, _, digest = value.partition("=")
        if (path, algorithm) not in self._digests:
            try:
                self._digests[path, algorithm] = self._tree.digest(path, algorithm)
            except ValueError:  # no such algorithm
                self._digests[path, algorithm] = ""
        return bool(digest) and digest.rstrip("=") == self._digests[path, algorithm]

    # -- what the new one brings

    def _item(self, item: StagedItem, staged: str) -> Iterator[Step]:
        yield from self._parents(item.path)
        kind = self._kind(item.path)
        if kind is None:
            self._made.update(self._environment.keys(_directories(item)))
            yield self._place(item.path, staged)
        elif item.kind != "tree":
            there = name_of(item.path)
            if self._environment.folds:
                there = self._present(parent_of(item.path)).get(self._key(there), there)
            yield from self._replace(item.path, there, staged)
        else:
            self._expect(item.path, kind, directory=True)
            yield from self._merge(item, staged)

    def _merge(self, item: StagedItem, staged: str) -> Iterator[Step]:
        """Merge into an existing directory. Missing subdirectories move as a whole, everything else file by file."""
        moved = ""  # the latest subdirectory that moves as a whole, with everything below it
        for directory, names in item.directories:
            place = f"{item.path}/{directory}" if directory else item.path
            if moved and directory.startswith(f"{moved}/"):
                self._made.add(self._key(place))
                continue
            source = f"{staged}/{directory}" if directory else staged
            kind = self._kind(place)
            if kind is None:
                moved = directory
                self._made.add(self._key(place))
                yield self._place(place, source)
                continue
            self._expect(place, kind, directory=True)
            present = self._present(place)
            for name in names:
                path = f"{place}/{name}"
                there = present.get(self._key(name))
                if there is not None and not self._is_gone(path):
                    yield from self._replace(path, there, f"{source}/{name}")
                else:
                    yield self._place(path, f"{source}/{name}")

    def _replace(self, path: str, there: str, staged: str) -> Iterator[Step]:
        """Replace the file at `path`, whose name is spelled `there` on disk, by a staged one."""
        old = join(parent_of(path), there)
        self._expect(path, self._kind(old), directory=False)
        saved = self._saved_copy(path, old, staged)
        if old == path and self._tree.fingerprint(path) == self._tree.fingerprint(staged):
            return  # the same inode: the file is in place already, and a rename would do nothing
        # Python compares only the size and the mtime in seconds, so it might run byte code of the old file
        for compiled in self._bytecode.of(old):
            if self._key(compiled) not in self._gone and self._key(compiled) not in self._brought:
                yield Step("retire", compiled, saved=self._save(compiled))
        if old == path:
            yield self._replacement(path, staged, saved)
        else:  # a rename would keep the old spelling, but Python looks for the new one
            yield Step("retire", old, saved=saved, old=self._fingerprint(old))
            yield self._place(path, staged)

    def _saved_copy(self, path: str, old: str, staged: str) -> str:
        """Where the replaced file is saved. Other content of another owner becomes a backup, and is reported."""
        plan = self._plan
        if is_generated(path):
            return self._save(path)  # Python makes it anew: nobody needs the old one back but an undo
        if path not in self._replaced_owners and self._had(path):
            return self._save(path)  # a file of its own old version, which nobody else lists
        same = self._tree.same_content(old, staged)
        owner = self._replaced_owners.get(path, "")
        saved = ""
        if not same:
            # another session may have replaced it since the plan was made, and equal content can have several owners
            others = self._hashes_of_others(path)
            on_top = [
                other
                for other, value in others.items()
                if self._holds(path, value) and not self._backups.of(path, other)
            ]
            if owner not in (on_top or others):  # or removed it
                owner = on_top[-1] if on_top else ""
            if on_top or not self._is_own(path):
                saved = self._backups.add(path, on_top or [owner])
        self.overwrites.append(Overwrite(plan.name, path, owner, plan.owner, same, saved))
        return saved or self._save(path)

    def _had(self, path: str) -> bool:
        """Whether the old version lists the file."""
        if self._plan.replaces is None:
            return False
        rows = self._rows(self._plan.replaces.info)
        return path in rows or (self._environment.folds and self._key(path) in set(map(self._key, rows)))

    def _is_own(self, path: str) -> bool:
        """Whether the file is the old version's own. If so, whatever it had replaced already has a backup."""
        if self._plan.replaces is None:
            return False
        return self._holds(path, self._rows(self._plan.replaces.info).get(path, ""))

    # -- steps

    def _place(self, path: str, staged: str) -> Step:
        return Step("place", path, staged, new=self._fingerprint(staged))

    def _replacement(self, path: str, staged: str, saved: str) -> Step:
        return Step("replace", path, staged, saved, self._fingerprint(path), self._fingerprint(staged))

    def _retire(self, path: str) -> Step:
        return Step("retire", path, saved=self._save(path), old=self._fingerprint(path))

    def _fingerprint(self, path: str) -> Fingerprint | None:
        status = self._tree.status(path)
        return None if status is None else fingerprint_of(status)

    def _stage(self, path: str) -> str:
        """How the paths of this wheel's entries in the stage of the volume of `path` begin."""
        return f"{stage_of(self._environment.volumes.of(path), self._session)}/{self._plan.order}"

    def _save(self, path: str) -> str:
        self._count += 1
        return f"{self._stage(path)}.old{self._count}"

    def _parents(self, path: str) -> Iterator[Step]:
        missing = []
        parent = parent_of(path)
        while parent and (key := self._key(parent)) not in self._made and key not in self._there:
            kind = self._kind(parent)
            if kind is not None:
                self._expect(parent, kind, directory=True)
                self._there.add(key)
                break
            missing.append(parent)
            parent = parent_of(parent)
        self._made.update(map(self._key, missing))
        for directory in reversed(missing):
            yield Step("mkdir", directory)

    def _present(self, place: str) -> dict[str, str]:
        """The names in a directory, by key."""
        if self._key(place) in self._made:
            return {}
        return {self._key(name): name for name in self._tree.names(place)}

    def _kind(self, path: str) -> int | None:
        """The mode of what will be at `path` when its step is taken; None if nothing will be."""
        if self._key(path) in self._gone:
            return None
        if self._key(path) in self._made:
            return stat.S_IFDIR
        if self._is_gone(path):
            return None
        status = self._tree.status(path)
        return None if status is None else status.st_mode

    def _is_gone(self, path: str) -> bool:
        """Whether what is at `path` now will be gone."""
        return self._key(path) in self._gone or any(is_within(path, whole.path) for whole in self._plan.whole)

    def _expect(self, path: str, mode: int | None, directory: bool) -> None:
        """Raise ClashError if a file is in the way of a directory, a directory of a file, or a link of a directory."""
        if directory == (mode is not None and stat.S_ISDIR(mode)):
            return
        there, needed = ("file", "directory") if directory else ("directory", "file")
        if mode is not None and stat.S_ISLNK(mode):
            there = "symbolic link"
        raise ClashError(
            f"{printable(path)} is a {there}, and {printable(self._plan.owner)} needs a {needed} there; "
            "uninstall what it belongs to first",
            path=path,
            owners=(self._plan.owner,),
        )


def _bytecode_in(plan: Plan, environment: Environment) -> frozenset[str]:
    """The keys of the byte code that comes with the wheel."""
    if not isinstance(plan, WheelPlan) or not plan.entry.compiled:
        return frozenset()
    return frozenset(environment.key(path) for item in plan.items for path, _ in item.files() if is_generated(path))


def _directories(item: StagedItem) -> Iterator[str]:
    for directory, _ in item.directories:
        yield f"{item.path}/{directory}" if directory else item.path
