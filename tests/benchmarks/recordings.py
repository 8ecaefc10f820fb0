"""How soon ten thousand wheels are on the screen, and how soon a key goes elsewhere in a recording of them."""

import fcntl
import time
from collections.abc import Sequence

from benchmarks.keys import SIZE, heading, peak, pressed, screen_variables, share, tell
from benchmarks.lab import Lab
from benchmarks.made_up_journal import put_down, running, whole
from benchmarks.measure import make_venv
from benchmarks.results import Findings, Line, single, spread
from support.terminal import Terminal

_OPENS, _MEMORY = 1000.0, 200.0  # ms, MB
_PREPARED = 3.0  # seconds in which what is not seen yet is looked through
_CALM = 0.15  # seconds after which nothing moves any more
_EVERY = 5  # keys from one place, then from another one
_KEYS = {"step back": ",", "step forth": ".", "news": "[]", "gaps": "{}"}


def recordings(lab: Lab, found: Findings) -> None:
    """The first frame of a session that runs, and of one that is over; and keys in that one."""
    many, venv, path = lab.sizes.journal, lab.place / "many", lab.place / "whole.jsonl"
    make_venv(str(venv), lab.variables)
    alive = venv / ".instui" / "sessions" / "made-up.jsonl"
    alive.parent.mkdir(parents=True)
    put_down(alive, running(many, str(venv)))
    put_down(path, whole(many))
    rounds = lab.rounds(5)
    lab.say(f"{many:,} wheels are opened, {rounds} times each")
    with alive.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # it lives
        commands = {"attach": ["attach", alive.stem, "--python", str(venv)], "replay": ["replay", str(path)]}
        for what, words in commands.items():
            seconds = [_opens(lab, words) for _ in range(rounds)]
            line = Line(f"first frame, {what}, {many:,} wheels", spread(_ms(seconds)), "ms", budget=_OPENS)
            found.lines.append(line)
    _in_a_replay(lab, found, commands["replay"])


def _ms(seconds: Sequence[float]) -> list[float]:
    return [1000 * one for one in seconds]


def _terminal(lab: Lab, words: Sequence[str]) -> Terminal:
    return Terminal([*lab.instui.module, *words], screen_variables(lab), SIZE)


def _opens(lab: Lab, words: Sequence[str]) -> float:
    """Seconds until the table is there."""
    begun = time.perf_counter()
    terminal = _terminal(lab, words)
    try:
        terminal.until(lambda: heading(terminal), "the table")
        return time.perf_counter() - begun
    finally:
        terminal.close()


def _in_a_replay(lab: Lab, found: Findings, words: Sequence[str]) -> None:
    """Keys that go elsewhere, in groups from places all over the recording, and clicks into its bar."""
    presses = lab.sizes.presses
    lab.say(f"{presses} keys of each kind in a recording of {lab.sizes.journal:,} wheels")
    terminal = _terminal(lab, words)
    try:
        terminal.until(lambda: heading(terminal) and "…" not in _bar(terminal), "the end of the recording")
        terminal.press(" ")
        terminal.shows("held")
        share(terminal, min(_PREPARED, lab.sizes.watch))
        begin, end = _bar(terminal).index("├") + 1, _bar(terminal).index("┤")
        clicks = [_click(begin + number * 37 % (end - begin)) for number in range(presses)]
        tell(found, "anywhere in a replay", pressed(terminal, clicks, _place, answers=False))
        for what, keys in _KEYS.items():
            latencies: list[float] = []
            for number, click in enumerate(clicks[: max(presses // _EVERY, 1)]):
                terminal.press(click)
                share(terminal, min(_CALM, lab.sizes.watch))
                group = [keys[(number + place) % len(keys)] for place in range(_EVERY)]
                latencies += pressed(terminal, group, _place, answers=False)
            tell(found, f"{what} in a replay", latencies)
        most = peak(terminal.process.pid)
    finally:
        terminal.close()
    found.lines.append(Line(f"replay: peak memory, {lab.sizes.journal:,} wheels", single(most), "MB", budget=_MEMORY))


def _click(column: int) -> str:
    at = f"{column + 1};{SIZE[1] - 1}"
    return f"\x1b[<0;{at}M\x1b[<0;{at}m"


def _bar(terminal: Terminal) -> str:
    return terminal.screen.lines[-2]


def _place(terminal: Terminal) -> str:
    """Where it stands: the bar, and what is said of the event there."""
    return f"{_bar(terminal)} {terminal.screen.lines[3]}"
