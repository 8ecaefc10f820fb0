"""A screen in a browser: the page shows what a terminal shows, of its own origin only, and asks no other host."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM
from typing import NamedTuple

import aiohttp
import pytest

from conftest import Run
from support.chromium import chromium
from support.cli import error_line
from support.needs import require

BUSY = Path(__file__).parents[2] / "screenshots/recordings/busy.jsonl"
pytestmark = pytest.mark.xdist_group("chromium")


class Served(NamedTuple):
    url: str
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL at which a recording is replayed."""
    with served("replay", str(BUSY)) as found:
        yield found.url


@contextmanager
def served(*viewed: str) -> Iterator[Served]:
    """A server that shows a command."""
    command = [sys.executable, "-m", "instui", "serve", "--port", "0", *viewed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Served(process.stdout.readline().partition(" is at ")[2].partition(";")[0], process)
        finally:
            process.terminate()
            process.wait(30)


def processes(column: int, number: int) -> dict[int, str]:
    """The state of each process whose own id (column 0) or parent's (1) is this one, if it has not ended."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,state="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {int(row[0]): row[2] for row in rows if int(row[column]) == number and row[2][0] != "Z"}


def painted(url: str, keys: str, awaited: str, headers: dict[str, str] | None = None) -> bool:
    """Whether `awaited` is painted after `keys` have been typed into a terminal of 120 x 40."""

    async def ask() -> bool:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}/ws?width=120&height=40", headers=headers) as page,
        ):
            text, typed = "", not keys
            async with asyncio.timeout(60):
                async for message in page:
                    text += message.data.decode() if isinstance(message.data, bytes) else str(message.data)
                    if not typed and "REPLAY" in text:
                        typed = True
                        await page.send_json(["stdin", keys])
                    if awaited in text:
                        return True
            return False

    return asyncio.run(ask())


def test_the_screen_of_a_replay_is_painted_and_takes_keys(url: str) -> None:
    assert painted(url, "", "REPLAY")
    assert painted(url, "2", "by lock")


def test_keys_write_no_file_on_this_machine(url: str) -> None:
    assert painted(url, "\x13", "no file is written")


def test_a_running_session_is_attached(run_instui: Run) -> None:
    command = [sys.executable, "-m", "instui", "demo", "namespace", "--ui", "none", "--slow", "2"]
    with subprocess.Popen(command) as session:
        try:
            deadline = time.monotonic() + 60
            while f"-{session.pid}-" not in run_instui("sessions", "--ids", "running").stdout:
                assert time.monotonic() < deadline
            with served("attach", str(session.pid)) as (url, _):
                assert painted(url, "", f"ATTACHED pid {session.pid}")
        finally:
            session.terminate()


@pytest.mark.parametrize("headers", [{"Origin": "http://elsewhere.example"}, {"Host": "elsewhere.example"}])
def test_pages_of_other_origins_and_other_names_of_this_machine_get_nothing(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        painted(url, "", "REPLAY", headers)
    assert refused.value.status == 403


@pytest.mark.parametrize("host", ["[::1]", "LOCALHOST", "localhost:1", "[::1]:1", "127.0.0.1", "127.9.9.9:1"])
def test_a_page_may_be_opened_by_each_name_of_this_machine_and_asks_that_name(url: str, host: str) -> None:
    status, policy, page = answer(url, host)
    assert status == 200
    assert f'"ws://{host}/ws"' in page
    assert f"connect-src 'self' ws://{host};" in policy


@pytest.mark.parametrize("host", ["", "[::1", "localhost@elsewhere", "localhost.elsewhere", "elsewhere:1", "a;b"])
def test_other_names_get_nothing(url: str, host: str) -> None:
    assert answer(url, host)[0] in (400, 403)


def test_errors_have_a_policy(url: str) -> None:
    for status, policy, _ in (answer(url, "localhost", "/nothing"), answer(url, "elsewhere")):
        assert status in (403, 404)
        assert policy.startswith("default-src 'self'")


def answer(url: str, host: str, path: str = "/") -> tuple[int, str, str]:
    """The status of a page, its policy, and its text."""
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=30)) as connection:
        connection.request("GET", path, headers={"Host": host})
        got = connection.getresponse()
        return got.status, got.headers.get("Content-Security-Policy", ""), got.read().decode()


ENDS = [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 143)]


@pytest.mark.parametrize(
    ("number", "code", "hangs"),
    [(SIGKILL, -SIGKILL, False), *((*end, hangs) for end in ENDS for hangs in (False, True))],
)
def test_a_server_that_is_ended_leaves_no_viewer_though_a_page_is_open(number: int, code: int, hangs: bool) -> None:
    async def ask(url: str, process: "subprocess.Popen[str]") -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws?width=120&height=40") as page:
            async with asyncio.timeout(60):
                while b"REPLAY" not in (await page.receive()).data:
                    pass
            (viewer,) = processes(1, process.pid)  # no shell in between, which would not pass on the end
            if hangs:
                os.kill(viewer, SIGSTOP)
            process.send_signal(number)  # while the page does not read, and so does not agree to be closed
            assert await asyncio.to_thread(process.wait, 30) == code
            async with asyncio.timeout(30):
                while processes(0, viewer):
                    await asyncio.sleep(0.1)

    with served("replay", str(BUSY)) as (url, process):
        asyncio.run(ask(url, process))


def test_a_viewer_ends_with_its_page() -> None:
    with served("replay", str(BUSY)) as (url, process):
        assert painted(url, "", "REPLAY")
        deadline = time.monotonic() + 30
        while processes(1, process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_browser_shows_it_and_asks_no_other_host(url: str, tmp_path: Path) -> None:
    require("chromium")
    with chromium(tmp_path) as page:
        page.look(1280, 800)
        page.open(url)
        deadline = time.monotonic() + 60
        while len(page.picture()) < 30_000:  # the page without a screen is a few kilobytes of one colour
            assert time.monotonic() < deadline
            time.sleep(0.5)
        answered = [one for one in page.log if one["method"] == "Network.responseReceived"]
        assert {one["params"]["response"]["url"].split("/")[2] for one in answered} == {url.split("/")[2]}


@pytest.mark.parametrize(
    ("viewed", "error"),
    [
        (["attach", "--control"], "a browser only watches"),
        (["install", "flask"], "say what to show"),
        (["replay", "nowhere.jsonl"], "cannot read the journal"),
        (["attach", "nosuch"], "no session has the pid or the id nosuch"),
        (["replay", "x.jsonl", "--port", "1"], "stand before the command"),
        (["replay", "--nosuch"], "unrecognized"),
        ([], "say what to show"),
    ],
)
def test_what_would_change_something_is_not_served(viewed: list[str], error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "instui", "serve", *viewed], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, error in done.stderr) == (2, True)


def test_what_stands_in_the_way_of_listening_is_named(run_instui: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        error = error_line(run_instui("serve", "--port", port, "replay", str(BUSY)), 1)
        assert error.startswith(f"cannot listen at 127.0.0.1:{port}: ") and error.endswith("; take another --port")
    error = error_line(run_instui("serve", "--host", "192.0.2.77", "--port", "0", "replay", str(BUSY)), 1)
    assert error.startswith("cannot listen at 192.0.2.77:0: ") and error.endswith("; take another --host")


def test_what_serves_is_offered_for_the_interpreter_that_runs(run_instui: Run, tmp_path: Path) -> None:
    (tmp_path / "textual_serve.py").write_text("raise ImportError('missing')")
    refused = run_instui("serve", "replay", str(BUSY), env={"PYTHONPATH": str(tmp_path)})
    assert error_line(refused, 2).endswith(f": instui install --python {sys.executable} textual-serve")
