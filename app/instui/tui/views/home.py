"""Home: what runs, what is recorded, what there is to learn, and an input that installs."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Protocol, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input

from instui.monitor import units
from instui.monitor.model import Snapshot
from instui.tui.actions import HOME_HEADING, HOME_KEYS
from instui.tui.host import Host, Sight
from instui.tui.rows import home
from instui.tui.rows.keys import FOLD
from instui.tui.text.pieces import Line, Piece, fit, line, tail
from instui.tui.widgets.paint import Lines
from instui.tui.widgets.table import Table
from instui_engine.errors import InstuiError, printable

from .command_line import CommandLine
from .dialogs import CANCEL, LEAVE, STAY, Ask
from .overview import Overview

LOOK_SECONDS = 1.0
_TALL = 24  # lines from which there is room for more about the selected row
_ABOUT = 3  # lines
_DEMONSTRATIONS = 8  # that have a key


class Loop(Protocol):
    """The application, as far as another thread may ask it for something."""

    def from_outside(self, call: Callable[[], None]) -> None:
        """Call something in the loop of the application."""


class HomeView(Overview):
    """The screen that is in front while no session is. It looks around once a second, in a thread of its own."""

    scope = "home"
    heading = HOME_HEADING
    about = "what runs, what is recorded, and the demonstrations"
    without = frozenset({"zoom", "sort_next", "sort_previous", "reverse"})
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(action.keys, f"app.do('{action.id}')", show=False) for action in HOME_KEYS if action.id != "learn"),
        *(Binding(str(number), f"demonstrate({number})", show=False) for number in range(1, _DEMONSTRATIONS + 1)),
    ]
    DEFAULT_CSS = """
    HomeView #about { height: 3; margin: 1 0 0 0; }
    """

    def __init__(self, host: Host, *, timer: bool = True) -> None:
        """`timer` is false if it shall look around only when `look` is called."""
        super().__init__()
        self.sight = Sight()
        self._host = host
        self._timer = timer
        self._in_front = threading.Event()
        self._left = threading.Event()
        self._seen_before: Sight | None = None  # before a command began, whose row is selected when it appears
        self._number = 0  # of the demonstration whose key was pressed
        self._question: tuple[Ask, str] | None = None  # that is open, and the row that it is about

    # -- looking around

    def on_mount(self) -> None:
        """Look, now and from now on."""
        self._in_front.set()
        if self._timer:
            threading.Thread(target=self._look_around, name="home", daemon=True).start()
        else:
            self.look()

    def on_unmount(self) -> None:
        """Look no more."""
        self._left.set()
        self._in_front.set()

    def on_screen_suspend(self) -> None:
        """Rest while a session is in front."""
        self._in_front.clear()

    def resumed(self) -> None:
        """Look again at once."""
        self._in_front.set()
        if not self._timer:
            self.look()

    def look(self) -> None:
        """Look, and show what there is."""
        self.found(self._host.look())

    def found(self, sight: Sight) -> None:
        """Show what there is now. A question about what is over closes."""
        self.sight = sight
        if self._seen_before is not None and (key := home.newest(sight, self._seen_before)):
            self._seen_before = None
            self.table.selected = key
        if self._question is not None and home.running_of(sight, self._question[1]) is None:
            self._question[0].action_answer(STAY)
        self.refresh_view()

    def _look_around(self) -> None:
        loop = cast(Loop, self.app)
        while not self._left.is_set():
            sight = self._host.look()
            loop.from_outside(lambda sight=sight: self.found(sight))  # type: ignore[misc]
            self._left.wait(LOOK_SECONDS)
            self._in_front.wait()

    # -- painting

    def body(self) -> Iterable[Widget]:
        """The table of everything."""
        yield Table(home.COLUMNS, self.glyphs, id="body")

    def compose(self) -> ComposeResult:
        """Lay out the header, the input with what it says, the table, the filter and the keys."""
        yield Lines(self.glyphs, id="header")
        yield CommandLine(self, self.glyphs, self.refresh_view)
        yield Lines(self.glyphs, id="notice")
        yield from self.body()
        yield Lines(self.glyphs, id="about", classes="aside")
        yield Input(id="filter", placeholder="words  !not", compact=True, select_on_focus=False)
        yield Lines(self.glyphs, id="footer")

    def show(self, snapshot: Snapshot) -> None:
        """Show what was seen last; there is no session."""
        if not self.is_mounted:
            return
        width, sight, table = self.size.width, self.sight, self.table
        self.lines("header").show_lines([home.header(sight, width, self.glyphs)])
        self._line.show()
        self._show_top(snapshot, width)
        is_tall = self.size.height >= _TALL
        every = sight, table.size.height - 1, self.filter, self.everything, self.glyphs
        table.selected = home.still_selected(table.selected, home.table_rows(*every).keys)
        rows = home.table_rows(*every, told=table.selected if is_tall else "")
        nothing = [line((f"nothing matches “{self.filter.text}”", "text")), line(("esc clears the filter", "dim"))]
        table.show_rows(rows, nothing if self.filter else ())
        about = self.lines("about")
        about.display = is_tall
        about.show_lines(home.about(sight, table.selected, width, _ABOUT, table.row_width))
        self.lines("footer").show_lines([self.footer(width)])
        self.filled()

    def _show_top(self, snapshot: Snapshot, width: int) -> None:
        """Show what stands below the input: what is wrong with it, what completes it, or a notice."""
        said = self._said(width)
        rows = [said] if said else self._line.hints(width)
        notice = self.lines("notice")
        notice.styles.height = len(rows)
        notice.show_lines(rows)

    def footer(self, width: int) -> Line:
        """The keys that do something for the selected row; while something is typed, those are in the line above."""
        if self._types:
            return fit((Piece(" "), Piece("commands: install, uninstall, sync, install-many", "dim")), width)
        return super().footer(width)

    def footer_labels(self) -> dict[str, str]:
        """The label of enter: what it does with the selected row."""
        section = home.chosen(self.table.selected).section
        what = {"running": "watch", "recorded": "replay", "learn": "show"}.get(section, "open")
        return {**super().footer_labels(), "open": what, "all": "fewer" if self.everything else "all", "quit": "quit"}

    def copied(self, key: str) -> str:
        """The command of a row."""
        return home.describe(self.sight, key)

    def matches(self) -> list[str]:
        """The rows that the filter has found."""
        return [key for key in super().matches() if key != home.INVITATION and not home.is_blank(key)]

    def select(self, key: str) -> None:
        """Select a row, unless it is a blank one."""
        if not home.is_blank(key):
            super().select(key)

    def move(self, rows: int) -> None:
        """Move the selection by so many rows, or by one more if that is a blank one."""
        before = self.table.selected
        self.table.move(rows)
        if home.is_blank(self.table.selected):
            self.table.move(1 if rows > 0 else -1)
        if self.table.selected == before:
            self.notice("this is the last row" if rows > 0 else "this is the first row")
        self.refresh_view()

    # -- the input

    @property
    def _line(self) -> CommandLine:
        return self.query_one(CommandLine)

    @property
    def _types(self) -> bool:
        return self.is_mounted and self._line.has_keys

    def words(self, typed: str) -> Iterable[str]:
        """Names that may follow in a command: what is installed, or what was named in earlier ones."""
        if typed.lstrip().startswith("uninstall"):
            return self.sight.place.installed
        return [word for command in self.earlier() for word in command.split()[1:]]

    def earlier(self) -> Sequence[str]:
        """The commands of the recordings, the latest first."""
        return list(dict.fromkeys(map(home.command_line, self.sight.recorded)))

    def do_type(self) -> None:
        """Give the keys to the input."""
        self._line.take_keys()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Begin what was typed; finding out where it goes, and starting a process, take a moment."""
        if message.input.id != "entry":
            return
        typed = message.value.strip()
        self._line.problem = ""
        if self._timer:
            threading.Thread(target=self._begin, args=(typed,), name="begin", daemon=True).start()
            self.notice("it begins")
        else:
            self._begin(typed)

    def _begin(self, typed: str) -> None:
        """Begin a command, in a thread of its own."""
        tell = cast(Loop, self.app).from_outside if self._timer else _now
        try:
            self._host.begin(typed)
        except InstuiError as error:
            problem = str(error)
            tell(lambda: self._refused(problem))
        else:
            tell(self._begun)

    def _refused(self, problem: str) -> None:
        self._line.problem = problem
        self.notice("")
        self.refresh_view()

    def _begun(self) -> None:
        self._seen_before = self.sight
        self._line.leave(empty=True)

    # -- actions

    def do_section(self) -> None:
        """Complete the line or, in the list, go to the next section."""
        if not self._types:
            self._go_to_section(1)
        elif not self._line.complete():
            self.notice("tab knows names of earlier commands, and paths; none begins like that")

    def do_section_back(self) -> None:
        """Go to the section before."""
        if self._types:
            self._line.leave()
        else:
            self._go_to_section(-1)

    def _go_to_section(self, step: int) -> None:
        keys, starts = list(self.table.keys), home.section_starts(self.table.keys)
        if not starts:
            self.notice("there is no row to go to")
            return
        at = keys.index(self.table.selected)
        present = sum(keys.index(start) <= at for start in starts) - 1
        self.select(starts[(present + step) % len(starts)])
        self.notice(f"section {(present + step) % len(starts) + 1} of {len(starts)}")

    def do_up(self) -> None:
        """Select the row above; in the input, take the command before."""
        if self._types:
            self._line.recall(1)
        else:
            super().do_up()

    def do_down(self) -> None:
        """Select the next row; in the input, take the command after."""
        if self._types:
            self._line.recall(-1)
        else:
            super().do_down()

    def no_back(self) -> str:
        """Nothing is open or set."""
        closes = self._types or self.query_one("#filter", Input).display or self.filter
        return "" if closes else "nothing to close here; q quits"

    def do_back(self) -> None:
        """Return the keys to the list; else clear the filter."""
        if self._types:
            self._line.leave()
        else:
            super().do_back()

    def no_open(self) -> str:
        """There are no rows, or it is a program that keeps no journal."""
        if (other := home.other_of(self.sight, self.table.selected)) is not None:
            return f"pid {other.pid} is no session of instui: it can be seen here, but not watched"
        return "" if self.table.selected else "there is no row to open"

    def do_open(self) -> None:
        """Watch, replay or show what is selected."""
        key = self.table.selected
        section, of = home.chosen(key)
        if key == FOLD:
            self.do_all()
        elif key == home.INVITATION:
            self.do_type()
        elif section == "running":
            self._try(lambda: self._host.watch(of))
        elif section == "recorded":
            self._try(lambda: self._host.replay(of))
        elif section == "learn":
            self._try(lambda: self._host.demonstrate(of))

    def no_why(self) -> str:
        """No recording is selected."""
        is_recorded = home.recording_of(self.sight, self.table.selected) is not None
        return "" if is_recorded else "select a recorded session first"

    def do_why(self) -> None:
        """Show why the selected recording took so long."""
        key = home.chosen(self.table.selected).key
        self._try(lambda: self._host.replay(key, explained=True))

    def no_cancel(self) -> str:
        """Nothing that runs is selected, or it is not ours."""
        key = self.table.selected
        if (other := home.other_of(self.sight, key)) is not None:
            return f"pid {other.pid} is no session of instui"
        return "" if home.running_of(self.sight, key) is not None else "select a running session first"

    def do_cancel(self) -> None:
        """Ask, then cancel the selected session."""
        row = self.table.selected
        key, running = home.chosen(row).key, home.running_of(self.sight, row)

        def answered(answer: str | None) -> None:
            self._question = None
            if answer == CANCEL:
                self._try(lambda: self._host.cancel(key))
                self.notice("cancelling after the commits in hand")

        if running is not None:
            what = tail(printable(home.command_line(running)), 50)
            self._question = Ask(f"Stop `{what}`, pid {running.pid}?", may_leave=False), row
            self.app.push_screen(self._question[0], answered)

    def no_learn(self) -> str:
        """There are no demonstrations."""
        return "" if self.sight.demonstrations else "there are no demonstrations here"

    def do_learn(self) -> None:
        """Show the demonstration whose key was pressed."""
        names = [one.name for one in self.sight.demonstrations]
        number, self._number = self._number, 0
        if 0 < number <= len(names):
            self.table.select(home.demonstration_key(names[number - 1]))
            self._try(lambda: self._host.demonstrate(names[number - 1]))
        else:
            self.notice(f"the demonstrations are 1 to {len(names)}")

    def action_demonstrate(self, number: int) -> None:
        """The key of a demonstration."""
        self._number = number
        self.application.perform("learn")

    def do_quit(self) -> None:
        """Leave; asks while installs that were begun here run."""
        own = self._host.own()
        if not own:
            self.app.exit()
            return

        def answered(answer: str | None) -> None:
            if answer in (CANCEL, LEAVE):
                self._host.leave(cancel=answer == CANCEL)
                self.app.exit()

        still = "is still running" if own == 1 else "are still running"
        self.app.push_screen(Ask(f"{units.count(own, 'install')} {still}."), answered)

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except InstuiError as error:
            self.notice(str(error))


def _now(call: Callable[[], None]) -> None:
    call()
