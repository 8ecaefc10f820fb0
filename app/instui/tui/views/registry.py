"""The registry of views: those under the tabs, in this order, and those that open on top of them.

A new view is one line here. Its class says how it is called and what its key does; keys, tabs, footer, help, palette
and README's table follow from that, and from the other keys in `actions.py`.
"""

from collections.abc import Sequence

from instui.monitor.model import Snapshot
from instui.tui.actions import HOME_HEADING, HOME_KEYS, KEYS, Action, with_keys
from instui.tui.rows.frame import Tab

from .dashboard import DashboardView
from .detail import DetailView
from .diff import DiffView
from .ending import EndingView
from .event import EventView
from .events import EventsView
from .explain import ExplainView
from .locks import LocksView
from .overwrites import OverwritesView
from .pushed import PushedView
from .timeline import TimelineView
from .view import View

VIEWS: tuple[type[View], ...] = (
    DashboardView,
    LocksView,
    TimelineView,
    OverwritesView,
    EventsView,
)
ON_TOP: tuple[type[PushedView], ...] = (
    ExplainView,
    DetailView,
    DiffView,
    EventView,
    EndingView,
)


def _opens(view: type[View], key: str) -> Action:
    """The action that opens a view."""
    return Action(f"view_{view.scope}", key, key, view.heading.lower(), view.about, "Views", view.place, view.scope)


_KEYS = {view.scope: str(number) for number, view in enumerate(VIEWS, 1)}  # of the views under the tabs
ACTIONS: tuple[Action, ...] = tuple(
    map(
        with_keys,
        (
            *(_opens(view, _KEYS[view.scope]) for view in VIEWS),
            *(_opens(view, view.opened_by) for view in ON_TOP if view.opened_by),
            *KEYS,
        ),
    )
)
BY_ID = {action.id: action for action in (*ACTIONS, *HOME_KEYS)}
assert len(BY_ID) == len(ACTIONS) + len(HOME_KEYS), "two actions have one id"
FOOTER = sorted((action for action in BY_ID.values() if action.footer), key=lambda action: -action.footer)


def has(target: type, id: str) -> bool:
    """Whether a view, or the application, does the action of that id."""
    return hasattr(target, f"do_{id}") and id not in getattr(target, "without", ())


def where(id: str) -> str:
    """The views that do an action; "everywhere" if it is done in all of them, or by the application."""
    if BY_ID[id] in HOME_KEYS:
        return HOME_HEADING
    doing = [view.heading for view in (*VIEWS, *ON_TOP) if has(view, id)]
    return ", ".join(doing) if 0 < len(doing) < len(VIEWS) + len(ON_TOP) else "everywhere"


def tabs(snapshot: Snapshot) -> Sequence[Tab]:
    """The tabs of the views, with the number of what happened in each."""
    ids = [(view, f"view_{view.scope}") for view in VIEWS]
    return [Tab(BY_ID[id].shown, view.heading, id, view.news(snapshot)) for view, id in ids]
