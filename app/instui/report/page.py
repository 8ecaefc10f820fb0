"""The page: its parts in order, what it looks like, and what a browser may do with it, which is nothing but show it."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from instui.colours import DARK, LIGHT
from instui.monitor.embedded import embed

from . import facts, locks, opening, overwrites, palette, timeline, wheels
from .html import Html, element, source
from .session import Recorded

_SECTIONS = (
    ("failed", "What failed"),
    ("why", "Where the time went"),
    ("timeline", "Timeline"),
    ("locks", "Locks"),
    ("overwritten", "Overwritten files"),
    ("wheels", "Wheels"),
    ("notes", "Events of note"),
    ("facts", "Facts"),
)


def page(recorded: Recorded) -> str:
    """The whole file. The same session gives the same page."""
    main = element(
        "main",
        opening.failures(recorded.snapshot),
        opening.findings(recorded),
        _timeline(recorded),
        locks.locks(recorded),
        overwrites.overwrites(recorded),
        wheels.wheels(recorded),
        facts.notes(recorded),
        facts.facts(recorded),
        id="main",
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="robots", content="noindex"),
        element("title", opening.title(recorded.snapshot)),
        element("style", source(style())),
    )
    body = element(
        "body",
        element("a", "To the findings", href="#main", class_="skip"),
        opening.header(recorded),
        _contents(main),
        main,
        _footer(),
        source(embed(recorded.journal)),
        element("script", source(script())),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _timeline(recorded: Recorded) -> Html:
    return element(
        "section",
        element("h2", "Timeline", id="timeline"),
        timeline.timeline(recorded),
        facts.parts(recorded),
        aria_labelledby="timeline",
    )


def _contents(main: Html) -> Html:
    """Links to the sections that there are."""
    links = [element("li", element("a", words, href=f"#{id}")) for id, words in _SECTIONS if f'id="{id}"' in main]
    return element("nav", element("ul", links), aria_label="Parts of this page")


def _footer() -> Html:
    return element(
        "footer",
        element("p", "This file has its session's journal in it and loads nothing from anywhere."),
        element(
            "p",
            element("code", "instui replay FILE.html"),
            " plays it; ",
            element("code", "instui explain FILE.html"),
            " explains it.",
        ),
    )


# -- what it looks like and what it may do


@cache
def style() -> str:
    """The style sheet."""
    colours = (
        f":root{{color-scheme:light;{palette.variables(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{color-scheme:dark;{palette.variables(DARK)}}}}}"
    )
    return f"\n{colours}\n{_resource('page.css')}"


@cache
def script() -> str:
    """The script. Without it everything can be read; it sorts, and opens what is folded before it is printed."""
    return f"\n{_resource('page.js')}"


def _resource(file: str) -> str:
    return files(__package__).joinpath(file).read_text(encoding="utf-8")


def policy() -> str:
    """What a browser may do: use this style sheet and run this script. Nothing is loaded or sent."""
    return (
        f"default-src 'none'; style-src '{_hash(style())}'; script-src '{_hash(script())}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
