"""`--ui json`: the journal's lines on stdout, unchanged."""

from typing import TextIO

from instui.monitor.reader import Source

from .output_thread import Output, OutputThread


class JsonUI:
    """A user interface that prints each line of `source` on `stream` (None: nowhere), in a thread of its own.

    A stream that nobody reads, or that is closed, stops only the output.
    """

    def __init__(self, source: Source, stream: TextIO | None) -> None:
        self._thread = OutputThread(source, Output(stream), _lines)

    def start(self) -> None:
        """Start to print."""
        self._thread.start()

    def finish(self, grace: float = 5.0) -> bool:
        """End the source and wait until everything is printed; False if nothing moved for `grace` seconds."""
        return self._thread.finish(grace)


def _lines(lines: list[str], _ended: bool) -> str:
    return "".join(f"{line}\n" for line in lines)
