"""Notes of what downloads have proved, so that a wheel whose sha256 nobody states need not come again.

    <cache>/known-<format>/<algorithm>-<digest>     the sha256 of the file with that hash
    <cache>/known-<format>/md5-<digest>-<sha256>    that the file with that sha256 has that weak hash
    <cache>/known-<format>/url-<key>                the sha256 of what a URL gave, and the server's tag for it

A strong hash belongs to one file for ever. A URL does not: its note counts only if the server confirms the tag, if no
server may be asked, or for who has just waited for the session that wrote it.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from instui_engine.fs.files import write_note
from instui_engine.hashes import Demands, is_strong, unmet
from instui_engine.sha256 import sha256
from instui_engine.values import NamedTuple

FORMAT = 1
DIRECTORY = f"known-{FORMAT}"  # directory of the notes, below the cache


class UrlNote(NamedTuple):
    """What a URL gave: the sha256, in hex, the server's `etag` ("" for none), and when it was noted (nanoseconds)."""

    sha256: str
    etag: str
    time: int


class Known:
    """The notes below a cache directory. Thread-safe; shared by any number of processes."""

    def __init__(self, cache: Path) -> None:
        self._directory = cache / DIRECTORY

    def sha256(self, demands: Demands) -> str:
        """The sha256 of the one file that can meet `demands`; "" if that is not known."""
        single = [next(iter(demand)) for demand in demands if len(demand) == 1]
        return next((digest for value in single if is_strong(value) and (digest := self._sha256_of(value))), "")

    def meets(self, demands: Demands, digest: str) -> bool:
        """Whether the file with the sha256 `digest` is known to meet `demands`."""
        values = {value for demand in demands for value in demand}
        return unmet(demands, [value for value in values if self._sha256_of(value, digest) == digest]) is None

    def note(self, hashes: Iterable[str], digest: str) -> None:
        """Note that a file that was read has the sha256 `digest` and these `hashes`."""
        for value in hashes:
            if not value.startswith("sha256:"):
                self._write(_name(value, digest), digest)

    def url(self, key: str) -> UrlNote | None:
        """What the URL with that `url_key` gave last."""
        path = self._directory / f"url-{key}"
        try:
            digest, _, etag = path.read_bytes().decode("ascii").partition(" ")
            return UrlNote(digest, etag, path.stat().st_mtime_ns)
        except (OSError, UnicodeDecodeError):
            return None

    def note_url(self, key: str, digest: str, etag: str) -> None:
        """Note what the URL with that `url_key` gave."""
        self._write(f"url-{key}", f"{digest} {etag}")

    def _sha256_of(self, value: str, digest: str = "") -> str:
        if value.startswith("sha256:"):
            return value.removeprefix("sha256:")
        try:
            return (self._directory / _name(value, digest)).read_bytes().decode("ascii")
        except (OSError, UnicodeDecodeError):
            return ""

    def _write(self, name: str, text: str) -> None:
        with suppress(OSError):  # without the note it is downloaded again
            write_note(self._directory / name, text)


def _name(value: str, digest: str) -> str:
    """The name of the note that the file with the sha256 `digest` has the hash `value`."""
    name = value.replace(":", "-")
    return name if is_strong(value) else f"{name}-{digest}"  # two files can have the same weak one


def url_key(url: str, demands: Demands) -> str:
    """A name for what `url` gives if it has to meet `demands`; the same with any user name and password."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    text = "\n".join([bare, *(" ".join(sorted(demand)) for demand in demands)])
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
