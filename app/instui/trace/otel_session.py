"""One request to a collector, tried once. OpenTelemetry tries again for as long as it may, and an install waits.

Needs the extra `otlp`; imported only by `otlp.py`.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from instui_engine.errors import printable
from instui_engine.redaction import redacted

_PROVIDER = re.compile(r"OTEL_PYTHON_EXPORTER_OTLP_HTTP_(\w+_)?CREDENTIAL_PROVIDER")


class Failed(Exception):
    """What is no error of a connection, so that it is not tried again. Older releases of OpenTelemetry let it pass."""


class Once(requests.Session):
    """Requests that are not repeated. `why` says what was wrong with the last one, `where` its address."""

    why = where = ""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send it, to where it is addressed only: headers may have a password, and another host is not to know it.

        Raises an error of a kind that OpenTelemetry does not try again.
        """
        parts = urlsplit(request.url or "")  # without the rest of it, which may have a password
        self.where = printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        try:
            response = super().send(request, **{**options, "allow_redirects": False})
        except requests.ConnectTimeout as error:
            self.why = "it did not take a connection in time"
            raise Failed(self.why) from error
        except requests.Timeout as error:
            self.why = "it took the connection, but did not answer in time"
            raise Failed(self.why) from error
        except requests.RequestException as error:
            self.why = brief(str(error))
            raise Failed(self.why) from error
        if not 200 <= response.status_code < 300:
            self.why = printable(f"it answered {response.status_code} {response.reason}".rstrip())
            raise Failed(self.why)
        return response


def once(environ: Mapping[str, str]) -> Once | None:
    """The session to use; None where a variable names another one, which knows a password."""
    return None if any(_PROVIDER.fullmatch(name) and value for name, value in environ.items()) else Once()


def brief(text: str) -> str:
    """The cause in the text of an error, which may be one within another."""
    text = redacted(" ".join(text.split()))
    if "BadStatusLine" in text:
        return "it does not speak HTTP there; is that the port for gRPC? the one for HTTP is 4318 as a rule"
    if encrypted := re.search(r"\[SSL: \w+\] ([\w :,-]+)", text):
        return printable(f"TLS failed: {encrypted[1].strip()}")
    system = re.search(r"\[Errno -?\d+\] ([\w ]+)", text)
    return printable(system[1] if system else text)[:200]
