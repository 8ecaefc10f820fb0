"""A screen in a browser: the page shows what a terminal shows, of its own origin only, and asks no other host."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from support.chromium import chromium
from support.needs import require

RECORDINGS = Path(__file__).parents[2] / "screenshots/recordings"
pytestmark = pytest.mark.xdist_group("chromium")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL at which a recording is replayed."""
    with served("replay", str(RECORDINGS / "busy.jsonl")) as found:
        yield found


@contextmanager
def served(*viewed: str) -> Iterator[str]:
    """The URL at which a command is shown."""
    command = [sys.executable, "-m", "instui", "serve", "--port", "0", *viewed]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = process.stdout.readline().partition(" is at ")[2].partition(";")[0]
        host, _, port = found.removeprefix("http://").partition(":")
        deadline = time.monotonic() + 30
        while not answers(host, int(port)):
            assert time.monotonic() < deadline
        yield found
        process.terminate()
        process.wait(30)


def answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


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


def test_a_running_session_is_attached(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "instui", "demo", "namespace", "--ui", "none", "--slow", "2"]
    with subprocess.Popen(command) as session:
        try:
            with served("attach", str(session.pid)) as url:
                deadline = time.monotonic() + 60
                while not painted(url, "", f"ATTACHED pid {session.pid}"):  # it may not listen yet
                    assert time.monotonic() < deadline
        finally:
            session.terminate()


@pytest.mark.parametrize("headers", [{"Origin": "http://elsewhere.example"}, {"Host": "elsewhere.example"}])
def test_pages_of_other_origins_and_other_names_of_this_machine_get_nothing(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        painted(url, "", "REPLAY", headers)
    assert refused.value.status == 403


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
        ([], "say what to show"),
    ],
)
def test_what_would_change_something_is_not_served(viewed: list[str], error: str) -> None:
    done = subprocess.run([sys.executable, "-m", "instui", "serve", *viewed], capture_output=True, text=True)
    assert (done.returncode, error in done.stderr) == (2, True)
