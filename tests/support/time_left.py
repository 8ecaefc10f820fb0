"""How well the time that is left is told, on recorded sessions: a table of journals, and what the tests judge.

PYTHONPATH=tests python -m support.time_left                   # those that are stored for the tests
PYTHONPATH=tests python -m support.time_left JOURNAL...        # other journals, also compressed ones
PYTHONPATH=tests python -m support.time_left --known           # each as if the others had run here before
PYTHONPATH=tests python -m support.time_left --keep DIR JOURNAL...  # as small files for the tests
"""

import argparse
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

from instui.monitor.fold import Fold
from instui.monitor.rates import USUAL, Measured, Rates, rates
from instui.monitor.reader import decoded
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from instui_engine.journal.events import Event, SessionFinished, SessionStarted
from instui_engine.values import NamedTuple

INSTALLS = Path(__file__).parent / "installs"
MOMENTS = 200  # at which it is looked what is told, from half of the way on
WITHIN, AT_LEAST = 0.3, 0.5  # how wrong it may be: a share of what is left, or seconds, of which nobody sees less
OFTEN, RIGHT = 0.5, 0.95  # share of the moments at which it has to be told, and of these at which it has to be right

# of these nothing depends on how long they are: they are left out of what is kept
_LEFT_OUT = (events.EnvironmentGranted, events.EnvironmentReleased, events.LockGranted, events.LockReleased)

Session = Sequence[tuple[float, Event]]


class Told(NamedTuple):
    """What was told at some moments: (time, seconds left or None) of a session that ended at `end`."""

    end: float
    moments: Sequence[tuple[float, float | None]]

    @property
    def often(self) -> float:
        """The share of the moments at which anything was told."""
        return sum(left is not None for _, left in self.moments) / len(self.moments)

    @property
    def right(self) -> float:
        """Of these, the share at which it was right; 1.0 if there are none."""
        judged = [self.is_right(t, left) for t, left in self.moments if left is not None]
        return sum(judged) / len(judged) if judged else 1.0

    def is_right(self, t: float, left: float) -> bool:
        """Whether that was right at `t`."""
        return abs(left - (self.end - t)) <= max(WITHIN * (self.end - t), AT_LEAST)

    @property
    def picture(self) -> str:
        """A mark for every few moments: # right, + too long, - too short, . not told."""
        shown = self.moments[:: max(len(self.moments) // 50, 1)]
        return "".join("." if left is None else self._mark(t, left) for t, left in shown)

    def _mark(self, t: float, left: float) -> str:
        return "#" if self.is_right(t, left) else "+" if left > self.end - t else "-"


def session(path: Path, slower: float = 1.0) -> Session:
    """The events of a journal, as if all had taken that many times as long."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as lines:
        return [(slower * t, event) for t, event in decoded(lines)]


def told(found: Session, known: Rates = USUAL, begin: float = 0.5) -> Told:
    """What was told from that share of the way on."""
    end, fold, shown = found[-1][0], Fold(estimates=True, rates=known), list[tuple[float, float | None]]()
    moments = iter([end * (begin + (1 - begin) * number / MOMENTS) for number in range(MOMENTS)])
    moment = next(moments)
    for t, event in found:
        while moment < t:
            shown.append((moment, fold.snapshot(moment).left))
            moment = next(moments, end)
        fold.feed(t, event)
    return Told(end, shown)


def shown_by(found: Session) -> Measured:
    """What a session has shown of its machine."""
    fold = Fold(estimates=True)
    for t, event in found:
        fold.feed(t, event)
    return fold.measured() or Measured()


def reduced(found: Session) -> Iterator[str]:
    """The lines of a session without what names its machine, and without what no estimate looks at."""
    for t, event in found:
        match event:
            case SessionStarted():
                flags = [one for one in event.command[1:] if one in ("install", "install-many", "-U", "--reinstall")]
                copies = ["--link-mode", "copy"] if "copy" in event.command else []
                yield encode(
                    t,
                    event._replace(
                        session="20260101-000000-1-0000",
                        pid=1,
                        wall=0.0,
                        clock=0.0,
                        command=["instui", *flags, *copies, "it"],
                        top="/venv",
                        python="/venv/bin/python",
                        roots={"purelib": "lib"},
                        control="",
                    ),
                )
            case events.PlanWheel():
                yield encode(t, event._replace(exclusive=[], shared=[]))
            case events.ResolveStarted():
                yield encode(t, event._replace(requirements=["it"]))
            case events.ResolveProgress() | events.Overwrite() | events.PlanCollision() | events.Warned():
                pass
            case events.WaitStarted() | events.EnvironmentWaiting():
                yield encode(t, event._replace(path=".lock", holders=[]))
            case _ if not isinstance(event, _LEFT_OUT):
                yield encode(t, event)


def _went_well(last: Event) -> bool:
    return isinstance(last, SessionFinished) and last.exit == 0


def main() -> None:
    """Print the table, or keep the journals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--known", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("journals", type=Path, nargs="*", default=sorted(INSTALLS.iterdir()))
    options = parser.parse_args()
    sessions = {path: session(path) for path in options.journals}
    whole = {path: found for path, found in sessions.items() if found and _went_well(found[-1][1])}
    if options.keep:
        for path, found in whole.items():
            with gzip.open(options.keep / f"{path.name.partition('.')[0]}.jsonl.gz", "wt") as file:
                file.writelines(line.rstrip("\n") + "\n" for line in reduced(found))
        return
    measured = {path: shown_by(found) for path, found in whole.items()} if options.known else {}
    good = wrong = 0
    for path, found in whole.items():
        known = rates([one for other, one in measured.items() if other != path and any(one)])
        result = told(found, known)
        is_good = result.often >= OFTEN and result.right >= RIGHT
        good += is_good
        wrong += result.right < RIGHT
        name, mark = path.name.partition(".")[0], "ok" if is_good else "WRONG" if result.right < RIGHT else "hidden"
        print(f"{name:24} {result.end:6.1f} s  told {result.often:4.0%}  right {result.right:4.0%}  {mark:6}  ", end="")
        print(result.picture)
    print(f"{good} of {len(whole)} told for half of the second half and right, {wrong} wrong")


if __name__ == "__main__":
    main()
