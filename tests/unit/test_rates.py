"""What the last sessions have shown of a machine is kept, and makes the estimates of the next one better."""

import gzip
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from instui.monitor.fold import Fold
from instui.monitor.history import History, path
from instui.monitor.rates import COMPARED, LAST, USUAL, Measured, Rates, Took, measured, rates
from instui.monitor.reader import decoded
from instui.tui.watch import Watch
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, SessionFinished, SessionPaused, SessionStarted

INSTALLS = Path(__file__).parents[1] / "support" / "installs"
OTHERS = frozenset(file.name.partition(".")[0] for file in INSTALLS.iterdir())


def events_of(name: str, slower: float = 1.0) -> list[tuple[float, Event]]:
    with gzip.open(INSTALLS / f"{name}.jsonl.gz", "rt") as lines:
        return [(slower * t, event) for t, event in decoded(lines)]


@cache
def shown_by(name: str, slower: float = 1.0) -> Measured:
    """What a recorded install has shown of its machine."""
    fold = Fold(estimates=True)
    for t, event in events_of(name, slower):
        fold.feed(t, event)
    return fold.measured() or Measured()


def after_half(name: str, slower: float, known: Rates) -> tuple[int, float]:
    """At how many of the hundred moments after half of the way the end is told, and how often that is right then."""
    found = events_of(name, slower)
    end, fold = found[-1][0], Fold(estimates=True, rates=known)
    moments, good = [end * part / 200 for part in range(100, 200)], []
    for t, event in found:
        while moments and moments[0] < t:
            moment = moments.pop(0)
            left, true = fold.snapshot(moment).left, end - moment
            good += [] if left is None else [abs(left - true) <= max(0.3 * true, 0.5)]
        fold.feed(t, event)
    return len(good), sum(good) / max(len(good), 1)


def by_others(name: str, slower: float) -> Rates:
    """What all other recorded installs have shown."""
    return rates([shown_by(other, slower) for other in sorted(OTHERS - {name})])


@pytest.mark.parametrize("name", ["index", "large-first", "local", "slow-index", "stalling-disk"])
def test_on_a_machine_that_is_known_the_end_is_told_and_right(name: str) -> None:
    often, right = after_half(name, 0.5, by_others(name, 0.5))
    assert often >= 50
    assert right >= 0.9
    often, right = after_half(name, 0.5, USUAL)
    assert often < 50 or right < 0.9


def test_where_sessions_differ_widely_the_end_is_told_later() -> None:
    known = by_others("local", 0.5)
    assert after_half("local", 0.5, known)[0] > 90
    assert after_half("local", 0.5, known._replace(spread=1.0))[0] < 50
    assert after_half("local", 0.5, known._replace(link_spread=1.0))[0] < 50
    known = by_others("upgrade", 0.5)
    assert after_half("upgrade", 0.5, known)[0] > 50
    assert after_half("upgrade", 0.5, known._replace(replace_spread=1.0))[0] < 50


def test_work_that_few_sessions_have_shown_is_in_doubt() -> None:
    found = rates([Measured(unpack=1.0, link=1.0)] * 5 + [Measured(unpack=1.0, copy=1.0)])
    assert found.spread == found.link_spread == 0.0
    assert found.copy_spread == found.replace_spread > 0.3
    assert rates([]).copy_spread == 0.0  # where nothing is known, nothing is told before it was measured


def test_a_machine_of_which_little_is_known_is_taken_for_usual() -> None:
    assert rates([]) == USUAL
    assert rates([Measured(unpack=3.0)] * 2 + [Measured(link=3.0)] * 9) == USUAL
    assert rates([Measured(unpack=3.0)] * 3).known


def test_rates_are_medians_and_what_was_not_done_is_as_slow_as_unpacking() -> None:
    found = rates([Measured(unpack=1.0, link=5.0), Measured(unpack=2.0), Measured(unpack=40.0, link=7.0)])
    assert found.file == pytest.approx(2 * COMPARED.file)
    assert found.link == pytest.approx(6 * COMPARED.link)
    assert found.clean == pytest.approx(2 * COMPARED.clean)
    assert found.spread > 0


def test_old_sessions_no_longer_count() -> None:
    assert rates([Measured(unpack=9.0)] * 50 + [Measured(unpack=1.0)] * LAST).file == pytest.approx(COMPARED.file)


def test_what_took_only_a_moment_says_nothing() -> None:
    little = Took(0.01, 0.02, 0.01, 0.02, False, 10.0, 0.1, 0.1, 0.1)
    assert measured(little) == Measured()
    much = measured(Took(1.0, 2.0, 1.0, 3.0, True, 10_000.0, 0.6, 1.8, -0.1))
    assert much == pytest.approx((2.0, 0.0, 3.0, 1.0, 2.0, 0.0))


@pytest.mark.parametrize("slower", [0.5, 2.0])
def test_sessions_show_how_fast_the_machine_is(slower: float) -> None:
    names: Mapping[str, str] = {"local": "unpack", "copies": "copy", "reinstall": "clean"}
    for name, part in names.items():
        usual, other = getattr(shown_by(name), part), getattr(shown_by(name, slower), part)
        assert other == pytest.approx(slower * usual, rel=0.25)


# -- the file


def test_the_last_sessions_are_kept(tmp_path: Path) -> None:
    history = History(tmp_path / "new" / "paces.json")
    for number in range(1, 30):
        history.add(Measured(unpack=float(number)))
    history.add(Measured())  # has shown nothing
    assert len(json.loads((tmp_path / "new" / "paces.json").read_text())) == LAST
    assert History(tmp_path / "new" / "paces.json").rates().file == pytest.approx(19.5 * COMPARED.file)
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
    assert history.rates().known


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
    name, slower = "large-first", 0.5
    history = History(tmp_path / "paces.json")
    for other in sorted(OTHERS - {name}):
        history.add(shown_by(other, slower))
    found = events_of(name, slower)
    started, until = found[0][1], 0.8 * found[-1][0]
    assert isinstance(started, SessionStarted)
    told = []
    for one in (history, None):
        source = Recorded([(t, event) for t, event in found if t < until], goes_on=True)
        watch = Watch(source, lambda: started.clock + until, history=one)
        watch.read()
        while watch.reading:
            watch.read()
        told.append(watch.latest.left)
    assert told[0] == pytest.approx(found[-1][0] - until, rel=0.3, abs=0.5)
    assert told[1] is None
