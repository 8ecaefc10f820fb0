"""Private indexes: each way to give credentials that works for uv works for the downloads, and no secret leaks.

In every case a real `uv pip install --dry-run` runs beside, which proves that it is such a way.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from uv import find_uv_bin

from conftest import Run
from instui_engine.errors import FetchError
from instui_engine.fetch.credentials import Credentials, origin
from instui_engine.fetch.download import Client, Download, FetchCancelled
from instui_engine.fetch.uv_settings import UvSettings
from instui_engine.locks.proc_locks import command_of
from support.environments import Venv, until
from support.fetching import Log, clean_environment
from support.indexes import add_wheel, requests_of
from support.webserver import WebServer
from support.wheelsmith import build_wheel

SECRET = f"p%40ss-{secrets.token_hex(8)}"  # as in a URL
PASSWORD = SECRET.replace("%40", "@")


@dataclass
class Place:
    """A project directory in which uv and we are asked, with the variables for it."""

    web: WebServer
    wheel: Path
    url: str
    project: Path
    home: Path
    environ: dict[str, str]
    options: list[str] = field(default_factory=list)  # of `uv pip install`
    index_urls: tuple[str, ...] = ()  # what the engine learns from the same options

    def index(self, user: str = "") -> str:
        return self.web.url("/simple/", user)

    def uv(self, *arguments: str, text: str = "") -> None:
        done = subprocess.run(
            [os.fsdecode(find_uv_bin()), *arguments],
            cwd=self.project,
            env=self.environ,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr

    def resolve(self) -> None:
        """What uv accepts as a way."""
        target = str(self.project / "target")
        self.uv("pip", "install", "--dry-run", "--target", target, "--python", sys.executable, *self.options, "alpha")

    def fetch(self, monkeypatch: pytest.MonkeyPatch) -> bytes:
        """What our own client gets."""
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(self.project)
        partial = self.home / "partial"
        with Client(index_urls=self.index_urls, retries=0) as client:
            client.fetch(Download(self.url, self.wheel.name), partial, Log(), lambda: False)
        return partial.read_bytes()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    clean_environment(monkeypatch, home)
    wheel = build_wheel(tmp_path, "alpha", "1.0", {"alpha/__init__.py": b"# alpha"})
    environ = {
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "HOME": str(home),
        "UV_CACHE_DIR": str(home / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_PROXY": "127.0.0.1",
    }
    with WebServer() as web:
        url = add_wheel(web, wheel, auth=f"me:{PASSWORD}")
        yield Place(web, wheel, url, project, home, environ)


def _write_keyring(place: Place, log: Path) -> None:
    """A `keyring` command that knows one password, and notes its arguments and those of all processes."""
    command = place.home / "bin" / "keyring"
    command.parent.mkdir()
    command.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\ncat /proc/[0-9]*/cmdline >> {log}.all 2>/dev/null\n'
        f'[ "$3" = me ] && [ "$2" = 127.0.0.1:{place.web.port} ] && cat {place.home}/password\n'
    )
    command.chmod(0o755)
    (place.home / "password").write_text(f"{PASSWORD}\n")


def _by_option(place: Place, option: str) -> None:
    url = place.index(f"me:{SECRET}")
    place.options = [option, url] if option == "--index-url" else ["--index-url", "http://127.0.0.1:9/", option, url]
    if option == "--find-links":
        url = place.web.url("/simple/alpha/", f"me:{SECRET}")
        place.options = ["--no-index", option, url]
    place.index_urls = (url,)


def _by_variable(place: Place, name: str) -> None:
    place.environ[name] = place.index(f"me:{SECRET}")
    if name == "UV_INDEX":
        place.environ[name] = f"own={place.environ[name]}"
    if name == "UV_FIND_LINKS":
        place.environ[name] = place.web.url("/simple/alpha/", f"me:{SECRET}")
        place.options = ["--no-index"]


def _by_named_variables(place: Place) -> None:
    place.environ |= {"UV_INDEX": f"my-own={place.index()}", "UV_INDEX_MY_OWN_USERNAME": "me"}
    place.environ["UV_INDEX_MY_OWN_PASSWORD"] = PASSWORD


def _by_project(place: Place, is_named: bool) -> None:
    url = place.index("" if is_named else f"me:{SECRET}")
    (place.project / "pyproject.toml").write_text(f'[[tool.uv.index]]\nname = "own"\nurl = "{url}"\ndefault = true\n')
    if is_named:
        place.environ |= {"UV_INDEX_OWN_USERNAME": "me", "UV_INDEX_OWN_PASSWORD": PASSWORD}


def _by_uv_toml(place: Place, text: str) -> None:
    links = place.web.url("/simple/alpha/", f"me:{SECRET}")
    (place.project / "uv.toml").write_text(text.format(url=place.index(f"me:{SECRET}"), links=links))


def _by_user_uv_toml(place: Place) -> None:
    (place.home / ".config" / "uv").mkdir(parents=True)
    (place.home / ".config" / "uv" / "uv.toml").write_text(f'index-url = "{place.index(f"me:{SECRET}")}"\n')


def _by_config_file(place: Place) -> None:
    (place.home / "other.toml").write_text(f'[[index]]\nurl = "{place.index(f"me:{SECRET}")}"\n')
    place.environ["UV_CONFIG_FILE"] = str(place.home / "other.toml")


def _by_netrc(place: Place) -> None:
    (place.home / ".netrc").write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
    (place.home / ".netrc").chmod(0o600)
    place.environ["UV_INDEX_URL"] = place.index()


def _by_login(place: Place) -> None:
    place.uv("auth", "login", place.index(), "--username", "me", "--password", "-", text=PASSWORD)
    place.environ["UV_INDEX_URL"] = place.index()


def _by_keyring(place: Place, by_variable: bool) -> None:
    _write_keyring(place, place.home / "keyring.log")
    if by_variable:
        place.environ |= {"UV_INDEX_URL": place.index("me"), "UV_KEYRING_PROVIDER": "subprocess"}
    else:
        text = f'keyring-provider = "subprocess"\nindex-url = "{place.index("me")}"\n'
        (place.project / "uv.toml").write_text(text)


WAYS = {
    "index-url": lambda place: _by_option(place, "--index-url"),
    "extra-index-url": lambda place: _by_option(place, "--extra-index-url"),
    "find-links": lambda place: _by_option(place, "--find-links"),
    "UV_INDEX_URL": lambda place: _by_variable(place, "UV_INDEX_URL"),
    "UV_DEFAULT_INDEX": lambda place: _by_variable(place, "UV_DEFAULT_INDEX"),
    "UV_EXTRA_INDEX_URL": lambda place: _by_variable(place, "UV_EXTRA_INDEX_URL"),
    "UV_INDEX": lambda place: _by_variable(place, "UV_INDEX"),
    "UV_FIND_LINKS": lambda place: _by_variable(place, "UV_FIND_LINKS"),
    "UV_INDEX_NAME": _by_named_variables,
    "tool.uv.index": lambda place: _by_project(place, False),
    "tool.uv.index-named": lambda place: _by_project(place, True),
    "uv.toml-index-url": lambda place: _by_uv_toml(place, 'index-url = "{url}"\n'),
    "uv.toml-pip": lambda place: _by_uv_toml(place, '[pip]\nextra-index-url = ["{url}"]\n'),
    "uv.toml-find-links": lambda place: _by_uv_toml(place, 'find-links = ["{links}"]\nno-index = true\n'),
    "user-uv.toml": _by_user_uv_toml,
    "UV_CONFIG_FILE": _by_config_file,
    "netrc": _by_netrc,
    "uv-auth-login": _by_login,
    "keyring-variable": lambda place: _by_keyring(place, True),
    "keyring-setting": lambda place: _by_keyring(place, False),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_that_uv_accepts_serves_the_download(place: Place, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    with pytest.raises(FetchError, match="denies access"):
        place.fetch(monkeypatch)
    WAYS[way](place)
    place.resolve()
    assert place.fetch(monkeypatch) == place.wheel.read_bytes()


def test_a_server_that_hides_what_is_private_is_asked_again_with_credentials(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for page in place.web.pages.values():
        page.refusal = 404
    _by_login(place)
    assert place.fetch(monkeypatch) == place.wheel.read_bytes()


def test_a_keyring_is_asked_once_for_an_origin_and_never_told_the_password(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    _by_keyring(place, True)
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)

    def one(number: int) -> bytes:
        partial = place.home / f"{number}"
        client.fetch(Download(place.url, place.wheel.name), partial, Log(), lambda: False)
        return partial.read_bytes()

    with Client() as client, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {place.wheel.read_bytes()}
        so_far = len(place.web.seen)
        one(8)
        assert [seen.status for seen in place.web.seen[so_far:]] == [200]  # it is known what the server wants
    asked = (place.home / "keyring.log").read_text().splitlines()
    assert asked.count(f"get 127.0.0.1:{place.web.port} me") == 1
    assert len(asked) == len(set(asked))
    assert PASSWORD.encode() not in (place.home / "keyring.log.all").read_bytes()


def test_two_projects_on_one_host_have_their_own_credentials(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beta = build_wheel(tmp_path, "beta", "1.0", {"beta.py": b"# beta"})
    gamma = build_wheel(tmp_path, "gamma", "1.0", {"gamma.py": b"# gamma"})
    urls = {
        beta: add_wheel(place.web, beta, simple="/b/simple", files="/b/files", auth="bob:b"),
        gamma: add_wheel(place.web, gamma, simple="/c/simple", files="/elsewhere", auth="carol:c"),
    }
    index_urls = (place.web.url("/c/simple/", "carol:c"), place.web.url("/b/simple/", "bob:b"))
    monkeypatch.chdir(tmp_path)
    with Client(index_urls=index_urls) as client:
        for wheel, url in (*urls.items(), *urls.items()):
            client.fetch(Download(url, wheel.name), tmp_path / "partial", Log(), lambda: False)
            assert (tmp_path / "partial").read_bytes() == wheel.read_bytes()
    refused = [seen.path for seen in place.web.seen if seen.status == 401]
    assert set(refused) == {f"/elsewhere/{gamma.name}"}  # its path does not tell whose it is


@pytest.mark.parametrize("uv", ["old", "missing"])
def test_a_uv_without_the_helper_is_asked_for_the_token(place: Place, monkeypatch: pytest.MonkeyPatch, uv: str) -> None:
    _by_login(place)
    without = place.home / "uv-without-helper"
    without.write_text(f'#!/bin/sh\n[ "$2" = helper ] && exit 2\nexec "{os.fsdecode(find_uv_bin())}" "$@"\n')
    without.chmod(0o755)
    if uv == "old":
        monkeypatch.setattr("uv.find_uv_bin", lambda: str(without))
    else:
        monkeypatch.setattr("uv.find_uv_bin", lambda: str(place.home / "none"))
    place.index_urls = (place.index("me"),)
    if uv == "old":
        assert place.fetch(monkeypatch) == place.wheel.read_bytes()
    else:
        with pytest.raises(FetchError, match="denies access"):
            place.fetch(monkeypatch)


def test_a_program_that_does_not_answer_ends_with_the_client(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _by_keyring(place, True)
    (place.home / "bin" / "keyring").write_text(f"#!/bin/sh\necho $$ > {place.home}/pid\nexec sleep 600\n")
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    pid = place.home / "pid"
    with Client() as client, pytest.raises(FetchCancelled):
        client.fetch(Download(place.url, place.wheel.name), place.home / "partial", Log(), pid.exists)
    # it is killed, and the thread that has waited for it takes note
    until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


def test_a_token_for_hugging_face_goes_nowhere_else() -> None:
    credentials = Credentials((), UvSettings(), {"HF_TOKEN": "token"})
    for address, expected in (("https://huggingface.co/x.whl", "Bearer token"), ("http://huggingface.co/x.whl", "")):
        url = urlsplit(address)
        assert next(credentials.headers(url, origin(url))) == expected


def test_an_index_that_never_authenticates_gets_no_credentials(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _by_netrc(place)
    (place.project / "uv.toml").write_text(f'[[index]]\nurl = "{place.web.url("/")}"\nauthenticate = "never"\n')
    with pytest.raises(FetchError, match="denies access"):
        place.fetch(monkeypatch)
    assert not any("authorization" in seen.headers for seen in place.web.seen)


def test_credentials_of_an_index_stay_with_its_port(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with WebServer() as other:
        place.index_urls = (other.url("/simple/", f"me:{SECRET}"),)
        with pytest.raises(FetchError, match="denies access"):
            place.fetch(monkeypatch)
    assert not any("authorization" in seen.headers for seen in place.web.seen)


@pytest.mark.parametrize("way", ["tool.uv.index-named", "uv-auth-login", "keyring-setting", "UV_INDEX_URL"])
def test_no_secret_is_in_arguments_files_journal_or_output(
    place: Place, venv: "object", tmp_path: Path, run_instui: Run, way: str
) -> None:
    assert callable(venv)
    target: Venv = venv()
    WAYS[way](place)
    scratch, cache = tmp_path / "scratch", tmp_path / "cache"
    scratch.mkdir()
    env = {**place.environ, "TMPDIR": str(scratch), "UV_NO_CONFIG": "0", "UV_OFFLINE": "0"}
    env |= {"XDG_CONFIG_HOME": str(place.home / ".config"), "INSTUI_CACHE_DIR": str(cache)}
    arguments = ["--no-fsync", "--ui", "json", "--python", target.top, "alpha"]
    done = run_instui("install", *arguments, env=env, cwd=place.project)
    assert done.returncode == 0, done.stderr
    assert (target.site / "alpha" / "__init__.py").exists()
    assert requests_of(place.web, f"/files/{place.wheel.name}") == 1
    for text in (PASSWORD, SECRET):
        assert text not in done.stdout + done.stderr
        for top in (cache, scratch, target.top):
            for path in top.rglob("*"):
                assert not path.is_file() or text.encode() not in path.read_bytes(), path
    if way == "keyring-setting":
        assert PASSWORD.encode() not in (place.home / "keyring.log.all").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ["install", "--index-url", "http://me:pa/ss@SECRET@127.0.0.1:9/", "alpha"],
        ["install", "--index-url=me:SECRET@127.0.0.1:9/simple/", "alpha"],
        ["install", "-fhttp://me:SE SECRET@127.0.0.1:port/", "alpha"],
        ["install", "alpha @ http://me:#SECRET@127.0.0.1:9/alpha-1.0-py3-none-any.whl"],
        ["install", "http://127.0.0.1:9/alpha-1.0-py3-none-any.whl?token=SECRET"],
        ["install", "-r", "http://SECRET:#SECRET@127.0.0.1:9/r.txt"],
        ["install", "--index-url", "http://me:#SECRET@127.0.0.1:9/", "alpha"],
        ["install", "--bogus", "http://me:SECRET@127.0.0.1:9/"],
        ["install", "--jobs=http://me:SECRET@127.0.0.1:9/", "alpha"],
        ["uninstall", "http://me:SECRET@127.0.0.1:9/alpha-1.0-py3-none-any.whl"],
        ["uninstall", "http:/me:SECRET@127.0.0.1:9/alpha.whl"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
@pytest.mark.parametrize("ui", ["plain", "json"])
def test_what_is_quoted_of_a_command_line_has_no_password(
    place: Place, venv: "object", run_instui: Run, arguments: list[str], ui: str
) -> None:
    assert callable(venv)
    target: Venv = venv()
    command, *rest = arguments
    env = {**place.environ, "UV_OFFLINE": "0", "UV_HTTP_RETRIES": "0", "INSTUI_CACHE_DIR": str(place.home / "cache")}
    done = run_instui(command, "--ui", ui, "--python", target.top, *rest, env=env, cwd=place.project)
    assert "SECRET" not in done.stdout + done.stderr
    for path in (target.top / ".instui").rglob("*"):
        assert not path.is_file() or b"SECRET" not in path.read_bytes()


def test_what_came_from_a_url_is_removed_by_that_url_with_its_password(
    place: Place, venv: "object", run_instui: Run
) -> None:
    assert callable(venv)
    target: Venv = venv()
    url = place.url.replace("//", f"//me:{SECRET}@")
    env = {**place.environ, "UV_OFFLINE": "0", "INSTUI_CACHE_DIR": str(place.home / "cache")}
    for command in ("install", "uninstall"):
        done = run_instui(command, "--ui", "plain", "--python", target.top, url, env=env, cwd=place.project)
        assert done.returncode == 0, done.stderr
        assert (target.site / "alpha").exists() == (command == "install")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_a_command_that_holds_a_lock_is_shown_without_its_password() -> None:
    command = [sys.executable, "-c", "input()", "--index-url", "https://me:SE/CRET@127.0.0.1:9/"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        shown = until(lambda: command_of(process.pid))
        process.kill()
    assert shown.endswith("--index-url https://****@127.0.0.1:9/")
