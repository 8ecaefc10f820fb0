"""What the tests of the download share: a file to get, and a client whose calls are noted."""

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.errors import FetchError
from instui_engine.fetch.download import Client, Download, Fetched
from instui_engine.hashes import Demands, demands_of

BODY = random.Random(1).randbytes(700_000)
NAME = "six-1.17.0-py3-none-any.whl"
PATH = f"/files/{NAME}"


class Log:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.starts: list[tuple[int, int]] = []
        self.reports: list[tuple[int, int]] = []
        self.stalls: list[tuple[str, float]] = []
        self.retries: list[str] = []

    def started(self, done: int, size: int) -> None:
        self.starts.append((done, size))

    def progress(self, done: int, size: int) -> None:
        self.reports.append((done, size))

    def stalled(self, host: str, seconds: float, connecting: bool) -> None:
        self.stalls.append((host, seconds))

    def retried(self, attempt: int, reason: str, wait: float = 0.0) -> None:
        self.retries.append(reason)


class Fetcher:
    """One client with what its calls leave behind; sleeping is only noted."""

    def __init__(self, partial: Path) -> None:
        self.partial = partial
        self.log = Log()
        self.slept = 0.0

    def pause(self, seconds: float) -> None:
        self.slept += seconds

    def __call__(
        self,
        url: str,
        *,
        sha256: str = hashlib.sha256(BODY).hexdigest(),
        demands: Demands | None = None,
        size: int = len(BODY),
        etag: str = "",
        index_urls: tuple[str, ...] = (),
        retries: int = 4,
        timeout: float = 0,
        offline: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Fetched | None:
        with Client(
            index_urls=index_urls, retries=retries, timeout=timeout, offline=offline, pause=self.pause
        ) as client:
            wanted = demands_of({"sha256": sha256}) if demands is None else demands
            return client.fetch(Download(url, NAME, wanted, size, etag), self.partial, self.log, cancelled)

    def refused(self, url: str, **options: object) -> str:
        """The one line of the FetchError that this download must end with."""
        with pytest.raises(FetchError) as caught:
            self(url, **options)  # type: ignore[arg-type]
        line = str(caught.value)
        assert "\n" not in line
        assert NAME in line
        return line


def clean_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Nothing of this machine's proxies, indexes, credentials and certificates may reach a test."""
    for name in list(os.environ):
        if (
            name.upper().endswith("_PROXY")
            or name.startswith("UV_")
            or name in ("NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CONFIG_HOME")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
