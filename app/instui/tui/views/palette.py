"""The command palette, which finds every action and every theme by name."""

from functools import partial

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from instui.terminal import TO_ASCII
from instui.tui.widgets.theme import THEMES

from .application import application_of

_HIDDEN = {"palette", "interrupt"}


class Palette(CommandPalette):
    """The palette of Textual."""


class Commands(Provider):
    """The commands of the palette: the actions that can be done now, and the themes."""

    def _commands(self) -> list[tuple[str, str, str]]:
        application = application_of(self.app)
        plain = TO_ASCII if application.glyphs.is_ascii else {}
        actions = [
            (f"{action.label}  ({action.shown})".translate(plain), action.help.translate(plain), action.id)
            for action in application.actions
            if action.id not in _HIDDEN and not application.refusal(action.id)
        ]
        themes = [(f"theme {theme.name}", "change the colours", f"theme {theme.name}") for theme in THEMES]
        return [*actions, *themes]

    def _run(self, id: str) -> None:
        kind, _, name = id.partition(" ")
        if kind == "theme":
            self.app.theme = name
        else:
            self.app.call_later(self.app.run_action, f"do({id!r})")

    async def discover(self) -> Hits:
        """All commands, while nothing is typed."""
        for title, help, id in self._commands():
            yield DiscoveryHit(Content(title), partial(self._run, id), title, help)

    async def search(self, query: str) -> Hits:
        """The commands that match."""
        matcher = self.matcher(query)
        for title, help, id in self._commands():
            if (score := matcher.match(f"{title} {help}")) > 0:
                yield Hit(score, Content(title), partial(self._run, id), title, help)
