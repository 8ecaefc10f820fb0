"""The captions of a demonstration: what to watch now, and at the end what came of it."""

import time

from instui_engine.journal.events import Event, LockGranted, LockWaiting, SessionFinished, StageFinished, kind_of
from instui_engine.session.control import Control

from .process import Gate
from .scenario import Scenario, Scene


class Narration:
    """Gives the caption that belongs before an event, each once. The engine's journal asks it for every event."""

    def __init__(self, scenario: Scenario, scene: Scene, control: Control, gate: Gate | None = None) -> None:
        self._scenario = scenario
        self._scene = scene
        self._control = control
        self._gate = gate
        self._rests = dict(scenario.rests)
        self._captions = dict(scenario.captions)
        self._kept: set[str] = set()  # wheels that waited for somebody outside the session
        self.well = False  # whether, at the end, everything was as it was to be

    def __call__(self, event: Event) -> str:
        """The caption to show before `event`, "" for none."""
        if isinstance(event, StageFinished) and self._gate is not None:
            self._gate.shut()
        if isinstance(event, SessionFinished) and event.exit == self._scenario.exit:
            verdict = self._scenario.result(self._scene, event)
            self.well = verdict.well
            return verdict.text
        kind = kind_of(event)
        if kind in self._rests:
            self._rest(self._rests.pop(kind))
        caption = self._captions.pop(f"{kind} by another", "") if self._is_about_another(event) else ""
        caption = caption or self._captions.pop(kind, "")
        return caption if isinstance(caption, str) else caption(self._scene)

    def _rest(self, seconds: float) -> None:
        """Give time to read the caption before, unless the session is told to stop."""
        end = time.monotonic() + seconds * self._scene.slow
        while (left := end - time.monotonic()) > 0 and not self._control.cancelled():
            time.sleep(min(left, 0.05))

    def _is_about_another(self, event: Event) -> bool:
        """Whether somebody outside the session stands in the way, or no longer does."""
        if isinstance(event, LockWaiting) and any(h.session != self._scene.journal.stem for h in event.holders):
            self._kept.add(event.wheel)
            return True
        return isinstance(event, LockGranted) and event.wheel in self._kept
