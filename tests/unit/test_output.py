"""Outputs that block or break harm nobody, and JSON output is the journal as it is."""

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from instui.lines.json_lines import JsonUI
from instui.lines.plain import PlainUI
from instui.monitor.reader import Feed
from instui_engine.journal import events
from instui_engine.journal.codec import encode
from support.plain_lines import START

Make = Callable[[Feed, io.TextIOWrapper], PlainUI | JsonUI]
KINDS_OF_UI = pytest.mark.parametrize(
    "make", [lambda feed, stream: JsonUI(feed, stream), lambda feed, stream: PlainUI(feed, stream, verbose=True)]
)
CHATTER = [encode(0.0, START), *(encode(0.0, events.Warned("", "x" * 100)) for _ in range(5000))]


@KINDS_OF_UI
def test_a_pipe_that_nobody_reads_stops_the_output_and_nothing_else(make: Make) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        feed = Feed()
        ui = make(feed, stream)
        ui.start()
        for line in CHATTER:
            feed.put(line)
        assert ui.finish(grace=0.2) is False
        os.close(reader)  # frees the thread


@KINDS_OF_UI
def test_a_slow_reader_gets_everything_however_short_the_grace(make: Make) -> None:
    reader, writer = os.pipe()
    got = bytearray()

    def read_slowly() -> None:
        while piece := os.read(reader, 16384):
            got.extend(piece)
            time.sleep(0.04)

    slow = threading.Thread(target=read_slowly)
    slow.start()
    with os.fdopen(writer, "w") as stream:
        feed = Feed()
        ui = make(feed, stream)
        ui.start()
        for line in CHATTER:
            feed.put(line)
        assert ui.finish(grace=1.0) is True
    slow.join()
    os.close(reader)
    assert got.count(b"x" * 100) == 5000


@KINDS_OF_UI
def test_a_closed_pipe_makes_the_output_silent(make: Make) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        feed = Feed()
        ui = make(feed, stream)
        ui.start()
        for line in CHATTER:
            feed.put(line)
        assert ui.finish(grace=60.0) is True


@KINDS_OF_UI
def test_a_stream_that_is_missing_or_closed_is_no_error(make: Callable[..., PlainUI | JsonUI]) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        feed = Feed()
        ui = make(feed, stream)
        ui.start()
        feed.put(CHATTER[0])
        assert ui.finish() is True


@pytest.mark.parametrize(
    "ui", ["instui.lines.json_lines.JsonUI(feed, sys.stdout)", "instui.lines.plain.PlainUI(feed, sys.stdout)"]
)
def test_a_process_whose_output_nobody_reads_exits_cleanly(ui: str) -> None:
    script = f"""
import sys, instui.lines.json_lines, instui.lines.plain
from instui.monitor.reader import Feed
feed = Feed()
ui = {ui}
ui.start()
for line in sys.stdin:
    feed.put(line.rstrip())
sys.exit(0 if not ui.finish(grace=0.2) else 9)
"""
    reader, writer = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", script], input="\n".join(CHATTER), stdout=writer, stderr=subprocess.PIPE,
            text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(reader)
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_json_prints_the_journals_lines_as_they_are() -> None:
    out, feed = io.StringIO(), Feed()
    ui = JsonUI(feed, out)
    ui.start()
    lines = CHATTER[:100]
    for line in lines:
        feed.put(line)
    assert ui.finish()
    assert out.getvalue().splitlines() == lines


def test_an_output_that_knows_only_ascii_gets_ascii() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="ascii") as stream:
        feed = Feed()
        ui = PlainUI(feed, stream)
        ui.start()
        for event in (START, events.Caption("包 · fine")):
            feed.put(encode(0.0, event))
        assert ui.finish()
    assert os.read(reader, 99).startswith(b"> \\u5305 - fine\n")
    os.close(reader)
