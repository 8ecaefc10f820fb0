"""Installs that are slow because of what lies between this machine and an index, or what the index answers.

As those of `slow_installs`: each is real, and slow because of one thing that is known here, with its delay.
"""

import os
import sys
from pathlib import Path

from instui_engine.journal.events import UnpackStarted
from support.environments import until
from support.indexes import add_wheel
from support.slow import Lab, Slow
from support.slow_installs import customized
from support.slow_names import APART
from support.webserver import WebServer

_TESTS = Path(__file__).parents[1]


def slow_names(lab: Lab, seconds: float = 2.5) -> Slow:
    """A name server that answers late, in namespaces of its own. uv and our downloads both ask it."""
    wheel = lab.wheel("one")
    environ = lab.environ
    lab.environ = {**environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(_TESTS), environ.get("PYTHONPATH"))))}
    apart = (*APART, sys.executable, "-m", "support.slow_names", str(seconds), str(wheel), "--")
    try:
        session = lab.run(lab.venv(), "one", before=apart, online=True)
    finally:
        lab.environ = environ
    return lab.slow(session, seconds)


_SLOW_NAMES = """
import socket, time
found = socket.getaddrinfo
def slow(*arguments, **options):
    time.sleep({seconds})
    return found(*arguments, **options)
socket.getaddrinfo = slow
"""


def slow_address(lab: Lab, seconds: float = 3.0) -> Slow:
    """A wheel of a lock file comes from a host whose name takes long to be found."""
    wheel, environ = lab.wheel("one"), lab.environ
    with WebServer() as web:
        lock = lab.pylock({wheel: add_wheel(web, wheel)})
        lab.environ = customized(lab, _SLOW_NAMES.format(seconds=seconds))
        try:
            session = lab.run(lab.venv(), "--pylock", lock, online=True)
        finally:
            lab.environ = environ
    return lab.slow(session, seconds, ["one"])


def slow_proxy(lab: Lab, seconds: float = 3.0) -> Slow:
    """An index behind a proxy that takes so long to pass the first question on."""
    environ = lab.environ
    with WebServer() as proxy:
        add_wheel(proxy, lab.wheel("one"))
        proxy.pages["/simple/one/"].late = seconds
        lab.environ = {**environ, "HTTP_PROXY": proxy.url().replace("//", "//user:secret@"), "http_proxy": proxy.url()}
        try:
            session = lab.run(lab.venv(), "--index-url", "http://index.example/simple", "one", online=True)
        finally:
            lab.environ = environ
    return lab.slow(session, seconds)


def failing_index(lab: Lab, failures: int = 2) -> Slow:
    """An index that answers 503 a few times; uv waits for a second at least before it asks again."""
    with WebServer() as web:
        add_wheel(web, lab.wheel("one"))
        web.pages["/simple/one/"].answers = [(503, {"Retry-After": "1"})] * failures
        session = lab.run(lab.venv(), "--index-url", web.url("/simple"), "one", online=True)
    return lab.slow(session, 1.0 * failures)


def limited_server(lab: Lab, seconds: int = 2) -> Slow:
    """A server that says of a wheel that it has been asked too often, and when it wants to be asked again."""
    wheel = lab.wheel("one")
    with WebServer() as web:
        url = add_wheel(web, wheel)
        web.pages[url[len(web.url()) :]].answers = [(429, {"Retry-After": str(seconds)})]
        session = lab.run(lab.venv(), "--pylock", lab.pylock({wheel: url}), online=True)
    return lab.slow(session, seconds, ["one"])


def long_search(lab: Lab, versions: int = 60, each: float = 0.3) -> Slow:
    """No version of a wheel fits but the first, as all others need something else of another; uv tries them in turn."""
    with WebServer() as web:
        for number in range(1, versions + 1):
            url = add_wheel(web, lab.wheel("alpha", 1, version=f"{number}.0", requires=[f"beta=={number}.0"]))
            web.pages[f"{url[len(web.url()) :]}.metadata"].late = each
        add_wheel(web, lab.wheel("beta", 1, version="1.0"))
        session = lab.run(lab.venv(), "--index-url", web.url("/simple"), "alpha", online=True)
    return lab.slow(session, 5 * each)


_CLOCK = """
import os, time
read = time.clock_gettime
def slept(clock):
    if clock != time.CLOCK_BOOTTIME:
        return read(clock)
    sleeps = {seconds} if os.path.exists({asleep!r}) else 0
    open({looked!r}, "w").close()
    return read(clock) + sleeps
time.clock_gettime = slept
"""
_SLOW_HASHES = """
import hashlib, time
sha256 = hashlib.sha256
def slow(*arguments, **options):
    end = time.thread_time() + 0.03
    while time.thread_time() < end:
        pass
    return sha256(*arguments, **options)
hashlib.sha256 = slow
"""


def sleeping_machine(lab: Lab, seconds: float = 600.0) -> Slow:
    """The machine slept for `seconds` while a wheel was unpacked: the clock that goes on meanwhile has jumped."""
    environ, asleep, looked, top = lab.environ, lab.place / "asleep", lab.place / "looked", lab.venv()
    clock = _CLOCK.format(seconds=seconds, asleep=str(asleep), looked=str(looked))
    lab.environ = customized(lab, clock + _SLOW_HASHES)
    try:
        session = lab.start(top, lab.wheel("large", 40, 20))
    finally:
        lab.environ = environ
    session.wait_for(UnpackStarted)
    until(looked.exists)  # a clock that was never looked at before cannot be seen to jump
    asleep.touch()
    lab.succeeds(session)
    return lab.slow(session, 0.0)
