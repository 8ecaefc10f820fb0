"""What home can see and begin: the `Host` of the screen. Installs run in processes of their own, and outlive it."""

import argparse
import os
import shlex
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from instui.demo.scenarios import DEMOS
from instui.monitor import sessions
from instui.monitor.history import History
from instui.monitor.installers import installers
from instui.monitor.reader import Tail
from instui.monitor.recording import Recording
from instui.monitor.recording import begun as lines_of
from instui.monitor.remote import Remote
from instui.monitor.sessions import KnownSession, lives
from instui.tui.host import Demonstration, Sight
from instui.tui.rows.completion import COMMANDS
from instui_engine.errors import InstuiError, UsageError, printable
from instui_engine.session.control import send
from instui_engine.session.session import alive, kept_path, new_id

from .child import Child
from .fullscreen import forget_untouched, to_the_end, way_back
from .parsed import environment_from
from .parser import parse
from .places import PlaceFinder
from .watch import reads_stdin

if TYPE_CHECKING:
    from instui.tui.app import InstuiApp
    from instui.tui.controller import Result

_PLACES = ("--python", "-p", "--target", "-t", "--prefix")


class _Begun:
    """An install that was begun here: its process, and what is to be done when the screen leaves it."""

    def __init__(self, child: Child, typed: str, stack: ExitStack, demo: str) -> None:
        self.child = child
        self.demo = demo  # its name, if it is a demonstration
        self.typed = typed
        self.stack = stack


