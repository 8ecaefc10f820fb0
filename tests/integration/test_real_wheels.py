"""Real distributions from an index: those that collide, a large set, and the same result as uv's."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli import installed, ok, uv
from support.environments import Venv
from support.trees import complete, distributions, tree, wrong_rows

pytestmark = [pytest.mark.network, pytest.mark.timeout(600)]

_OF_THE_INSTALLER = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")
Install = Callable[..., str]


@pytest.fixture
def install(cache: Path) -> Install:
    """Installs from the index that uv is configured for here."""

    def run(target: Venv, *arguments: object) -> str:
        command = [sys.executable, "-m", "instui", "install", "--no-fsync", "--python", str(target.top)]
        env = {**os.environ, "INSTUI_CACHE_DIR": str(cache)}
        done = subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, env=env, timeout=500, check=False
        )
        return ok(done)

    return run


def run(target: Venv, program: str) -> str:
    done = subprocess.run([target.top / "bin" / "python", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def whole(target: Venv) -> None:
    """Everything is complete, and nothing is missing."""
    for distribution in distributions(target.site):
        assert wrong_rows(target.site, distribution) == []
    uv("pip", "check", "--python", target.top / "bin" / "python")


def key(target: Venv, name: str) -> str:
    return f"{name}-{installed(target.site)[name]}"


@pytest.mark.parametrize("order", [("pyjwt", "jwt"), ("jwt", "pyjwt")])
def test_of_two_distributions_of_one_package_the_last_one_named_is_whole(
    order: tuple[str, str], install: Install, venv: Callable[[], Venv]
) -> None:
    target = venv()
    text = install(target, "--no-deps", *order)
    first, last = (key(target, name) for name in order)
    assert complete(target.site, last)
    assert not complete(target.site, first)
    assert "conflict: site-packages/jwt/__init__.py" in text
    assert f"by {last.replace('-', ' ')} (different content)" in text


def test_a_wheel_with_a_readme_in_site_packages_installs(install: Install, venv: Callable[[], Venv]) -> None:
    target = venv()
    install(target, "pyppeteer")
    whole(target)
    assert (target.site / "README.md").is_file()
    assert run(target, "import pyppeteer; print(pyppeteer.__name__)") == "pyppeteer"


def test_a_large_set_with_shared_directories_is_whole_and_runs(install: Install, venv: Callable[[], Venv]) -> None:
    target = venv()
    install(target, "notebook")
    assert len(installed(target.site)) > 50
    whole(target)
    assert run(target, "import notebook, jupyterlab, jupyter_server, ipykernel, zmq; print('runs')") == "runs"
    done = subprocess.run([target.top / "bin" / "jupyter", "--paths"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(target.top / "etc" / "jupyter") in done.stdout


def test_the_result_is_what_uv_makes_of_the_same_request(install: Install, venv: Callable[[], Venv]) -> None:
    ours, theirs = venv(), venv()
    install(ours, "flask", "numpy")
    versions = [f"{name}=={version}" for name, version in installed(ours.site).items()]
    python = ("--python", theirs.top / "bin" / "python")
    # without --no-build uv also takes what somebody has built on this machine
    uv("pip", "install", "--no-build", "--refresh", "--no-deps", *python, *versions, env={"UV_NO_CONFIG": "0"})
    assert installed(ours.site) == installed(theirs.site)
    assert _files(ours.site) == _files(theirs.site)
    commands = [sorted(path.name for path in (target.top / "bin").iterdir()) for target in (ours, theirs)]
    assert commands[0] == commands[1]
    whole(ours)
    assert run(ours, "import flask, numpy; print(numpy.arange(4).sum())") == "6"
    assert subprocess.check_output([ours.top / "bin" / "flask", "--version"], text=True).startswith("Python")


def _files(site: Path) -> dict[str, str]:
    return {path: what for path, what in tree(site).items() if not path.endswith(_OF_THE_INSTALLER)}


def test_an_upgrade_of_a_real_distribution_leaves_nothing_of_the_old_one(
    install: Install, venv: Callable[[], Venv]
) -> None:
    target, fresh = venv(), venv()
    install(target, "flask<3")
    run(target, "import flask")
    install(target, "-U", "flask")
    whole(target)
    install(fresh, *(f"{name}=={version}" for name, version in installed(target.site).items()))
    assert installed(target.site) == installed(fresh.site)
    assert _files(target.site) == _files(fresh.site)


def test_what_is_there_serves_without_asking_the_index(install: Install, venv: Callable[[], Venv]) -> None:
    target = venv()
    install(target, "flask")
    assert "nothing to do" in install(target, "--offline", "flask>=2")
