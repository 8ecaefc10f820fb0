"""The text of an event: a few words and their style. A new event of the journal needs a case here."""

from collections.abc import Sequence
from typing import assert_never

from instui.monitor import units
from instui.monitor.model import Recovery, Snapshot
from instui.monitor.names import SPANS, on_disk, standstill, wait_target
from instui.tui.text.pieces import Piece, safe
from instui_engine.journal import events
from instui_engine.journal.events import Event, Holder

from . import recoveries
from .labels import holder_label, lock_label

_SessionEvent = (
    events.SessionStarted
    | events.Caption
    | events.SessionPaused
    | events.SessionResumed
    | events.SessionHalted
    | events.CancelRequested
    | events.WorkersChanged
    | events.SpanStarted
    | events.SpanFinished
    | events.LoadSampled
    | events.CleanProgress
    | events.ResolveStarted
    | events.ResolveProgress
    | events.ResolveFinished
    | events.RequirementSatisfied
    | events.CompileStarted
    | events.CompileProgress
    | events.CompileFailed
    | events.CompileFinished
    | events.SyncStarted
    | events.SyncFinished
    | events.GroupFinished
    | events.Warned
    | events.SessionFinished
)
_WheelEvent = (
    events.WheelAdded
    | events.FetchStarted
    | events.FetchProgress
    | events.FetchStalled
    | events.FetchRetried
    | events.FetchFinished
    | events.BuildStarted
    | events.BuildProgress
    | events.BuildFinished
    | events.UnpackStarted
    | events.UnpackProgress
    | events.UnpackFinished
    | events.StageStarted
    | events.StageProgress
    | events.StageFinished
    | events.CommitStarted
    | events.CommitProgress
    | events.CommitFinished
    | events.DistributionRemoved
    | events.WheelFailed
    | events.WheelCancelled
    | events.WheelDropped
)
_PlanEvent = events.PlanWheel | events.PlanCollision | events.PlanConflict | events.PlanFinished
_LockEvent = (
    events.WaitStarted
    | events.WaitFinished
    | events.EnvironmentWaiting
    | events.EnvironmentGranted
    | events.EnvironmentReleased
    | events.LockRequested
    | events.LockWaiting
    | events.LockGranted
    | events.LockReleased
)

_GROUP_ENDS = {
    "waiter": "a wheel of another session that waits",
    "session": "another session, which has appeared",
    "turn": "others, who have waited for .lock",
    "pause": "a pause",
    "stop": "a request to stop",
    "cancel": "a wheel that was cancelled",
    "change": "a program without locks, which has changed the same files",
    "failure": "a failure",
}


def event_text(snapshot: Snapshot, event: Event) -> Piece:
    """The event in a few words, without its kind and its wheel, in the style of its kind. The words may be ""."""
    if isinstance(event, _SessionEvent):
        return _session(event, snapshot)
    if isinstance(event, _WheelEvent):
        return _wheel(event)
    if isinstance(event, _PlanEvent):
        return _plan(event, snapshot)
    if isinstance(event, _LockEvent):
        return _lock(event, snapshot)
    match event:
        case events.Overwrite(path=path, old=old, new=new, same=same):
            content = ", equal content" if same else ""
            return Piece(f"{lock_label(snapshot, path)}  {safe(old) or 'nobody'} → {safe(new)}{content}", "age")
        case events.Restored(path=path, owner=owner):
            return Piece(f"{lock_label(snapshot, path)}  is that of {safe(owner) or 'nobody'} again", "commit")
        case events.RecoveryStarted(wheel=wheel, version=version, session=session):
            return Piece(recoveries.event(Recovery(0.0, wheel, version, session, "running", ())), "age")
        case events.RecoveryFinished(wheel=wheel, version=version, session=session, outcome=outcome, left=left):
            row = Recovery(0.0, wheel, version, session, outcome, tuple(left))
            return Piece(recoveries.event(row), recoveries.STYLES.get(outcome, "age"))
        case _:
            assert_never(event)


def wheel_of(event: Event) -> str:
    """The wheel that an event is about; "" for none."""
    return str(getattr(event, "wheel", ""))


