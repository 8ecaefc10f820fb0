"""User names and passwords for package indexes, found where uv and pip find them.

The URLs in a lock file carry none. Credentials come from the index URLs of the command line, from uv's environment
variables, or from a netrc file. They belong to one origin (scheme, host and port), and no other server ever sees them.
"""

import base64
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

if TYPE_CHECKING:
    from netrc import netrc

Origin = tuple[str, str, int]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)", re.DOTALL)


def origin(url: SplitResult) -> Origin:
    """Scheme, host and port that `url` names. Raises ValueError if the port is not a number."""
    return url.scheme, url.hostname or "", url.port or _DEFAULT_PORTS.get(url.scheme, 0)


def basic(user: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def userinfo(url: SplitResult) -> str | None:
    """The header for the user name and password written into `url`, if there are any."""
    if url.username is None and url.password is None:
        return None
    return basic(unquote(url.username or ""), unquote(url.password or ""))


class Credentials:
    """The credentials of a session: which Authorization header a request may carry.

    `index_urls` are URLs, or uv's `name=url`. Earlier ones take precedence over later ones, all of them over the
    environment's, and those over netrc.
    """

    def __init__(self, index_urls: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._known: dict[Origin, str] = {}
        for entry in (*index_urls, *self._entries()):
            self._learn(entry)

    def _entries(self) -> Iterator[str]:
        for variable in _INDEX_VARIABLES:
            yield from self._environ.get(variable, "").split()

    def _learn(self, entry: str) -> None:
        named = _NAMED.fullmatch(entry)
        try:
            url = urlsplit(named[2] if named else entry)
            where, header = origin(url), userinfo(url)
        except ValueError:
            return  # the request to the index will report what is wrong with its URL
        if named:
            prefix = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", named[1].upper())
            user, password = (self._environ.get(f"{prefix}_{part}") for part in ("USERNAME", "PASSWORD"))
            if user is not None or password is not None:
                header = basic(user or unquote(url.username or ""), password or unquote(url.password or ""))
        if header is not None:
            self._known.setdefault(where, header)

    def header(self, url: SplitResult, first: Origin) -> str | None:
        """The header for a request of `url`, in a chain of redirects that began at the origin `first`.

        netrc knows hosts but not ports or schemes, so it is used for the first origin only: a redirect to another port,
        or from https to http, must not carry the password along.
        """
        where = origin(url)
        if where == first and (own := userinfo(url)):
            return own
        if where in self._known:
            return self._known[where]
        if where != first or self._netrc is None:
            return None
        entry = self._netrc.authenticators(where[1])
        return basic(entry[0] or "", entry[2] or "") if entry else None

    @cached_property
    def _netrc(self) -> "netrc | None":
        from netrc import NetrcParseError, netrc

        path = self._environ.get("NETRC")
        try:
            # Without a path the stdlib takes ~/.netrc and also refuses one that other users can read.
            return netrc(path) if path else netrc()
        except (OSError, NetrcParseError, UnicodeError):
            return None
