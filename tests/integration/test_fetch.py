"""The promises of `instui_engine.fetch.download` about the file, against a real server on the loopback interface."""

import errno
import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from instui_engine.errors import CACHE, FetchError, remedy
from instui_engine.fetch.download import Client, Download, FetchCancelled
from instui_engine.fetch.sink import PartialFile
from instui_engine.fetch.transport import Head, Stream
from instui_engine.hashes import demands_of
from support.fetching import BODY, PATH, Fetcher, Log, clean_environment
from support.webserver import Page, WebServer


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean_environment(monkeypatch, tmp_path)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as web:
        yield web


@pytest.fixture
def fetch(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path / "partial")


@pytest.mark.parametrize("size", [len(BODY), 0])
@pytest.mark.parametrize("chunked", [False, True])
def test_download_is_complete_and_reported(server: WebServer, fetch: Fetcher, size: int, chunked: bool) -> None:
    fetch(server.add(PATH, Page(BODY, chunked=chunked)), size=size)
    assert fetch.partial.read_bytes() == BODY
    assert fetch.log.starts == [(0, size)]
    assert fetch.log.reports[-1] == (len(BODY), 0 if chunked and not size else len(BODY))
    headers = server.seen[0].headers
    assert headers["user-agent"].startswith("instui/")
    assert headers["accept-encoding"] == "identity"
    assert "authorization" not in headers


@pytest.mark.parametrize("size", [len(BODY), 0])
def test_resume_transfers_only_the_rest(server: WebServer, fetch: Fetcher, size: int) -> None:
    fetch.partial.write_bytes(BODY[:500_000])
    fetch(server.add(PATH, Page(BODY)), size=size)
    assert fetch.partial.read_bytes() == BODY
    assert [seen.sent for seen in server.seen] == [200_000]
    assert fetch.log.starts == [(500_000, size)]


def test_complete_partial_file_needs_no_request(server: WebServer, fetch: Fetcher) -> None:
    fetch.partial.write_bytes(BODY)
    fetch(server.add(PATH, Page(BODY)))
    assert server.seen == []


@pytest.mark.parametrize(
    "page",
    [Page(BODY, ranges=False), Page(BODY, wrong_range=True), Page(BODY, answers=[(416, {})])],
    ids=["ignored", "another-range", "416"],
)
def test_resume_that_the_server_cannot_do_starts_over(server: WebServer, fetch: Fetcher, page: Page) -> None:
    fetch.partial.write_bytes(BODY[:500_000])
    fetch(server.add(PATH, page))
    assert fetch.partial.read_bytes() == BODY


@pytest.mark.parametrize("size", [len(BODY), 0])
@pytest.mark.parametrize("old", [b"x" * 1000, b"x" * len(BODY), BODY + b"x"], ids=["wrong", "full", "too-long"])
def test_resume_of_wrong_bytes_starts_over_once(server: WebServer, fetch: Fetcher, old: bytes, size: int) -> None:
    fetch.partial.write_bytes(old)
    fetch(server.add(PATH, Page(BODY)), size=size)
    assert fetch.partial.read_bytes() == BODY


@pytest.mark.parametrize("old", [b"", BODY[:1000]], ids=["fresh", "resumed"])
def test_wrong_hash_leaves_nothing_behind(server: WebServer, fetch: Fetcher, old: bytes) -> None:
    fetch.partial.write_bytes(old)
    line = fetch.refused(server.add(PATH, Page(BODY[:-1] + b"!")), sha256=hashlib.sha256(BODY).hexdigest())
    assert hashlib.sha256(BODY).hexdigest()[:12] in line
    assert not fetch.partial.exists()
    assert len(server.seen) == (2 if old else 1)


def test_cut_connection_resumes_where_it_stopped(server: WebServer, fetch: Fetcher) -> None:
    cuts = [100_000] * 6  # more than the retries in a row: each one made progress
    fetch(server.add(PATH, Page(BODY, cuts=cuts)), retries=2)
    assert fetch.partial.read_bytes() == BODY
    assert sum(seen.sent for seen in server.seen) == len(BODY)
    assert len(fetch.log.retries) == 6


