"""P6: what the full screen costs an install, on a pseudo-terminal; keys.py and recordings.py: how soon it answers."""

import os
import select
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.journals import finished, is_over
from benchmarks.keys import SIZE, keys, screen_variables
from benchmarks.lab import Lab
from benchmarks.measure import Failed, Sample, make_venv
from benchmarks.programs import WITHOUT_ISAL
from benchmarks.recordings import recordings
from benchmarks.results import Findings
from support import watched
from support.terminal import Terminal

_UNDER, _ATTACHED = 1.10, 1.05
_PATIENCE = 300.0  # seconds for an install


class Onlooker(Terminal):
    """A terminal that can stop interpreting what it is sent: what it shows must not cost what a real one does not."""

    blind = False

    def read(self, wait: float = 0.0) -> bool:
        """Take in what the program has written, or drop it."""
        if not self.blind:
            return super().read(wait)
        if not select.select([self.master], [], [], wait)[0]:
            return False
        try:
            return bool(os.read(self.master, 1 << 16))
        except OSError:  # nothing more will come
            return False


def p6(lab: Lab) -> Findings:
    """An install without a screen, under one, and with one attached; then keys."""
    found = Findings()
    rounds = lab.rounds(6)
    if lab.material.names:
        lab.needs_room(3 * (rounds + 1) * lab.sizes.gigabytes)
    for cold, usual in ((True, 6), (False, 7)):
        state = "cold" if cold else "warm"
        rounds = lab.rounds(usual)
        measured = replace(lab, variables={**lab.variables, **WITHOUT_ISAL}) if cold else lab
        total, warm_up = rounds + lab.warm_up(1), lab.warm_up(1)
        lab.say(f"{state} installs, alone and with a screen: {total} times each")
        kinds = ("alone", "under", "attached") if cold else ("alone", "under")
        for number in range(total):
            for kind in kinds if number % 2 else kinds[::-1]:
                sample, itself = _install(measured, lab.place / f"{state}-{number}-{kind}", kind, cold)
                if number >= warm_up:
                    found.samples.setdefault(f"{state}, {kind}", []).append(sample)
                    found.samples.setdefault(f"{state}, {kind}, itself", []).append(itself)
        found.ratio(f"{state}, under", f"{state}, alone", _UNDER, what=f"{state} install, under the screen / none")
        if cold:
            what = "cold install, under the screen / none: processor time"
            found.ratio("cold, under", "cold, alone", what=what, of="cpu")
            found.doubts("cold, under", "cold, alone")
            what = "cold install, a screen attached / none"
            found.ratio("cold, attached", "cold, alone", _ATTACHED, what=what)
            # a disk that is slow for one of them does not show there
            found.ratio("cold, attached, itself", "cold, alone, itself", what=f"{what}: its own user time", of="cpu")
    keys(lab, found)
    recordings(lab, found)
    return found


def _install(lab: Lab, place: Path, kind: str, cold: bool) -> tuple[Sample, Sample]:
    """Seconds from the start of the process to the end of the session, with all CPU, that of the screen included.

    The second sample has the user time of the process that is timed, which is that of the screen if it is under one.
    """
    make_venv(str(place / "venv"), lab.variables)
    journal = place / "journal.jsonl"
    cache = str(place / "cache") if cold else lab.cache(lab.instui)
    options = ["--offline", "--no-deps", "--no-fsync", "--cache-dir", cache, "--python", str(place / "venv")]
    command = [*lab.instui.module, "install", *options, "--journal", str(journal), *lab.material.wheels]
    onlooker: Onlooker | None = None
    if kind == "attached":
        journal.touch()
        onlooker = Onlooker([lab.instui.python, watched.__file__, str(journal)], screen_variables(lab), SIZE)
        onlooker.shows("Dashboard")
        onlooker.blind = True
    os.sync()
    begun, before = time.monotonic(), os.times()
    if kind == "under":
        onlooker = Onlooker([*command, "--ui", "tui"], screen_variables(lab), SIZE)
        onlooker.blind = True
        process = onlooker.process
    else:
        process = subprocess.Popen([*command, "--ui", "none"], env=lab.variables, stdin=subprocess.DEVNULL)
    try:
        _until_over(process, journal, onlooker)
        itself = os.times().children_user - before.children_user
    finally:
        if onlooker is not None:
            onlooker.close()
    after = os.times()  # of all that has ended, the screens included
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    seconds = finished(journal) - begun
    return Sample(seconds, cpu, 0.0), Sample(seconds, itself, 0.0)


def _until_over(process: "subprocess.Popen[bytes]", journal: Path, onlooker: Onlooker | None) -> None:
    """Read what the screen shows until the session is over and its process has ended."""
    end = time.monotonic() + _PATIENCE
    asked = False
    while process.poll() is None:
        if onlooker is None:
            time.sleep(0.02)
        else:
            onlooker.read(0.02)
            if process is onlooker.process and not asked and is_over(journal):
                onlooker.press("q")  # it would stay for some seconds
                asked = True
        if time.monotonic() > end:
            process.kill()
            raise Failed(f"the install of {journal.parent.name} did not end within {_PATIENCE:g} s")
