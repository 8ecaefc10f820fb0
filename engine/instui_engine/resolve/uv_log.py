"""uv's own log, for those who watch: which packages it asks for, in how many versions, and what it waits for.

What it logs lies between the lines of its answer, on the same stream. So only those parts of uv log that are about its
requests and connections, each in one line that begins with a word of its own; these are taken out of what is read. Of
the text of the requests only a host and a package's name pass, as the rest may contain passwords.
"""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from instui_engine.errors import printable

FILTER = ",".join(
    (
        "uv_client::cached_client=debug",
        "reqwest_retry=warn",
        "reqwest::connect=debug",
        "hyper_util::client::legacy::connect::http=debug",
    )
)
"""The value of RUST_LOG. A uv that does not know one of them logs nothing of it, which is as good as before."""

_HIDDEN = "****"  # what uv writes instead of a password
_MARKS = ("DEBUG ", "WARN Retry attempt ")
_CONNECTION = re.compile(r"DEBUG starting new connection '(?:Some\(\")?([^\"'()\s]+)")
_PROXY = re.compile(r"DEBUG proxy\((\S+)\) intercepts ")
_ADDRESS = re.compile(r"DEBUG connect(ing|ed) to ")
_RETRY = re.compile(r"WARN Retry attempt #\d+\. Sleeping (\d+(?:\.\d+)?)(ms|s) ")
_REQUEST = re.compile(r"DEBUG (?:Sending [a-z-]+(?: ([A-Z]+))? request|Found \S+ response) for: (https?://\S+)")
_INTERVAL = 0.4  # seconds between two reports
_SILENCE = 1.0  # seconds without a request after which it waits for the last one
_LONGEST = 40  # characters of a name
_INDEXES = ("simple", "+simple")  # what stands before the project in a URL of an index
_DASHES = 4  # in the name of a wheel, at least
_FEW = 2  # hosts, that are named
_MANY = 5  # versions of one package, from which uv is looking for one that fits
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