def test_server_that_always_breaks_at_the_same_place_is_given_up(server: WebServer, fetch: Fetcher) -> None:
    line = fetch.refused(server.add(PATH, Page(BODY, ranges=False, always_cut=300_000)), retries=3)
    assert "ended early" in line
    assert len(server.seen) <= 5


def test_content_length_that_promises_too_much_is_refused_at_once(server: WebServer, fetch: Fetcher) -> None:
    line = fetch.refused(server.add(PATH, Page(BODY, length=10**12)))
    assert str(10**12) in line
    assert not fetch.partial.exists()
    assert len(server.seen) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_body_longer_than_promised_is_cut_off(server: WebServer, fetch: Fetcher, chunked: bool) -> None:
    line = fetch.refused(server.add(PATH, Page(BODY * 40, chunked=chunked)))
    assert str(len(BODY)) in line
    assert not fetch.partial.exists()
    assert len(server.seen) == 1


def test_body_longer_than_its_own_header_is_not_read(server: WebServer, fetch: Fetcher) -> None:
    fetch(server.add(PATH, Page(BODY + b"more", length=len(BODY))))
    assert fetch.partial.read_bytes() == BODY


@pytest.mark.parametrize(
    ("status", "word"), [(404, "does not have it"), (410, "does not have it"), (403, "netrc"), (418, "418")]
)
def test_final_answers_are_not_retried(server: WebServer, fetch: Fetcher, status: int, word: str) -> None:
    assert word in fetch.refused(server.add(PATH, Page(BODY, answers=[(status, {})])))
    assert len(server.seen) == 1
    assert not fetch.partial.exists()


@pytest.mark.parametrize("status", [500, 503, 429])
def test_temporary_answers_are_retried(server: WebServer, fetch: Fetcher, status: int) -> None:
    fetch(server.add(PATH, Page(BODY, answers=[(status, {})] * 2)))
    assert fetch.partial.read_bytes() == BODY
    assert len(fetch.log.retries) == 2
    assert 0 < fetch.slept < 2


@pytest.mark.parametrize(("asked", "granted"), [("7", 7), ("9999", 30), ("Fri, 01 Jan 2100 00:00:00 GMT", 30)])
def test_retry_after_is_honoured_up_to_30_seconds(server: WebServer, fetch: Fetcher, asked: str, granted: int) -> None:
    fetch(server.add(PATH, Page(BODY, answers=[(503, {"Retry-After": asked})])))
    assert fetch.slept == pytest.approx(granted)


def test_retries_end(server: WebServer, fetch: Fetcher) -> None:
    assert "503" in fetch.refused(server.add(PATH, Page(BODY, answers=[(503, {})] * 99)), retries=3)
    assert len(server.seen) == 4


def test_offline_makes_no_request(server: WebServer, fetch: Fetcher) -> None:
    assert "--offline" in fetch.refused(server.add(PATH, Page(BODY)), offline=True)
    assert server.seen == []


@pytest.mark.parametrize("page", [Page(BODY, hold_after=300_000), Page(BODY, mute=True)], ids=["body", "answer"])
def test_cancel_is_prompt_though_the_server_is_silent(server: WebServer, fetch: Fetcher, page: Page) -> None:
    url = server.add(PATH, page)

    def cancelled() -> bool:
        # Not before the bytes that were sent have been written.
        return server.holding.is_set() and (page.mute or fetch.partial.stat().st_size > 0)

    with pytest.raises(FetchCancelled):
        fetch(url, cancelled=cancelled, timeout=600)
    assert not server.gave_up.is_set()
    assert fetch.partial.exists() == (not page.mute)


def test_cancelled_download_can_be_resumed(server: WebServer, fetch: Fetcher) -> None:
    url = server.add(PATH, Page(BODY, hold_after=300_000))
    with pytest.raises(FetchCancelled):
        fetch(url, cancelled=lambda: fetch.partial.exists() and fetch.partial.stat().st_size > 0)
    there = fetch.partial.stat().st_size
    server.add(PATH, Page(BODY))
    fetch(url)
    assert fetch.partial.read_bytes() == BODY
    assert server.seen[-1].sent == len(BODY) - there


