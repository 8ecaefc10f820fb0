"""A session's files in the environment: the journal, whose lock shows that it is alive, and the private stage.

    <top>/.instui/sessions/<id>.jsonl    the journal; its flock is held while the session lives
    <top>/.instui/stage/<id>/            what is about to be renamed into place
    <volume>/.instui/stage/<id>/         the same, for what goes into another volume (`target.volumes`)

A session is alive while its journal is locked; pids play no part. The last 50 journals are kept. In a bare directory
they stay in the user's state directory (`bare`).
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from instui_engine.errors import ENVIRONMENT, FULL, TargetError, printable, reason, remedy
from instui_engine.fs.flock import LocksMissingError, is_at, try_lock
from instui_engine.fs.inheritance import inherit
from instui_engine.fs.paths import join
from instui_engine.fs.rmtree import remove_content
from instui_engine.target.environment import PRIVATE, Environment
from instui_engine.target.network import BACKEND, soft_reason
from instui_engine.target.private import share

from . import bare, life
from .life import alive as alive
from .logs import forget_logs

T = TypeVar("T")
JOURNALS_KEPT = 50


def new_id() -> str:
    """An id that sorts by time and is unique on this machine."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{os.urandom(2).hex()}"


class Session:
    """The files of one session. Nothing is made before `open`."""

    def __init__(self, environment: Environment, identity: str) -> None:
        self.identity = identity
        self._environment = environment
        self._private = environment.private
        self.journal = journal_path(environment, identity)
        self.kept = self.journal  # where it stays
        self.unkept = ""
        self.stage = self._private / "stage" / identity
        self.sign_of_life = -1  # once open, the descriptor whose lock shows that the session is alive
        self._fresh = False
        self.has_stage = False
        self._is_kept = False
        self._missing: list[Path] = []  # the top and the directories above it that were not there, innermost first

    def open(self) -> list[int]:
        """Make the journal and lock it; return the descriptors to write to.

        `unkept` says why the journal of a bare directory cannot stay. Raises TargetError if no journal can be made.
        """
        self._fresh = not self._private.exists()
        top = self._environment.top
        self._missing = [place for place in (top, *top.parents) if self._fresh and not place.exists()]
        try:
            while (descriptor := self._enter()) < 0:
                pass
        except OSError as error:
            problem = f"cannot write to the environment ({reason(error, self._private)}); {remedy(error, ENVIRONMENT)}"
            raise TargetError(problem, path=str(self._private)) from error
        share(self._private)
        self.sign_of_life = descriptor
        descriptors = [descriptor]
        self.kept = kept_path(self._environment, self.identity)
        if self._environment.is_bare and self.kept == self.journal:
            self.unkept = "the journal of this session is not kept: there is no state directory; set XDG_STATE_HOME"
        if self.kept != self.journal:
            try:
                descriptors.append(_open(self.kept))
            except OSError as error:
                self.unkept = f"the journal of this session is not kept: {reason(error)}"
        _forget_old(self.kept.parent)
        return descriptors

    def _enter(self) -> int:
        """A descriptor of the journal, which is locked; -1 if it, or `.instui`, was removed before the lock."""
        with bare.entering(self._environment) as is_still_there:
            descriptor = _beside_others(lambda: _open(self.journal))
            try:
                self._give_sign(descriptor)
                if is_still_there() and is_at(descriptor, self.journal):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
        os.close(descriptor)
        return -1

    def _give_sign(self, descriptor: int) -> None:
        """Show that the session lives: by a lock on its journal or, where there are none, by a note beside it."""
        try:
            while not try_lock(descriptor, shared=False):  # another process is just checking whether we are alive
                time.sleep(0.001)
        except LocksMissingError as error:
            if not soft_reason(self._environment.top):
                forget(self.journal)
                raise TargetError(_no_locks(self._environment.top), path=str(self._private)) from error
            life.note(self.journal)

    def make_stage(self, volumes: Iterable[str] = ()) -> None:
        """Make the private stage, and one in each of `volumes`. Raises TargetError, naming the volume."""
        self.has_stage = True
        top, root = self._environment.top, self._environment.roots["purelib"]
        home = self._environment.volumes.of(join(root, PRIVATE))  # the volume of that root
        _beside_others(lambda: self.stage.mkdir(parents=True, exist_ok=True))
        inherit(top if home else top / root, self.stage)
        for volume in volumes:
            place = top / stage_of(volume, self.identity)
            try:
                _beside_others(partial(place.mkdir, parents=True, exist_ok=True))
                inherit(top / (root if volume == home else volume), place)
            except OSError as error:
                raise TargetError(
                    f"cannot write to {printable(volume)} of the environment, which is a volume of its own "
                    f"({reason(error)}); nothing was changed",
                    path=str(place),
                ) from error

    def with_room(self, make: Callable[[], T]) -> T:
        """Call `make`. On a full disk the journals of past sessions give way, oldest first, until it succeeds."""
        while True:
            try:
                return make()
            except OSError as error:
                if error.errno not in FULL or not self._give_way():
                    raise

    def _give_way(self) -> bool:
        """Remove the oldest journal of a past session; False if there is none."""
        for path in sorted(self.journal.parent.glob("*.jsonl")):
            if not alive(path):
                with suppress(OSError):
                    path.unlink()
                    life.forget(path)
                    forget_logs(path)
                    return True
        return False

    def stages(self) -> list[Path]:
        """The stages that were made: that of the top, and those in volumes."""
        found = [self._environment.top / stage_of(volume, self.identity) for volume in self._environment.volumes]
        return [self.stage, *filter(Path.is_dir, found)]

    def staged(self) -> int:
        """The number of trees in the stage, as far as it can be read."""
        trees = 0
        for stage in self.stages():
            with suppress(OSError):
                trees += len(os.listdir(stage))
        return trees

    def remove_stage(self, *, together: bool, after: Callable[[], object]) -> None:
        """Remove what is left in the stage; `together` and `after`: see `rmtree`."""
        inherited = [self.sign_of_life] if self.sign_of_life >= 0 else []
        remove_content(self.stages(), inherited, together=together, after=after)

    def keep(self) -> None:
        """Keep the journal and what lies beside it, even if the environment is not changed."""
        self._is_kept = True

    def close(self, nothing_happened: bool, is_watched: bool = False) -> None:
        """Remove what is empty and, if the environment was not touched and had no `.instui` before, that as well.

        `is_watched`: somebody reads the journal where `kept_path` says. In a bare directory nothing stays that nobody
        needs.
        """
        nothing_happened = nothing_happened and not self._is_kept
        with suppress(OSError):
            self.stage.parent.rmdir()
        if self.sign_of_life >= 0:
            tidy_volumes(self._environment)
        if nothing_happened and self._fresh and self.kept != self.journal:
            bare.forget(self.kept)
        if not self._environment.is_bare:
            life.forget(self.journal)
            if nothing_happened and self._fresh:
                forget(self.journal)
            elif self.sign_of_life >= 0:
                bare.leave(self._environment, self.identity, self.sign_of_life, alive)
                share(self._private)  # with what was made since
        elif self.sign_of_life >= 0 and not (is_watched and self.kept == self.journal):
            bare.leave(self._environment, self.identity, self.sign_of_life, alive)
            life.forget(self.journal)
            with suppress(OSError):
                self.journal.unlink()  # if others live, or something is kept
            share(self._private)
        for place in self._missing if nothing_happened else ():
            with suppress(OSError):
                place.rmdir()


