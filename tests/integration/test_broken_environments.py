"""An environment that is broken is told in one line: nothing goes into another one in its place."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.errors import TargetError
from instui_engine.target.environment import Environment, discover
from support.cli import error_line
from support.environments import Venv

Make = Callable[[Path], Venv]


@pytest.fixture(autouse=True)
def nothing_is_active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("INSTUI_CACHE_DIR", str(tmp_path / "cache"))


def of(python: Path | str) -> Environment:
    return discover(python=str(python))


@pytest.mark.parametrize("interpreter", ["", "bin/python", "bin/python3"])
def test_one_without_its_configuration_is_not_its_base_interpreter(
    interpreter: str, make_venv: Make, tmp_path: Path
) -> None:
    top = make_venv(tmp_path / "env").top
    (top / "pyvenv.cfg").unlink()
    with pytest.raises(TargetError, match=r"is that of .*, so .*/env is no environment \(it has no pyvenv\.cfg\)"):
        of(top / interpreter)


def test_an_installation_is_itself_by_any_name(make_venv: Make, tmp_path: Path) -> None:
    base = Path(of(make_venv(tmp_path / "env").top).interpreter.paths["stdlib"]).parent.parent
    if not (base / "bin" / "python3").exists():
        pytest.skip("the base interpreter is elsewhere")
    (tmp_path / "link").symlink_to(base)
    (tmp_path / "python").symlink_to(base / "bin" / "python3")  # as in ~/bin
    for name in (base, tmp_path / "link", tmp_path / "python"):
        found = discover(python=str(name), break_system_packages=True, writable=False)
        assert os.path.samefile(found.interpreter.prefix, base)


def test_a_framework_may_lie_within_the_directory_that_is_named(make_venv: Make, tmp_path: Path) -> None:
    inner = make_venv(tmp_path / "opt" / "Frameworks" / "3.11")
    (tmp_path / "opt" / "bin").mkdir()
    wrapper = tmp_path / "opt" / "bin" / "python3"
    wrapper.write_text(f'#!/bin/sh\nexec {inner.top}/bin/python "$@"\n')
    wrapper.chmod(0o755)
    found = discover(python=str(tmp_path / "opt"), break_system_packages=True, writable=False)
    assert found.interpreter.prefix == str(inner.top)


def test_an_interpreter_that_is_gone_is_named(make_venv: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = make_venv(tmp_path / "project" / ".venv").top
    for link in top.glob("bin/python*"):
        link.unlink()
    for name in ("python", "python3"):
        (top / "bin" / name).symlink_to("/usr/bin/python3.99")
    gone = rf"is gone: there is no /usr/bin/python3\.99; recreate it with `python3 -m venv --clear {top}`"
    with pytest.raises(TargetError, match=gone):
        of(top)
    with pytest.raises(TargetError, match=r"link to /usr/bin/python3\.99, which is gone"):
        of(top / "bin" / "python")
    monkeypatch.setenv("CONDA_PREFIX", str(top))
    with pytest.raises(TargetError, match=rf"the active environment {top} \(CONDA_PREFIX\) {gone}"):
        of("")
    monkeypatch.delenv("CONDA_PREFIX")
    make_venv(tmp_path / ".venv")  # is not meant
    (tmp_path / "project" / "src").mkdir()
    monkeypatch.chdir(tmp_path / "project" / "src")
    with pytest.raises(TargetError, match=gone):
        of("")
    (top / "pyvenv.cfg").unlink()
    with pytest.raises(TargetError, match=rf"{top} has no pyvenv\.cfg, so it is no environment"):
        of("")
    shutil.rmtree(top)
    assert of("").top == tmp_path / ".venv"


def test_an_active_environment_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name, problem in (
        ("nowhere", "does not exist"),
        ("file", "is not a directory"),
        ("empty", "is a directory without bin/python"),
    ):
        monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / name))
        with pytest.raises(TargetError, match=rf"{name} \(VIRTUAL_ENV\) {problem}; deactivate it or recreate it"):
            of("")


def test_a_configuration_that_python_cannot_read_is_told_even_if_the_interpreter_is_known(
    make_venv: Make, tmp_path: Path
) -> None:
    top = make_venv(tmp_path / "env").top
    of(top)
    (top / "pyvenv.cfg").write_bytes(b"\xb3\xff\x00")
    with pytest.raises(TargetError, match=r"pyvenv\.cfg is not text; recreate the environment"):
        of(top)
    (top / "pyvenv.cfg").unlink()
    (top / "pyvenv.cfg").mkdir()
    with pytest.raises(TargetError, match=r"not a usable environment: .*/pyvenv\.cfg: Is a directory"):
        of(top)


def test_a_wrapper_must_start_the_python_of_its_environment(make_venv: Make, tmp_path: Path) -> None:
    top = make_venv(tmp_path / "env").top
    python = top / "bin" / "python"
    other = make_venv(tmp_path / "other").top / "bin" / "python"
    own = top / "bin" / "python3.own"
    own.symlink_to(os.path.realpath(python))
    for started, is_own in ((own, True), (other, False)):
        python.unlink()
        python.write_text(f'#!/bin/sh\nexec {started} "$@"\n')
        python.chmod(0o755)
        if is_own:
            assert of(top).top == top
        else:
            for name in (top, python):
                with pytest.raises(TargetError, match=rf"the Python in {top} is that of .*/other, so"):
                    of(name)
            assert discover(python=str(top), target=str(tmp_path / "target")).top == tmp_path / "target"


def test_a_python_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\n")
    with pytest.raises(TargetError, match=r"cannot run .*/python: Permission denied; make it executable, or choose an"):
        of(tmp_path / "python")
    (tmp_path / "python").write_bytes(b"\x7fnone")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(TargetError, match=r"cannot run .*: Exec format error; recreate the environment, or choose an"):
        of(tmp_path / "python")
    (tmp_path / "env" / "bin" / "python").mkdir(parents=True)
    with pytest.raises(TargetError, match="without bin/python"):
        of(tmp_path / "env")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can be another user")
@pytest.mark.parametrize("command", ["locks", "doctor"])
def test_the_environment_of_another_user_that_is_closed_is_one_line_with_what_to_do(
    command: str, make_venv: Make, tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    top = make_venv(tmp_path / "env").top
    os.chown(top, 1234, 1234)
    top.chmod(0o700)
    plain_user = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    words = [*plain_user, sys.executable, "-m", "instui", command, "--python", str(top)]
    done = subprocess.run(words, env=clean_environ, capture_output=True, text=True, timeout=60, check=False)
    remedy = "ask its owner for access, or choose another environment with --python"
    assert error_line(done, 1).endswith(f"bin/python: Permission denied; {remedy}")


def test_a_shim_that_starts_no_python_is_passed_over(
    make_venv: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = make_venv(tmp_path / "env").top
    (top / "bin" / "python3.98").symlink_to("python")
    shim = tmp_path / "shims" / "python3.98"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'python3.98: command not found' >&2\necho '  another one' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{top}/bin:/usr/bin:/bin")
    assert of("3.98").top == top
    monkeypatch.setenv("PATH", f"{shim.parent}:/usr/bin:/bin")
    with pytest.raises(TargetError, match=rf"no python3\.98 on PATH but {shim}, which starts no Python; name another"):
        of("3.98")
