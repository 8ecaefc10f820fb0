"""What the last sessions have shown of a machine is kept, and makes the estimates of the next one better."""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from instui.monitor.history import History, path
from instui.monitor.rates import LAST, USUAL, Measured, Rates, Took, measured, rates
from instui.tui.watch import Watch
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, SessionFinished, SessionPaused, SessionStarted
from support.time_left import INSTALLS, OFTEN, RIGHT, session, shown_by, told

OTHERS = frozenset(file.name.partition(".")[0] for file in INSTALLS.iterdir())


def events_of(name: str, slower: float = 1.0) -> list[tuple[float, Event]]:
    return list(session(INSTALLS / f"{name}.jsonl.gz", slower))


@cache
def measured_of(name: str, slower: float = 1.0) -> Measured:
    """What a recorded install has shown of its machine."""
    return shown_by(events_of(name, slower))


def by_others(name: str, slower: float) -> Rates:
    """What all other recorded installs have shown."""
    return rates([measured_of(other, slower) for other in sorted(OTHERS - {name})])


@pytest.mark.parametrize("name", ["index", "local", "slow-link", "notebook"])
def test_where_sessions_were_before_the_end_is_told_and_right(name: str) -> None:
    result = told(events_of(name), by_others(name, 1.0))
    assert result.often >= OFTEN
    assert result.right >= RIGHT


def test_a_machine_of_which_little_is_known_is_taken_for_usual() -> None:
    assert rates([]) == USUAL
    assert rates([Measured(unpack=3.0)] * 2 + [Measured(link=3.0)] * 9) == USUAL
    assert rates([Measured(unpack=3.0)] * 3).file > USUAL.file


def test_rates_are_medians_as_far_as_sessions_agree_and_what_was_not_done_is_as_slow_as_unpacking() -> None:
    alike = [Measured(unpack=1.98, link=2.95), Measured(unpack=2.0, link=3.0), Measured(unpack=2.02, link=9.0)]
    found = rates(alike)
    assert found.file == pytest.approx(2 * USUAL.file, rel=0.05)
    assert found.link == pytest.approx(3 * USUAL.link, rel=0.1)
    assert found.clean == pytest.approx(2 * USUAL.clean, rel=0.05)
    apart = rates([Measured(unpack=0.5), Measured(unpack=2.0), Measured(unpack=16.0)])
    assert USUAL.file < apart.file < 1.2 * USUAL.file


def test_old_sessions_no_longer_count() -> None:
    assert rates([Measured(unpack=9.0)] * 50 + [Measured(unpack=1.0)] * LAST).file == pytest.approx(USUAL.file)


def test_what_took_only_a_moment_says_nothing() -> None:
    little = Took(0.01, 0.02, 0.01, 0.02, False, 10.0, 0.1, 0.1, 0.1)
    assert measured(little) == Measured()
    much = measured(Took(1.0, 2.0, 1.0, 3.0, True, 10_000.0, 0.6, 1.8, -0.1))
    assert much == pytest.approx((2.0, 0.0, 3.0, 2.0, 2.0, 0.0))


@pytest.mark.parametrize("slower", [0.5, 2.0])
def test_sessions_show_how_fast_the_machine_is(slower: float) -> None:
    names: Mapping[str, str] = {"local": "unpack", "copies": "copy", "reinstall": "clean"}
    for name, part in names.items():
        usual, other = getattr(measured_of(name), part), getattr(measured_of(name, slower), part)
        assert other == pytest.approx(slower * usual, rel=0.25)


# -- the file


def test_the_last_sessions_are_kept(tmp_path: Path) -> None:
    history = History(tmp_path / "new" / "paces.json")
    for number in range(1, 30):
        history.add(Measured(unpack=2 + number / 1000))
    history.add(Measured())  # has shown nothing
    assert len(json.loads((tmp_path / "new" / "paces.json").read_text())) == LAST
    assert History(tmp_path / "new" / "paces.json").rates().file == pytest.approx(2.0195 * USUAL.file, rel=1e-3)
    assert os.listdir(tmp_path / "new") == ["paces.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "3", "[[1]]", '[["a",0.0,0.0,0.0,0.0,0.0]]', "[" * 9000, "[[NaN,1e999,-1.0,0.0,0.0,0.0]]"]
)
def test_a_file_with_anything_in_it_is_as_no_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "paces.json").write_text(text)
    history = History(tmp_path / "paces.json")
    assert history.rates() == USUAL
    for _ in range(3):
        history.add(Measured(unpack=2.0))
    assert history.rates() != USUAL


def test_where_nothing_can_be_written_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    History(tmp_path / "file" / "paces.json").add(Measured(unpack=2.0))
    os.mkfifo(tmp_path / "fifo")
    assert History(tmp_path / "fifo").rates() == USUAL


def test_it_is_in_the_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert path() == tmp_path / "instui" / "paces.json"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert path().is_absolute()


# -- who writes it


class Recorded:
    """A source of all lines at once."""

    def __init__(self, found: list[tuple[float, Event]], goes_on: bool = False) -> None:
        self._lines = [encode(t, event).rstrip("\n") for t, event in found]
        self._goes_on = goes_on

    @property
    def ended(self) -> bool:
        return not self._lines and not self._goes_on

    def poll(self, wait: float = 0.0) -> list[str]:
        lines, self._lines = self._lines, []
        return lines

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def kept_after(found: list[tuple[float, Event]], file: Path) -> bool:
    """Whether a screen that has shown this session has kept what it has shown of the machine."""
    watch = Watch(Recorded(found), lambda: 0.0, history=History(file))
    while not watch.over:
        watch.read()
    watch.read()
    return file.exists()


def test_a_screen_keeps_what_an_install_has_shown_that_went_well(tmp_path: Path) -> None:
    found = events_of("index")
    file = tmp_path / "paces.json"
    assert kept_after(found, file)
    assert len(json.loads(file.read_text())) == 1
    end, finished = found[-1]
    assert isinstance(finished, SessionFinished)
    assert not kept_after([*found[:-1], (end, finished._replace(exit=1))], tmp_path / "failed")
    assert not kept_after([*found[:9], (found[9][0], SessionPaused()), *found[9:]], tmp_path / "paused")
    t, started = found[0]
    assert isinstance(started, SessionStarted)
    slow = started._replace(command=[*started.command, "--slow", "2"])
    assert not kept_after([(t, slow), *found[1:]], tmp_path / "slow")
    assert not kept_after(found[:-1], tmp_path / "killed")


def test_a_screen_makes_use_of_what_others_have_shown(tmp_path: Path) -> None:
    name, slower = "notebook", 1.0
    history = History(tmp_path / "paces.json")
    for other in sorted(OTHERS - {name}):
        history.add(measured_of(other, slower))
    found = events_of(name, slower)
    started, until = found[0][1], 0.8 * found[-1][0]
    assert isinstance(started, SessionStarted)
    shown = []
    for one in (history, None):
        source = Recorded([(t, event) for t, event in found if t < until], goes_on=True)
        watch = Watch(source, lambda: started.clock + until, history=one)
        watch.read()
        while watch.reading:
            watch.read()
        shown.append(watch.latest.left)
    assert shown[0] == pytest.approx(found[-1][0] - until, rel=0.3, abs=0.5)
    assert shown[1] != shown[0]
