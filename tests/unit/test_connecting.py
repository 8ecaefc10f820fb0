"""An attempt to download says what it makes a connection to, while it makes one and no longer."""

import threading

import pytest
from urllib3.util import connection

from instui_engine.fetch.attempt import Attempt
from instui_engine.fetch.credentials import Credentials
from instui_engine.fetch.faults import Fault
from instui_engine.fetch.transport import Transport, Wanted
from instui_engine.fetch.uv_settings import UvSettings

PROXIES = {"http": "http://me:secret@proxy.example:8080", "https": "http://me:secret@proxy.example:8080"}


@pytest.mark.parametrize(
    ("url", "proxies", "peer"),
    [
        ("http://index.example/one", {}, "index.example:80"),
        ("https://index.example/one", {}, "index.example:443"),
        ("http://index.example/one", PROXIES, "proxy.example:8080"),
        ("https://index.example/one", PROXIES, "index.example through proxy.example:8080"),
        (
            "https://index.example/one",
            {"https": "https://proxy.example:8443"},
            "index.example through proxy.example:8443",
        ),
    ],
    ids=["http", "https", "a proxy", "a tunnel", "a tunnel in TLS"],
)
def test_what_a_connection_is_being_made_to(
    url: str, proxies: dict[str, str], peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    attempt = Attempt()
    seen = []

    def refuse(*_: object, **__: object) -> None:
        seen.append(attempt.peer)
        raise ConnectionRefusedError

    monkeypatch.setattr(connection, "create_connection", refuse)
    settings = UvSettings(proxies=proxies)
    transport = Transport(Credentials((), settings, {}), 1, 1.0, settings)
    attempt.begin()
    with pytest.raises(Fault):
        transport.open(Wanted(url), threading.Event())
    assert seen == [peer]
    assert attempt.peer == ""
