"""Downloads whose sha256 is not known beforehand: demands on any hash hold, and nothing comes twice.

The documents that the client reads, and bodies that a server compresses unasked, are tested here too.
"""

import gzip
import hashlib
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from instui_engine.errors import BadWheelError, FetchError
from instui_engine.fetch.body import Decoded
from instui_engine.fetch.download import Client
from instui_engine.hashes import Demands
from instui_engine.journal.events import FetchFinished, WheelAdded
from instui_engine.journal.writer import Journal, Listener
from instui_engine.resolve.request import LockedWheel
from instui_engine.session.context import Context, Control
from instui_engine.session.options import Options
from instui_engine.store.acquire import acquire
from instui_engine.store.entry import Entry
from instui_engine.store.store import Store
from instui_engine.store.unpack import Progress
from support.environments import PATIENCE, Lines
from support.fetching import BODY, PATH, Fetcher, clean_environment
from support.indexes import add_wheel, requests_of
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel

ALGORITHMS = ("sha256", "sha384", "sha512", "blake2b", "md5")


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


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "alpha", "1.0", {"alpha.py": b"# alpha"})


def hash_of(algorithm: str, body: bytes) -> str:
    new = hashlib.blake2b(body, digest_size=32) if algorithm == "blake2b" else hashlib.new(algorithm, body)
    return f"{algorithm}:{new.hexdigest()}"


def demanding(*hashes: str) -> Demands:
    return tuple(frozenset({value}) for value in hashes)


# --- the client


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_demand_on_any_hash_is_compared(server: WebServer, fetch: Fetcher, algorithm: str) -> None:
    url = server.add(PATH, Page(BODY))
    fetched = fetch(url, demands=demanding(hash_of(algorithm, BODY)))
    assert fetched is not None
    assert fetched.sha256 == hashlib.sha256(BODY).hexdigest()
    fetch.partial.unlink()
    wrong = hash_of(algorithm, b"other")
    line = fetch.refused(url, demands=demanding(hash_of("sha256", BODY), wrong))
    came = hash_of(algorithm, BODY).partition(":")[2][:12]
    assert f"{algorithm} {wrong.partition(':')[2][:12]} was expected, {came} came" in line
    assert not fetch.partial.exists()


def test_one_hash_of_a_demand_suffices_and_every_demand_must_hold(server: WebServer, fetch: Fetcher) -> None:
    url = server.add(PATH, Page(BODY))
    either = frozenset({hash_of("sha256", b"other"), hash_of("sha512", BODY)})
    fetch(url, demands=(either,))
    assert "was expected" in fetch.refused(url, demands=(either, *demanding(hash_of("md5", b"other"))))


def test_without_a_hash_what_an_earlier_session_left_counts_for_nothing(server: WebServer, fetch: Fetcher) -> None:
    fetch.partial.write_bytes(b"x" * 1000)
    fetched = fetch(server.add(PATH, Page(BODY)), demands=(), size=0)
    assert fetched is not None
    assert fetched.sha256 == hashlib.sha256(BODY).hexdigest()
    assert fetch.partial.read_bytes() == BODY
    assert [seen.status for seen in server.seen] == [200]


@pytest.mark.parametrize("tag", ['"one"', 'W/"weak"', ""])
def test_without_a_hash_only_the_same_version_is_continued(server: WebServer, fetch: Fetcher, tag: str) -> None:
    headers = {"ETag": tag} if tag else {}
    fetch(server.add(PATH, Page(BODY, cuts=[300_000], headers=headers)), demands=())
    assert fetch.partial.read_bytes() == BODY
    assert [seen.status for seen in server.seen] == [200, 206 if tag == '"one"' else 200]


def test_without_a_hash_a_file_that_is_replaced_meanwhile_is_fetched_anew(server: WebServer, fetch: Fetcher) -> None:
    new = BODY[::-1]
    page = Page(BODY, cuts=[300_000], headers={"ETag": '"one"'})

    def pause(seconds: float) -> None:
        page.body, page.headers = new, {"ETag": '"two"'}

    fetch.pause = pause  # type: ignore[method-assign]
    fetched = fetch(server.add(PATH, page), demands=())
    assert fetch.partial.read_bytes() == new
    assert fetched is not None
    assert fetched.etag == '"two"'
    assert [seen.status for seen in server.seen] == [200, 200]


def test_without_a_hash_a_server_that_ignores_the_condition_is_found_out(server: WebServer, fetch: Fetcher) -> None:
    page = Page(BODY, cuts=[300_000], headers={"ETag": '"one"'}, ignores_conditions=True)

    def pause(seconds: float) -> None:
        page.body, page.headers = BODY[::-1], {"ETag": '"two"'}

    fetch.pause = pause  # type: ignore[method-assign]
    fetch(server.add(PATH, page), demands=())
    assert fetch.partial.read_bytes() == BODY[::-1]
    assert [seen.status for seen in server.seen] == [200, 206, 200]


