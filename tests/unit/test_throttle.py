"""Progress is summed up: however many steps there are, ten records a second at most go to the journal."""

import pytest

from instui_engine.session import context
from instui_engine.session.context import Throttle


def test_steps_are_summed_up_to_ten_reports_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(context.time, "monotonic", lambda: now)
    reports: list[tuple[float, int]] = []
    throttle = Throttle(lambda done: reports.append((now, done)))
    for step in range(1, 30_001):  # for three seconds
        now = 100.0 + step / 10_000
        throttle.add(1)
    assert 25 <= len(reports) <= 30
    assert all(done == round((when - 100) * 10_000) for when, done in reports)
