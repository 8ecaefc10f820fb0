"""The sessions that `instui attach` watches: their events, what may be asked of them, and those that come later."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from instui.monitor.joined import Joined
from instui.monitor.reader import Source, Tail
from instui.monitor.remote import JoinedRemote, Remote
from instui.monitor.sessions import KnownSession, journal_of, lives, recording, started
from instui_engine.errors import InstuiError
from instui_engine.journal.events import SessionStarted


class Attached:
    """Sessions of one environment, from one `source` and under one `controller`."""

    source: Source
    controller: Remote | JoinedRemote

    def __init__(self, chosen: Sequence[KnownSession], *, may_control: bool, everything: bool) -> None:
        """`everything`: sessions that begin there later belong to them. Raises InstuiError."""
        self.sessions = list(chosen)
        self._may_control = may_control
        journals = [journal_of(one) for one in chosen]
        if len(chosen) == 1 and not everything:
            self.source, self.controller = _tail(chosen[0]), self._remote(chosen[0])
            return
        begun = {
            one: first for one, journal in zip(chosen, journals, strict=True) if (first := started(journal)) is not None
        }
        if len(begun) < len(chosen):
            raise InstuiError("one of the sessions has only begun; attach again in a moment")
        self.sessions.sort(key=lambda one: begun[one].clock)
        self._remotes = [self._remote(one) for one in self.sessions]
        self._known = {journal.name for journal in journals}
        self.source = Joined(
            [_tail(one) for one in self.sessions],
            [begun[one] for one in self.sessions],
            (lambda: list(self._newcomers())) if everything else None,
        )
        self.controller = JoinedRemote(self._remotes)

    @property
    def one(self) -> KnownSession | None:
        """The session, if it is only one and no other can come."""
        return None if isinstance(self.source, Joined) else self.sessions[0]

    @property
    def live(self) -> list[KnownSession]:
        """Those that still run."""
        return [one for one in self.sessions if lives(one)]

    def _remote(self, one: KnownSession) -> Remote:
        return Remote(f"ATTACHED pid {one.pid}", one.control, partial(lives, one), may_control=self._may_control)

    def _newcomers(self) -> Iterator[tuple[Source, SessionStarted]]:
        """Those that have begun since the last look, in that order."""
        found: list[tuple[SessionStarted, KnownSession]] = []
        with suppress(OSError):
            for path in Path(self.sessions[0].journal).parent.glob("*.jsonl"):
                if path.name in self._known or (first := started(path)) is None or (one := recording(path)) is None:
                    continue  # what has no first line yet is looked at again
                self._known.add(path.name)
                if lives(one):
                    found.append((first, one._replace(state="running", control=first.control)))
        for first, one in sorted(found, key=lambda pair: pair[0].clock):
            self.sessions.append(one)
            self._remotes.append(self._remote(one))
            yield _tail(one), first


def _tail(one: KnownSession) -> Tail:
    return Tail(Path(one.journal), dead=lambda: not lives(one))
