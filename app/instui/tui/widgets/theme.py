"""The themes, and the look of each style word in them.

Blue, orange and light against dark carry the distinctions, so they survive colour blindness; every state also has a
glyph and a word. Green is never told from red by colour alone.

Text has a contrast of at least 4.5 to 1 to every background, and what is only drawn (`faint`: what a bar has left,
dots) one of 3 to 1, as WCAG asks for. Only a `rule`, which separates and says nothing, may be fainter.
"""

from collections.abc import Mapping

from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

from instui.colours import DARK, LIGHT

OWNERS = ("fetch", "wait", "commit", "stage", "age", "unpack")  # whose colours the owners of files have, in turn


def _true_colour(colours: Mapping[str, str]) -> dict[str, Style]:
    styles = {word: Style(color=colours[word]) for word in colours}
    styles["strong"] = Style(color=colours["text"], bold=True)
    styles["logo"] = Style(color=colours["accent"], bold=True)
    styles["key"] = Style(color=colours["accent"], bold=True)
    styles["chosen"] = Style(color=colours["background"], bgcolor=colours["accent"], bold=True)
    styles["selected"] = Style(bgcolor=colours["selected"])
    for word in ("commit", "wait", "failed", "fetch", "age"):
        styles[f"badge-{word}"] = Style(color=colours[word], bold=True)
    for number, word in enumerate(OWNERS, 1):
        styles[f"owner-{number}"] = Style(color=colours["background"], bgcolor=colours[word], bold=True)
    return styles


def _named(colours: Mapping[str, str]) -> dict[str, Style]:
    """The styles of a theme of the terminal's own sixteen colours, or of none."""
    styles = {word: Style.parse(text) for word, text in colours.items()}
    for word in ("commit", "wait", "failed", "fetch", "age"):
        styles[f"badge-{word}"] = styles[word] + Style(bold=True)
    for number, word in enumerate(OWNERS, 1):
        styles.setdefault(f"owner-{number}", styles[word] + Style(reverse=True))
    return styles


_ANSI = {
    "text": "default",
    "dim": "bright_black",
    "faint": "bright_black",
    "rule": "bright_black",
    "accent": "default bold",
    "fetch": "bright_blue",
    "unpack": "cyan",
    "stage": "magenta",
    "wait": "yellow",
    "commit": "green",
    "failed": "red",
    "age": "bright_yellow",
    "plus": "green",
    "minus": "yellow",
    "strong": "bold",
    "logo": "bold",
    "key": "bold",
    "chosen": "reverse bold",
    "selected": "reverse",
}
_MONO = dict.fromkeys(_ANSI, "default") | {
    "dim": "dim",
    "faint": "dim",
    "rule": "dim",
    "wait": "bold",
    "plus": "bold",
    "minus": "dim",
    "failed": "bold underline",
    "accent": "bold",
    "strong": "bold",
    "logo": "bold",
    "key": "bold",
    "chosen": "reverse bold",
    "selected": "reverse",
    "owner-1": "default",
    "owner-2": "reverse",
    "owner-3": "bold underline",
    "owner-4": "dim",
    "owner-5": "reverse bold underline",
    "owner-6": "reverse dim",
}

STYLES: Mapping[str, Mapping[str, Style]] = {
    "dark": _true_colour(DARK),
    "light": _true_colour(LIGHT),
    "ansi": _named(_ANSI),
    "mono": _named(_MONO),
}
DEFAULT = "dark"


def _theme(name: str, colours: Mapping[str, str], dark: bool) -> Theme:
    return Theme(
        name=name,
        primary=colours["accent"],
        secondary=colours["fetch"],
        accent=colours["accent"],
        warning=colours["wait"],
        error=colours["failed"],
        success=colours["commit"],
        foreground=colours["text"],
        background=colours["background"],
        surface=colours["background"],
        panel=colours["panel"],
        dark=dark,
        variables={
            "muted": colours["dim"],
            "faint": colours["faint"],
            "selected": colours["selected"],
            "scrollbar": colours["faint"],
            "scrollbar-hover": colours["dim"],
            "scrollbar-active": colours["accent"],
            "scrollbar-background": colours["background"],
            "scrollbar-background-hover": colours["background"],
            "scrollbar-background-active": colours["background"],
            "scrollbar-corner-color": colours["background"],
        },
    )


def _terminal(name: str) -> Theme:
    ansi = BUILTIN_THEMES["ansi-dark"]
    variables = ansi.variables | {"muted": "ansi_bright_black", "faint": "ansi_bright_black", "selected": "ansi_blue"}
    return Theme(
        name=name,
        primary=ansi.primary,
        secondary=ansi.secondary,
        warning=ansi.warning,
        error=ansi.error,
        success=ansi.success,
        accent=ansi.accent,
        foreground=ansi.foreground,
        background=ansi.background,
        surface=ansi.surface,
        panel=ansi.panel,
        boost=ansi.boost,
        dark=True,
        variables=variables,
        ansi=True,
    )


THEMES = (_theme("dark", DARK, True), _theme("light", LIGHT, False), _terminal("ansi"), _terminal("mono"))


def without_colour(environ: Mapping[str, str]) -> bool:
    """Whether NO_COLOR asks for no colour; an empty value does not count."""
    return bool(environ.get("NO_COLOR"))
