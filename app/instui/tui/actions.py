"""The keys: what each does. Those that open a view are not here; they come from the view (`views/registry.py`).

`python -m instui.tui.actions` prints the table of all keys for app/README.md.
"""

from collections.abc import Mapping, Sequence

from instui_engine.values import NamedTuple

from .keymap import TYPED, WRITTEN, choose, given


class Action(NamedTuple):
    """An action of a key: the method `do_ID` of the view in front, or of the application.

    It works wherever there is that method. A method `no_ID` beside it says why it cannot be done now; "" if it can.
    """

    id: str
    keys: str  # Textual's names, separated by commas
    shown: str  # how the first key is shown
    label: str  # in the footer and the palette
    help: str  # on the help screen, and in app/README.md
    group: str  # its heading on the help screen
    footer: int = 0  # the higher, the further left in the footer; 0: not there
    view: str = ""  # the scope of the view that it opens


KEYS = (
    Action("open", "enter", "↵", "open", "the selected row in detail, of a file the diff; fold and unfold a group",
           "Views", 90),
    Action("back", "escape", "esc", "back", "close, clear the filter, or go back", "Views", 10),
    Action("help", "question_mark,f1", "?", "help", "all keys and what the screen shows", "Views", 96),
    Action("palette", "colon,ctrl+p", ":", "commands", "find a command or a theme by its name", "Views", 18),
    Action("zoom", "z", "z", "maximize", "the table alone, or everything again", "Views", 12),
    Action("down", "j,down", "j ↓", "down", "one row down", "Move", 55),
    Action("up", "k,up", "k ↑", "up", "one row up", "Move"),
    Action("top", "g,home", "g", "top", "to the first row", "Move"),
    Action("bottom", "G,end", "G", "bottom", "to the last row", "Move"),
    Action("page_down", "ctrl+d,pagedown", "ctrl+d", "half a page down", "half a page down", "Move"),
    Action("page_up", "ctrl+u,pageup", "ctrl+u", "half a page up", "half a page up", "Move"),
    Action("blocker", "b", "b", "blocker", "to the wheel in the way: that is waited for, or holds the lock",
           "Move", 70),
    Action("waiters", "w", "w", "waiters", "to who waits for the selected one; again: the next", "Move", 50),
    Action("locks_of", "x", "x", "its locks", "the locks of the selected wheel", "Move", 40),
    Action("filter", "slash", "/", "filter", "only what matches: words !not wheel:jwt lock:cv2 state:wait", "Show", 80),
    Action("match_next", "n", "n", "next match", "to the next row that the filter found; from the last to the first",
           "Show"),
    Action("match_previous", "N", "N", "previous match", "to the previous row that the filter found", "Show"),
    Action("group", "v", "v", "group", "the next grouping: locks by wheel, as wait chains; lanes by worker, by lock",
           "Show", 87),
    Action("owners", "o", "o", "owners", "whose each contested file is, as a map; or without it", "Show", 58),
    Action("all", "a", "a", "all", "everything, or only what is of interest now", "Show", 60),
    Action("sort_next", "greater_than_sign", ">", "sort", "sort by the next column", "Show", 20),
    Action("sort_previous", "less_than_sign", "<", "sort", "sort by the previous column", "Show"),
    Action("reverse", "r", "r", "reverse", "turn the order round", "Show"),
    Action("follow", "F", "F", "follow", "keep the end in sight; any movement lets go", "Show", 85),
    Action("news_next", "right_square_bracket", "]", "next news",
           "to the next wait, overwrite, recovery, warning or failure", "Show", 65),
    Action("news_previous", "left_square_bracket", "[", "previous news",
           "to the wait, overwrite, recovery, warning or failure before", "Show"),
    Action("zoom_in", "plus,equals_sign", "+", "zoom in", "half of the time, around the cursor", "Time", 84),
    Action("zoom_out", "minus", "-", "zoom out", "twice the time, around the cursor", "Time", 83),
    Action("fit", "f", "f", "fit", "the time of the selected row, or between two marks; again: all of the session",
           "Time", 69),
    Action("zoom_all", "0", "0", "all of it", "all of the session", "Time", 61),
    Action("earlier", "h", "h", "earlier", "earlier times", "Time", 82),
    Action("later", "l", "l", "later", "later times", "Time", 81),
    Action("cursor_left", "left", "←", "cursor", "the cursor to the left; a click puts it anywhere", "Time"),
    Action("cursor_right", "right", "→", "cursor", "the cursor to the right", "Time"),
    Action("mark", "m", "m", "mark", "a mark at the cursor; two show what lies between them", "Time", 68),
    Action("gap_next", "right_curly_bracket", "}", "next gap",
           "to the next gap: nothing was at work, or the session waited", "Time", 67),
    Action("gap_previous", "left_curly_bracket", "{", "previous gap", "to the gap before", "Time"),
    Action("copy", "y", "y", "copy", "copy the selected row", "Show", 15),
    Action("picture", "ctrl+s", "ctrl+s", "save picture", "save the screen as an SVG file", "Show"),
    Action("trace", "T", "T", "export trace", "write the session as trace events, for Perfetto",
           "Session"),
    Action("freeze", "space", "space", "freeze", "hold the display still, or let it go on; the install goes on",
           "Replay", 75),
    Action("live", "L", "L", "live", "back to the present", "Replay", 76),
    Action("step_next", "full_stop", ".", "step", "the next event, while the display is held or replays", "Replay"),
    Action("step_previous", "comma", ",", "step back", "the event before", "Replay"),
    Action("faster", "right_parenthesis", ")", "faster", "twice the speed", "Replay"),
    Action("slower", "left_parenthesis", "(", "slower", "half the speed", "Replay"),
    Action("pause", "P", "P", "pause install", "let the install rest between commits, or go on", "Session", 30),
    Action("cancel_wheel", "K", "K", "cancel wheel…", "ask, then cancel the selected wheel, or the whole install",
           "Session", 28),
    Action("workers", "W", "W", "workers…", "go on with more or fewer workers; asks how many", "Session", 8),
    Action("demo", "D", "D", "next demo", "after a demonstration: choose the next one", "Session", 99),
    Action("again", "R", "R", "again", "after a demonstration: play it again", "Session", 98),
    Action("suspend", "ctrl+z", "ctrl+z", "suspend", "back to the shell; the install goes on, fg brings this back",
           "Session"),
    Action("quit", "q", "q", "quit", "leave; asks while an install of yours runs", "Session", 95),
    Action("interrupt", "ctrl+c", "ctrl+c", "stop", "ask; again: cancel the install; again: abort it", "Session"),
)  # fmt: skip
HOME_HEADING = "Home"  # of the screen of these keys
HOME_KEYS = (  # where they work, they come before those above
    Action("type", "i", "i", "type a command", "type what to install or uninstall; tab completes it", "Home", 94),
    Action("why", "e", "e", "why", "why the selected recorded session took so long", "Home", 88),
    Action("cancel", "K", "K", "cancel", "ask, then cancel the selected running session", "Home", 89),
    Action("learn", ",".join("12345678"), "1-8", "demo", "show that demonstration", "Home", 50),
    Action("section", "tab", "tab", "next section", "to what runs, is recorded, or is to be learnt", "Home", 48),
    Action("section_back", "shift+tab", "shift+tab", "section before", "to the section before", "Home"),
)  # fmt: skip


