"""Why an attempt to download failed, and whether another one may help: failures of urllib3 and of servers in words."""

from urllib.parse import SplitResult

from instui_engine.errors import printable

_NETWORK_HINT = "check the network or use --offline with a filled cache"


class Fault(Exception):
    """An attempt failed; `fetch` tries again, or tells the user `why` and `hint`.

    With `retry`, another attempt may succeed, no sooner than `after` seconds from now; with `restart`, only from the
    first byte. `missing`: the server does not have the file.
    """

    def __init__(
        self,
        why: str,
        hint: str = "",
        *,
        retry: bool,
        after: float = 0,
        restart: bool = False,
        missing: bool = False,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint
        self.retry = retry
        self.after = after
        self.restart = restart
        self.missing = missing


def host_of(url: SplitResult) -> str:
    """Host and port for messages: never with credentials."""
    return printable(url.netloc.rpartition("@")[2])


def fault_of(error: Exception) -> Exception:
    """What a failure of urllib3 means; `error` itself if it is not one of the network."""
    if isinstance(error, Fault):
        return error
    import ssl
    import zlib
    from http.client import HTTPException

    from urllib3 import exceptions

    text = _detail(error)
    if isinstance(error, exceptions.ProxyError):
        denied = "407" in text
        hint = "give user and password in the proxy URL" if denied else "check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
        return Fault(f"the proxy failed ({text})", hint, retry=not denied)
    if isinstance(error, exceptions.SSLError):
        reason = error.args[0] if error.args else None
        if isinstance(reason, ssl.SSLCertVerificationError):
            why = f"its certificate is not trusted ({printable(reason.verify_message)})"
            return Fault(why, "for a private authority set SSL_CERT_FILE", retry=False)
        return Fault(f"TLS failed ({text})", "check the scheme and port of the index URL", retry=True)
    if isinstance(error, exceptions.NameResolutionError):
        return Fault("no route to the host (name resolution failed)", _NETWORK_HINT, retry=True)
    if isinstance(error, exceptions.NewConnectionError):
        return Fault(f"no connection ({text})", _NETWORK_HINT, retry=True)
    if isinstance(error, exceptions.TimeoutError):
        return Fault("no answer in time", _NETWORK_HINT, retry=True)
    if isinstance(error, exceptions.ProtocolError):
        return Fault(f"the connection broke ({text})", _NETWORK_HINT, retry=True)
    if isinstance(error, zlib.error):
        return Fault("the server declares a compression that it does not use", "check the index URL", retry=False)
    if isinstance(error, (exceptions.HTTPError, HTTPException, OSError, ValueError)):
        return Fault(f"the request failed ({text})", "check the index URL", retry=False)
    return error


def _detail(error: BaseException) -> str:
    """The innermost cause in a few words: urllib3's own texts contain object addresses, and URLs with their queries."""
    from http.client import IncompleteRead

    seen: BaseException | None = error
    for _ in range(8):  # chains can be circular
        if seen is None:
            break
        if isinstance(seen, IncompleteRead):
            return "it ended early"
        if isinstance(seen, OSError):
            return printable(seen.strerror or str(seen)) or type(seen).__name__
        nested = [arg for arg in seen.args if isinstance(arg, BaseException)]
        seen = nested[-1] if nested else seen.__cause__
    return type(error).__name__
