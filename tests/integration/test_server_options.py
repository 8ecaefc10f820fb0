"""The flags about servers and settings reach both: the uv that decides, and our own downloads."""

import hashlib
import json
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_fetch_network import certificate

from conftest import Run
from support.cli import error_line, installed, ok
from support.environments import Venv
from support.indexes import add_wheel, requests_of
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel

__all__ = ["certificate"]

SECRET = "s3cret"
FILE = "/files/alpha-1-py3-none-any.whl"
Install = Callable[..., object]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return build_wheel(tmp_path, "alpha", "1", {"alpha.py": b""})


@pytest.fixture
def web(wheel: Path) -> Iterator[WebServer]:
    with WebServer() as web:
        add_wheel(web, wheel, auth=f"me:{SECRET}")
        yield web


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Fresh caches, so that everything is asked for."""
    caches = {"INSTUI_CACHE_DIR": str(tmp_path / "instui"), "UV_CACHE_DIR": str(tmp_path / "uv")}
    return {"UV_OFFLINE": "0", "NO_PROXY": "127.0.0.1", **caches}


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("way", ["--trusted-host", "--allow-insecure-host", "INSTUI_ALLOW_INSECURE_HOST", "--cert"])
def test_a_server_with_a_certificate_of_its_own(
    way: str,
    certificate: Path,
    wheel: Path,
    venv: Callable[[], Venv],
    run_instui: Run,
    env: dict[str, str],
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_issued_by(certificate))
    target = venv()
    with WebServer(context) as secure:
        add_wheel(secure, wheel)
        words = ["install", "--no-fsync", "--python", target.top, "--default-index", secure.url("/simple"), "alpha"]
        assert "certificate" in error_line(run_instui(*words, env={**env, "UV_HTTP_RETRIES": "0"}), 1)
        value = f"{certificate}.crt" if way == "--cert" else f"127.0.0.1:{secure.port}"
        if way.startswith("INSTUI"):
            ok(run_instui(*words, env={**env, way: value}))
        else:
            ok(run_instui(*words, way, value, env=env))
        assert requests_of(secure, FILE) == 1
    assert installed(target.site) == {"alpha": "1"}


def _issued_by(authority: Path) -> Path:
    """A certificate for this machine, with its key: uv takes none that is its own authority."""
    leaf = authority.parent / "leaf.pem"
    subprocess.run(
        (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=leaf "
            "-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE "
            f"-CA {authority}.crt -CAkey {authority} -keyout {leaf} -out {leaf}.crt"
        ).split(),
        check=True,
        capture_output=True,
    )
    leaf.write_bytes(leaf.read_bytes() + Path(f"{leaf}.crt").read_bytes())
    return leaf


def _keyring(tmp_path: Path) -> str:
    """A directory with a `keyring` command that knows the password of `me`."""
    command = tmp_path / "bin" / "keyring"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\n[ "$3" = me ] && echo {SECRET}\n')
    command.chmod(0o755)
    return str(command.parent)


@pytest.mark.parametrize("way", ["--index", "--default-index", "by name", "keyring", "config-file", "project"])
def test_credentials_reach_the_download(
    way: str,
    web: WebServer,
    tmp_path: Path,
    venv: Callable[[], Venv],
    run_instui: Run,
    env: dict[str, str],
    clean_environ: dict[str, str],
) -> None:
    target, place, index = venv(), web.url("/simple"), web.url("/simple", f"me:{SECRET}")
    words = {
        "--index": ["--index", index],
        "--default-index": ["--default-index", index],
        "by name": ["--index", f"mine={place}"],
        "keyring": ["--keyring-provider", "subprocess", "--default-index", web.url("/simple", "me")],
        "config-file": ["--config-file", "own.toml"],
        "project": ["--project", "sub"],
    }[way]
    (tmp_path / "sub").mkdir()
    for name in ("own.toml", "sub/uv.toml"):
        (tmp_path / name).write_text(f'[[index]]\nurl = "{index}"\ndefault = true\n')
    env |= {
        "PATH": f"{_keyring(tmp_path)}:{clean_environ['PATH']}",
        "UV_NO_CONFIG": "0",
        "UV_INDEX_MINE_USERNAME": "me",
        "UV_INDEX_MINE_PASSWORD": SECRET,
    }
    done = run_instui("install", "--no-fsync", "--python", target.top, *words, "alpha", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert installed(target.site) == {"alpha": "1"}
    assert requests_of(web, FILE) == 1
    written = [path.read_text() for path in (target.top / ".instui").rglob("*.jsonl")]
    assert written and not any(SECRET in text for text in (done.stdout, done.stderr, *written))


def test_what_is_newer_than_a_day_stays_out(
    tmp_path: Path, venv: Callable[[], Venv], run_instui: Run, env: dict[str, str]
) -> None:
    with WebServer() as web:
        files = []
        for number in (1, 2, 3):
            wheel = build_wheel(tmp_path, "alpha", str(number), {"alpha.py": b""})
            web.add(f"/files/{wheel.name}", Page(wheel.read_bytes()))
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            files.append(
                {
                    "filename": wheel.name,
                    "url": web.url(f"/files/{wheel.name}"),
                    "hashes": {"sha256": digest},
                    "size": wheel.stat().st_size,
                    "upload-time": f"202{number}-01-01T00:00:00Z",
                }
            )
        page = {"meta": {"api-version": "1.1"}, "name": "alpha", "versions": ["1", "2", "3"], "files": files}
        kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
        web.add("/simple/alpha/", Page(json.dumps(page).encode(), headers=kind))
        for words, version in (
            (["--exclude-newer", "2022-06-01"], "2"),
            (["--exclude-newer-package", "alpha=2021-06-01"], "1"),
            (["--exclude-newer", "2021-06-01", "--exclude-newer-package", "alpha=2022-06-01"], "2"),
            ([], "3"),
        ):
            target = venv()
            ok(run_instui("install", "--python", target.top, "-i", web.url("/simple"), *words, "alpha", env=env))
            assert installed(target.site) == {"alpha": version}


def test_the_first_python_outside_of_environments(
    wheel: Path, tmp_path: Path, venv: Callable[[], Venv], run_instui: Run
) -> None:
    """`--system` and its variable; --no-system takes the variable back, and --python prevails."""
    active = venv()
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 7\n")
    python.chmod(0o755)
    path = f"{active.top}/bin:{python.parent}:/usr/bin:/bin"
    words = ["install", "--no-fsync", "--no-deps", "--ui", "plain", wheel]
    env = {"PATH": path, "VIRTUAL_ENV": str(active.top)}
    for flags, variables in ((["--system"], {}), ([], {"UV_SYSTEM_PYTHON": "1"}), ([], {"INSTUI_SYSTEM": "1"})):
        assert str(python) in error_line(run_instui(*words, *flags, env={**env, **variables}), 1)
    assert installed(active.site) == {}
    ok(run_instui(*words, "--no-system", env={**env, "UV_SYSTEM_PYTHON": "1"}))
    ok(run_instui("uninstall", "alpha", env=env))
    ok(run_instui(*words, "--system", "--python", active.top, env=env))
    assert installed(active.site) == {"alpha": "1"}


def test_the_python_of_uv_s_variable(wheel: Path, venv: Callable[[], Venv], run_instui: Run) -> None:
    named, active, short = venv(), venv(), f"{sys.version_info[0]}.{sys.version_info[1]}"
    words = ["install", "--no-fsync", "--no-deps", "--ui", "plain", "--reinstall", wheel]
    ok(run_instui(*words, env={"UV_PYTHON": str(named.top), "VIRTUAL_ENV": str(active.top)}))
    assert (installed(named.site), installed(active.site)) == ({"alpha": "1"}, {})
    ok(run_instui(*words, env={"UV_PYTHON": short, "VIRTUAL_ENV": str(active.top)}))
    assert installed(active.site) == {"alpha": "1"}
    said = error_line(run_instui(*words, env={"UV_PYTHON": "3.1", "VIRTUAL_ENV": str(active.top)}), 2)
    assert "UV_PYTHON is 3.1" in said and "--python" in said
    ok(run_instui(*words, "--python", named.top, env={"UV_PYTHON": "3.1"}))


def test_directories_count_from_where_the_command_is(
    wheel: Path, tmp_path: Path, venv: Callable[[], Venv], run_instui: Run
) -> None:
    """Also if the command line is read twice, by a child."""
    target = venv()
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    install = ["install", "--no-deps", "--reinstall", "--python", target.top, f"../../{wheel.name}"]
    for words in (["--directory", "a/b"], ["--directory=a/b"]):
        for more in ([], ["--dry-run"]):
            ok(run_instui(*install, *words, *more, cwd=tmp_path))
    ok(run_instui(*install, cwd=tmp_path, env={"INSTUI_DIRECTORY": "a/b"}))
    assert installed(target.site) == {"alpha": "1"}


def test_no_progress_is_no_screen_and_no_block(wheel: Path, venv: Callable[[], Venv], run_instui: Run) -> None:
    words = ["install", "--no-fsync", "--no-deps", "--reinstall", "--python", venv().top, "--ui", "plain", wheel]
    assert "installed 1 wheel" in ok(run_instui(*words, "--no-progress"))
    assert "installed 1 wheel" in ok(run_instui(*words, env={"UV_NO_PROGRESS": "1"}))
