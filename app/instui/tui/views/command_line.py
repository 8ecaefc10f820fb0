"""The line at home in which a command is typed: it completes words, and takes commands of earlier sessions."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from instui.tui.rows.completion import complete, last_word
from instui.tui.text.glyphs import Glyphs
from instui.tui.text.pieces import Line, line, tail, wrapped
from instui.tui.widgets.paint import Lines
from instui_engine.errors import printable

_USUAL = "install "
_MOST = 40  # words that are offered
_PROBLEM = 4  # lines, of what is wrong


class Known(Protocol):
    """What the line can take from: what is at home."""

    def words(self, typed: str) -> Iterable[str]:
        """Names that may follow."""

    def earlier(self) -> Sequence[str]:
        """The commands of earlier sessions, the latest first."""


class CommandLine(Horizontal):
    """The line, with its prompt. `changed` is called when something else than a key has to be painted."""

    DEFAULT_CSS = """
    CommandLine { height: 1; background: $selected; }
    CommandLine #prompt { width: 3; background: $selected; }
    CommandLine #entry { width: 1fr; height: 1; border: none; padding: 0; background: $selected; }
    """

    def __init__(self, known: Known, glyphs: Glyphs, changed: Callable[[], object]) -> None:
        super().__init__(id="typing")
        self.problem = ""  # with what was typed
        self._known = known
        self._glyphs = glyphs
        self._changed = changed
        self._offered: tuple[str, ...] = ()  # words that complete what is typed
        self._recalled = -1  # which of the earlier commands was taken

    def compose(self) -> ComposeResult:
        """The prompt and the input."""
        yield Lines(self._glyphs, id="prompt")
        yield Input(id="entry", placeholder="press i to type what to install", compact=True, select_on_focus=False)

    @property
    def entry(self) -> Input:
        """Where the command is typed."""
        return self.query_one("#entry", Input)

    @property
    def has_keys(self) -> bool:
        """Whether keys are typed into it."""
        return self.is_mounted and self.entry.has_focus

    # -- painting

    def show(self) -> None:
        """Show in the prompt whether keys go there."""
        self.query_one("#prompt", Lines).show_lines([line((" > ", "key" if self.has_keys else "dim"))])

    def hints(self, width: int) -> list[Line]:
        """The lines below it: what is wrong with it, as a whole; else one: what completes it, or its keys."""
        if self.problem:
            return [line((f" {row}", "failed")) for row in wrapped(self.problem, width - 2, _PROBLEM)]
        return [self._hint(width)]

    def _hint(self, width: int) -> Line:
        if not self.has_keys:
            return ()
        if self._offered:
            words = "  ".join(printable(word.rstrip("/").rpartition("/")[2] or word) for word in self._offered)
            return line((" tab ", "key"), (tail(words, width - 6), "dim"))
        keys = {self._glyphs.enter: "begins", "tab": "completes", "↑": "earlier commands", "esc": "back to the list"}
        parts = (part for key, what in keys.items() for part in ((f"{key} ", "key"), (f"{what}  ", "dim")))
        return line(" ", *parts)

    # -- typing

    def take_keys(self) -> None:
        """Let keys be typed into it."""
        entry = self.entry
        if not entry.value:
            entry.value = _USUAL
        self.screen.set_focus(entry)  # at once: the next key may be on its way
        entry.cursor_position = len(entry.value)
        self._recalled = -1
        self.call_after_refresh(self._changed)

    def leave(self, *, empty: bool = False) -> None:
        """Return the keys; what was typed stays, unless `empty`."""
        self.problem = ""
        if empty or self.entry.value == _USUAL:
            self.entry.value = ""
        self.screen.set_focus(None)
        self.call_after_refresh(self._changed)

    def on_input_changed(self, message: Input.Changed) -> None:
        """Offer what completes the line."""
        message.stop()
        self.problem = ""
        typed = message.value
        self._offered = tuple(complete(typed, self._words(typed)).found)[:_MOST] if last_word(typed) else ()
        self._changed()

    def complete(self) -> bool:
        """Complete the last word as far as that is clear; return whether anything known begins like it."""
        typed = self.entry.value
        completed = complete(typed, self._words(typed))
        if completed.text != typed:
            self._put(completed.text)
        return bool(completed.found)

    def _words(self, typed: str) -> Iterable[str]:
        """The words that may follow: paths for a path, else names; after a flag both, since some flags take a path."""
        word = last_word(typed)
        if "/" in word:
            return _paths(word)
        before = last_word(typed[: len(typed) - len(word)].rstrip())
        names = self._known.words(typed)
        return [*names, *_paths(word)] if before.startswith("-") else names

    def recall(self, step: int) -> None:
        """Put an earlier command into the line, the one `step` before that which is there."""
        earlier = self._known.earlier()
        self._recalled = max(-1, min(len(earlier) - 1, self._recalled + step))
        self._put(earlier[self._recalled] if self._recalled >= 0 else _USUAL)

    def _put(self, text: str) -> None:
        self.entry.value = text
        self.entry.cursor_position = len(text)


def _paths(word: str) -> list[str]:
    """The files and directories whose path begins so."""
    directory = f"{word.rpartition('/')[0]}/" if "/" in word else ""
    try:
        with os.scandir(os.path.expanduser(directory) or ".") as entries:
            found = [f"{directory}{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries]
    except OSError:
        return []
    return sorted(found)