def test_what_has_not_changed_since_does_not_come_again(server: WebServer, fetch: Fetcher) -> None:
    url = server.add(PATH, Page(BODY, headers={"ETag": '"one"'}))
    assert fetch(url, demands=(), etag='"one"') is None
    assert fetch.log.starts == []
    assert not fetch.partial.exists()
    assert fetch(url, demands=(), etag='"other"') is not None


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw-deflate", "wrong"])
def test_a_body_that_is_compressed_unasked_is_decoded(server: WebServer, fetch: Fetcher, encoding: str) -> None:
    body = b"PK" + BODY
    raw = zlib.compressobj(wbits=-15)
    sent = {
        "gzip": gzip.compress(body),
        "deflate": zlib.compress(body),
        "raw-deflate": raw.compress(body) + raw.flush(),
        "wrong": body,  # declared, but sent as it is
    }[encoding]
    headers = {"Content-Encoding": "gzip" if encoding == "wrong" else encoding.removeprefix("raw-")}
    cuts = [300_000]  # an offset in it means nothing, so it is not continued
    url = server.add(PATH, Page(sent, headers=headers, cuts=cuts))
    fetch(url, sha256=hashlib.sha256(body).hexdigest(), size=len(body))
    assert fetch.partial.read_bytes() == body
    assert [seen.status for seen in server.seen] == [200, 200]
    assert "range" not in server.seen[1].headers


def test_what_was_compressed_a_thousandfold_comes_in_pieces() -> None:
    pieces = list(Decoded().pieces(gzip.compress(bytes(20 << 20))))
    assert sum(map(len, pieces)) == 20 << 20
    assert max(map(len, pieces)) <= 1 << 20


def test_a_document_is_read_with_credentials_and_retries(server: WebServer) -> None:
    page = Page(gzip.compress(b"alpha\n"), auth="me:s", answers=[(503, {})], headers={"Content-Encoding": "gzip"})
    server.add("/reqs.txt", page)
    with Client(pause=lambda seconds: None) as client:
        assert client.read(server.url("/reqs.txt", "me:s"), "reqs.txt") == b"alpha\n"
        line = ""
        with pytest.raises(FetchError) as caught:
            client.read(server.url("/missing.txt", "me:s"), "missing.txt")
        line = str(caught.value)
    assert line == f"cannot download missing.txt from 127.0.0.1:{server.port}: the server does not have it"
    with Client(offline=True) as client, pytest.raises(FetchError, match="--offline"):
        client.read(server.url("/reqs.txt"), "reqs.txt")


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["large", "bomb"])
def test_a_document_has_a_limit(server: WebServer, headers: dict[str, str]) -> None:
    body = bytes(65 << 20)
    server.add("/reqs.txt", Page(gzip.compress(body) if headers else body, headers=headers))
    with Client() as client, pytest.raises(FetchError, match=r"bytes"):
        client.read(server.url("/reqs.txt"), "reqs.txt")


@pytest.mark.parametrize("path", ["/a b/ä.whl#frag", "/a%20b/%C3%A4.whl"])
def test_any_path_is_asked_for_as_browsers_do(server: WebServer, fetch: Fetcher, path: str) -> None:
    server.add("/a%20b/%C3%A4.whl", Page(BODY))
    fetch(server.url(path))
    assert [seen.target for seen in server.seen] == ["/a%20b/%C3%A4.whl"]


# --- the store


class Caches:
    """Acquires wheels of a server into a store, in sessions one after another."""

    def __init__(self, top: Path, server: WebServer, wheel: Path) -> None:
        self.top = top
        self.path = f"/files/{wheel.name}"
        self.server = server
        self.body = wheel.read_bytes()
        self.url = add_wheel(server, wheel)
        self.wheel = wheel
        self.listeners: tuple[Listener, ...] = ()

    @property
    def downloads(self) -> int:
        return requests_of(self.server, self.path)

    def __call__(self, *hashes: str, offline: bool = False, path: str = "") -> Entry:
        locked = LockedWheel(
            "alpha", "1.0", self.wheel.name, url="" if path else self.url, path=path, demands=demanding(*hashes)
        )
        context = Context(Options(self.top / "cache", 1), Journal(self.listeners), Control())
        (entry,) = acquire(context, Store(self.top / "cache", None), [locked], (), offline)
        return entry


@pytest.fixture
def get(tmp_path: Path, server: WebServer, wheel: Path) -> Caches:
    return Caches(tmp_path, server, wheel)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "blake2b"])
