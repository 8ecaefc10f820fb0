"""Rules about work: why it was slow where something made it so, and else what it was."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from instui.monitor.model import RUNNING, Phase, Span, WheelState
from instui.monitor.spans import SessionSpan
from instui.monitor.units import count, cut_end, number, seconds, size
from instui_engine.errors import printable

from .attribution import Piece
from .findings import Case, Cause, of, total, wheels_of

_DISK = 0.5  # seconds of work in a part of the session from which it is looked at whether a disk was slow
_IDLE = 0.4  # the processors were used for less than this share of that work
_STALLED = 0.4  # and for more than this one, some process waited for a disk
_GIANT = 0.6  # of the unpacking on the critical path, by one wheel
_LONG = 0.5  # seconds of unpacking or staging that are worth a reason
_SILENT = 2.0  # seconds without a byte from a host
_DOING_CELLS = 60
_LINKS = "--link-mode"
_UV_WAITS = "waiting for "  # so begins what uv does while a host does not answer


# -- why work was slow


def unpacked_again(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Wheels whose entries in the cache were damaged."""
    again = {
        wheel.key
        for wheel in case.snapshot.wheels
        if wheel.cached and any(s.phase is Phase.UNPACK for s in _spans(wheel))
    }
    found = [piece for piece in of(pieces, "fetch", "unpack") if piece.wheel in again]
    if found:
        wheels = wheels_of(found)
        text = (
            f"{_named(case, wheels)} {'was' if len(wheels) == 1 else 'were'} unpacked again: cached files had changed"
        )
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
    names = _listed(dict.fromkeys(_WORDS[piece.kind] for piece in found))
    facts = f"{names} took {seconds(total(found))}, but used the processors for {seconds(cpu)} only"
    if stalled >= _STALLED * worked:
        text = f"the disk is slow: {facts}, and processes waited for a disk for {seconds(stalled)}"
    else:
        text = f"{facts}: the disk is slow or remote, or other programs were busy"
    remedies = ["--cache-dir on a faster disk, beside the environment"] if of(found, "unpack", "stage") else []
    if total(of(found, "sync")) >= _DISK:
        remedies.append("for a throw-away environment --no-fsync")
    yield Cause("disk", found, text, "; ".join(remedies), None, wheels_of(found))


_WORDS = {"unpack": "unpacking", "stage": "staging", "commit": "committing", "sync": "syncing", "clean": "cleaning up"}


def _waited_for_disk(span: SessionSpan, works: Sequence[Piece]) -> float:
    """The seconds of work on files in a part of the session, if the processors had little to do with it; else 0."""
    if span.end is None or span.name not in ("acquire", "stage", "commit", "clean") or span.end - span.begin < _DISK:
        return 0.0
    inside = [
        (max(one.begin, span.begin), min(one.end, span.end))
        for one in works
        if one.begin < span.end and one.end > span.begin
    ]
    worked = span.end - span.begin if span.name == "clean" else union(inside)
    is_known = span.stalled >= _STALLED * worked
    is_idle = span.cpu < (_IDLE if is_known else _IDLE / 2) * worked
    return worked if worked >= _DISK and is_idle else 0.0


def union(periods: Iterable[tuple[float, float]]) -> float:
    """The seconds that at least one of the periods covers."""
    covered, until = 0.0, float("-inf")
    for begin, end in sorted(periods):
        if end > until:
            covered += end - max(begin, until)
            until = end
    return covered


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
    alone = "; more workers do not help, since a wheel has one" if len(_unpacked(case)) > 1 else ""
    text = f"{case.label(wheels[0])}{facts} {verb} for {seconds(total(found))}{alone}"
    yield Cause("giant-wheel", found, text, "", None, wheels[:1])


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


# -- what work it was


