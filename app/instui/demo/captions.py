"""The captions of a demonstration: what to watch for now, and at the end the result."""

import time

from instui_engine.journal.events import Event, LockGranted, LockWaiting, SessionFinished, StageFinished, kind_of
from instui_engine.session.control import Control

from .process import Gate
from .scenario import Scenario, Scene


class Captions:
    """The captions: each is given once, before the event that it belongs to. The engine asks at every event."""

    def __init__(self, scenario: Scenario, scene: Scene, control: Control, gate: Gate | None = None) -> None:
        self._scenario = scenario
        self._scene = scene
        self._control = control
        self._gate = gate
        self._rests = dict(scenario.rests)
        self._captions = dict(scenario.captions)
        self._kept_waiting: set[str] = set()  # wheels that waited for a holder outside the session
        self.well = False  # whether the end was as it should be

    def __call__(self, event: Event) -> str:
        """The caption to show before `event`, "" for none."""
        kind = kind_of(event)
        about_another = False
        match event:
            case StageFinished() if self._gate is not None:
                self._gate.shut()
            case SessionFinished() if event.exit == self._scenario.exit:
                verdict = self._scenario.result(self._scene, event)
                self.well = verdict.well
                return verdict.text
            case LockWaiting() if self._scene.is_foreign(event):
                self._kept_waiting.add(event.wheel)
                about_another = True
            case LockGranted():
                about_another = event.wheel in self._kept_waiting
            case _:
                pass  # most kinds have only the caption that the scenario gives them
        if kind in self._rests:
            self._rest(self._rests.pop(kind))
        caption = self._captions.pop(f"{kind} by another", "") if about_another else ""
        caption = caption or self._captions.pop(kind, "")
        return caption if isinstance(caption, str) else caption(self._scene)

    def _rest(self, seconds: float) -> None:
        """Leave time to read the caption before, unless the session is asked to stop."""
        end = time.monotonic() + seconds * self._scene.slow
        while (left := end - time.monotonic()) > 0 and not self._control.cancelled():
            time.sleep(min(left, 0.05))