def test_a_wheel_with_a_strong_hash_is_downloaded_once_for_all_sessions(get: Caches, algorithm: str) -> None:
    wanted = hash_of(algorithm, get.body)
    first = get(wanted)
    assert first.sha256 == hashlib.sha256(get.body).hexdigest()
    assert get(wanted) == first
    assert get.downloads == 1


@pytest.mark.parametrize("hashes", [(), ("md5",)])
def test_a_wheel_without_a_strong_hash_is_downloaded_once_in_a_session(get: Caches, hashes: tuple[str, ...]) -> None:
    wanted = [hash_of(name, get.body) for name in hashes]
    first = get(*wanted)
    assert get.downloads == 1
    get.server.pages[get.path].headers["ETag"] = '"one"'
    assert get(*wanted) == first
    assert get.downloads == 2
    lines: list[str] = []
    get.listeners = (lines.append,)
    assert get(*wanted) == first  # the server confirms it
    announced = [(event.cached, event.fetch) for event in Lines(lines).of(WheelAdded)]
    assert announced == [(False, True), (True, False)]
    assert get(*wanted, offline=True) == first
    assert get.downloads == 2


def test_a_url_that_gives_something_new_gives_a_new_entry(get: Caches, tmp_path: Path) -> None:
    page = get.server.pages[get.path]
    page.headers["ETag"] = '"one"'
    first = get()
    (tmp_path / "new").mkdir()
    page.body = build_wheel(tmp_path / "new", "alpha", "1.0", {"alpha.py": b"# new"}).read_bytes()
    page.headers["ETag"] = '"two"'
    second = get()
    assert second.sha256 == hashlib.sha256(page.body).hexdigest() != first.sha256


@pytest.mark.parametrize("algorithm", ["sha512", "md5"])
def test_a_demand_that_the_store_cannot_judge_is_put_to_the_file_itself(get: Caches, algorithm: str) -> None:
    known = hash_of("sha256", get.body)
    get(known)
    with pytest.raises(FetchError, match="was expected"):
        get(known, hash_of(algorithm, b"other"))
    assert get.downloads == 2
    get(known, hash_of(algorithm, get.body))
    assert get.downloads == 3
    get(known, hash_of(algorithm, get.body))
    assert get.downloads == 3
    with pytest.raises(FetchError, match="was expected"):
        get(known, hash_of(algorithm, b"other"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_local_file_has_to_meet_its_demands_though_the_store_has_it(get: Caches, algorithm: str) -> None:
    path = str(get.wheel)
    get(path=path)
    get(hash_of(algorithm, get.body), path=path)
    wrong = hash_of(algorithm, b"other")
    with pytest.raises(BadWheelError, match=f"its {algorithm} is .*, not {wrong.partition(':')[2]}"):
        get(wrong, path=path)


def test_a_local_file_that_was_replaced_is_not_taken_from_the_store(get: Caches, tmp_path: Path) -> None:
    wanted = hash_of("sha256", get.body)
    get(wanted, path=str(get.wheel))
    build_wheel(tmp_path, "alpha", "1.0", {"alpha.py": b"# new"})
    with pytest.raises(BadWheelError, match="not the file that is demanded"):
        get(wanted, path=str(get.wheel))


def test_two_sessions_that_unpack_one_wheel_under_different_locks_leave_one_entry(tmp_path: Path, wheel: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    store = Store(tmp_path / "cache", None)
    quiet = Progress(lambda files, size: None, lambda done, files: None)
    first, second = (store.unpack(wheel, digest, wheel.name, quiet, lambda: False) for _ in range(2))
    store.publish([first])
    inode = Path(first.entry.files).stat().st_ino
    store.publish([second])
    assert Path(first.entry.files).stat().st_ino == inode
    assert not second.directory.exists()


def test_two_sessions_fetch_a_wheel_without_a_hash_once(get: Caches) -> None:
    other = Caches(get.top, get.server, get.wheel)
    waits = threading.Event()

    def first(line: str) -> None:
        # Between the download and the unpacking of one session, the other one comes.
        if isinstance(Lines([line]).events[0][1], FetchFinished):
            second.append(pool.submit(other))
            assert waits.wait(PATIENCE)

    told: list[str] = []

    def then(line: str) -> None:
        told.append(line)
        if '"wait.started"' in line:
            waits.set()

    get.listeners, other.listeners = (first,), (then,)
    second: list[Future[Entry]] = []
    with ThreadPoolExecutor(1) as pool:
        entry = get()
        assert second[0].result(PATIENCE) == entry
    assert get.downloads == 1
    assert [event.cached for event in Lines(told).of(WheelAdded)] == [False, True]