class UvLog:
    """What uv has logged so far. `tell` gets it in words, now and then, when they have changed.

    `seen` gets the URLs of the wheels at whose metadata uv looks. It must not pass them on to those who watch.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        seen: Callable[[str], None] = lambda url: None,
    ) -> None:
        self._tell = tell
        self._seen = seen
        self._clock = clock
        self._names: set[str] = set()
        self._hosts: dict[str, None] = {}  # in the order in which they were asked first
        self._versions: dict[str, set[str]] = {}
        self._way = _Way()
        self._parts: set[str] = set()  # URLs of wheels of which uv wanted to read a part
        self._whole: set[str] = set()  # hosts that have no range requests, so that it reads whole wheels
        self._name = self._host = self._told = ""
        self._at = self._next = clock()
        self._used = 0.0
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take in what uv has just printed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.take(line.decode("utf-8", "replace"))

    def take(self, line: str) -> bool:
        """Take in one line of what uv prints; False if it is none of the log."""
        if not line.startswith(_MARKS):
            return False
        found = _REQUEST.match(line)
        if found:
            self._way.requested()
            with suppress(ValueError):
                self._asked(found[2], found[1])
        else:
            self._way.take(line, self._clock())
        return True

    def _asked(self, url: str, method: str | None) -> None:
        parts = urlsplit(url)
        self._name = _project(parts.path)
        self._names |= {self._name} if self._name else set()
        self._host, self._at = printable(parts.hostname or ""), self._clock()
        self._hosts[self._host] = None
        wheel = url.removesuffix(".metadata")
        if (version := _version(parts.path)) and self._name:
            self._versions.setdefault(self._name, set()).add(version)
        if url.endswith(".whl") and method == "HEAD":
            self._parts.add(url)
        elif url in self._parts and method == "GET":  # what it reads of parts is not in this log
            self._whole.add(self._host)
        if wheel.endswith(".whl") and _HIDDEN not in wheel:
            self._seen(wheel)

    def tick(self, used: Callable[[], float]) -> None:
        """Report, if it is time to. `used`: the seconds of a processor that uv has used so far."""
        now = self._clock()
        if now < self._next or not self._host:
            return
        since, self._next = now - self._next + _INTERVAL, now + _INTERVAL
        before, self._used = self._used, used()
        patience = _INTERVAL if self._way.is_connecting(self._host) else _SILENCE
        words = self._words(now - self._at >= patience, self._used - before > since / 2)
        if words != self._told:
            self._told = words
            self._tell(words)

    def _words(self, is_silent: bool, is_busy: bool) -> str:
        number = len(self._names)
        packages = "1 package" if number == 1 else f"{number} packages" if number else ""
        came = len(self._names - {self._name})  # not what is waited for
        some = f"{came} {'other ' if self._name else ''}{'package' if came == 1 else 'packages'}"
        so_far = f"; metadata of {some} so far" if came else ""
        if failures := self._way.failures(self._clock()):
            times = "a failure" if failures == 1 else f"{failures} failures"
            # uv does not say who has failed, and asks several at a time
            some_host = " or ".join(self._hosts) if len(self._hosts) <= _FEW else f"one of {len(self._hosts)} hosts"
            return f"waiting to ask {some_host} again, after {times}{so_far}"
        if not is_silent or is_busy:
            tried = len(self._versions.get(self._name, ()))
            if tried >= _MANY:
                return f"trying versions of {self._name} ({tried} so far)"
        if not is_silent:
            what = "whole wheels for the metadata" if self._host in self._whole else "the metadata"
            reading = f"reading {what} of {packages}" if packages else f"reading metadata from {self._host}"
            return f"{reading}, the last {self._name}" if self._name else reading
        if is_busy:
            return f"looking for versions {f'of {packages} ' if packages else ''}that fit together"
        asked = f", asked about {self._name}" if self._name else ""
        is_whole = self._host in self._whole and not self._way.is_connecting(self._host)
        whole = " to send whole wheels" if is_whole else ""
        return f"waiting for {self._way.waits_for(self._host)}{whole}{asked}{so_far}"


class _Way:
    """What lies between uv and a host: its address, a connection, a proxy, and failures after which it is asked again.

    uv has several connections at a time, of which the last one counts.
    """

    def __init__(self) -> None:
        self._host = self._proxy = ""  # of the last connection
        self._stage = ""  # of it: "address", "connection", or "" when there is one
        self._failures, self._until = 0, 0.0

    def requested(self) -> None:
        """uv asks for something else, so what it waited for is here."""
        self._failures = 0

    def take(self, line: str, now: float) -> None:
        """Take in a line that is not of a request."""
        if found := _CONNECTION.match(line):
            host = found[1].strip("[]")  # around an address of IPv6, which has none as the host of a URL
            self._host, self._proxy, self._stage = printable(host), "", "address"
        elif found := _PROXY.match(line):
            with suppress(ValueError):
                self._proxy = printable(urlsplit(found[1]).hostname or "")
        elif found := _ADDRESS.match(line):
            self._stage = "connection" if found[1] == "ing" else ""
        elif found := _RETRY.match(line):
            self._failures += 1
            self._until = now + float(found[1]) / (1000 if found[2] == "ms" else 1)

    def failures(self, now: float) -> int:
        """How many failures there were, if uv waits now before it asks again; else 0."""
        return self._failures if now < self._until else 0

    def is_connecting(self, host: str) -> bool:
        """Whether there is no connection to `host` yet."""
        return self._host == host and self._stage != ""

    def waits_for(self, host: str) -> str:
        """What a silent uv waits for, which has asked `host`."""
        if self._host != host:
            return host
        if self._stage:
            what = "the address of" if self._stage == "address" else "a connection to"
            return f"{what} {f'the proxy {self._proxy}' if self._proxy else host}"
        return f"{host} through the proxy {self._proxy}" if self._proxy else host


def _project(path: str) -> str:
    """The project that the path of a URL is about, as a simple index or a file's name says it; "" if neither does.

    Any other part of a path may be a password.
    """
    *_, before, last = ("", *path.rstrip("/").split("/"))
    name = last.removesuffix(".metadata")
    if before in _INDEXES:
        name = last
    elif name.endswith(".whl") and name.count("-") >= _DASHES:
        name = name.partition("-")[0]
    elif name.endswith((".tar.gz", ".zip")):
        name = name.rpartition("-")[0]
    else:
        return ""
    return re.sub(r"[-_.]+", "-", name).lower()[:_LONGEST] if _NAME.fullmatch(name) else ""


def _version(path: str) -> str:
    """The version in the name of a wheel, or of its metadata; "" for another path."""
    parts = path.rpartition("/")[2].removesuffix(".metadata").split("-")
    return parts[1] if len(parts) > _DASHES and parts[-1].endswith(".whl") else ""


def without_log(output: str) -> tuple[str, bool]:
    """`output` without the log; and whether that is certain: no line of the answer has been torn by one of the log."""
    lines = [line for line in output.split("\n") if not line.startswith(_MARKS)]
    return "\n".join(lines), not any(mark in line for line in lines for mark in _MARKS)


def processor_seconds(pid: int) -> float:
    """The seconds of a processor that a process has used; 0.0 if the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
