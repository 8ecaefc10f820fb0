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
        try:
            why = _tell(lines, endpoint)
        except Exception as error:  # whatever it is, the install is done
            why = f"{type(error).__name__}: {error}"
        if why:
            print_error(f"the session was not sent to the collector: {why}")


def _tell(lines: Iterable[str], endpoint: str) -> str:
    """Why it could not be sent; "" if it was."""
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
    outcome = ["no answer within 3 s; `instui trace --otlp` sends it once more"]

    def send() -> None:
        try:
            message.send(endpoint, _REQUEST)
            outcome[0] = ""
        except Exception as error:
            outcome[0] = str(error) if isinstance(error, NotSent) else f"{type(error).__name__}: {error}"

    try:
        message = Message(fold.snapshot(0.0), kept, socket.gethostname())
    except NotSent as error:
        return str(error)
    thread = threading.Thread(target=send, name="telemetry", daemon=True)  # it may hang, and ends with the process
    thread.start()
    thread.join(_PATIENCE)
    return outcome[0]
