"""The promises of `instui_engine.fetch` about credentials, redirects, proxies, TLS and a failing network."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from instui_engine.fetch import download
from instui_engine.fetch.credentials import Credentials, basic, origin
from instui_engine.fetch.route import is_direct, tls_context
from support.fetching import BODY, NAME, PATH, Fetcher, clean_environment
from support.webserver import Page, WebServer


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean_environment(monkeypatch, tmp_path)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as web:
        yield web


@pytest.fixture
def fetch(tmp_path: Path) -> Fetcher:
    return Fetcher(tmp_path / "partial")


@pytest.mark.parametrize("source", ["index_urls", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX"])
def test_credentials_of_an_index_serve_its_files(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    url = server.add(PATH, Page(BODY, auth="me:s@cret"))
    index = server.url("/simple/", "me:s%40cret")
    if source == "index_urls":
        fetch(url, index_urls=(index,))
    else:
        monkeypatch.setenv(source, f"https://other.example/ own={index}" if source == "UV_INDEX" else index)
        fetch(url)
    assert fetch.partial.read_bytes() == BODY


def test_credentials_of_a_named_index_come_from_its_variables(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX", f"my-own={server.url('/simple/')}")
    monkeypatch.setenv("UV_INDEX_MY_OWN_USERNAME", "me")
    monkeypatch.setenv("UV_INDEX_MY_OWN_PASSWORD", "secret")
    fetch(server.add(PATH, Page(BODY, auth="me:secret")))


@pytest.mark.parametrize("named", [True, False])
def test_credentials_come_from_netrc(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: bool
) -> None:
    netrc = tmp_path / ("other" if named else ".netrc")
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    if named:
        monkeypatch.setenv("NETRC", str(netrc))
    fetch(server.add(PATH, Page(BODY, auth="me:secret")))


@pytest.mark.parametrize("password", ["a[b", "a]b", "a@b", "a:b", "a b", "a%b", "a|\\^`{}", "ü€", "℀"])
def test_a_password_may_have_special_characters(server: WebServer, fetch: Fetcher, password: str) -> None:
    url = server.add(PATH, Page(BODY, auth=f"me@work:{password}"))
    fetch(url, index_urls=(server.url("/simple/", f"me@work:{password}"),))
    fetch.partial.unlink()
    fetch(server.url(PATH, f"me@work:{password}"))
    fetch.partial.unlink()
    fetch(url, index_urls=(server.url("/simple/", f"me%40work:{quote(password, safe='')}"),))


@pytest.mark.parametrize(
    "text",
    {
        "default": "machine other login x password y\ndefault login me password s#cret",
        "quotes": 'machine 127.0.0.1 login "me" password "s#cre\\t"',
        "backslash": "machine 127.0.0.1 login me password s\\#cret",
        "last-wins": "machine 127.0.0.1 login you password x\nmachine 127.0.0.1 user me account z password s#cret",
        "comments": "# all of it\n#machine\nmachine 127.0.0.1 # login you\nlogin me #\npassword s#cret #x",
        "macro": "macdef init\n cd /\n machine 127.0.0.1 login x password y\n \t\nmachine 127.0.0.1\nlogin me\n"
        "password s#cret\nmacdef last\n ls",
        "latin-1": "machine x login \xe9 password y\nmachine 127.0.0.1 login me password s#cret",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_netrc_file_is_read_as_uv_does(
    server: WebServer, fetch: Fetcher, tmp_path: Path, text: tuple[str, str]
) -> None:
    (tmp_path / ".netrc").write_bytes(text[1].encode("latin-1"))
    (tmp_path / ".netrc").chmod(0o644)  # that others can read it is no reason not to
    fetch(server.add(PATH, Page(BODY, auth="me:s#cret")))


@pytest.mark.parametrize("text", ["machine 127.0.0.1 bogus x login me password secret", "login me password secret", ""])
def test_a_netrc_file_that_is_none_counts_as_empty(
    server: WebServer, fetch: Fetcher, tmp_path: Path, text: str
) -> None:
    (tmp_path / ".netrc").write_text(text)
    assert "netrc" in fetch.refused(server.add(PATH, Page(BODY, auth="me:secret")))


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_stands_in_a_netrc_file_as_in_a_url(tmp_path: Path, host: str) -> None:
    (tmp_path / ".netrc").write_text(f"machine {host} login me password secret\n")
    url = urlsplit("http://[::1]:8080/x")
    header = next(Credentials(environ={"HOME": str(tmp_path)}).headers(url, origin(url)))
    assert header == (basic("me", "secret") if host == "[::1]" else "")


def test_credentials_that_are_missing_or_wrong_are_explained_and_never_shown(server: WebServer, fetch: Fetcher) -> None:
    url = server.add(PATH, Page(BODY, auth="me:secret"))
    assert "netrc" in fetch.refused(url)
    line = fetch.refused(url.replace("//", "//you:hidden@"), index_urls=(server.url("/", "you:hidden"),))
    assert "hidden" not in line
    assert "401" in line
    assert len(server.seen) == 2


def test_credentials_do_not_follow_a_redirect_to_another_port(
    server: WebServer, fetch: Fetcher, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    with WebServer() as other:
        target = other.add("/elsewhere", Page(BODY))
        url = server.add(PATH, Page(b"", auth="me:secret", answers=[(302, {"Location": target})] * 2))
        fetch(url, index_urls=(server.url("/simple/", "me:secret"),))
        fetch.partial.unlink()
        fetch(url)
        assert len(other.seen) == 2
        assert not any("authorization" in seen.headers for seen in other.seen)
    assert all("authorization" in seen.headers for seen in server.seen)


def test_redirects_are_followed_with_the_range_up_to_ten(server: WebServer, fetch: Fetcher) -> None:
    fetch.partial.write_bytes(BODY[:500_000])
    for number in range(10):
        server.add(f"/{number}", Page(b"", answers=[(302, {"Location": f"/{number + 1}"})] * 2))
    server.add("/10", Page(BODY))
    fetch(server.url("/0"))
    assert server.seen[-1].sent == 200_000
    server.add("/10", Page(b"", answers=[(302, {"Location": "/11"})]))
    fetch.partial.unlink()
    assert "redirects" in fetch.refused(server.url("/0"))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://[", "http://127.0.0.1:x/"])
def test_redirects_to_anything_but_http_are_refused(server: WebServer, fetch: Fetcher, location: str) -> None:
    fetch.refused(server.add(PATH, Page(b"", answers=[(302, {"Location": location})] * 9)))


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://127.0.0.1:x/", "http://", "http://["]
)
def test_urls_that_are_not_http_are_refused(fetch: Fetcher, url: str) -> None:
    fetch.refused(url)
    assert not fetch.partial.exists()


def test_refused_connection_is_one_clear_line(fetch: Fetcher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take the port
        port = unused.getsockname()[1]
        line = fetch.refused(f"http://me:secret@127.0.0.1:{port}/x")
    assert line.startswith(f"cannot download {NAME} from 127.0.0.1:{port}: no connection (")
    assert "secret" not in line
    assert len(fetch.log.retries) == 4


def test_failed_name_resolution_is_one_clear_line(fetch: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert fetch.refused("http://example.org/x") == (
        f"cannot download {NAME} from example.org: no route to the host (name resolution failed); "
        "check the network or use --offline with a filled cache"
    )


def test_server_without_tls_is_one_clear_line(server: WebServer, fetch: Fetcher) -> None:
    assert "TLS failed" in fetch.refused(server.url(PATH).replace("http:", "https:"), retries=0)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of an authority of its own, in a file with its key."""
    return _make_certificate(tmp_path / "own.pem")


