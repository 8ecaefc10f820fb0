"""A wheel that is named by its place replaces what came from elsewhere, and is left alone where it is there already."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import error_line, ok
from support.environments import Venv
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel


@pytest.fixture
def install(venv: Callable[[], Venv], run_instui: Run, tmp_path: Path) -> Callable[..., str]:
    target = venv()
    (tmp_path / "links").mkdir()

    def run(*arguments: object) -> str:
        options = ("--no-fsync", "--python", target.top, "--no-index", "--find-links", tmp_path / "links")
        ok(run_instui("install", *options, *arguments, env={"UV_OFFLINE": "0"}))
        found = list(target.site.glob("lib-*.dist-info/direct_url.json"))
        origin = json.loads(found[0].read_text())["url"] if found else ""
        return f"{(target.site / 'lib.py').read_text()} from {origin}"

    return run


def lib(place: Path, content: str) -> Path:
    place.mkdir(exist_ok=True)
    return build_wheel(place, "lib", "1", {"lib.py": content.encode()})


@pytest.mark.parametrize("options", [[], ["--no-deps"]], ids=["by uv", "alone"])
def test_a_wheel_that_was_built_again_at_its_path_replaces_itself(
    options: list[str], install: Callable[..., str], tmp_path: Path
) -> None:
    wheel = lib(tmp_path / "mine", "first")
    assert install(*options, wheel) == f"first from {wheel.as_uri()}"
    lib(tmp_path / "mine", "second")
    assert install(*options, wheel) == f"second from {wheel.as_uri()}"


@pytest.mark.parametrize("options", [[], ["--no-deps"]], ids=["by uv", "alone"])
def test_what_is_there_from_the_same_file_is_left_alone(
    options: list[str], venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    target, wheel = venv(), lib(tmp_path / "mine", "first")
    arguments = ("install", "--no-fsync", "--python", target.top, "--no-index", *options, wheel)
    ok(run_instui(*arguments))
    assert "already installed: lib 1" in ok(run_instui(*arguments))


def test_a_path_replaces_the_same_version_of_an_index_and_an_index_keeps_that(
    install: Callable[..., str], tmp_path: Path
) -> None:
    lib(tmp_path / "links", "indexed")
    wheel = lib(tmp_path / "mine", "mine")
    assert install("lib") == "indexed from "
    assert install(f"lib @ {wheel.as_uri()}") == f"mine from {wheel.as_uri()}"
    assert install("lib") == f"mine from {wheel.as_uri()}"
    assert install("--reinstall", "lib") == "indexed from "


def test_a_url_replaces_what_came_from_another_url(install: Callable[..., str], tmp_path: Path) -> None:
    one, two = lib(tmp_path / "one", "one"), lib(tmp_path / "two", "two")
    with WebServer() as web:
        urls = [web.add(f"/{wheel.parent.name}/{wheel.name}", Page(wheel.read_bytes())) for wheel in (one, two)]
        for url, content in zip([*urls, urls[0]], ("one", "two", "one"), strict=True):
            assert install(f"lib @ {url}") == f"{content} from {url}"


def test_a_dry_run_offline_fails_where_a_wheel_is_not_in_the_cache(
    venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    lock = tmp_path / "pylock.toml"
    entry = f'{{url = "http://127.0.0.1:9/lib-1-py3-none-any.whl", hashes = {{sha256 = "{"0" * 64}"}}}}'
    lock.write_text(
        f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "lib"\nversion = "1"\nwheels = [{entry}]\n'
    )
    arguments = ("install", "--python", venv().top, "--pylock", lock, "--dry-run")
    assert "lib 1" in ok(run_instui(*arguments))
    assert "is not in the cache" in error_line(run_instui(*arguments, "--offline"), 1)


@pytest.mark.parametrize("options", [[], ["--no-deps"]], ids=["by uv", "alone"])
def test_a_demand_is_compared_with_what_is_there_already(
    options: list[str], venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    target, wheel = venv(), lib(tmp_path / "mine", "first")
    arguments = ("install", "--no-fsync", "--python", target.top, "--no-index", *options)
    ok(run_instui(*arguments, wheel))
    right = hashlib.sha512(wheel.read_bytes()).hexdigest()
    assert "already installed" in ok(run_instui(*arguments, f"{wheel.as_uri()}#sha512={right}"))
    for demand in (f"sha512={'0' * 128}", f"sha256={'0' * 64}"):
        assert "is not the file" in error_line(run_instui(*arguments, f"{wheel.as_uri()}#{demand}"), 1)
