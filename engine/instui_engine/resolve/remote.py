"""Requirement files and lock files that lie on a server."""

from instui_engine.fetch.download import Client

from .locations import shortened
from .request import Cancelled, Request, given_urls


def read_url(url: str, request: Request, cancelled: Cancelled) -> bytes:
    """The content of a requirement file or a lock file on a server. Raises FetchError."""
    with Client(index_urls=given_urls(request), offline=request.offline) as client:
        return client.read(url, shortened(url), cancelled)
