"""Names of wheels, paths and holders for texts, all of them safe to print on a terminal."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from instui_engine.errors import printable

from .units import age, cut_end, seconds

if TYPE_CHECKING:
    from instui_engine.journal.events import Holder, SessionHalted, SessionStarted, SpanName

_COMMAND_CELLS = 60

SPANS: Mapping["SpanName", str] = {
    "open": "looking at the environment",
    "resolve": "finding out which wheels to install",
    "build": "building what is only there as a source",
    "acquire": "getting the wheels: from the cache, or fetched and unpacked",
    "compile": "compiling byte code, which the store keeps",
    "plan": "planning what each wheel will write, and which paths it claims",
    "stage": "staging: linking files where nobody sees them yet",
    "commit": "committing: moving the wheels into place",
    "clean": "cleaning up",
}
PARTS: Mapping["SpanName", str] = {
    "open": "open",
    "resolve": "resolve",
    "build": "build",
    "acquire": "fetch, unpack",
    "compile": "compile",
    "plan": "plan",
    "stage": "stage",
    "commit": "commit",
    "clean": "clean up",
}
"""The same in a word or two, above a lane."""
_WAITS: Mapping[str, str] = {
    "environment": "the environment's lock",
    "wheel": "a process that fetches or unpacks the same wheel",
    "cache": "the cache, which is being pruned",
    "name": "a process that changes a distribution of the same name",
    "recovery": "what a killed session had begun, to be settled",
    "older": "sessions of an older version of instui",
}
_MODES: Mapping[str, str] = {
    "X": "for itself alone",
    "IX": "to write below it, as others may",
    "SH": "with others who share it",
}
_DISK: Mapping[str, str] = {"store": "the cache", "stage": "the staged files", "environment": "the environment"}


def mode_in_words(mode: str) -> str:
    """How a claim is held or wanted."""
    return _MODES.get(mode, printable(mode))


def wait_target(what: str) -> str:
    """What a wait of the session is for (`SessionWait.what`), as in "waits for ..."."""
    return _WAITS.get(what, "other processes")


def on_disk(what: str) -> str:
    """What is being written to disk (`Sync.what`)."""
    return _DISK.get(what, printable(what))


def standstill(event: "SessionHalted") -> str:
    """That a session stood still, and why."""
    stood, slept = seconds(max(event.seconds, 0.0)), seconds(max(event.slept, 0.0))
    said = (
        [f"it stood still for {stood}, because its process, or the whole machine, was stopped"]
        if event.seconds > 0
        else []
    )
    return "; ".join([*said, *([f"the machine slept for {slept}"] if event.slept > 0 else [])])


def path_name(path: str, session: "SessionStarted | None") -> str:
    """A path or lock of the journal in short: without what precedes `site-packages`; `@jwt` is `the name jwt`."""
    if path.startswith("@"):
        return f"the name {printable(path[1:])}"
    if path == ".":
        return "./"
    roots = session.roots if session else {}
    for root in (roots.get("purelib", "."), roots.get("platlib", ".")):
        if path == root or path.startswith(f"{root}/"):
            parent = root.rpartition("/")[0]
            short = path[len(parent) + 1 :] if parent else path
            return printable(f"{short}/" if path == root else short)
    return printable(path)


def is_foreign(holder: "Holder", session: "SessionStarted | None") -> bool:
    """Whether `holder` is another process or session. This one may be named without a wheel, between two of them."""
    if session is not None and (holder.session == session.session or (holder.pid and holder.pid == session.pid)):
        return False
    return not is_own(holder, session)


def is_own(holder: "Holder", session: "SessionStarted | None") -> bool:
    """Whether `holder` is a wheel of this session, not another process or session."""
    own = session.session if session else ""
    return bool(holder.wheel) and holder.session in ("", own)


def same_holder(holder: "Holder") -> tuple[object, ...]:
    """What stays the same of a holder that is named again, while its state changes."""
    return holder.pid, holder.session, holder.wheel, "" if holder.pid else holder.command


def started(holder: "Holder", session: "SessionStarted | None") -> str:
    """When the process of a holder was started, in relation to this session; "" if that is unknown."""
    if not holder.began or session is None:
        return ""
    before = session.wall - session.ran - holder.began
    return f"started {age(abs(before))} {'before' if before >= 0 else 'after'} this session"


def holder_name(holder: "Holder", session: "SessionStarted | None", label: Callable[[str], str]) -> str:
    """The name of a holder: a wheel of this session by `label`, another process by pid, command and state."""
    if is_own(holder, session):
        return printable(label(holder.wheel))
    state = f", {printable(holder.state)}" if holder.state else ""
    command = cut_end(printable(short_command(holder.command)), _COMMAND_CELLS)
    process = f"pid {holder.pid}" if holder.pid else ""
    process = f"{process} ({command})" if process and command else process or command
    wheel = printable(holder.wheel)
    return (f"{wheel} of {process}" if wheel and process else wheel or process or "another process") + state


def short_command(command: str) -> str:
    """A command as people type it: `python -m instui list` and `/x/python /x/instui list` become `instui list`."""
    program, *arguments = command.split(" ")
    program = program.rpartition("/")[2]
    if program.startswith("python") and len(arguments) > 1 and arguments[0] == "-m":
        program, arguments = arguments[1], arguments[2:]
    elif program.startswith("python") and arguments and arguments[0].startswith("/"):
        program, arguments = arguments[0].rpartition("/")[2], arguments[1:]
    return " ".join([program, *arguments])


def holder_names(
    holders: "Sequence[Holder]", session: "SessionStarted | None", label: Callable[[str], str], most: int = 2
) -> str:
    """The first `most` holders, and how many more there are; "" for none."""
    return listed([holder_name(holder, session, label) for holder in holders], most)


def listed(names: Iterable[str], most: int) -> str:
    """`a, b and 3 more`; if only one exceeds `most`, it is named, not counted."""
    every = list(names)
    if len(every) <= most + 1:
        return ", ".join(every)
    return f"{', '.join(every[:most])} and {len(every) - most} more"