def start(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """From the start of the program to the first part of the session."""
    yield from _plainly("start", of(pieces, "start"), "Python started, and read this program")


def opening(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """What dead sessions have left."""
    settled = len(case.snapshot.recoveries)
    text = f"settled what {count(settled, 'killed session')} had left" if settled else "looked at the environment"
    yield from _plainly("open", of(pieces, "open"), text)


def resolving(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Which wheels are wanted."""
    found = of(pieces, "resolve")
    if not found:
        return
    snapshot = case.snapshot
    if not snapshot.requirements and not snapshot.doings:  # uv was not asked
        yield from _plainly("resolve", found, "looked at what is asked for, and at what is installed")
        return
    took: dict[str, float] = {}
    for doing, following in zip_longest(snapshot.doings, snapshot.doings[1:]):
        end = following.begin if following is not None else found[-1].end
        # what uv did last lasts until it is asked again, but that was the work of others
        inside = sum(max(min(end, piece.end) - max(doing.begin, piece.begin), 0.0) for piece in found)
        took[doing.doing] = took.get(doing.doing, 0.0) + inside
    longest = sorted(took, key=lambda one: -took[one])[:2]
    steps = ", ".join(f"{cut_end(printable(one), _DOING_CELLS)} {seconds(took[one])}" for one in longest)
    verb = "is deciding" if case.lasts(found) else "decided"
    # a project or a group is read by uv alone: what it asks for is not known here
    asked = count(len(snapshot.requirements), "requirement") if snapshot.requirements else "what is asked for"
    text = f"uv {verb} which wheels satisfy {asked}"
    text += f": {steps}" if steps else ""
    waited = sum(time for doing, time in took.items() if doing.startswith(_UV_WAITS))
    remedy = ""
    if waited > total(found) / 2:
        remedy = "an index that answers: --index-url; --offline takes what is cached"
    elif case.matters(found, 2.0, 0.2):
        remedy = (
            "a lock file needs none of this: `uv pip compile requirements.in -o pylock.toml`, then --pylock pylock.toml"
        )
    yield Cause("resolve", found, text, remedy)


def acquiring(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """What is neither fetching nor unpacking."""
    found = of(pieces, "acquire")
    yield from _plainly("acquire", found, "looked for wheels in the cache, and handed them on from step to step")


def fetching(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Downloads."""
    found = of(pieces, "fetch")
    if not found:
        return
    fetched = [
        (wheel, span) for wheel in case.snapshot.wheels for span in _spans(wheel, case) if span.phase is Phase.FETCH
    ]
    wheels = {wheel.key: wheel for wheel, _ in fetched}
    amount = sum(wheel.done if wheel.phase is Phase.FETCH else wheel.size for wheel in wheels.values())
    took = union((span.begin, span.end) for _, span in fetched)
    ahead = sum(wheel.ahead for wheel in wheels.values())
    rate = f" in {seconds(took)}, {size((amount - ahead) / took)}/s" if took >= 0.1 and amount > ahead else ""
    rate += f", {size(ahead)} of it while uv decided" if ahead else ""
    verb = "is fetching" if case.lasts(found) else "fetched"
    text = f"{verb} {count(len(wheels), 'wheel')}, {size(amount)}{rate}"
    slowest, longest = max(fetched, key=lambda one: one[1].end - one[1].begin)
    if len(wheels) > 1 and longest.end - longest.begin >= _LONG:
        text += (
            f"; the slowest: {case.label(slowest.key)}, {size(slowest.size)} in {seconds(longest.end - longest.begin)}"
        )
    text += _troubles(case, list(wheels.values()))
    remedy = ""
    if case.matters(found, 1.0, 0.1):
        remedy = "--index-url of a nearer mirror; what is fetched stays in the cache"
    yield Cause("fetch", found, text, remedy, None, wheels_of(found))


def _troubles(case: Case, wheels: Sequence[WheelState]) -> str:
    """Silences and retries of downloads."""
    silent: dict[str, float] = {}
    for stall in case.snapshot.stalls:
        silent[stall.host] = max(silent.get(stall.host, 0.0), stall.seconds)
    parts = [f"{printable(host)} sent nothing for {seconds(most)}" for host, most in silent.items() if most >= _SILENT]
    retries = sum(wheel.retries for wheel in wheels)
    parts += [f"{number(retries)} {'retry' if retries == 1 else 'retries'}"] if retries else []
    return "".join(f"; {part}" for part in parts[:3])


def building(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Builds of wheels from their sources."""
    found = of(pieces, "build")
    if not found:
        return
    built = [
        (wheel, span.end - span.begin)
        for wheel in case.snapshot.wheels
        for span in _spans(wheel, case)
        if span.phase is Phase.BUILD
    ]
    if not built:
        yield from _plainly("build", found, "looked for what was built before")
        return
    verb = "is building" if case.lasts(found) else "built"
    wheels = [wheel.key for wheel, _ in sorted(built, key=lambda one: -one[1])]
    sources = "its source" if len(wheels) == 1 else "their sources"
    text = f"{verb} {_named(case, wheels)} from {sources} for {seconds(total(found))}"
    remedy = ""
    is_remote = any(wheel.build is not None and "://" in wheel.build.source for wheel, _ in built)
    if is_remote and case.matters(found, 1.0, 0.1):
        remedy = (
            "wheels need no build: take them from an index that has them, or make them once with `uv build --wheel`"
        )
    yield Cause("build", found, text, remedy, None, wheels_of(found))


def unpacking(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Unpacking."""
    found = of(pieces, "unpack")
    if not found:
        return
    wheels = _unpacked(case)
    amount, files = sum(wheel.size for wheel in wheels), sum(wheel.files for wheel in wheels)
    took = union((s.begin, s.end) for wheel in wheels for s in _spans(wheel, case) if s.phase is Phase.UNPACK)
    rate = f", {size(amount / took)}/s" if took >= 0.1 and amount else ""
    verb = "is unpacking" if case.lasts(found) else "unpacked"
    workers = f" by {count(case.jobs, 'worker')}" if case.jobs else ""
    text = f"{verb} {count(len(wheels), 'wheel')}, {size(amount)} and {count(files, 'file')}{workers}{rate}"
    yield Cause("unpack", found, text, _more_workers(case, found), None, wheels_of(found))


def _more_workers(case: Case, pieces: Sequence[Piece]) -> str:
    more = 0 < case.jobs < case.cpus and case.matters(pieces, _LONG, 0.1)
    return f"--jobs {case.cpus}, as this machine has so many processors" if more else ""


def compiling(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Byte code."""
    found, counted = of(pieces, "compile"), case.snapshot.compiling
    made = counted.done if case.lasts(found) else counted.files
    cached = f"; that of {number(counted.cached)} was in the cache" if counted.cached else ""
    text = f"{'is compiling' if case.lasts(found) else 'compiled'} {count(made, 'module')} to byte code{cached}"
    remedy = "without --compile-bytecode Python does it when a module is first imported"
    yield from _plainly("compile", found, text, remedy if case.matters(found, 1.0, 0.2) else "")


def planning(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Planning."""
    wheels = sum(wheel.order >= 0 for wheel in case.snapshot.wheels) or len(case.snapshot.wheels)
    found = of(pieces, "plan")
    text = f"{'is planning' if case.lasts(found) else 'planned'} {count(wheels, 'wheel')}"
    collisions = len(case.snapshot.collisions)
    text += (
        f", which meet at {count(collisions, 'path')}" if collisions else ", and compared them with what is installed"
    )
    yield from _plainly("plan", found, text)


def staging(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Staging."""
    found = of(pieces, "stage")
    staged = [wheel for wheel in case.snapshot.wheels if any(s.phase is Phase.STAGE for s in _spans(wheel, case))]
    files = sum(wheel.files for wheel in staged)
    verb = "is staging" if case.lasts(found) else "staged"
    text = f"{verb} {count(files, 'file')} of {count(len(staged), 'wheel')}"
    yield from _plainly("stage", found, text, _more_workers(case, found))


def committing(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Commits of what is new, in the place of old versions, and of removals."""
    found = of(pieces, "commit")
    snapshot = case.snapshot
    done = [wheel for wheel in snapshot.wheels if any(s.phase is Phase.COMMIT for s in _spans(wheel, case))]
    gone = [wheel for wheel in done if wheel.removal]
    lasts = case.lasts(found)
    removing = f"{'is removing' if lasts else 'removed'} {count(len(gone), 'distribution')}"
    if snapshot.removes:
        files = sum(wheel.files for wheel in done)
        yield from _plainly("remove", found, f"{removing}, {count(files, 'file')}")
        return
    done = [wheel for wheel in done if not wheel.removal]
    files, old = sum(wheel.files for wheel in done), sum(bool(wheel.replaces) for wheel in done)
    also = f", and {removing}" if gone else ""
    if old > len(done) / 2:
        verb = "is replacing" if lasts else "replaced"
        text = f"{verb} {count(old, 'old version')} by {count(len(done), 'wheel')}, {count(files, 'file')}{also}"
        yield from _plainly("replace", found, text)
    else:
        verb = "is committing" if lasts else "committed"
        yield from _plainly("commit", found, f"{verb} {count(len(done), 'wheel')}, {count(files, 'file')}{also}")


def syncing(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Waits for the disk."""
    found = of(pieces, "sync")
    if not found:
        return
    verb = "waits" if case.lasts(found) else "waited"
    names = _listed(dict.fromkeys(printable(piece.what) for piece in found))
    remedy = (
        "--no-fsync does not wait; a power cut may then tear what was installed" if case.matters(found, 0.3) else ""
    )
    yield Cause("sync", found, f"{verb} until the disk had written the {names}", remedy)


def cleaning(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """The removal of the stage, and of what was replaced."""
    totals = case.snapshot.totals
    old = totals.replaced + totals.reinstalled
    gone = [count(old, "old version")] if old else []
    gone += [count(totals.removed, "distribution")] if totals.removed else []
    text = f"removed the files of {' and '.join(gone)}" if gone else "cleaned up"
    yield from _plainly("clean", of(pieces, "clean"), text)


def _plainly(kind: str, found: Sequence[Piece], text: str, remedy: str = "") -> Iterator[Cause]:
    """One finding for all pieces, if there are any."""
    if found:
        yield Cause(kind, found, text, remedy, None, wheels_of(found))


def _spans(wheel: WheelState, case: Case | None = None) -> list[Span]:
    """The phases of a wheel; with `case`, also the present one, which a journal with gaps leaves running at the end."""
    spans = list(wheel.spans)
    if case is not None and (not case.over or wheel.phase in RUNNING):
        spans.append(Span(wheel.phase, wheel.since, case.snapshot.t, wheel.worker))
    return spans


def _unpacked(case: Case) -> list[WheelState]:
    return [wheel for wheel in case.snapshot.wheels if any(s.phase is Phase.UNPACK for s in _spans(wheel, case))]


def _named(case: Case, wheels: Sequence[str]) -> str:
    return (
        case.label(wheels[0])
        if len(wheels) == 1
        else f"{case.label(wheels[0])} and {count(len(wheels) - 1, 'more wheel')}"
    )


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
