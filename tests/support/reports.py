"""Reports as tests look at them: made of journals without a command, and parsed by another program than a browser."""

from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from pathlib import Path

from instui.explain.activity import activity
from instui.explain.explanation import explain
from instui.monitor.fold import Fold
from instui.overwritten.difference import FileContent
from instui.report.notes import note
from instui.report.page import page
from instui.report.session import Recorded
from instui_engine.journal import events
from instui_engine.journal.codec import decode, encode
from instui_engine.journal.events import Event, Holder

RECORDINGS = Path(__file__).parents[2] / "screenshots" / "recordings"
_VOID = {"meta", "br"}
HOSTILE = "</script><script>document.title='ran'</script><img src=x onerror=alert(1)>\"'&\u202e\x1b[2J\ud800"


def recorded(
    journal: bytes, *, over: bool = True, now: float = 0.0, read: Callable[[str], FileContent] | None = None
) -> Recorded:
    """What a report of this journal is made of; damaged lines are left out."""
    fold, notes, damaged = Fold(), [], 0
    for line in journal.splitlines():
        try:
            event = decode(line)
        except ValueError:
            damaged += 1
            continue
        if event is not None:
            fold.feed(*event)
            if (found := note(*event)) is not None:
                notes.append(found)
    if over:
        fold.abandon()
    snapshot = fold.snapshot(now)
    return Recorded(snapshot, explain(snapshot), (), activity(snapshot), notes, journal, damaged, read, "0")


def of_events(timed: Iterable[tuple[float, Event]]) -> bytes:
    """A journal."""
    return "".join(f"{encode(t, event)}\n" for t, event in timed).encode()


def recording(name: str) -> bytes:
    """A recorded session."""
    return (RECORDINGS / f"{name}.jsonl").read_bytes()


def session(command: str = "a", wheel: str = "a", top: str = "/v/.venv") -> list[tuple[float, Event]]:
    """The beginning of a session with one wheel."""
    start = events.SessionStarted(
        2, "s", 42, 1000.0, 100.0, "0.1", ["instui", "install", command], top, "py", {"purelib": "lib"}, 2, "", 0.25, 2
    )
    return [(0.0, start), (0.0, events.WheelAdded(wheel, "1.0", "a.whl", 1000, True))]


def hostile() -> bytes:
    """A journal with a hostile name in every field that can have one."""
    name, holder = HOSTILE, Holder(HOSTILE, HOSTILE, 7, HOSTILE, HOSTILE)
    timed = [
        *session(name, name, name),
        (0.1, events.ResolveStarted([name])),
        (0.1, events.ResolveProgress(name)),
        (0.2, events.WheelAdded("b", name, name, 1, True)),
        (0.2, events.PlanWheel("b", 0, 1, 1, [name], [name], name)),
        (0.2, events.PlanCollision(name, [name, "b"])),
        (0.2, events.PlanConflict(name, name, name)),
        (0.3, events.FetchStarted("b", 0, 1, 1)),
        (0.3, events.FetchStalled("b", name, 3.0)),
        (0.3, events.FetchRetried("b", 2, name)),
        (0.4, events.EnvironmentWaiting(name, [holder])),
        (1.4, events.EnvironmentGranted(name, 1.0)),
        (1.4, events.LockWaiting(name, name, name, [holder, Holder("b")])),
        (2.4, events.LockGranted(name, 1.0)),
        (2.4, events.WaitStarted("b", "name", name, [holder])),
        (3.4, events.WaitFinished("b", "name", name, 1.0)),
        (3.5, events.Overwrite(name, name, name, name, False, name)),
        (3.5, events.Restored(name, name, name)),
        (3.5, events.RecoveryFinished(name, name, name, name, [name])),
        (3.6, events.Warned(name, name)),
        (3.6, events.Caption(name)),
        (3.7, events.WheelFailed(name, name)),
        (3.8, events.SessionFinished(1, name, 0, 3.8)),
    ]
    return of_events(timed)


class Element:
    """An element of a page."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        """All text in it."""
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def all(self, *tags: str) -> list["Element"]:
        """The elements in it with one of these tags, or all, in the order of the page."""
        found = []
        for one in self.children:
            if isinstance(one, Element):
                found += [one] if not tags or one.tag in tags else []
                found += one.all(*tags)
        return found

    def one(self, tag: str) -> "Element":
        """The only element with this tag."""
        (found,) = self.all(tag)
        return found


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names), (tag, names)
        element = Element(tag, dict(attributes))
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends {self.open[-1].tag}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parsed(text: str) -> Element:
    """A page as elements, each of which must have its end."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert [one.tag for one in parser.open] == [""]
    return parser.root


def report_of(journal: bytes, *, over: bool = True, now: float = 0.0) -> Element:
    """The report of a journal."""
    return parsed(page(recorded(journal, over=over, now=now)))
