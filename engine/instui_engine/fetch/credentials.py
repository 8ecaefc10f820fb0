"""User names and passwords for servers, found where uv finds them.

The URLs in a lock file carry none. They stand in the URLs of indexes and pages of links (of the command line, of files
of requirements, of uv's variables and configuration), in the variables of named indexes, or in a netrc file. What only
a program knows (`lookups`) is asked for when a server has refused the rest.

Credentials belong to one origin (scheme, host and port), and no other server ever sees them. They stay in memory.
"""

import base64
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from urllib.parse import SplitResult, quote, unquote, urlsplit

from instui_engine.values import NamedTuple

from .lookups import Lookups, Question
from .netrc_file import Netrc
from .uv_settings import Index, UvSettings, parse_index

Origin = tuple[str, str, int]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HUGGING_FACE = ("https", "huggingface.co", 443)
_AUTHORITY = re.compile(r"(?P<scheme>[^/?#]*//)(?P<userinfo>[^/?#]*)@")
_IN_USERINFO = "!\"$%&'()*+,;<=>@^`{|}~:"  # what urlsplit takes as it is, letters and digits aside


def split(url: str) -> SplitResult:
    """The parts of `url`. As for uv, a password may have any character but `/`, `?` and `#`: urlsplit refuses some."""
    found = _AUTHORITY.match(url)
    if found:
        url = f"{found['scheme']}{quote(found['userinfo'], safe=_IN_USERINFO)}{url[found.end('userinfo') :]}"
    return urlsplit(url)


def origin(url: SplitResult) -> Origin:
    """Scheme, host and port that `url` names. Raises ValueError if the port is not a number."""
    return url.scheme, url.hostname or "", url.port or _DEFAULT_PORTS.get(url.scheme, 0)


def basic(user: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def bare(url: SplitResult) -> SplitResult:
    """`url` without user name, password and fragment."""
    return url._replace(netloc=url.netloc.rpartition("@")[2], fragment="")


class _Place(NamedTuple):
    """An index, or a page of links, and who may read it. `password` is None if it is not known."""

    url: SplitResult  # bare
    origin: Origin
    user: str
    password: str | None
    authenticate: str

    @property
    def header(self) -> str:
        """The header to send; "" if the password is not known."""
        return "" if self.password is None else basic(self.user, self.password)

    def closeness(self, url: SplitResult) -> int:
        """How many folders of the path the place shares with `url`."""
        pairs = zip(_folders(self.url), _folders(url), strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def covers(self, url: SplitResult) -> bool:
        """Whether `url` belongs to the place: it lies below it, or beside its page `simple`."""
        root = [folder for folder in _folders(self.url) if folder]
        root = root[:-1] if root[-1:] == ["simple"] else root
        return [folder for folder in _folders(url) if folder][: len(root)] == root


class Credentials:
    """The credentials of a session: which Authorization headers a request may carry. Thread-safe.

    `index_urls` are URLs, or uv's `name=url`. Earlier ones take precedence over later ones, all of them over those of
    `settings`, and those over netrc.
    """

    def __init__(
        self,
        index_urls: Sequence[str] = (),
        settings: UvSettings | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        settings = settings or UvSettings()
        indexes = (*map(parse_index, index_urls), *settings.indexes, *map(Index, settings.find_links))
        self._environ = environ
        self._places = [place for index in indexes if (place := self._place(index))]
        self._lookups = Lookups(settings.keyring_provider == "subprocess")
        self._worked: dict[tuple[Origin, str], str] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Stop looking for credentials."""
        self._lookups.close()

    def headers(self, url: SplitResult, first: Origin) -> Iterator[str]:
        """The headers with which to request `url`, one after another until one is not refused; "" means none.

        There is at least one. `first` is the origin at which a chain of redirects began. A netrc file knows hosts but
        not ports or schemes, and so do keyrings: they are used for the first origin only, so that a redirect to another
        port, or from https to http, does not carry the password along.
        """
        where = origin(url)
        user = unquote(url.username or "") if where == first else ""
        if where == first and url.password is not None:
            yield basic(user, unquote(url.password))
            return
        with self._lock:
            worked = self._worked.get((where, user), "")
        tried: set[str] = set()
        for header in self._known(url, where, user, worked, first):
            if header not in tried:
                tried.add(header)
                yield header
        if not tried:
            yield ""
        if self._is_public(url, where):
            return
        for header in self._looked_up(url, where, user, is_first=where == first):
            if header not in tried:
                tried.add(header)
                yield header

    def accepted(self, url: SplitResult, first: Origin, header: str) -> None:
        """Note that the server of `url` accepts `header`, which is tried first from now on."""
        where = origin(url)
        user = unquote(url.username or "") if where == first else ""
        if header and not (where == first and url.password is not None):
            with self._lock:
                self._worked[where, user] = header

    def _known(self, url: SplitResult, where: Origin, user: str, worked: str, first: Origin) -> Iterator[str]:
        """What is known without asking a program, the likeliest first."""
        if self._is_public(url, where):
            return
        places = [place for place in self._at(where) if place.header and user in ("", place.user)]
        places.sort(key=lambda place: -place.closeness(url))
        headers = [place.header for place in places]
        if worked:
            headers.insert(1 if places and places[0].closeness(url) else 0, worked)
        yield from headers
        if where == first and (entry := self._netrc.find(where[1])) and user in ("", entry[0]):
            yield basic(*entry)
        token = self._environ.get("HF_TOKEN", "")
        if where == _HUGGING_FACE and token and "UV_NO_HF_TOKEN" not in self._environ:
            yield f"Bearer {token}"

    def _looked_up(self, url: SplitResult, where: Origin, user: str, is_first: bool) -> Iterator[str]:
        places = self._at(where)
        questions = [Question(bare(url), user)]
        for place in sorted(places, key=lambda place: -place.closeness(url)):
            if place.password is None:
                always = place.authenticate == "always"
                questions.append(Question(place.url, user or place.user, always))
        for answer in self._lookups.ask(where, user, questions, with_keyring=is_first):
            yield answer.header or basic(answer.user, answer.password)
        # some servers take a token as the name of the user
        yield from (basic(name, "") for name in (user, *(place.user for place in places if not place.header)) if name)

    def _at(self, where: Origin) -> list[_Place]:
        return [place for place in self._places if place.origin == where]

    def _is_public(self, url: SplitResult, where: Origin) -> bool:
        """Whether the index of `url` is one that never wants credentials."""
        return any(place.authenticate == "never" and place.covers(url) for place in self._at(where))

    def _place(self, index: Index) -> _Place | None:
        try:
            url = split(index.url)
            where = origin(url)
        except ValueError:
            return None  # the request to the index will report what is wrong with its URL
        user = unquote(url.username or "")
        password = None if url.password is None else unquote(url.password)
        if index.name:
            prefix = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", index.name.upper())
            named = self._environ.get(f"{prefix}_USERNAME"), self._environ.get(f"{prefix}_PASSWORD")
            if named != (None, None):
                user, password = named[0] or user, password if named[1] is None else named[1]
        return _Place(bare(url), where, user, password, index.authenticate) if where[1] else None

    @cached_property
    def _netrc(self) -> Netrc:
        return Netrc(self._environ)


def _folders(url: SplitResult) -> list[str]:
    return url.path.split("/")[1:-1] if url.path.endswith("/") else url.path.split("/")[1:]
