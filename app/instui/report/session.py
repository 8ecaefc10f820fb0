"""What a report is made of: everything is read before the first line of it is written."""

from collections.abc import Callable, Sequence

from instui.explain.activity import Activity
from instui.explain.explanation import Explanation
from instui.monitor.model import Snapshot
from instui.overwritten.difference import FileContent
from instui_engine.values import NamedTuple

from .notes import Note


class Recorded(NamedTuple):
    """A session, finished or not, with the journal that tells of it.

    `read` gives the content of a file of the environment; None if there is no environment here that has recorded this
    session. `version` is that of this program.
    """

    snapshot: Snapshot
    explanation: Explanation
    earlier: Sequence[Explanation]
    activity: Activity
    notes: Sequence[Note]
    journal: bytes
    damaged: int
    read: Callable[[str], FileContent] | None
    version: str