def _no_locks(top: Path) -> str:
    return (
        f"the file system of {printable(str(top))} has no file locks, so sessions cannot exclude each other; "
        f"{BACKEND}=soft makes them take turns by files, or choose an environment on another file system"
    )


def _open(journal: Path) -> int:
    journal.parent.mkdir(parents=True, exist_ok=True)
    # unlike for a lock file, the umask decides who may read what was installed
    return os.open(journal, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def _forget_old(directory: Path) -> None:
    journals = sorted(directory.glob("*.jsonl"))
    for path in journals[:-JOURNALS_KEPT]:
        if not alive(path):
            life.forget(path)
            forget_logs(path)
            with suppress(OSError):
                path.unlink()


def _beside_others(make: Callable[[], T]) -> T:
    """Call `make`, and call it again if another session has just removed an empty directory that it needs."""
    for _ in range(100):
        with suppress(FileNotFoundError):
            return make()
    return make()


def journal_path(environment: Environment, identity: str) -> Path:
    """The path of that session's journal in the environment; in a bare directory it is there while it lives."""
    return environment.private / "sessions" / f"{identity}.jsonl"


def kept_path(environment: Environment, identity: str) -> Path:
    """The path at which the journal of that session stays."""
    directory = bare.journals(environment) if environment.is_bare else None
    return journal_path(environment, identity) if directory is None else directory / f"{identity}.jsonl"


def forget(journal: Path) -> None:
    """Remove a journal with its logs, and any directories of the engine that are then empty."""
    forget_logs(journal)
    with suppress(OSError):
        journal.unlink()
    for directory in (journal.parent, journal.parent.parent):
        with suppress(OSError):
            directory.rmdir()


def stage_of(volume: str, identity: str) -> str:
    """The path, relative to the top, of that session's stage in a volume."""
    return join(volume, f"{PRIVATE}/stage/{identity}")


def stages(environment: Environment) -> Iterator[tuple[str, str]]:
    """Path, relative to the top, and session of each stage of this environment's sessions.

    A volume may belong to several environments, and to one that another container sees elsewhere. So a stage in a
    volume is ours only if the session's journal or a record is here.
    """
    for volume, identity in _all_stages(environment):
        if not volume or _is_ours(environment, identity):
            yield stage_of(volume, identity), identity


def foreign_stages(environment: Environment) -> list[str]:
    """The stages in volumes, relative to the top, of sessions that this environment does not know."""
    return [
        stage_of(volume, identity)
        for volume, identity in _all_stages(environment)
        if volume and not _is_ours(environment, identity)
    ]


def _all_stages(environment: Environment) -> Iterator[tuple[str, str]]:
    for volume in ("", *environment.volumes):
        try:
            names = sorted(os.listdir(environment.top / volume / PRIVATE / "stage"))
        except OSError:
            continue
        yield from ((volume, name) for name in names)


def _is_ours(environment: Environment, identity: str) -> bool:
    records = (environment.private / "records").glob(f"{identity}.*")
    return os.path.lexists(journal_path(environment, identity)) or any(records)


def dead_stages(environment: Environment, but: str = "") -> list[Path]:
    """The stages of dead sessions, without those of session `but`."""
    return [
        environment.top / stage
        for stage, name in stages(environment)
        if name != but and not alive(journal_path(environment, name))
    ]


def _tidy(private: Path) -> None:
    """Remove what is empty of the engine's directory in a volume, unless another session has a stage there.

    Backups are made only by sessions that have one.
    """
    with suppress(OSError):
        os.rmdir(private / "stage")
    if not os.path.lexists(private / "stage"):
        for directory in (private / "kept", private):
            with suppress(OSError):
                os.rmdir(directory)


def tidy_volumes(environment: Environment) -> None:
    """Remove what is empty of the engine's directories in all volumes."""
    for volume in environment.volumes:
        _tidy(environment.top / volume / PRIVATE)
