"""The rule about what uv did while it decided which wheels are wanted: what it computed, and what it waited for."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from instui.monitor.units import count, cut_end, seconds
from instui_engine.errors import printable
from instui_engine.values import NamedTuple

from .attribution import Piece
from .findings import Case, Cause, of, total

_LONG = 0.5  # seconds of it that are worth a remark
_FREE = 0.2  # idle processors for less than so much of the time say that other programs used them
_MOST = 0.5  # of the time: waits of which something else would have helped
_SEARCH = 0.3  # of it: versions that were tried
_DOING_CELLS = 60
_SILENCE = 1.0  # seconds for which a host has been silent when the engine says so
_STEPS = 2  # of which it is said how long they took
_LOCK_FILE = (
    "a lock file needs none of this: `uv pip compile requirements.in -o pylock.toml`, then --pylock pylock.toml"
)
_SILENT = "waiting for "  # a server that says nothing
_WHOLE = "whole wheels"  # in the engine's words for a server of which uv cannot read a part of a wheel


class _Source(NamedTuple):
    """Where wheels come from, in the words of a remedy: the flag that names another one, and what that is called."""

    flag: str
    one: str
    present: str
    beside: str  # what else helps where wheels are read whole

    @property
    def answers(self) -> str:
        """The remedy against one that is slow."""
        return f"{self.one} that answers: {self.flag}; --offline takes what is cached"

    @property
    def waits(self) -> dict[str, str]:
        """What helps against the steps that begin so, in the words of the engine; the first that fits."""
        return {
            "waiting for the address of ": (
                "a name server that answers sooner (/etc/resolv.conf); --offline takes what is cached"
            ),
            "waiting for a connection to ": (
                f"{self.one}, or a proxy, that can be reached: {self.flag}, HTTPS_PROXY; --offline takes what is cached"
            ),
            "waiting to ask ": (
                f"{self.present} fails, or limits how often it is asked: try again later, or {self.answers}"
            ),
            _SILENT: self.answers,
        }

    @property
    def ranges(self) -> str:
        """The remedy against one of which uv reads whole wheels."""
        return f"a server with range requests{self.beside}; --offline takes what is cached"


_SOURCES = {
    "--find-links": _Source("--find-links", "a place", "the server", ""),
    "--index-url": _Source("--index-url", "an index", "the index", ", or with the metadata beside each wheel"),
}
_PROXY = " through the proxy "
_NUMBER = r"(?<!\d)\d+ packages?"  # not from each digit of a long row: that takes forever
_TRIES = r"trying versions of ([^ ]+) "


class _Step(NamedTuple):
    """A kind of step: its last words, and how long such steps took."""

    doing: str
    seconds: float


def resolving(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Which wheels are wanted."""
    found = of(pieces, "resolve")
    if not found:
        return
    snapshot = case.snapshot
    if not snapshot.requirements and not snapshot.doings:  # uv was not asked
        yield Cause("resolve", found, "looked at what is asked for, and at what is installed")
        return
    steps = sorted(_steps(case, found), key=lambda one: -one.seconds)
    told = ", ".join(f"{cut_end(printable(one.doing), _DOING_CELLS)} {seconds(one.seconds)}" for one in steps[:_STEPS])
    verb = "is deciding" if case.lasts(found) else "decided"
    # a project or a group is read by uv alone: what it asks for is not known here
    asked = count(len(snapshot.requirements), "requirement") if snapshot.requirements else "what is asked for"
    text = f"uv {verb} which wheels satisfy {asked}"
    text += f": {told}" if told else ""
    source = _SOURCES[case.place_option]
    waits = dict.fromkeys(source.waits, 0.0)
    for one in steps:
        for words in waits:
            if one.doing.startswith(words):
                waits[words] += one.seconds
                break
    waited = sum(waits.values())
    computed = sum(span.cpu for span in snapshot.spans if span.name == "resolve")
    # whoever waits for an index leaves a processor idle, and who waits for a processor does not
    is_busy = any(
        0 <= span.idle <= _FREE * ((span.end or 0) - span.begin) for span in snapshot.spans if span.name == "resolve"
    )
    if computed and not case.lasts(found) and case.matters(found, _LONG, 0.1):
        rest = max(total(found) - computed, 0.0)
        text += f"; it computed for {seconds(computed)}{f', and waited for {seconds(rest)}' if rest >= _LONG else ''}"
        if is_busy and rest >= _LONG and waited < rest / 4:
            text += ", for an index or for a processor: other programs used all of them"
    # what is read whole is read again when it is fetched
    is_whole = any(_WHOLE in one.doing for one in snapshot.doings)
    text += "; uv reads whole wheels for their metadata, as this server has no range requests" if is_whole else ""
    remedy = ""
    if waited > _MOST * total(found):
        longest = max(waits, key=lambda words: waits[words])
        remedy = source.ranges if is_whole and longest == _SILENT else source.waits[longest]
        if any(_PROXY in one.doing for one in steps[:_STEPS]):
            remedy = f"a faster proxy; {remedy}"
    elif case.matters(found, 2.0, 0.2):
        remedy = _LOCK_FILE
        if tried := _tried(steps, _SEARCH * total(found)):
            remedy = f"a version of {printable(tried)}, or bounds for it, leave less to try; {remedy}"
        elif 0 < computed < total(found) / 2 and not is_busy:
            remedy = f"{source.one} that answers sooner: {source.flag}; {remedy}"
    yield Cause("resolve", found, text, remedy)


def _steps(case: Case, found: Sequence[Piece]) -> Iterator[_Step]:
    """The kinds of steps. The words of one kind differ in numbers, and in what follows a comma or the like."""
    doings = case.snapshot.doings
    before = [0.0, *(doing.begin for doing in doings)]
    begins = [
        max(doing.begin - _SILENCE, begin) if doing.doing.startswith("waiting for ") else doing.begin
        for doing, begin in zip(doings, before, strict=False)
    ]
    took: dict[str, _Step] = {}
    for doing, begin, following in zip_longest(doings, begins, begins[1:]):
        end = following if following is not None else found[-1].end
        # what uv did last lasts until it is asked again, but that was the work of others
        inside = sum(max(min(end, piece.end) - max(begin, piece.begin), 0.0) for piece in found)
        kind = re.sub(_NUMBER, "packages", re.split("[,;(]", doing.doing, maxsplit=1)[0])
        inside += took[kind].seconds if kind in took else 0.0
        took[kind] = _Step(doing.doing if case.lasts(found) else doing.doing.replace(" so far", ""), inside)
    yield from took.values()


def _tried(steps: Sequence[_Step], least: float) -> str:
    """The package of which uv tried one version after the other, if that took so long; "" if there is none."""
    tries = [(one.seconds, match[1]) for one in steps if (match := re.match(_TRIES, one.doing))]
    return max(tries)[1] if sum(took for took, _ in tries) > least else ""
