"""What is said of a live session, whose journal another process reads."""

from typing import get_args

import pytest

from instui_engine.journal.codec import encode
from instui_engine.journal.events import SpanFinished, SpanName, SpanStarted
from instui_engine.locks.reading import Reading


@pytest.mark.parametrize("name", get_args(SpanName))
def test_there_is_a_word_for_whatever_it_is_at(name: SpanName) -> None:
    reading = Reading()
    reading.feed(encode(0.0, SpanStarted(name)).encode())
    assert reading.doing
    reading.feed(encode(1.0, SpanFinished(name, 1.0, 0.0, -1.0)).encode())
    assert not reading.doing
