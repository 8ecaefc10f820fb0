"""How to reach a server: through which proxy, and with which trust in its certificate."""

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult

from instui_engine.errors import printable

from .credentials import origin, split
from .faults import Fault, host_of

if TYPE_CHECKING:
    from ssl import SSLContext

Trust = Literal["plain", "checked", "unchecked"]

_PORT = re.compile(r":[0-9]+$")  # behind a name or an address in brackets


def proxy_for(url: SplitResult, configured: Mapping[str, str]) -> str:
    """The proxy for `url`, "" for none: what the environment names, else uv's configuration.

    Raises Fault for kinds that cannot be used.
    """
    proxy = _proxy_for(url, configured)[1]
    if not proxy:
        return ""
    parts = split(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Fault(
            f"the proxy {printable(parts.scheme)}://{host_of(parts)} is not an HTTP proxy",
            f"set {url.scheme.upper()}_PROXY to an http:// proxy, or name the host in NO_PROXY",
            retry=False,
        )
    return proxy


def told_proxy(url: str, configured: Mapping[str, str]) -> str:
    """Where the proxy for `url` is, and what names it, for messages: never with credentials; "" for none."""
    with contextlib.suppress(ValueError):  # one of them is no URL
        place, proxy = _proxy_for(split(url), configured)
        return f"{host_of(split(proxy))} of {place}" if proxy else ""
    return ""


def _proxy_for(url: SplitResult, configured: Mapping[str, str]) -> tuple[str, str]:
    """What names the proxy for `url`, and its URL; two "" for none."""
    usual = _named(url.scheme) if url.scheme == "https" or "REQUEST_METHOD" not in os.environ else ("", "")
    setting = f"uv's setting {url.scheme}-proxy", configured.get(url.scheme, "")
    place, proxy = next((one for one in (usual, setting, _named("all")) if one[1]), ("", ""))
    if not proxy or is_direct(url.hostname or "", _named("no")[1] or configured.get("no", "")):
        return "", ""
    return place, proxy if "://" in proxy else f"http://{proxy}"  # as curl reads it


def _named(scheme: str) -> tuple[str, str]:
    """A variable and its value. In a CGI script (REQUEST_METHOD), HTTP_PROXY could be a header of the request."""
    name = f"{scheme}_proxy"
    name = name.upper() if name.upper() in os.environ else name
    return name, os.environ.get(name, "")


def is_direct(host: str, exceptions: str) -> bool:
    """Whether `host` is one of the exceptions of NO_PROXY, as uv reads it: domains, addresses and networks."""
    places = [place.strip() for place in exceptions.split(",")]
    try:
        address = ip_address(host)
    except ValueError:
        domains = (place.removeprefix(".").lower() for place in places if place)
        return any(domain == "*" or f".{host}".endswith(f".{domain}") for domain in domains)
    for place in places:
        with contextlib.suppress(ValueError):
            if address in ip_network(place, strict=False):
                return True
    return False


def trust_in(url: SplitResult, insecure_hosts: Sequence[str]) -> Trust:
    """Whether the connection to the server of `url` is encrypted, and whether its certificate has to be valid."""
    if url.scheme != "https":
        return "plain"
    for text in insecure_hosts:
        scheme, mark, rest = text.rpartition("://")
        place = rest.partition("/")[0]
        host, _, port = place.rpartition(":") if _PORT.search(place) else (place, "", "")
        named = host == "*" or host.strip("[]").lower() == url.hostname
        if named and (not mark or scheme == url.scheme) and port in ("", str(origin(url)[2])):
            return "unchecked"
    return "checked"


def tls_context(trust: Trust) -> "SSLContext":
    """How to speak TLS. To load all certificates takes 20 ms, so it is done once."""
    if trust == "unchecked":
        from urllib3 import disable_warnings
        from urllib3.exceptions import InsecureRequestWarning

        disable_warnings(InsecureRequestWarning)  # the user has asked for it
    named = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT")
    return _context(trust, *(os.environ.get(name, "") for name in named))


@cache
def _context(trust: Trust, file: str, directories: str, client: str) -> "SSLContext":
    """OpenSSL itself honours SSL_CERT_FILE, and SSL_CERT_DIR as far as the files have its names."""
    import ssl

    context = ssl.create_default_context()
    _load_all(context, [Path(directory) for directory in directories.split(os.pathsep) if directory], file)
    if trust == "unchecked":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client:
        # A file that cannot be read counts as none, as in uv; a server that insists on one will say so.
        with contextlib.suppress(OSError, ValueError):
            context.load_cert_chain(client, password="")
    return context


def _load_all(context: "SSLContext", directories: Sequence[Path], file: str) -> None:
    """Load all certificates in `directories` that are not there already; those of `file` are.

    Mostly a directory has what the system's file has, by two names each. To load one takes 0.2 ms.
    """
    known = set(context.get_ca_certs(binary_form=True))
    seen = set()
    with contextlib.suppress(OSError):
        seen.add(_identity(Path(file)))
    for path in (path for directory in directories for path in directory.glob("*")):
        with contextlib.suppress(OSError, ValueError):
            if path.is_file() and (identity := _identity(path)) not in seen:
                seen.add(identity)
                if _certificate(path) not in known:
                    context.load_verify_locations(path)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _certificate(path: Path) -> bytes:
    """The certificate in a PEM file, if it is the only one."""
    import ssl

    with contextlib.suppress(ValueError):
        text = path.read_text(encoding="ascii")
        if text.count("-----BEGIN") == 1:
            return ssl.PEM_cert_to_DER_cert(text)
    return b""
