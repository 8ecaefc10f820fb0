"""Rules about work that nothing made slow: what it was, and how much of it."""

from collections.abc import Iterator, Sequence

from instui.monitor.model import Phase, WheelState
from instui.monitor.units import count, cut_end, number, seconds, size
from instui_engine.errors import printable

from .attribution import Piece
from .findings import Case, Cause, listed, named, of, spans, total, union, unpacked, wheels_of

_LONG = 0.5  # seconds of work that are worth a remark
_MUCH = 10_000_000  # bytes of wheel files, whose hashes take longer than all else
_SILENT = 2.0  # seconds without a byte from a host
_WHY_CELLS = 60


def start(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """From the start of the program to the first part of the session."""
    yield from _plainly("start", of(pieces, "start"), "Python started, and read this program")


def opening(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """What dead sessions have left."""
    killed = len({recovery.session for recovery in case.snapshot.recoveries})  # each may have left several wheels
    text = "looked at the environment"
    text += f", and settled what {count(killed, 'killed session')} had left" if killed else ""
    yield from _plainly("open", of(pieces, "open"), text)


def acquiring(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """What is neither fetching nor unpacking: wheel files of this machine are read and hashed, too."""
    found = of(pieces, "acquire")
    read = [
        wheel
        for wheel in unpacked(case)
        if not any(span.phase in (Phase.FETCH, Phase.BUILD) for span in spans(wheel, case))
    ]
    amount = sum(wheel.size for wheel in read)
    text = "looked for wheels in the cache, and handed them on from step to step"
    if amount >= _MUCH:
        text = f"read and hashed {count(len(read), 'wheel file')}, {size(amount)}, and looked for wheels in the cache"
    yield from _plainly("acquire", found, text)


def fetching(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Downloads."""
    found = of(pieces, "fetch")
    if not found:
        return
    fetched = [
        (wheel, span) for wheel in case.snapshot.wheels for span in spans(wheel, case) if span.phase is Phase.FETCH
    ]
    begun = {wheel.key: wheel for wheel, _ in fetched}
    wheels = [wheel for wheel in begun.values() if not _ended_in(Phase.FETCH, wheel)]
    given_up = [wheel for wheel in begun.values() if _ended_in(Phase.FETCH, wheel)]  # nobody knows how much has come
    amount = sum(wheel.done if wheel.phase is Phase.FETCH else wheel.size for wheel in wheels)
    took = union((span.begin, span.end) for _, span in fetched)
    ahead = sum(wheel.ahead for wheel in wheels)
    rate = f" in {seconds(took)}" if took >= 0.1 and amount > ahead else ""
    rate += f", {size((amount - ahead) / took)}/s" if rate and not given_up else ""
    rate += f", {size(ahead)} of it while uv decided" if ahead else ""
    verb = "is fetching" if case.lasts(found) else "fetched"
    text = f"{verb} {count(len(wheels), 'wheel')}, {size(amount)}{rate}"
    slowest, longest = max(fetched, key=lambda one: one[1].end - one[1].begin)
    if len(begun) > 1 and longest.end - longest.begin >= _LONG:
        text += (
            f"; the slowest: {case.label(slowest.key)}, {size(slowest.size)} in {seconds(longest.end - longest.begin)}"
        )
    if given_up:
        text += f"; {count(len(given_up), 'download')} {'was' if len(given_up) == 1 else 'were'} given up"
    text += _troubles(case, list(begun.values()))
    remedy = ""
    if case.matters(found, 1.0, 0.1):
        half, place = (longest.end - longest.begin) / 2, case.place_option
        nearer = "a nearer mirror" if place == "--index-url" else "a nearer place"
        if slowest.paused > half:
            remedy = (
                f"the server fails, or limits how often it is asked: try again later, or {place} of a mirror; "
                "what is fetched stays in the cache"
            )
        elif any(stall.connecting and stall.wheel == slowest.key for stall in case.snapshot.stalls):
            remedy = f"a name server or a proxy that answers sooner, or {place} of a host that can be reached"
        elif slowest.silent > half:
            remedy = f"{place} of a server that answers sooner, or a faster proxy; what is fetched stays in the cache"
        elif case.snapshot.is_list or not any(wheel.phase is Phase.FAILED for wheel in given_up):
            remedy = f"{place} of {nearer}; what is fetched stays in the cache"
    yield Cause("fetch", found, text, remedy, None, wheels_of(found))


def _troubles(case: Case, wheels: Sequence[WheelState]) -> str:
    """Silences and retries of downloads, and why they were tried again."""
    silent: dict[tuple[str, bool], float] = {}
    for stall in case.snapshot.stalls:
        whose = stall.host, stall.connecting
        silent[whose] = max(silent.get(whose, 0.0), stall.seconds)
    parts = [
        f"there was no connection to {printable(host)} for {seconds(most)}"
        if connecting
        else f"{printable(host)} sent nothing for {seconds(most)}"
        for (host, connecting), most in silent.items()
        if most >= _SILENT
    ]
    mute = max(wheels, key=lambda wheel: wheel.silent - wheel.paused)
    if not parts and mute.silent - mute.paused >= _SILENT:
        parts = [f"of {case.label(mute.key)} nothing came for {seconds(mute.silent - mute.paused)}"]
    if retries := sum(wheel.retries for wheel in wheels):
        why = next((f": {cut_end(printable(wheel.retry), _WHY_CELLS)}" for wheel in wheels if wheel.retry), "")
        paused = max(wheel.paused for wheel in wheels)
        after = f" after {'a wait' if retries == 1 else 'waits'} of {seconds(paused)}" if paused >= _LONG else ""
        parts.append(f"{number(retries)} {'retry' if retries == 1 else 'retries'}{after}{why}")
    return "".join(f"; {part}" for part in parts[:3])


def building(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Builds of wheels from their sources."""
    found = of(pieces, "build")
    if not found:
        return
    built = [
        (wheel, span.end - span.begin)
        for wheel in case.snapshot.wheels
        for span in spans(wheel, case)
        if span.phase is Phase.BUILD
    ]
    if not built:
        yield from _plainly("build", found, "looked for what was built before")
        return
    verb = "is building" if case.lasts(found) else "built"
    wheels = [wheel.key for wheel, _ in sorted(built, key=lambda one: -one[1])]
    sources = "its source" if len(wheels) == 1 else "their sources"
    text = f"{verb} {named(case, wheels)} from {sources} for {seconds(total(found))}"
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
    begun = unpacked(case)
    wheels = [wheel for wheel in begun if not _ended_in(Phase.UNPACK, wheel)]
    amount, files = sum(wheel.size for wheel in wheels), sum(wheel.files for wheel in wheels)
    took = union((s.begin, s.end) for wheel in wheels for s in spans(wheel, case) if s.phase is Phase.UNPACK)
    rate = f", {size(amount / took)}/s" if took >= 0.1 and amount else ""
    verb = "is unpacking" if case.lasts(found) else "unpacked"
    workers = f" by {count(case.jobs, 'worker')}" if case.jobs else ""
    text = f"{verb} {count(len(wheels), 'wheel')}, {size(amount)} and {count(files, 'file')}{workers}{rate}"
    text += _and_a_part_of(len(begun) - len(wheels))
    yield Cause("unpack", found, text, _more_workers(case, found), None, wheels_of(found))


def _more_workers(case: Case, pieces: Sequence[Piece]) -> str:
    more = 0 < case.jobs < case.cpus and case.matters(pieces, _LONG, 0.1)
    return case.rests(pieces) or (f"--jobs {case.cpus}, as this machine has so many processors" if more else "")


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
    begun = [wheel for wheel in case.snapshot.wheels if any(s.phase is Phase.STAGE for s in spans(wheel, case))]
    staged = [wheel for wheel in begun if not _ended_in(Phase.STAGE, wheel)]
    files, torn = sum(wheel.files for wheel in staged), len(begun) - len(staged)
    verb = "is staging" if case.lasts(found) else "staged"
    text = f"{verb} {count(files, 'file')} of {count(len(staged), 'wheel')}"
    yield from _plainly("stage", found, text + _and_a_part_of(torn), _more_workers(case, found))


def _and_a_part_of(torn: int) -> str:
    """What is said of wheels that were stopped midway, which do not count as done."""
    return f", and a part of {count(torn, 'more wheel')}" if torn else ""


def _ended_in(phase: Phase, wheel: WheelState) -> bool:
    """Whether the wheel failed or was stopped before this phase of it was over."""
    return wheel.phase in (Phase.FAILED, Phase.STOPPED) and wheel.spans[-1].phase is phase


def committing(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Commits of what is new, in the place of old versions, and of removals."""
    found = of(pieces, "commit")
    snapshot = case.snapshot
    begun = [wheel for wheel in snapshot.wheels if any(s.phase is Phase.COMMIT for s in spans(wheel, case))]
    done = [wheel for wheel in begun if not _ended_in(Phase.COMMIT, wheel)]
    torn = len(begun) - len(done)
    gone = [wheel for wheel in done if wheel.removal]
    lasts = case.lasts(found)
    removing = f"{'is removing' if lasts else 'removed'} {count(len(gone), 'distribution')}"
    if snapshot.removes:
        files = sum(wheel.files for wheel in done)
        more = f", and a part of {number(torn)} more" if torn else ""
        yield from _plainly("remove", found, f"{removing}, {count(files, 'file')}{more}", case.rests(found))
        return
    done = [wheel for wheel in done if not wheel.removal]
    files, old = sum(wheel.files for wheel in done), sum(bool(wheel.replaces) for wheel in done)
    also = (f", and {removing}" if gone else "") + _and_a_part_of(torn)
    if old > len(done) / 2:
        verb = "is replacing" if lasts else "replaced"
        text = f"{verb} {count(old, 'old version')} by {count(len(done), 'wheel')}, {count(files, 'file')}{also}"
        yield from _plainly("replace", found, text, case.rests(found))
    else:
        verb = "is committing" if lasts else "committed"
        text = f"{verb} {count(len(done), 'wheel')}, {count(files, 'file')}{also}"
        yield from _plainly("commit", found, text, case.rests(found))


def syncing(case: Case, pieces: Sequence[Piece]) -> Iterator[Cause]:
    """Waits for the disk."""
    found = of(pieces, "sync")
    if not found:
        return
    verb = "waits" if case.lasts(found) else "waited"
    names = listed(dict.fromkeys(printable(piece.what) for piece in found))
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
