"""Telling a collector of OpenTelemetry about a session that has just ended. An install never fails by this.

It is done only if somebody asks for it with --otlp or INSTUI_OTLP. The variable OTEL_EXPORTER_OTLP_ENDPOINT alone does
not ask: it is often set for the application that an install prepares, whose installs nobody wants to watch.
"""

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress

from .output import print_error

_PATIENCE = 3.0  # seconds that an install waits for a collector, at most
_REQUEST = 2.5  # seconds of a request, so that there is time to say what it waited for


def tell(lines: Iterable[str], endpoint: str) -> None:
    """Send the session of these lines of a journal. What goes wrong is said in one line."""
    with suppress(KeyboardInterrupt):
        if why := _tell(lines, endpoint):
            print_error(why)


def _tell(lines: Iterable[str], endpoint: str) -> str:
    """Why it could not be sent; "" if it was."""
    from instui.trace.otlp import NotSent

    outcome = [NotSent("that took more than 3 s; `instui trace --otlp` sends it").line]

    def send() -> None:
        try:
            outcome[0] = _sent(lines, endpoint, outcome)
        except Exception as error:  # whatever it is, the install is done
            outcome[0] = NotSent(f"{type(error).__name__}: {error}").line

    thread = threading.Thread(target=send, name="telemetry", daemon=True)  # it may hang, and ends with the process
    thread.start()
    thread.join(_PATIENCE)
    return outcome[0]


def _sent(lines: Iterable[str], endpoint: str, outcome: list[str]) -> str:
    """Send it, and note in `outcome` what is waited for; return why it could not be sent, "" if it was."""
    from instui.monitor.fold import Fold
    from instui.monitor.reader import decoded
    from instui.trace.otlp import Message, NotSent
    from instui.trace.session_tracks import KEPT

    fold, kept = Fold(), []
    for t, event in decoded(lines):
        fold.feed(t, event)
        if isinstance(event, KEPT):
            kept.append((t, event))
    if fold.session is None:
        return ""  # it failed before it began
    fold.abandon()
    try:
        message = Message(fold.snapshot(0.0), kept, socket.gethostname())
        outcome[0] = NotSent("no answer within 3 s; `instui trace --otlp` sends it once more").line
        message.send(endpoint, _REQUEST)
    except NotSent as error:
        return error.line
    return ""