class Hosting:
    """The sessions of home. `parsed` says which environment's recordings are listed."""

    app: "InstuiApp"

    def __init__(self, parsed: argparse.Namespace) -> None:
        self._parsed = parsed
        self._place = PlaceFinder(parsed)
        self._begun: dict[str, _Begun] = {}  # by the id of the session
        self._sight = Sight()
        self._cancels = False  # the installs that were begun here, on leaving

    # -- looking

    def look(self) -> Sight:
        """What there is now."""
        now = time.time()
        running = sessions.running(now)
        place = self._place.look()
        pids = {one.pid for one in running} | {begun.child.pid for begun in self._begun.values()}
        live = {one.session for one in running}
        recorded = [one for one in self._place.recorded() if one.session not in live]
        self._sight = Sight(
            place,
            [*running, *(one for one in recorded if one.is_live)],
            installers(pids),
            [one for one in recorded if not one.is_live],
            dict(self._place.waited),
            [Demonstration(*demo) for demo in DEMOS],
            now,
        )
        return self._sight

    # -- beginning

    def begin(self, typed: str) -> None:
        """Begin the command that was typed, and show it. Raises InstuiError, and nothing has begun."""
        arguments = self._arguments(typed)
        parsed = parse(arguments)
        if getattr(parsed, "directory", None):
            raise UsageError("--directory: start instui in that directory")
        if reads_stdin(parsed):
            raise UsageError("the screen reads the keys, so requirements cannot come from stdin")
        environment = environment_from(parsed, writable=not parsed.dry_run)
        with ExitStack() as stack:
            identity = new_id()
            journal = kept_path(environment, identity)
            if parsed.dry_run:  # nothing is written into the environment, not even a journal
                journal = Path(f"/dev/fd/{stack.enter_context(TemporaryFile()).fileno()}")
                arguments = [arguments[0], "--child-journal", str(journal), *arguments[1:]]
            self._start(identity, arguments, journal, stack, may_be_left=not parsed.dry_run)
        self.app.from_outside(lambda: self.watch(identity))

    def _arguments(self, typed: str) -> list[str]:
        """The command line that was typed, for the environment of home unless it names another one."""
        try:
            words = shlex.split(typed)
        except ValueError as error:
            raise UsageError(f"{str(error).lower()}: a quotation mark has no partner") from error
        words = words[1:] if words[:1] == ["instui"] else words
        # one was typed into a line that has one; but `install sync x` is about a distribution of that name
        if set(words[:2]) <= {*COMMANDS} - {"sync"} and len(words) > 2:
            words = words[1:]
        if not words or words[0] not in COMMANDS:
            raise UsageError(f"begin with {', '.join(COMMANDS[:-1])} or {COMMANDS[-1]}")
        if {"-h", "--help"} & {*words}:
            raise UsageError(f"`instui {words[0]} --help` on a command line lists all options")
        if any(word.partition("=")[0] in _PLACES for word in words):
            places = []
        else:
            places = self._given("python", "target", "prefix")
        if not any(word.startswith("--cache-dir") for word in words):
            places += self._given("cache-dir")
        rest = [os.path.expanduser(word) if word.startswith("~/") else word for word in words[1:]]
        return [words[0], *places, *rest] if "--" in rest else [words[0], *rest, *places]

    def _given(self, *names: str) -> list[str]:
        """Those flags as they were given to this command, unless a variable did so, which the install has, too."""
        given = {name: vars(self._parsed)[name.replace("-", "_")] for name in names}
        variable = {name: os.environ.get(f"INSTUI_{name.upper().replace('-', '_')}") for name in names}
        return [f"--{name}={given[name]}" for name in names if given[name] and given[name] != variable[name]]

    def _start(
        self,
        identity: str,
        arguments: Sequence[str],
        journal: Path,
        stack: ExitStack,
        *,
        may_be_left: bool = True,
        demo: str = "",
    ) -> None:
        fresh = not journal.parent.parent.exists()
        child = stack.enter_context(closing(Child(arguments, identity, journal, may_be_left)))
        if fresh:
            stack.callback(self._forget_untouched, journal)
        typed = f"demo {demo}" if demo else shlex.join(arguments)
        self._begun[identity] = _Begun(child, typed, stack.pop_all(), demo)

    def _forget_untouched(self, journal: Path) -> None:
        forget_untouched(True, to_the_end(None, journal), journal)

    def demonstrate(self, name: str) -> None:
        """Show that demonstration, in a directory that goes with it. Raises InstuiError."""
        from instui.demo.performance import journal_of

        from .demo import temporary

        with ExitStack() as stack:
            place, identity = temporary(stack), new_id()
            arguments = ["demo", "--keep", str(place), name]
            journal = journal_of(place, identity)
            self._start(identity, arguments, journal, stack, may_be_left=False, demo=name)
        self.watch(identity)

    # -- showing

    def watch(self, session: str) -> None:
        """Show that running session. Raises InstuiError."""
        from instui.tui.showing import Showing

        if (begun := self._begun.get(session)) is not None:
            left = partial(self._left, session)
            showing = Showing(begun.child.source(), begun.child, closed=left, demo=begun.demo, history=History())
            self.app.open(showing)
            return
        one = next((one for one in self._sight.running if one.session == session), None)
        if one is None or not one.journal:
            raise InstuiError("that session does not say where its journal is; it may be stopped, or over")
        controller = Remote(f"ATTACHED pid {one.pid}", one.control, partial(lives, one), may_control=False)
        self.app.open(Showing(Tail(Path(one.journal), dead=lambda: not lives(one)), controller))

    def replay(self, session: str, *, explained: bool = False) -> None:
        """Show that recording from its beginning or, `explained`, at its end with why it took so long.

        Raises InstuiError.
        """
        from instui.tui.controller import ReadOnly
        from instui.tui.showing import Showing

        one = next((one for one in self._sight.recorded if one.session == session), None)
        if one is None:
            raise InstuiError("that recording is gone")
        journal = Path(one.journal)
        if explained:
            self._follow(journal, "RECORDED")
            self.app.call_after_refresh(self.app.show_view, "explain")
        else:
            self.app.open(Showing(Recording(lines_of(journal)), ReadOnly("REPLAY"), speed=1.0))

    def _follow(self, journal: Path, badge: str) -> None:
        from instui.tui.controller import ReadOnly
        from instui.tui.showing import Showing

        self.app.open(Showing(Tail(journal, dead=lambda: not alive(journal)), ReadOnly(badge)))

    def _left(self, session: str, result: "Result") -> None:
        """Put away what was begun here and is over; what goes on is watched again by `watch`."""
        from instui.tui.controller import Ended

        begun = self._begun[session]
        if not begun.child.alive():
            del self._begun[session]
            threading.Thread(target=begun.stack.close, name="put away", daemon=True).start()
        if isinstance(result, Ended) and result.then:
            self.demonstrate(result.then)

    def cancel(self, session: str) -> None:
        """Ask that running session to stop between two commits. Raises InstuiError."""
        if (begun := self._begun.get(session)) is not None:
            begun.child.cancel()
            return
        one = next((one for one in self._sight.running if one.session == session), None)
        if one is None or not one.control:
            raise InstuiError("that session has no control socket")
        threading.Thread(target=self._send_cancel, args=(one,), name="control", daemon=True).start()

    def _send_cancel(self, one: KnownSession) -> None:
        try:
            send(one.control, "cancel")
        except InstuiError as error:
            problem = str(error)
            self.app.from_outside(lambda: self.app.say(problem))

    # -- leaving

    def own(self) -> int:
        """How many installs that were begun here still run."""
        return sum(1 for _ in self._alive())

    def _alive(self) -> Iterator[_Begun]:
        return (begun for begun in self._begun.values() if begun.child.alive())

    def leave(self, *, cancel: bool) -> None:
        """Handle that the user leaves; `cancel`: the installs that were begun here shall stop."""
        self._cancels = cancel

    def farewell(self) -> Iterator[str]:
        """What is to be said on the normal screen: what goes on. What shall stop is waited for."""
        for begun in list(self._alive()):
            child = begun.child
            if self._cancels or not child.may_be_left:
                child.cancel()
                code = child.wait()
                yield f"{begun.typed}: {printable(child.error()) or f'ended with exit code {code}'}"
            else:
                yield f"{begun.typed} goes on without a screen, as pid {child.pid}; back to it with"
                yield f"  {way_back(child.journal.stem, may_control=True)}"
                yield f"  its journal: {child.journal}"

    def __enter__(self) -> "Hosting":
        return self

    def __exit__(self, *_: object) -> None:
        for begun in self._begun.values():
            if not begun.child.alive():
                with suppress(OSError):
                    begun.stack.close()