def test_cancel_ends_the_wait_between_attempts(server: WebServer, fetch: Fetcher) -> None:
    url = server.add(PATH, Page(BODY, answers=[(503, {"Retry-After": "30"})]))
    with pytest.raises(FetchCancelled):
        fetch(url, cancelled=lambda: fetch.slept > 0)
    assert fetch.slept < 0.25


@pytest.mark.parametrize("page", [Page(BODY, hold_after=300_000), Page(BODY, mute=True)], ids=["body", "answer"])
def test_a_silence_is_reported_with_the_host_and_again_when_it_has_doubled(
    server: WebServer, fetch: Fetcher, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instui_engine.fetch.download._STALL_SECONDS", 0.2)
    url = server.add(PATH, page).replace("//", "//user:secret@")
    with pytest.raises(FetchCancelled):
        fetch(url, cancelled=lambda: len(fetch.log.stalls) == 3)
    assert fetch.log.stalls == [(f"127.0.0.1:{server.port}", seconds) for seconds in (0.2, 0.4, 0.8)]


def test_silent_server_times_out_and_is_retried(server: WebServer, fetch: Fetcher) -> None:
    assert "in time" in fetch.refused(server.add(PATH, Page(BODY, mute=True)), timeout=0.2, retries=1)
    assert len(server.seen) == 2


def test_missing_cache_directory_is_one_clear_line(server: WebServer, fetch: Fetcher) -> None:
    fetch.partial = fetch.partial / "missing" / "partial"
    assert os.strerror(errno.ENOENT) in fetch.refused(server.add(PATH, Page(BODY)))
    assert server.seen == []


def test_symlink_and_fifo_are_not_written_through(server: WebServer, fetch: Fetcher, tmp_path: Path) -> None:
    url = server.add(PATH, Page(BODY))
    fetch.partial.symlink_to(tmp_path / "victim")
    fetch.refused(url)
    assert not (tmp_path / "victim").exists()
    fetch.partial.unlink()
    os.mkfifo(fetch.partial)
    fetch.refused(url)
    assert server.seen == []


def test_file_that_cannot_grow_is_one_clear_line(server: WebServer, fetch: Fetcher) -> None:
    url = server.add(PATH, Page(BODY))
    code = f"""
import resource, signal
from pathlib import Path
from instui_engine.errors import FetchError
from instui_engine.fetch.download import Client, Download
from instui_engine.hashes import demands_of
from support.fetching import BODY, NAME, Log
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    with Client() as client:
        client.fetch(Download({url!r}, NAME, size=len(BODY)), Path({str(fetch.partial)!r}), Log(), lambda: False)
except FetchError as error:
    print(error)
"""
    run = subprocess.run(
        [sys.executable, "-B", "-c", code],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stderr == ""
    assert run.stdout.strip().endswith(f"{os.strerror(errno.EFBIG)}; {remedy(OSError(errno.EFBIG, ''), CACHE)}")


def test_full_disk_is_given_back(server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    fetch.partial.write_bytes(BODY[:1000])
    monkeypatch.setattr(os, "write", write)
    assert os.strerror(errno.ENOSPC) in fetch.refused(server.add(PATH, Page(BODY)))
    assert not fetch.partial.exists()


def test_many_threads_share_a_client(server: WebServer, tmp_path: Path) -> None:
    bodies = [random.Random(number).randbytes(300_000 + number) for number in range(24)]
    urls = [server.add(f"/{number}", Page(body, cuts=[90_000])) for number, body in enumerate(bodies)]

    def one(number: int) -> bytes:
        body = bodies[number]
        partial = tmp_path / f"{number}"
        demands = demands_of({"sha256": hashlib.sha256(body).hexdigest()})
        download = Download(urls[number], f"{number}.whl", demands, len(body))
        client.fetch(download, partial, Log(), lambda: False)
        return partial.read_bytes()

    # Fewer connections than threads: the rest waits for one.
    with Client(connections=3, pause=lambda seconds: None) as client, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(24))) == bodies
    assert sum(seen.sent for seen in server.seen) == sum(map(len, bodies))


def test_progress_is_reported_once_for_each_look_at_it(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    class Watched(Stream):
        def next(self, timeout: float) -> Head | None:
            looks.append(timeout)
            return super().next(timeout)

    monkeypatch.setattr("instui_engine.fetch.download.Stream", Watched)
    fetch(server.add(PATH, Page(BODY, rate=2_000_000)))
    assert set(looks) == {0.1}
    assert 1 < len(fetch.log.reports) <= len(looks)
    assert fetch.log.reports == sorted(set(fetch.log.reports))
    assert fetch.log.reports[-1] == (len(BODY), len(BODY))


def test_a_disk_that_takes_long_is_not_a_silent_server(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = threading.Event(), threading.Event()
    looks, stalls = [], []
    write = PartialFile.write

    def slow(target: PartialFile, data: bytes) -> None:
        begun.set()
        assert over.wait(20)
        write(target, data)

    class Watched(Stream):
        def next(self, timeout: float) -> Head | None:
            looks.extend([timeout] if begun.is_set() else [])
            if len(looks) == 5:
                over.set()
            return super().next(timeout)

    def stalled(host: str, seconds: float, connecting: bool) -> None:
        stalls.extend([seconds] if begun.is_set() and not over.is_set() else [])

    monkeypatch.setattr(PartialFile, "write", slow)
    monkeypatch.setattr("instui_engine.fetch.download.Stream", Watched)
    monkeypatch.setattr("instui_engine.fetch.download._STALL_SECONDS", 0.2)
    monkeypatch.setattr(fetch.log, "stalled", stalled)
    fetch(server.add(PATH, Page(BODY)))
    assert over.is_set()
    assert stalls == []


def test_nothing_is_written_after_a_download_was_cancelled(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over, late = threading.Event(), []
    write = PartialFile.write

    def watched(target: PartialFile, data: bytes) -> None:
        late.extend([len(data)] if is_over.is_set() else [])
        write(target, data)

    monkeypatch.setattr(PartialFile, "write", watched)
    with pytest.raises(FetchCancelled):
        fetch(server.add(PATH, Page(BODY, rate=1_000_000)), cancelled=lambda: fetch.partial.stat().st_size > 0)
    is_over.set()
    _wait_for_threads()
    assert late == []


def test_nothing_is_written_after_ctrl_c_while_a_download_is_dropped(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over, late = threading.Event(), []
    write = PartialFile.write

    class Interrupted:
        """A lock for which only the thread that receives can wait."""

        def __enter__(self) -> None:
            if threading.current_thread().name != "fetch":
                raise KeyboardInterrupt

        def __exit__(self, *_: object) -> None: ...

    class Watched(Stream):
        def drop(self) -> None:
            self._passing = Interrupted()  # type: ignore[assignment]
            super().drop()

    def watched(target: PartialFile, data: bytes) -> None:
        late.extend([len(data)] if is_over.is_set() else [])
        write(target, data)

    monkeypatch.setattr(PartialFile, "write", watched)
    monkeypatch.setattr("instui_engine.fetch.download.Stream", Watched)
    with pytest.raises(KeyboardInterrupt):
        fetch(server.add(PATH, Page(BODY, rate=1_000_000)), cancelled=lambda: fetch.partial.stat().st_size > 0)
    is_over.set()
    _wait_for_threads()
    assert late == []


def test_a_write_that_comes_too_late_goes_to_no_other_file(tmp_path: Path) -> None:
    partial = PartialFile(tmp_path / "partial", "a.whl", (), 0)
    partial.close()
    with (tmp_path / "other").open("wb"), pytest.raises(FetchError):  # it gets the same number
        partial.write(b"late")
    assert (tmp_path / "other").read_bytes() == b""


def test_import_does_not_pay_for_urllib3() -> None:
    heavy = ("urllib3", "ssl", "http.client")
    code = f"import sys, instui_engine.fetch.download; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


def test_no_thread_outlives_a_finished_download(server: WebServer, fetch: Fetcher) -> None:
    fetch(server.add(PATH, Page(BODY)))
    _wait_for_threads()


def _wait_for_threads() -> None:
    deadline = time.monotonic() + 10
    while any(thread.name == "fetch" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
