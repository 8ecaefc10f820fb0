"""A package index on the loopback interface."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

from support.webserver import Page, WebServer


def add_wheel(
    web: WebServer,
    wheel: Path,
    *,
    simple: str = "/simple",
    files: str = "/files",
    hashes: Mapping[str, str] | None = None,
    auth: str = "",
) -> str:
    """List `wheel` in an index, with its sha256 or other `hashes`, and its metadata beside it; return its URL."""
    body = wheel.read_bytes()
    with ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name)
    stated = {"sha256": hashlib.sha256(body).hexdigest()} if hashes is None else hashes
    fragment = "".join(f"#{algorithm}={digest}" for algorithm, digest in stated.items())
    project = wheel.name.split("-")[0].lower().replace("_", "-")
    link = f'<a href="{files}/{wheel.name}{fragment}" data-dist-info-metadata="true">{wheel.name}</a><br>\n'
    page = web.pages.get(f"{simple}/{project}/")
    listed = page.body if page else b"<!DOCTYPE html><html><body>\n"
    html = {"Content-Type": "text/html"}
    web.add(f"{simple}/{project}/", Page(listed + link.encode(), auth=auth, headers=html))
    web.add(f"{files}/{wheel.name}.metadata", Page(metadata, auth=auth))
    return web.add(f"{files}/{wheel.name}", Page(body, auth=auth))


def requests_of(web: WebServer, path: str) -> int:
    """How often a file was sent, whole or in part."""
    return sum(seen.path == path and seen.status in (200, 206) for seen in web.seen)
