"""An index that does not answer through a proxy: the proxy is named, and what names it, without its password."""

from collections.abc import Mapping

import pytest

from instui_engine.resolve.uv_errors import explain

OUTPUT = (
    "error: Request failed after 3 retries in 6.4s\n  cause: Failed to fetch: https://index.invalid/simple/flask/\n"
    "  cause: client error (Connect)\n  cause: tunnel error: failed to create underlying connection\n"
    "  cause: Connection refused (os error 111)\n"
)
URL = "http://joe:s@cret@proxy.invalid:9"
BOTH = {"https": "http://proxy.invalid:9", "no": "index.invalid"}
VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.mark.parametrize(
    ("variables", "configured", "place"),
    [
        ({"HTTPS_PROXY": URL}, {}, "HTTPS_PROXY"),
        ({"https_proxy": URL}, {}, "https_proxy"),
        ({"https_proxy": URL, "HTTPS_PROXY": ""}, {"https": "proxy.invalid:9"}, "uv's setting https-proxy"),
        ({"ALL_PROXY": "socks5://joe:s@cret@proxy.invalid:9"}, {}, "ALL_PROXY"),
        ({"HTTP_PROXY": URL}, {}, ""),
        ({"HTTPS_PROXY": URL, "NO_PROXY": ".invalid"}, {}, ""),
        ({}, BOTH, ""),
        ({"HTTPS_PROXY": "http://[::"}, {}, ""),
        ({}, {}, ""),
    ],
)
def test_the_proxy_in_force_is_named_without_its_password(
    variables: Mapping[str, str], configured: Mapping[str, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    text = str(explain(OUTPUT, proxies=configured))
    assert text.startswith("cannot reach the package index (https://index.invalid/simple/flask/: Connection refused")
    assert (f" through the proxy proxy.invalid:9 of {place}: check that proxy, or" in text) == bool(place)
    assert ("check the network, or" in text) != bool(place)
    assert "cret" not in text and "joe" not in text


def test_a_server_of_a_file_is_no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    wheel = "https://joe:s3cret@host.invalid:8/p/a-1-py3-none-any.whl"
    output = OUTPUT.replace("https://index.invalid/simple/flask/", wheel)
    assert str(explain(output)) == (
        "cannot reach host.invalid:8 for a-1-py3-none-any.whl (Connection refused (os error 111)): "
        "check the network and the URL, or use --offline if it was fetched before"
    )
    assert str(explain(output.replace(".whl", ".whl.metadata"))) == str(explain(output))
    assert "check that proxy" in str(explain(output, proxies={"https": "http://proxy.invalid:9"}))
