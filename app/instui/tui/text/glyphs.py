"""Every symbol on the screen, once in Unicode and once in ASCII (`--ascii`)."""

from instui.monitor.model import Phase
from instui_engine.values import NamedTuple


class Glyphs(NamedTuple):
    """A set of symbols. Each is one column wide, except `enter` in ASCII."""

    phases: dict[Phase, str]
    full: str  # of a bar: done
    track: str  # of a bar: to come
    wait: str  # of a bar: time spent waiting
    skipped: str  # of a bar: not needed, as it was in the store
    idle: str  # of a bar to the scale of time: nothing happens
    curve: str  # of a small diagram, from empty to full
    arrow: str
    dot: str  # between items
    live: str  # before the badge
    branch: str  # before an unfolded node of a tree
    folded: str  # before a folded one
    waiter: str
    marker: str  # before the selected row
    rule: str
    up: str
    down: str
    alert: str
    enter: str  # the key
    gap: str  # of a bar: nobody knows what happened, or all rested
    cut: str  # of a bar: its end, where the next one begins
    many: str  # more bars in one column than a digit can say
    cursor: str  # at a time, through all lanes
    critical: str  # on the critical path
    behind: str  # before the holder that is waited for
    mixed: str  # of a cell: files of several owners
    playing: str
    stopped: str
    left_end: str  # of the track of the transport bar
    right_end: str
    failure: str  # at the time of one
    encoding: str = "utf-8"  # of the terminal, which may lack characters that are in names

    @property
    def is_ascii(self) -> bool:
        """Whether these are the symbols in ASCII."""
        return self.live.isascii()


_UNICODE_PHASES = {
    Phase.QUEUED: "·",
    Phase.FETCH: "↓",
    Phase.BUILD: "◈",
    Phase.UNPACK: "◇",
    Phase.READY: "·",
    Phase.STAGE: "▹",
    Phase.STAGED: "·",
    Phase.WAIT: "║",
    Phase.COMMIT: "▶",
    Phase.DONE: "✓",
    Phase.FAILED: "✗",
    Phase.STOPPED: "■",
    Phase.UNBEGUN: "·",
}
_ASCII_PHASES = {
    Phase.QUEUED: ".",
    Phase.FETCH: "v",
    Phase.BUILD: "%",
    Phase.UNPACK: "o",
    Phase.READY: ".",
    Phase.STAGE: ">",
    Phase.STAGED: ".",
    Phase.WAIT: "|",
    Phase.COMMIT: "*",
    Phase.DONE: "+",
    Phase.FAILED: "x",
    Phase.STOPPED: "#",
    Phase.UNBEGUN: ".",
}

UNICODE = Glyphs(
    phases=_UNICODE_PHASES,
    full="━",
    track="─",
    wait="╍",
    skipped="╌",
    idle="·",
    curve=" ▁▂▃▄▅▆▇█",
    arrow="→",
    dot="·",
    live="●",
    branch="▾",
    folded="▸",
    waiter="║",
    marker="▌",
    rule="─",
    up="▲",
    down="▼",
    alert="▲",
    enter="↵",
    gap="░",
    cut="╸",
    many="+",
    cursor="┊",
    critical="◆",
    behind="←",
    mixed="▚",
    playing="▶",
    stopped="‖",
    left_end="├",
    right_end="┤",
    failure="✗",
)
ASCII = Glyphs(
    phases=_ASCII_PHASES,
    full="=",
    track="-",
    wait="~",
    skipped=".",
    idle=".",
    curve=" ..::-=+#",
    arrow=">",
    dot="-",
    live="*",
    branch="v",
    folded=">",
    waiter="|",
    marker=">",
    rule="-",
    up="^",
    down="v",
    alert="!",
    enter="ret",
    gap="%",
    cut="-",
    many="+",
    cursor=":",
    critical="#",
    behind="<",
    mixed="%",
    playing=">",
    stopped="=",
    left_end="[",
    right_end="]",
    failure="x",
)


def curve(values: list[float], width: int, top: float, glyphs: Glyphs) -> str:
    """A one-line diagram of the last `width` values; `top` is a full column."""
    steps = len(glyphs.curve) - 1
    shown = values[-width:] if width > 0 else []
    marks = [glyphs.curve[max(int(v > 0), min(steps, round(v / top * steps))) if top > 0 else 0] for v in shown]
    return "".join(marks).rjust(width)


def bar(share: float, width: int) -> int:
    """The number of `width` columns that a share fills: none only if it is 0, all only if it is 1."""
    if share >= 1:
        return width
    return max(int(share > 0), min(width - 1, round(share * width))) if width > 0 else 0