def _session(event: _SessionEvent, snapshot: Snapshot) -> Piece:
    match event:
        case events.SessionStarted(version=version, jobs=jobs, top=top):
            return Piece(f"instui {safe(version)}, {units.count(jobs, 'worker')}, {safe(top)}", "dim")
        case events.Caption() | events.SessionPaused() | events.SessionResumed():
            return Piece("", "dim")
        case events.SessionHalted():
            return Piece(standstill(event), "age")
        case events.CancelRequested(exit=code):
            return Piece(f"will stop between two commits, with exit code {code}", "failed")
        case events.WorkersChanged(workers=workers):
            return Piece(f"{units.count(workers, 'worker')} from now on", "age")
        case events.SpanStarted(name=name):
            return Piece(SPANS[name], "dim")
        case events.SpanFinished(name=name, seconds=seconds):
            return Piece(f"{SPANS[name]}: took {units.seconds(seconds)}", "text")
        case events.LoadSampled() | events.CleanProgress():
            return Piece("", "dim")  # not in the log
        case events.ResolveStarted(requirements=requirements):
            return Piece(safe(" ".join(requirements)), "dim")
        case events.ResolveProgress(doing=doing):
            return Piece(safe(doing), "dim")
        case events.ResolveFinished(wheels=wheels, satisfied=satisfied):
            return Piece(f"{units.count(wheels, 'wheel')}, {satisfied} installed already", "dim")
        case events.RequirementSatisfied(name=name, version=version):
            return Piece(f"{safe(name)} {safe(version)}", "dim")
        case events.CompileStarted(files=files, cached=cached, workers=workers):
            by = f" by {units.count(workers, 'process', 'processes')}" if workers else ""
            return Piece(f"{units.count(files, 'module')}{by}{_in_the_cache(cached)}", "unpack")
        case events.CompileFailed(path=path, error=error):
            return Piece(f"{safe(path)} has no byte code: {safe(error)}", "age")
        case events.CompileFinished(files=files, failed=failed, cached=cached):
            without = f", {units.number(failed)} without success" if failed else ""
            return Piece(f"{units.count(files, 'module')}{without}{_in_the_cache(cached)}", "unpack")
        case events.CompileProgress():
            return Piece("", "dim")  # not in the log
        case events.SyncStarted(what=what):
            return Piece(on_disk(what), "dim")
        case events.SyncFinished(what=what, seconds=seconds):
            return Piece(f"{on_disk(what)}, after {units.seconds(seconds)}", "dim")
        case events.GroupFinished(wheels=wheels, left=left, why=why):
            rest = f"; {units.count(left, 'wheel')} left, because of {_GROUP_ENDS.get(why, safe(why))}" if left else ""
            return Piece(f"{units.count(wheels, 'wheel')} committed in one go{rest}", "dim")
        case events.Warned(text=text):
            return Piece(safe(text), "age")
        case events.SessionFinished(exit=code, error=error, installed=installed, seconds=seconds):
            seconds += snapshot.session.ran if snapshot.session is not None else 0.0  # from the start of the program
            noun = "distribution" if snapshot.totals.removing else "wheel"
            text = f"exit {code}, {units.count(installed, noun)} {snapshot.done} in {units.seconds(seconds)}"
            return Piece(f"{text}: {safe(error)}" if error else text, "failed" if code else "commit")
        case _:
            assert_never(event)


def _in_the_cache(modules: int) -> str:
    return f", {units.number(modules)} more in the cache" if modules else ""


