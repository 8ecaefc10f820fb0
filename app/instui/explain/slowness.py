"""Rules about work that something made slow: what it was, and what helps."""

from collections.abc import Iterator, Sequence

from instui.monitor.model import Phase
from instui.monitor.spans import SessionSpan
from instui.monitor.units import count, seconds, size

from .attribution import Piece
from .findings import Case, Cause, listed, named, of, spans, total, union, unpacked, wheels_of

_DISK = 0.5  # seconds of work in a part of the session from which it is looked at what made it slow
_IDLE = 0.4  # a disk did, if the processors were used for less than this share of that work
_STALLED = 0.4  # and for more than this one, some process waited for a disk
_FREE = 0.2  # idle processors for so much of it say that no other program was in the way
_TURN = 0.1  # other programs were, if it had a processor for more than this share of it, but less than `_IDLE`
_GIANT = 0.6  # of the unpacking on the critical path, by one wheel
_LONG = 0.5  # seconds of unpacking or staging that are worth a reason
_LINKS = "--link-mode"


def unpacked_again(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Wheels whose entries in the cache were damaged."""
    again = {
        wheel.key: wheel
        for wheel in case.snapshot.wheels
        if wheel.cached and any(s.phase is Phase.UNPACK for s in spans(wheel))
    }
    begun = {key: max(s.begin for s in wheel.spans if s.phase is Phase.UNPACK) for key, wheel in again.items()}
    # it was staged in vain, and its file is read and hashed, before it is unpacked
    found = [
        piece
        for piece in of(pieces, "fetch", "unpack", "stage")
        if piece.wheel in again and (piece.kind != "stage" or piece.end <= begun[piece.wheel])
    ]
    if found:
        wheels = wheels_of(found)
        text = f"{named(case, wheels)} {'was' if len(wheels) == 1 else 'were'} unpacked again: cached files had changed"
        yield Cause(
            "unpacked-again", found, text, "never edit installed files in place: they are the cache's", None, wheels
        )


def slow_disk(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Work on files during which the processors had little to do."""
    if not case.knows_load:
        return
    works = [one for one in case.attribution.activities if one.kind in ("unpack", "stage", "commit", "sync")]
    slow = [(span, worked) for span in case.snapshot.spans if (worked := _waited_for_disk(span, works))]
    found = [
        piece
        for piece in of(pieces, "unpack", "stage", "commit", "sync", "clean")
        if any(span.begin <= (piece.begin + piece.end) / 2 <= (span.end or 0.0) for span, _ in slow)
    ]
    if not case.matters(found, _DISK, 0.05):
        return
    worked, cpu = sum(worked for _, worked in slow), sum(span.cpu for span, _ in slow)
    stalled = sum(max(span.stalled, 0.0) for span, _ in slow)
    names = listed(dict.fromkeys(_WORDS[piece.kind] for piece in found))
    facts = f"{names} took {seconds(total(found))}, but used the processors for {seconds(cpu)} only"
    if stalled >= _STALLED * worked:
        text = f"the disk is slow: {facts}, and processes waited for a disk for {seconds(stalled)}"
    elif sum(max(span.idle, 0.0) for span, _ in slow) >= _FREE * worked:
        text = f"{facts}, which were idle: the disk is slow or remote, or a program (a virus scanner?) reads each file"
    else:
        text = f"{facts}: the disk is slow or remote, or other programs were busy"
    remedies = ["--cache-dir on a faster disk, beside the environment"] if of(found, "unpack", "stage") else []
    if total(of(found, "sync")) >= _DISK:
        remedies.append("for a throw-away environment --no-fsync")
    yield Cause("disk", found, text, "; ".join(remedies), None, wheels_of(found))


_WORDS = {"unpack": "unpacking", "stage": "staging", "commit": "committing", "sync": "syncing", "clean": "cleaning up"}
_ALL_WORDS = {"acquire": "looking for wheels", "plan": "planning", **_WORDS}


def _waited_for_disk(span: SessionSpan, works: Sequence[Piece]) -> float:
    """The seconds of work on files in a part of the session, if the processors had little to do with it; else 0."""
    if span.end is None or span.name not in ("acquire", "stage", "commit", "clean") or span.end - span.begin < _DISK:
        return 0.0
    worked = span.end - span.begin if span.name == "clean" else _inside(span, works)
    is_known = span.stalled >= _STALLED * worked
    is_idle = span.cpu < (_IDLE if is_known else _IDLE / 2) * worked
    return worked if worked >= _DISK and is_idle else 0.0


def _inside(span: SessionSpan, works: Sequence[Piece]) -> float:
    """The seconds of a part of the session in which any of `works` was done."""
    end = span.end or span.begin
    return union(
        (max(one.begin, span.begin), min(one.end, end)) for one in works if one.begin < end and one.end > span.begin
    )


def crowded(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Work for which there was no processor most of the time, as other programs used them."""
    if not case.knows_load:
        return
    works = [one for one in case.attribution.activities if one.kind in _WORDS]
    slow = [(span, worked) for span in case.snapshot.spans if (worked := _waited_for_processor(case, span, works))]
    found = [
        piece
        for piece in of(pieces, "acquire", "unpack", "plan", "stage", "commit", "clean")
        if any(span.begin <= (piece.begin + piece.end) / 2 <= (span.end or 0.0) for span, _ in slow)
    ]
    if not case.matters(found, _LONG, 0.1):
        return
    names = listed(dict.fromkeys(_ALL_WORDS[piece.kind] for piece in found))
    text = (
        f"other programs used the processors: {names} took {seconds(total(found))}, "
        f"but got the processors for {seconds(sum(span.cpu for span, _ in slow))} only"
    )
    remedy = "install while the machine is less busy"
    yield Cause("crowded", found, text, remedy, None, wheels_of(found))


def _waited_for_processor(case: Case, span: SessionSpan, works: Sequence[Piece]) -> float:
    """The seconds of work in a part of the session, if it seldom had a processor and others always; else 0."""
    if span.end is None or span.idle < 0 or span.name not in ("acquire", "plan", "stage", "commit", "clean"):
        return 0.0
    took = span.end - span.begin
    worked = took if span.name in ("plan", "clean") else _inside(span, works)
    others = case.cpus * took - span.cpu - span.idle
    # who gets next to nothing does not wait for a processor, which is given to all in turn
    is_crowded = _TURN * worked <= span.cpu <= _IDLE * worked and others >= worked - span.cpu
    return worked if worked >= _DISK and is_crowded and span.idle <= _FREE * took else 0.0


def one_worker(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Unpacking and staging by one worker, where there are more processors."""
    found = of(pieces, "unpack", "stage")
    if case.jobs != 1 or case.cpus < 2 or not case.matters(found, _LONG, 0.1):
        return
    wheels = wheels_of(found)
    if len(wheels) < 2 or _share_of(wheels[0], found) >= _GIANT:
        return
    text = (
        f"one worker did {count(len(wheels), 'wheel')} one after the other, and this machine has {case.cpus} processors"
    )
    yield Cause("one-worker", found, text, f"--jobs {case.cpus}", None, wheels)


def giant_wheel(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """A wheel whose unpacking alone was most of it."""
    unpacks = of(pieces, "unpack")
    wheels = wheels_of(unpacks)
    if not wheels or _share_of(wheels[0], unpacks) < _GIANT:
        return
    found = [piece for piece in unpacks if piece.wheel == wheels[0]]
    if not case.matters(found, _LONG, 0.1):
        return
    wheel = case.snapshot.wheel(wheels[0])
    facts = f" ({size(wheel.size)}, {count(wheel.files, 'file')})" if wheel is not None and wheel.size else ""
    verb = "is being unpacked" if case.lasts(found) else "was unpacked"
    alone = "; more workers do not help, since a wheel has one" if len(unpacked(case)) > 1 else ""
    text = f"{case.label(wheels[0])}{facts} {verb} for {seconds(total(found))}{alone}"
    yield Cause("giant-wheel", found, text, case.rests(found), None, wheels[:1])


def _share_of(wheel: str, pieces: Sequence[Piece]) -> float:
    return total([piece for piece in pieces if piece.wheel == wheel]) / (total(pieces) or 1.0)


def copies(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Files that were copied into the stage, which usually are links."""
    copied = {wheel.key for wheel in case.snapshot.wheels if wheel.copied}
    found = [piece for piece in of(pieces, "stage") if piece.wheel in copied]
    found += [piece for piece in of(pieces, "sync") if found and piece.what == "stage"]
    if not found:
        return
    wheels = wheels_of(found)
    files = sum(wheel.files for wheel in case.snapshot.wheels if wheel.copied)
    asked = any(word == _LINKS or word.startswith(f"{_LINKS}=") for word in case.command)
    text = (
        f"copied {count(files, 'file')} of {count(len(copied), 'wheel')} from the cache, which took longer than links"
    )
    if asked:
        remedy = f"{_LINKS} hardlink"
    else:
        text += ": it is on another file system, or links are switched off"
        remedy = f"--cache-dir on the file system of the environment; {_LINKS} hardlink"
    yield Cause("copy", found, text, remedy, None, wheels)
