"""What the states of a wheel mean, in a few words."""

from instui.monitor.model import Phase
from instui.tui.text.styles import PHASE_STYLES

LEGEND = tuple(
    (phase, PHASE_STYLES[phase], meaning)
    for phase, meaning in (
        (Phase.QUEUED, "waits for a download, or for its turn to be unpacked"),
        (Phase.FETCH, "is being downloaded"),
        (Phase.UNPACK, "is being checked and unpacked into the store"),
        (Phase.STAGE, "its files are being linked, where nobody sees them yet"),
        (Phase.WAIT, "waits for a path that another one holds"),
        (Phase.COMMIT, "holds its paths and is being moved into place"),
        (Phase.DONE, "is installed, or removed"),
        (Phase.FAILED, "was not installed, or not removed; what had begun was undone"),
    )
)
