"""The styles of all widgets, parsed again only when the theme has changed."""

from textual.css.stylesheet import Stylesheet


class Styles(Stylesheet):
    """Textual parses all styles anew at each of the first three visits to a screen, 10 ms of processor time each.

    What came with new widgets is parsed when it is needed, in any case.
    """

    _is_stale = False  # whether they were parsed for another theme

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take over the colours of a theme."""
        if variables != self._variables:
            super().set_variables(variables)
            self._is_stale = True

    def reparse(self) -> None:
        """Parse them again, if that changes anything."""
        if self._is_stale:
            super().reparse()
            self._is_stale = False