def _wheel(event: _WheelEvent) -> Piece:
    match event:
        case events.WheelAdded(version=version, cached=cached):
            return Piece(f"{safe(version)}{', in the cache' if cached else ''}", "dim")
        case events.FetchStarted(size=size):
            return Piece(units.size(size) if size else "", "fetch")
        case events.FetchStalled(host=host, seconds=seconds, connecting=connecting):
            what, where = ("connection", "to") if connecting else ("data", "from")
            return Piece(f"no {what} for {units.seconds(seconds)} {where} {safe(host)}", "fetch")
        case events.FetchRetried(attempt=attempt, reason=reason, wait=wait):
            return Piece(f"attempt {attempt}{f' in {units.seconds(wait)}' if wait else ''}: {safe(reason)}", "fetch")
        case events.FetchFinished(size=size):
            return Piece(units.size(size), "fetch")
        case events.BuildStarted(source=source, log=log, editable=editable):
            output = f", output in {safe(log)}" if log else ""
            return Piece(f"{'editable, ' if editable else ''}from {safe(source)}{output}", "accent")
        case events.BuildProgress(line=said):
            return Piece(safe(said), "dim")
        case events.BuildFinished(file=file, size=size):
            return Piece(f"{safe(file)}, {units.size(size)}", "accent")
        case events.UnpackStarted(files=files, size=size) | events.UnpackFinished(files=files, size=size):
            return Piece(f"{units.count(files, 'file')}, {units.size(size)}", "unpack")
        case events.StageStarted(files=files):
            return Piece(units.count(files, "file"), "stage")
        case events.StageFinished():
            return Piece("", "stage")
        case events.CommitStarted(renames=renames):
            return Piece(units.count(renames, "rename"), "commit")
        case events.CommitFinished(files=files):
            return Piece(units.count(files, "file"), "commit")
        case events.FetchProgress() | events.UnpackProgress() | events.StageProgress() | events.CommitProgress():
            return Piece("", "dim")  # these are not in the log
        case events.DistributionRemoved(version=version, files=files):
            return Piece(f"{safe(version)}, {units.count(files, 'file')}", "dim")
        case events.WheelFailed(error=error):
            return Piece(safe(error), "failed")
        case events.WheelCancelled():
            return Piece("left as it was before; the others go on", "failed")
        case events.WheelDropped():
            return Piece("not needed any more", "age")
        case _:
            assert_never(event)


def _plan(event: _PlanEvent, snapshot: Snapshot) -> Piece:
    match event:
        case events.PlanWheel(files=files, exclusive=exclusive, replaces=replaces):
            replaced = f", replaces {safe(replaces)}" if replaces else ""
            text = f"{units.count(files, 'file')}, will lock {_claims(exclusive, snapshot)}{replaced}"
        case events.PlanCollision(path=path, wheels=wheels):
            text = f"{lock_label(snapshot, path)} is wanted by {', '.join(map(safe, wheels))}, in this order"
        case events.PlanConflict(path=path, first=first, last=last, refused=refused):
            text = f"{lock_label(snapshot, path)}  {safe(last)} {'would' if refused else 'will'} replace {safe(first)}"
        case events.PlanFinished(wheels=count, files=files, collisions=collisions, conflicts=conflicts):
            text = (
                f"{units.count(count, 'wheel')}, {units.count(files, 'file')}, "
                f"{units.count(collisions, 'path')} wanted by several, "
                f"{units.count(conflicts, 'file')} to be overwritten"
            )
        case _:
            assert_never(event)
    return Piece(text, "dim")


def _lock(event: _LockEvent, snapshot: Snapshot) -> Piece:
    match event:
        case events.WaitStarted(what=what, holders=holders):
            return Piece(f"for {wait_target(what)}, held by {_names(holders, snapshot)}", "wait")
        case events.WaitFinished(what=what, waited=waited):
            return Piece(f"for {wait_target(what)}, after {units.seconds(waited)}", "dim")
        case events.EnvironmentWaiting(path=path, holders=holders):
            return Piece(f"{safe(path)} is held by {_names(holders, snapshot)}", "wait")
        case events.EnvironmentGranted(path=path, waited=waited):
            return Piece(f"{safe(path)} after {units.seconds(waited)}", "dim")
        case events.EnvironmentReleased(path=path, held=held):
            return Piece(f"{safe(path)} after {units.seconds(held)}", "dim")
        case events.LockRequested():
            return Piece("", "text")
        case events.LockWaiting(path=path, mode=mode, holders=holders):
            return Piece(f"for {lock_label(snapshot, path)} ({mode}), held by {_names(holders, snapshot)}", "wait")
        case events.LockGranted(waited=waited):
            return Piece(f"waited {units.seconds(waited)}" if waited >= 0.005 else "at once", "text")
        case events.LockReleased(held=held):
            return Piece(f"held {units.seconds(held)}", "text")
        case _:
            assert_never(event)


def _names(holders: Sequence[Holder], snapshot: Snapshot) -> str:
    return ", ".join(holder_label(snapshot, holder) for holder in holders) or "unknown"


def _claims(exclusive: Sequence[str], snapshot: Snapshot) -> str:
    """The first two claimed paths, and how many more there are."""
    paths = [path for path in exclusive if not path.startswith("@")]
    first = ", ".join(lock_label(snapshot, path.rstrip("/")) for path in paths[:2])
    more = f" +{len(paths) - 2}" if len(paths) > 2 else ""
    return f"{first or 'its name'}{more}"
