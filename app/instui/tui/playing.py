"""The keys of the transport bar: holding the display, going to another time of the session, and back."""

from collections.abc import Callable, Sequence

from instui.monitor import units
from instui_engine.journal.events import Event

from .actions import Action
from .rows.event_text import event_text, wheel_of
from .rows.event_words import words
from .rows.transport import Stand, speed_text
from .sessions import Sessions
from .text.pieces import safe
from .transport import Transport
from .views import registry

_STEPS = ("step_previous", "step_next", "gap_previous", "gap_next", "news_previous", "news_next")
_KEYS = (*_STEPS, "slower", "faster", "live")


class Playing(Sessions):
    """An application whose display can stand at another time than the present. What a view does itself goes first."""

    @property
    def stand(self) -> Stand | None:
        """Where in the session the display stands; None: in the present."""
        return self._viewed.stand

    @property
    def transport_keys(self) -> Sequence[Action]:
        """The keys of the transport bar that work in the view in front."""
        view = self.front
        mine = [id for id in _KEYS if view is None or not registry.has(type(view), id)]
        return [registry.BY_ID[id] for id in mine if not self.refusal(id)]

    def seek(self, t: float) -> None:
        """Go to a time of the session."""
        if (transport := self.watched.transport) is not None:
            transport.seek(t)
            self._show_again()

    def on_to_news(self, matches: Callable[[Event], bool] = lambda _: True) -> int | None:
        """Go on to the next news that are not shown yet and match; the place after them.

        None if there are none, or the display is in the present.
        """
        transport, tape = self.watched.transport, self.watched.tape
        place = tape.after_next_news(transport.place) if transport is not None else None
        while place is not None and not matches(tape.events[place - 1][1]):
            place = tape.after_next_news(place)
        if transport is not None and place is not None:
            transport.go(place)
            self._show_again()
        return place

    def on_to_gap(self) -> tuple[float, float] | None:
        """Go on to the next gap that is not shown yet: when it begins, and how long it is. None as above."""
        transport, tape = self.watched.transport, self.watched.tape
        gap = tape.gap(transport.place, 1) if transport is not None else None
        if transport is None or gap is None:
            return None
        transport.go(gap[0])
        self._show_again()
        return tape.time(gap[0]), gap[1]

    def do_freeze(self) -> None:
        """Hold the display still, or let it go on."""
        watch = self.watched
        if watch.transport is None and not watch.over:
            watch.hold()
            text = "the display is held still; the install goes on"
        elif watch.transport is not None and watch.transport.moves:
            watch.hold()
            text = "the display is held still"
        else:
            watch.play()
            text = "back to the present" if watch.transport is None else ""
        after = watch.transport
        held = after is not None and after.held
        self._show_again()
        self.say(text, stale=lambda: watch.transport is not after or (after is not None and after.held != held))

    def _no_transport(self) -> str:
        return "" if self.watched.transport is not None else "the display is in the present; space holds it"

    no_step_next = no_step_previous = no_faster = no_slower = _no_transport
    no_news_next = no_news_previous = no_gap_next = no_gap_previous = _no_transport

    def no_live(self) -> str:
        """It is in the present, or there is none."""
        if self.watched.recorded:
            return "this is a recording; it has no present"
        return "" if self.watched.transport is not None else "this is the present"

    def do_live(self) -> None:
        """Show the present."""
        self.watched.to_present()
        self._show_again()
        self.say("back to the present", stale=lambda: self.watched.transport is not None)

    def do_step_next(self) -> None:
        """Go to the next event."""
        self._go(self.watched.tape.after_next, "nothing comes after this")

    def do_step_previous(self) -> None:
        """Take the last event back."""
        self._go(self.watched.tape.before_last, "nothing was before this")

    def do_news_next(self) -> None:
        """Go to the next event that is news."""
        self._go(self.watched.tape.after_next_news, "no news after this")

    def do_news_previous(self) -> None:
        """Go to the event before that is news."""
        self._go(self.watched.tape.after_last_news, "no news before this")

    def do_gap_next(self) -> None:
        """Go to the next stretch in which nothing happens."""
        self._to_gap(1)

    def do_gap_previous(self) -> None:
        """Go to such a stretch before."""
        self._to_gap(-1)

    def do_faster(self) -> None:
        """Double the speed."""
        self._set_speed(2.0)

    def do_slower(self) -> None:
        """Halve the speed."""
        self._set_speed(0.5)

    @property
    def _transport(self) -> Transport:
        transport = self.watched.transport
        assert transport is not None  # refused otherwise
        return transport

    def _set_speed(self, factor: float) -> None:
        before = self._transport.speed
        self._transport.set_speed(before * factor)
        after = self._transport.speed
        bound = "the fastest" if factor > 1 else "the slowest"
        self._show_again()
        self.say(f"{speed_text(after)} is {bound}" if after == before else f"plays at {speed_text(after)}")

    def _to_gap(self, step: int) -> None:
        gap = self.watched.tape.gap(self._transport.place, step)
        if gap is None:
            self.say("no gap after this" if step > 0 else "no gap before this")
            return
        self._transport.go(gap[0])
        self._show_again()
        self.say(f"nothing is heard for {units.seconds(gap[1])}")

    def _go(self, place_from: Callable[[int], int | None], nothing: str) -> None:
        transport, tape = self._transport, self.watched.tape
        place = place_from(transport.place)
        if place is None:
            self.say(nothing)
            return
        transport.go(place)
        self._show_again()
        last = tape.before_last(place)
        self.say("the beginning" if last is None else self._words(*tape.events[last]))

    def _words(self, t: float, event: Event) -> str:
        said = words(event), safe(wheel_of(event)), event_text(self.watched.shown, event).text
        return "  ".join([f"{t:.2f} s", *filter(None, said)])

    def _show_again(self) -> None:
        self.watched.read()
        self.watched.advance()
        if (view := self.front) is not None:
            view.refresh_view()
        if self.watched.behind:
            self.pull()
