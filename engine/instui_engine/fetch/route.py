"""How to reach a server: through which proxy, and with which trust in its certificate."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, urlsplit

from instui_engine.errors import printable

from .credentials import origin
from .faults import Fault, host_of

if TYPE_CHECKING:
    from ssl import SSLContext

Trust = Literal["plain", "checked", "unchecked"]


def proxy_for(url: SplitResult, configured: Mapping[str, str]) -> str:
    """The proxy for `url`, "" for none: what the environment names, else uv's configuration.

    Raises Fault for kinds that cannot be used.
    """
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

    proxies = {**{name: value for name, value in configured.items() if value}, **getproxies_environment()}
    proxy = proxies.get(url.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass_environment(url.netloc.rpartition("@")[2], proxies):
        return ""
    if "://" not in proxy:
        proxy = f"http://{proxy}"  # as curl reads it
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Fault(
            f"the proxy {printable(parts.scheme)}://{host_of(parts)} is not an HTTP proxy",
            f"set {url.scheme.upper()}_PROXY to an http:// proxy, or name the host in NO_PROXY",
            retry=False,
        )
    return proxy


def trust_in(url: SplitResult, insecure_hosts: Sequence[str]) -> Trust:
    """Whether the connection to the server of `url` is encrypted, and whether its certificate has to be valid."""
    if url.scheme != "https":
        return "plain"
    for text in insecure_hosts:
        scheme, mark, rest = text.rpartition("://")
        host, _, port = rest.partition("/")[0].partition(":")
        named = host == "*" or host.lower() == url.hostname
        if named and (not mark or scheme == url.scheme) and port in ("", str(origin(url)[2])):
            return "unchecked"
    return "checked"


def tls_context(trust: Trust) -> "SSLContext":
    """How to speak TLS. OpenSSL itself honours SSL_CERT_FILE and SSL_CERT_DIR."""
    import ssl

    context = ssl.create_default_context()
    if trust == "unchecked":
        from urllib3 import disable_warnings
        from urllib3.exceptions import InsecureRequestWarning

        disable_warnings(InsecureRequestWarning)  # the user has asked for it
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client := os.environ.get("SSL_CLIENT_CERT"):
        # A file that cannot be read counts as none, as in uv; a server that insists on one will say so.
        with contextlib.suppress(OSError, ValueError):
            context.load_cert_chain(client, password="")
    return context