VIEW_KEYS = {
    "view_wheels": "1",
    "view_locks": "2",
    "view_timeline": "3",
    "view_overwrites": "4",
    "view_events": "5",
    "view_explain": "e",
    "view_ending": "s",
}
"""The keys that open views, for who checks keys before the views are loaded; they come from `views/registry.py`."""


EVERYWHERE = frozenset({"interrupt", "suspend"})
"""Those that also work where a line is typed, and in what is open on top of a view."""

AT_HOME = frozenset({
    "open", "back", "help", "palette", "down", "up", "top", "bottom", "page_down", "page_up", "filter", "match_next",
    "match_previous", "all", "copy", "picture", "suspend", "quit", "interrupt",
})  # fmt: skip
"""Those of `KEYS` that work at home as well: what the view there does, and what needs no session."""


def take_keys(keys: Mapping[str, Sequence[str]], where: str) -> None:
    """Give actions other keys, before the views are loaded. Raises UsageError, see `keymap.choose`."""
    home = {key: f"home ({action.help})" for action in HOME_KEYS for key in action.keys.split(",")}
    typed = dict.fromkeys(TYPED, "lines that are typed and of dialogs")
    taken = {id: home | typed if id in EVERYWHERE else home for id in AT_HOME}
    choose(keys, {action.id: action.keys for action in KEYS} | VIEW_KEYS, where, taken)


def with_keys(action: Action) -> Action:
    """An action with the keys that it was given, if it was given any."""
    if not (keys := given(action.id)):
        return action
    return action._replace(keys=",".join(keys), shown=WRITTEN.get(keys[0], keys[0]))


def markdown(actions: Sequence[tuple[Action, str]]) -> str:
    """The table of keys in app/README.md. With each action comes where it works."""
    rows = ["| key | does | where |", "|---|---|---|"]
    for action, where in actions:
        keys = " ".join(f"`{key}`" for key in (action.shown, *_others(action)))
        rows.append(f"| {keys} | {action.help} | {where} |")
    return "\n".join(rows)


def _others(action: Action) -> list[str]:
    """The further keys of an action that `shown` does not name."""
    return [name for key in action.keys.split(",")[1:] if (name := WRITTEN.get(key, key)) not in action.shown.split()]


if __name__ == "__main__":
    from instui.tui.views import registry

    every = (*registry.ACTIONS, *HOME_KEYS)
    print(markdown([(action, registry.where(action.id)) for action in every]))
