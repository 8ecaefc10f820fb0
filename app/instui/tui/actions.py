"""The registry of actions: bindings, footer, help, palette and the table of keys in README.md are made from it.

`python -m instui.tui.actions` prints that table.
"""

from instui_engine.values import NamedTuple

WHEELS, LOCKS, OVERWRITES, EVENTS, DETAIL, DIFF = "wheels", "locks", "overwrites", "events", "detail", "diff"
VIEWS = {"1": (WHEELS, "Dashboard"), "2": (LOCKS, "Locks"), "3": (OVERWRITES, "Overwrites"), "4": (EVENTS, "Events")}
_OVERVIEWS = frozenset({WHEELS, LOCKS, OVERWRITES, EVENTS})
_ALL = _OVERVIEWS | {DETAIL, DIFF}


class Action(NamedTuple):
    """An action of a key: the method `do_ID` of the view in front, or of the application."""

    id: str
    keys: str  # Textual's names, separated by commas
    shown: str  # how the first key is shown
    label: str  # in the footer and the palette
    help: str  # on the help screen, and in README.md
    group: str  # its heading on the help screen
    scope: frozenset[str] = _ALL  # the scopes of the views in which it works
    footer: int = 0  # the higher, the further left in the footer; 0: not there


ACTIONS = (
    Action("view_1", "1", "1", "dashboard", "the wheels and what each does now", "Views"),
    Action("view_2", "2", "2", "locks", "which path is held by whom, and who waits for it", "Views"),
    Action("view_3", "3", "3", "overwrites", "files that were replaced, by pair of wheels", "Views"),
    Action("view_4", "4", "4", "events", "everything that happened, in order", "Views"),
    Action("open", "enter", "↵", "open", "the selected row in detail, of a file the diff; fold and unfold a group",
           "Views", _ALL, 90),
    Action("back", "escape", "esc", "back", "close, clear the filter, or go back", "Views", _ALL, 10),
    Action("help", "question_mark,f1", "?", "help", "all keys and what the screen shows", "Views", _ALL, 96),
    Action("palette", "colon,ctrl+p", ":", "commands", "find a command or a theme by its name", "Views", _ALL),
    Action("zoom", "z", "z", "maximize", "the table alone, or everything again", "Views", _ALL),
    Action("down", "j,down", "j ↓", "down", "one row down", "Move"),
    Action("up", "k,up", "k ↑", "up", "one row up", "Move"),
    Action("top", "g,home", "g", "top", "to the first row", "Move"),
    Action("bottom", "G,end", "G", "bottom", "to the last row", "Move"),
    Action("page_down", "ctrl+d,pagedown", "ctrl+d", "half a page down", "half a page down", "Move"),
    Action("page_up", "ctrl+u,pageup", "ctrl+u", "half a page up", "half a page up", "Move"),
    Action("blocker", "b", "b", "blocker", "to the wheel in the way: that is waited for, or holds the lock", "Move",
           frozenset({WHEELS, LOCKS, DETAIL}), 70),
    Action("waiters", "w", "w", "waiters", "to who waits for the selected one; again: the next", "Move",
           frozenset({WHEELS, LOCKS, DETAIL}), 50),
    Action("locks_of", "x", "x", "its locks", "the locks of the selected wheel", "Move", _ALL, 40),
    Action("filter", "slash", "/", "filter", "only what matches: words !not wheel:jwt lock:cv2 state:wait", "Show",
           _OVERVIEWS, 80),
    Action("match_next", "n", "n", "next match", "to the next row that the filter found; from the last to the first",
           "Show", _OVERVIEWS),
    Action("match_previous", "N", "N", "previous match", "to the previous row that the filter found",
           "Show", _OVERVIEWS),
    Action("group", "v", "v", "group", "group by lock, by wheel, or as wait chains", "Show", frozenset({LOCKS}), 87),
    Action("all", "a", "a", "all", "everything, or only what is of interest now", "Show",
           frozenset({WHEELS, LOCKS, OVERWRITES}), 60),
    Action("sort_next", "greater_than_sign,full_stop", ">", "sort", "sort by the next column", "Show", _OVERVIEWS, 20),
    Action("sort_previous", "less_than_sign,comma", "<", "sort", "sort by the previous column", "Show", _OVERVIEWS),
    Action("reverse", "r", "r", "reverse", "turn the order round", "Show", _OVERVIEWS),
    Action("follow", "F", "F", "follow", "keep the newest event in sight; any movement lets go", "Show",
           frozenset({EVENTS}), 85),
    Action("news_next", "right_square_bracket", "]", "next news",
           "to the next wait, overwrite, recovery, warning or failure", "Show", frozenset({EVENTS}), 65),
    Action("news_previous", "left_square_bracket", "[", "previous news",
           "to the wait, overwrite, recovery, warning or failure before", "Show", frozenset({EVENTS})),
    Action("copy", "y", "y", "copy", "copy the selected row", "Show", _ALL),
    Action("picture", "ctrl+s", "ctrl+s", "save picture", "save the screen as an SVG file", "Show", _ALL),
    Action("freeze", "space", "space", "freeze", "hold the display still; the install goes on", "Session", _ALL, 75),
    Action("pause", "P", "P", "pause install", "let the install rest between commits, or go on", "Session", _ALL, 30),
    Action("quit", "q", "q", "quit", "leave; asks while an install of yours runs", "Session", _ALL, 95),
    Action("interrupt", "ctrl+c", "ctrl+c", "stop", "ask; again: cancel the install; again: abort it", "Session"),
)  # fmt: skip
BY_ID = {action.id: action for action in ACTIONS}


def footer_of(scope: str) -> list[Action]:
    """The actions in the footer of a view, the most important first."""
    shown = [action for action in ACTIONS if action.footer and scope in action.scope]
    return sorted(shown, key=lambda action: -action.footer)


def markdown() -> str:
    """The table of keys in README.md."""
    rows = ["| key | does | where |", "|---|---|---|"]
    for action in ACTIONS:
        keys = " ".join(f"`{key}`" for key in (action.shown, *_others(action)))
        where = "everywhere" if action.scope == _ALL else ", ".join(sorted(action.scope))
        rows.append(f"| {keys} | {action.help} | {where} |")
    return "\n".join(rows)


def _others(action: Action) -> list[str]:
    """The further keys of an action that `shown` does not name."""
    return [name for key in action.keys.split(",")[1:] if (name := _WRITTEN.get(key, key)) not in action.shown.split()]


_WRITTEN = {  # how keys are shown that Textual names by a word
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "full_stop": ".",
    "comma": ",",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "down": "↓",
    "up": "↑",
    "escape": "esc",
}

if __name__ == "__main__":
    print(markdown())