def _make_certificate(pem: Path) -> Path:
    subprocess.run(
        (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
            f"-addext subjectAltName=IP:127.0.0.1 -keyout {pem.name} -out {pem.name}.crt"
        ).split(),
        cwd=pem.parent,
        check=True,
        capture_output=True,
    )
    pem.write_bytes(pem.read_bytes() + Path(f"{pem}.crt").read_bytes())
    return pem


@pytest.fixture
def secure(certificate: Path) -> Iterator[WebServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with WebServer(context) as web:
        yield web


@pytest.mark.needs("openssl")
def test_private_authority_is_trusted_through_ssl_cert_file_only(
    secure: WebServer, fetch: Fetcher, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = secure.add(PATH, Page(BODY))
    line = fetch.refused(url)
    assert "not trusted" in line
    assert "SSL_CERT_FILE" in line
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    fetch(url)
    assert fetch.partial.read_bytes() == BODY


@pytest.mark.needs("openssl")
def test_a_directory_of_authorities_may_have_files_of_any_name(
    secure: WebServer, fetch: Fetcher, certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authorities = tmp_path / "own [1]"
    authorities.mkdir()
    (authorities / "README").write_text("no certificate")
    (authorities / "own authority.pem").write_bytes(Path(f"{certificate}.crt").read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", f"/nonexistent:{authorities}")
    fetch(secure.add(PATH, Page(BODY)))


@pytest.mark.needs("openssl")
def test_of_the_authorities_in_a_directory_those_are_loaded_that_are_not_there_yet(
    secure: WebServer, fetch: Fetcher, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorities = tmp_path / "authorities"
    authorities.mkdir()
    system = [Path(f"{_make_certificate(tmp_path / name)}.crt").read_text() for name in ("one", "other")]
    (tmp_path / "all.pem").write_text("".join(system))
    (authorities / "all.pem").symlink_to(tmp_path / "all.pem")
    (authorities / "one.pem").write_text(system[0])
    (authorities / "0a0b0c0d.0").symlink_to("both.pem")
    (authorities / "both.pem").write_text(system[0] + Path(f"{certificate}.crt").read_text())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "all.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(authorities))
    load, loaded = ssl.SSLContext.load_verify_locations, []

    def watched(context: ssl.SSLContext, path: Path) -> None:
        loaded.append(path.resolve().name)
        load(context, path)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", watched)
    fetch(secure.add(PATH, Page(BODY)))
    assert loaded == ["both.pem"]


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(
    ("host", "is_named"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:{port}", True),
        ("https://127.0.0.1", True),
        ("*", True),
        ("127.0.0.1:1", False),
        ("http://127.0.0.1", False),
        ("127.0.0.2", False),
        ("localhost", False),
    ],
)
@pytest.mark.parametrize("source", ["UV_INSECURE_HOST", "uv.toml"])
def test_only_the_hosts_that_uv_is_told_not_to_check_are_not_checked(
    secure: WebServer,
    fetch: Fetcher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    is_named: bool,
    source: str,
) -> None:
    named = host.format(port=secure.port)
    monkeypatch.chdir(tmp_path)
    if source == "uv.toml":
        (tmp_path / "uv.toml").write_text(f'allow-insecure-host = ["other.example", "{named}"]\n')
    else:
        monkeypatch.setenv(source, f"other.example {named}")
    url = secure.add(PATH, Page(BODY))
    if is_named:
        fetch(url)
        assert fetch.partial.read_bytes() == BODY
    else:
        assert "not trusted" in fetch.refused(url)


@pytest.mark.needs("openssl")
def test_a_client_certificate_is_shown_to_a_server_that_wants_one(
    fetch: Fetcher, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    with WebServer(context) as strict:
        url = strict.add(PATH, Page(BODY))
        fetch.refused(url, retries=0)
        monkeypatch.setenv("SSL_CLIENT_CERT", str(certificate))
        fetch(url)
    assert fetch.partial.read_bytes() == BODY


@pytest.mark.parametrize("variable", ["UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT"])
def test_the_time_out_of_uv_is_honoured(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setattr(download, "_TIMEOUT_SECONDS", -1)  # which is refused
    monkeypatch.setenv(variable, "1")
    assert "in time" in fetch.refused(server.add(PATH, Page(BODY, mute=True)), retries=0)


def test_the_proxy_of_uvs_configuration_is_used(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "uv.toml").write_text(f'http-proxy = "{server.url()}"\nno-proxy = ["a.invalid", "plain.invalid"]\n')
    server.add(PATH, Page(BODY))
    fetch(f"http://wheels.invalid{PATH}")
    assert server.seen[0].target == f"http://wheels.invalid{PATH}"
    fetch.partial.unlink()
    assert "resolution" in fetch.refused(f"http://plain.invalid{PATH}", retries=0)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_of_the_environment_is_used(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, server.url(user="me:secret"))
    server.add(PATH, Page(BODY))
    fetch(f"http://wheels.invalid{PATH}")
    assert server.seen[0].target == f"http://wheels.invalid{PATH}"
    assert server.seen[0].headers["proxy-authorization"].startswith("Basic ")


def test_no_proxy_is_honoured(server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    fetch(server.add(PATH, Page(BODY)))


@pytest.mark.parametrize(
    ("host", "exceptions", "direct"),
    [
        ("127.0.0.1", "10.0.0.0/8, 127.0.0.0/8", True),
        ("127.0.0.1", "10.0.0.0/8", False),
        ("127.0.0.1", "0.0.1,.0.0.1,127.*,127.0.0.1:80,*,", False),
        ("::1", "::/64", True),
        ("wheels.example", "a, .Example", True),
        ("wheels.example", "wheels.example", True),
        ("wheels.example", "*", True),
        ("wheels.example", "els.example,xwheels.example,*.example,wheels.example:80,", False),
    ],
)
def test_the_exceptions_of_a_proxy_are_read_as_uv_does(host: str, exceptions: str, direct: bool) -> None:
    assert is_direct(host, exceptions) == direct


def test_the_upper_case_variables_of_proxies_prevail(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "other.example")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    fetch(server.add(PATH, Page(BODY)))
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTP_PROXY", server.url())
    fetch.partial.unlink()
    fetch(f"http://wheels.invalid{PATH}")


def test_a_header_of_a_request_to_a_cgi_script_is_no_proxy(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    fetch(server.add(PATH, Page(BODY)))


@pytest.mark.parametrize("proxy", ["http://me:secret@127.0.0.1:{port}", "socks5://me:secret@127.0.0.1:1080", "::"])
def test_unusable_proxy_is_one_clear_line(
    server: WebServer, fetch: Fetcher, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    # The server knows no CONNECT, so for https it is a proxy that fails.
    monkeypatch.setenv("HTTPS_PROXY", proxy.format(port=server.port))
    line = fetch.refused("https://wheels.invalid/x")
    assert "proxy" in line
    assert "secret" not in line


def test_certificates_are_loaded_once_for_those_variables_that_name_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: loaded.append(1) or make())
    for name in ("first", "first", "second"):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / name))
        tls_context("checked")
    assert len(loaded) == 2
