"""All that can be asked for on one command line: files, directories, requirements, requirement files, lock files."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Run, Start
from instui_engine.journal.events import SessionStarted
from support.cli import error_line, installed, ok, other_interpreters, uv, verify
from support.environments import Venv
from support.webserver import Page, WebServer
from support.wheelsmith import build_wheel

FAMILY = {
    ("app", "1.0"): ["lib>=1", 'win; sys_platform == "win32"', 'fast; extra == "speed"'],
    ("lib", "1.0"): [],
    ("lib", "2.0"): [],
    ("fast", "1.0"): ["lib"],
    ("win", "1.0"): [],
    ("alone", "1.0"): [],
    ("alone", "3.0"): [],
}
Install = Callable[..., str]


@pytest.fixture
def links(tmp_path: Path) -> Path:
    place = tmp_path / "links"
    place.mkdir()
    for (name, version), requires in FAMILY.items():
        build_wheel(place, name, version, {f"{name}.py": version.encode()}, requires=requires)
    return place


@pytest.fixture
def target(venv: Callable[[], Venv]) -> Venv:
    return venv()


@pytest.fixture
def install(target: Venv, links: Path, tmp_path: Path, run_instui: Run) -> Install:
    """Installs from `links` alone; what was printed."""

    def run(*arguments: object, cwd: Path = tmp_path, **options: Any) -> str:
        sources = ("--no-index", "--find-links", links)
        return ok(run_instui("install", "--no-fsync", "--python", target.top, *sources, *arguments, cwd=cwd, **options))

    return run


def requested(target: Venv) -> set[str]:
    return {path.parent.name.partition("-")[0] for path in target.site.glob("*.dist-info/REQUESTED")}


def test_requirement_files_nest_and_are_read_beside_each_other(install: Install, target: Venv, tmp_path: Path) -> None:
    inner = tmp_path / "conf" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "conf" / "outer.txt").write_text("# all\n-r inner/deep.txt  # deeper\n-c limits.txt\n\nalone\n")
    (inner / "deep.txt").write_text("--requirement=../leaf.txt\napp[speed] ; python_version > '3'\n")
    (tmp_path / "conf" / "leaf.txt").write_text("win; sys_platform == 'win32'\n")
    (tmp_path / "conf" / "limits.txt").write_text("lib<2\nalone<2\nunused==1\n")
    install("-r", "conf/outer.txt")
    verify(target.top, target.site, {"app": "1.0", "lib": "1.0", "fast": "1.0", "alone": "1.0"})
    assert requested(target) == {"app", "alone"}


STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


@pytest.mark.parametrize("name", STDIN)
def test_requirements_may_come_from_the_standard_input(
    name: str, install: Install, target: Venv, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "inner.txt").write_text("-r leaf.txt\n")
    (conf / "leaf.txt").write_text("alone<3\n")
    (tmp_path / "limits.txt").write_text("lib==1.0\n")
    install("-r", name, input="# why\napp[speed]\n-r conf/inner.txt\n-c limits.txt\n")
    verify(target.top, target.site, {"app": "1.0", "lib": "1.0", "fast": "1.0", "alone": "1.0"})
    assert requested(target) == {"app", "alone"}


def test_requirements_may_come_from_a_redirected_file(install: Install, target: Venv, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("alone<3\n")
    with (tmp_path / "r.txt").open() as file:
        install("-r", "-", stdin=file)
    verify(target.top, target.site, {"alone": "1.0"})


def test_the_standard_input_is_read_once_though_it_is_named_often(
    install: Install, target: Venv, tmp_path: Path
) -> None:
    (tmp_path / "outer.txt").write_text("fast\n-r /dev/stdin\n")
    install("-r", "outer.txt", "-r", "-", "-r", "/dev/stdin", "-c", "-", input="lib==1.0\n")
    verify(target.top, target.site, {"fast": "1.0", "lib": "1.0"})
    assert requested(target) == {"fast", "lib"}


def test_constraints_may_come_from_the_standard_input(install: Install, target: Venv) -> None:
    install("-c", "-", "lib", input="lib<2\n")
    verify(target.top, target.site, {"lib": "1.0"})


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash, for <(...)")
def test_requirements_may_come_from_other_commands(
    target: Venv, links: Path, tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    script = '"$@" -r <(echo app) -c <(echo "lib<2")'
    command = [sys.executable, "-m", "instui", "install", "--no-fsync", "--python", target.top]
    command = ["bash", "-c", script, "-", *map(str, command), "--no-index", "--find-links", str(links)]
    ok(subprocess.run(command, cwd=tmp_path, env=clean_environ, capture_output=True, text=True, check=False))
    verify(target.top, target.site, {"app": "1.0", "lib": "1.0"})


def test_what_a_stream_names_wrongly_is_told_under_its_name(
    target: Venv, links: Path, tmp_path: Path, run_instui: Run
) -> None:
    arguments = ("install", "--python", target.top, "--no-index", "--find-links", links, "-r", "-")
    (tmp_path / "inner.txt").write_text("alone\nfoo bar\n")
    error = error_line(run_instui(*arguments, input="lib\nfoo bar\n", cwd=tmp_path), 2)
    assert error.startswith("-, line 2: foo bar is not a requirement")
    error = error_line(run_instui(*arguments, input="-r inner.txt\n", cwd=tmp_path), 2)
    assert error.startswith("inner.txt, line 2: foo bar is not a requirement")
    error = error_line(run_instui(*arguments, input="-r nope.txt\n", cwd=tmp_path), 2)
    assert error == "requirement file nope.txt (named in -, line 1) does not exist"
    error = error_line(run_instui(*arguments[:-1], "/dev/fd/99", cwd=tmp_path), 2)
    assert error == "cannot read requirement file /dev/fd/99: Bad file descriptor"
    error = error_line(run_instui(*arguments[:-1], "/dev/zero", cwd=tmp_path), 2)
    assert "/dev/zero has more than 64 MiB" in error


@pytest.mark.parametrize("option", ["-r", "-c", "--pylock"])
def test_a_stream_that_never_begins_can_be_interrupted(
    option: str, target: Venv, tmp_path: Path, start_instui: Start
) -> None:
    os.mkfifo(tmp_path / "fifo")
    arguments = ["alone"] if option == "-c" else []
    session = start_instui(target, *arguments, option, tmp_path / "fifo")
    session.wait_for(SessionStarted)
    session.process.send_signal(signal.SIGINT)
    assert session.process.wait(timeout=60) == 130


def test_several_files_words_and_wheels_are_one_request(
    install: Install, target: Venv, tmp_path: Path, links: Path
) -> None:
    (tmp_path / "one.txt").write_text("fast\n")
    (tmp_path / "two.txt").write_text("alone<3\n")
    (tmp_path / "limits.txt").write_text("lib==1.0\n")
    wheel = links / "app-1.0-py3-none-any.whl"
    install("-r", "one.txt", wheel, "-r", "two.txt", "-c", "limits.txt", "win")
    verify(target.top, target.site, {"app": "1.0", "lib": "1.0", "fast": "1.0", "alone": "1.0", "win": "1.0"})
    assert requested(target) == {"app", "fast", "alone", "win"}
    direct = [path.parent.name for path in target.site.glob("*.dist-info/direct_url.json")]
    assert direct == ["app-1.0.dist-info"]
    assert json.loads((target.site / direct[0] / "direct_url.json").read_text())["url"] == wheel.as_uri()


def test_a_directory_stands_for_all_wheels_in_it(target: Venv, tmp_path: Path, run_instui: Run) -> None:
    place = tmp_path / "some wheels"
    place.mkdir()
    for name in ("zeta", "Alpha", "mid"):
        build_wheel(place, name, "1.0", {f"{name.lower()}.py": b""})
    build_wheel(place, "mid", "1.0", {"mid.py": b"for nobody"}, tag="cp27-cp27m-win32")
    (place / "README.txt").write_text("not a wheel")
    ok(run_instui("install", "--no-deps", "--python", target.top, "some wheels/", cwd=tmp_path))
    verify(target.top, target.site, {"zeta": "1.0", "alpha": "1.0", "mid": "1.0"})
    assert (target.site / "mid.py").read_bytes() == b""


def test_a_bare_word_is_a_name_even_where_a_directory_has_it(install: Install, target: Venv, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    install("alone", cwd=tmp_path)
    assert installed(target.site) == {"alone": "3.0"}


def test_wheels_named_one_by_one_keep_the_order_given(target: Venv, tmp_path: Path, run_instui: Run) -> None:
    wheels = [build_wheel(tmp_path, name, "1.0", {"same.py": name.encode()}) for name in ("one", "two", "three")]
    for order in (wheels, wheels[::-1], [wheels[1], wheels[0], wheels[2]]):
        ok(run_instui("install", "--no-deps", "--reinstall", "--python", target.top, *order))
        assert (target.site / "same.py").read_text() == order[-1].name.partition("-")[0]


def test_extras_are_followed(install: Install, target: Venv) -> None:
    install("app[speed]")
    verify(target.top, target.site, {"app": "1.0", "lib": "2.0", "fast": "1.0"})
    assert requested(target) == {"app"}


def test_an_extra_is_added_to_what_is_there(install: Install, target: Venv) -> None:
    install("app")
    assert installed(target.site) == {"app": "1.0", "lib": "2.0"}
    assert "already installed" in install("app[speed]")
    verify(target.top, target.site, {"app": "1.0", "lib": "2.0", "fast": "1.0"})


def test_markers_are_those_of_the_target(install: Install, target: Venv) -> None:
    install("alone; sys_platform == 'win32'", "lib; sys_platform != 'win32'")
    assert installed(target.site) == {"lib": "2.0"}


def test_a_lock_file_of_uv_is_installed_as_it_is(
    install: Install, target: Venv, links: Path, tmp_path: Path, run_instui: Run
) -> None:
    lock = tmp_path / "pylock.toml"
    arguments = ("pip", "compile", "--no-index", "--find-links", links, "--format", "pylock.toml", "-o", lock, "-")
    from uv import find_uv_bin

    command = [os.fsdecode(find_uv_bin()), *map(str, arguments), "--python", str(target.top / "bin" / "python")]
    env = {**os.environ, "UV_NO_CONFIG": "1"}
    subprocess.run(command, input="app[speed]\nlib<2", text=True, check=True, capture_output=True, env=env)
    ok(run_instui("install", "--python", target.top, "--pylock", lock))
    verify(target.top, target.site, {"app": "1.0", "lib": "1.0", "fast": "1.0"})
    assert not list(target.site.glob("*.dist-info/direct_url.json"))


@pytest.mark.parametrize("name", STDIN)
def test_a_lock_file_may_come_from_the_standard_input(
    name: str, target: Venv, links: Path, tmp_path: Path, run_instui: Run
) -> None:
    digest = hashlib.sha256((links / "lib-2.0-py3-none-any.whl").read_bytes()).hexdigest()
    wheel = f'wheels = [{{path = "./links/lib-2.0-py3-none-any.whl", hashes = {{sha256 = "{digest}"}}}}]'
    lock = f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "lib"\nversion = "2.0"\n{wheel}\n'
    ok(run_instui("install", "--python", target.top, "--pylock", name, input=lock, cwd=tmp_path))
    verify(target.top, target.site, {"lib": "2.0"})


def test_a_lock_file_may_lie_on_a_server(target: Venv, links: Path, run_instui: Run) -> None:
    wheel = links / "lib-2.0-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "lib"\nversion = "2.0"\n'
    with WebServer() as web:
        url = web.add(f"/{wheel.name}", Page(wheel.read_bytes()))
        for key, place in (("path", str(wheel)), ("url", url)):
            text = f'{lock}wheels = [{{{key} = "{place}", hashes = {{sha256 = "{digest}"}}}}]\n'
            file = web.add(f"/{key}/pylock.toml", Page(text.encode()))
            done = run_instui("install", "--python", target.top, "-r", file, env={"UV_OFFLINE": "0"})
            if key == "path":
                assert "names files of this machine" in error_line(done, 2)
    ok(done)
    verify(target.top, target.site, {"lib": "2.0"})


def test_a_lock_file_with_another_hash_than_the_wheels_installs_nothing(
    target: Venv, links: Path, tmp_path: Path, run_instui: Run
) -> None:
    wheel = links / "lib-1.0-py3-none-any.whl"
    lines = [
        'lock-version = "1.0"',
        'created-by = "test"',
        "[[packages]]",
        'name = "lib"',
        'version = "1.0"',
        f'wheels = [{{path = "links/{wheel.name}", hashes = {{sha256 = "%s"}}}}]',
    ]
    lock = tmp_path / "pylock.toml"
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock.write_text("\n".join(lines) % hashlib.sha256(b"something else").hexdigest())
    text = error_line(run_instui("install", "--python", target.top, "--pylock", lock), 1)
    assert wheel.name in text
    assert "sha256" in text
    assert installed(target.site) == {}
    lock.write_text("\n".join(lines) % right)
    ok(run_instui("install", "--python", target.top, "--pylock", lock))
    assert installed(target.site) == {"lib": "1.0"}


def test_hashes_in_a_requirement_file_are_enforced(
    install: Install, target: Venv, links: Path, tmp_path: Path, run_instui: Run
) -> None:
    right = hashlib.sha256((links / "lib-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    file = tmp_path / "requirements.txt"
    arguments = ("install", "--python", target.top, "--no-index", "--find-links", links, "--require-hashes", "-r", file)
    file.write_text(f"lib==1.0 --hash=sha256:{'0' * 64}\n")
    assert "lib" in error_line(run_instui(*arguments), 1)
    assert installed(target.site) == {}
    file.write_text(f"lib==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{right}\n")
    ok(run_instui(*arguments))
    assert installed(target.site) == {"lib": "1.0"}


def test_the_words_may_come_from_a_variable_file_and_flag_alike(
    target: Venv, links: Path, tmp_path: Path, run_instui: Run
) -> None:
    """INSTUI_* stand for flags; a flag wins."""
    env = {"INSTUI_PYTHON": str(target.top), "INSTUI_NO_DEPS": "1", "INSTUI_CACHE_DIR": str(tmp_path / "other cache")}
    ok(run_instui("install", links / "app-1.0-py3-none-any.whl", env=env))
    assert installed(target.site) == {"app": "1.0"}
    assert list((tmp_path / "other cache").glob("store-*"))
    error_line(run_instui("install", "x", "--python", tmp_path / "none", env=env), 1)


def test_flags_of_our_own_have_variables(target: Venv, tmp_path: Path, run_instui: Run) -> None:
    wheels = [build_wheel(tmp_path, name, "1.0", {"same.py": name.encode()}) for name in ("one", "two")]
    arguments = ("install", "--no-deps", "--python", target.top, *wheels)
    error_line(run_instui(*arguments, env={"INSTUI_FAIL_ON_CONFLICT": "1"}), 3)
    assert "installed none" in ok(run_instui(*arguments, env={"INSTUI_DRY_RUN": "yes"}))
    env = {"INSTUI_JOURNAL": str(tmp_path / "journal"), "INSTUI_UI": "none", "INSTUI_FAIL_ON_CONFLICT": "no"}
    assert ok(run_instui(*arguments, env=env)) == ""
    assert "session.finished" in (tmp_path / "journal").read_text()


def test_every_flag_has_its_variable(target: Venv, links: Path, tmp_path: Path, run_instui: Run) -> None:
    (tmp_path / "r.txt").write_text("lib\n")
    (tmp_path / "c.txt").write_text("lib<2\n")
    env = {
        "INSTUI_PYTHON": str(target.top),
        "INSTUI_REQUIREMENT": str(tmp_path / "r.txt"),
        "INSTUI_CONSTRAINT": str(tmp_path / "c.txt"),
        "INSTUI_NO_INDEX": "yes",
        "INSTUI_FIND_LINKS": f"{tmp_path} {links}",
        "INSTUI_QUIET": "1",
    }
    assert ok(run_instui("install", env=env)) == ""
    assert installed(target.site) == {"lib": "1.0"}
    assert "require-hashes" in error_line(run_instui("install", "-U", env={**env, "INSTUI_REQUIRE_HASHES": "1"}), 1)
    (tmp_path / "other.txt").write_text("alone\n")
    ok(run_instui("install", "-r", tmp_path / "other.txt", env=env))  # a flag replaces its variable
    assert installed(target.site) == {"lib": "1.0", "alone": "3.0"}
    text = error_line(run_instui("install", "lib", env={**env, "INSTUI_DRY_RUN": "maybe"}), 2)
    assert text == "INSTUI_DRY_RUN must be one of 0, 1, false, no, off, on, true, yes, not 'maybe'"
    ok(run_instui("locks", env={**env, "INSTUI_DRY_RUN": "maybe"}))  # which has no such flag


@pytest.mark.network
def test_another_python_gets_its_own_wheels(tmp_path: Path) -> None:
    others = [python for python in other_interpreters() if python.version in ("3.12", "3.13", "3.14")]
    if not others:
        pytest.skip("there is no newer Python on this machine")
    top = tmp_path / "venv"
    subprocess.run([others[0].path, "-m", "venv", "--without-pip", top], check=True)
    command = ["install", "--python", str(top), "--cache-dir", str(tmp_path / "cache"), "markupsafe"]
    done = subprocess.run([sys.executable, "-m", "instui", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    tag = f"cp{others[0].version.replace('.', '')}"
    (wheel_file,) = (top / "lib" / f"python{others[0].version}" / "site-packages").glob("markupsafe-*.dist-info/WHEEL")
    assert f"Tag: {tag}-{tag}-" in wheel_file.read_text()
    program = "import markupsafe._speedups; print(markupsafe.escape('<'))"
    assert subprocess.check_output([top / "bin" / "python", "-c", program], text=True) == "&lt;\n"
    uv("pip", "check", "--python", top / "bin" / "python")
