"""The search for the interpreter of an environment: the named one, the active one, the nearest `.venv`.

An environment that is broken is told and not passed over, since the next one that would be found is not meant.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from instui_engine.errors import ENVIRONMENT, TargetError, printable, reason
from instui_engine.fs.given import absolute, working_directory
from instui_engine.fs.paths import is_within
from instui_engine.values import NamedTuple

from .interpreter import Interpreter


class Found(NamedTuple):
    """An interpreter, and the environment in which it was found, unless it was named itself."""

    python: Path
    environment: Path | None = None


def find_python(python: str, anywhere: bool, system: bool = False) -> Found:
    """The interpreter of `python` (an environment or an interpreter), else of the active or nearest environment.

    With `anywhere`, the one that a shell would start will do if there is none. With `system` no environment counts, and
    the first one on PATH that is in none is taken. Raises TargetError if there is none, and for an environment that has
    no interpreter any more.
    """
    if python:
        return _named(python)
    if system:
        return _of_the_system()
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        active = os.environ.get(variable)
        if active:
            what = f"the active environment {printable(active)} ({variable})"
            if not os.path.lexists(absolute(active)):
                raise TargetError(f"{what} does not exist; deactivate it or recreate it", path=active)
            return _in(Path(absolute(active)), what, "deactivate it or recreate it")
    here = Path(working_directory())
    for directory in (here, *here.parents):
        nearest = directory / ".venv"
        if os.path.isdir(nearest):
            shown = printable(str(nearest))
            other = "recreate it, or name another environment with --python"
            if not os.path.lexists(nearest / "pyvenv.cfg"):
                raise TargetError(f"{shown} has no pyvenv.cfg, so it is no environment; {other}", path=str(nearest))
            return _in(nearest, shown, other)
    on_path = (_on_path("python3") or _on_path("python")) if anywhere else None
    if on_path:
        return Found(Path(on_path))
    raise TargetError(
        "no environment found: none is active and there is no .venv here or above; "
        "make one with `python3 -m venv .venv`, or name one with --python"
    )


def check_own(found: Found, interpreter: Interpreter) -> None:
    """Refuse an environment whose interpreter belongs to another place, into which everything would go.

    That is so when its `pyvenv.cfg` is gone, since its Python is then only a link to the base interpreter, or when its
    Python is a script that starts another one. What `venv` or `virtualenv` made is known by `bin/activate`, so the same
    holds for its interpreter. The prefix may lie below: that of a framework build does.
    """
    home = found.environment
    if home is None and os.path.lexists(found.python.parent / "activate"):
        home = Path(absolute(str(found.python))).parent.parent
    if home is None or is_within(os.path.realpath(interpreter.prefix), os.path.realpath(home).rstrip("/")):
        return
    shown, prefix = printable(str(home)), printable(interpreter.prefix)
    why = "" if os.path.isfile(home / "pyvenv.cfg") else " (it has no pyvenv.cfg)"
    problem = f"the Python in {shown} is that of {prefix}, so {shown} is no environment{why}; recreate it with "
    raise TargetError(f"{problem}`python3 -m venv --clear {shown}`, or name {prefix}", path=str(home))


def _named(python: str) -> Found:
    path = Path(absolute(python))
    shown = printable(python)
    try:
        is_directory = stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        on_path = _on_path(python)
        if on_path:
            return Found(Path(on_path))
        if os.path.islink(path):
            problem = f"{shown} is a symbolic link to {printable(os.path.realpath(path))}, which is gone"
            raise TargetError(f"{problem}; name another Python", path=python) from None
        raise TargetError(_nothing_there(python, path), path=python) from None
    except OSError as error:
        raise TargetError(f"no environment or interpreter can be reached at {reason(error)}", path=python) from error
    if not is_directory:
        return Found(path)
    return _in(path, shown, "is it an environment?")


def _of_the_system() -> Found:
    """The first interpreter on PATH that is in no virtual environment, as `uv pip install --system` finds it."""
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for name in ("python3", "python"):
            path = Path(directory or ".", name)
            if os.access(path, os.X_OK) and path.is_file() and not (path.parent.parent / "pyvenv.cfg").is_file():
                return Found(path)
    raise TargetError("there is no Python on PATH outside of virtual environments; name one with --python")


def _nothing_there(python: str, path: Path) -> str:
    """What is wrong with a version, the name of an interpreter, or a path at which there is nothing."""
    shown = printable(python)
    if "/" not in python and (python[:1].isdigit() or python.startswith(("python", "pypy"))):
        name = f"python{shown}" if python[:1].isdigit() else shown
        shims = [printable(path) for path in _all_on_path(name)]
        why = f" but {shims[0]}, which starts no Python" if shims else ""
        return f"there is no {name} on PATH{why}; name another Python, or the directory of an environment"
    if path.parent.name == "bin":
        home = printable(str(path.parent.parent))
        return f"no interpreter at {shown}; make an environment with `python3 -m venv {home}`"
    return f"no environment or interpreter at {shown}; make one with `python3 -m venv {shown}`"


def _on_path(python: str) -> str | None:
    """The interpreter of that name or version that a shell would start."""
    if "/" in python:
        return None
    name = f"python{python}" if python[:1].isdigit() else python
    return next(filter(_starts_python, _all_on_path(name)), None)


def _all_on_path(name: str) -> Iterator[str]:
    """The programs of that name, in the order of PATH."""
    from shutil import which

    return filter(None, (which(name, path=directory or os.curdir) for directory in os.get_exec_path()))


def _starts_python(path: str) -> bool:
    """Whether a program starts a Python. Only scripts are tried: the shim of a version manager may have none."""
    try:
        with open(path, "rb") as file:
            if file.read(2) != b"#!":
                return True
    except OSError:
        return True
    from .asking import ask

    try:
        return bool(ask(Path(path)))
    except TargetError:
        return False


def _in(directory: Path, what: str, advice: str) -> Found:
    """The interpreter of the environment at `directory`, which messages call `what`."""
    gone = ""
    for name in ("python", "python3"):
        path = directory / "bin" / name
        try:
            if not stat.S_ISDIR(os.stat(path).st_mode):
                return Found(path, directory)
        except (FileNotFoundError, NotADirectoryError):
            if os.path.islink(path):
                gone = gone or os.path.realpath(path)
        except OSError as error:
            problem = f"{what} cannot be used: {reason(error)}"
            advice = f"ask its owner for access, or {ENVIRONMENT}" if error.errno == errno.EACCES else ENVIRONMENT
            raise TargetError(f"{problem}; {advice}", path=str(directory)) from error
    if gone:
        problem = f"the Python of {what} is gone: there is no {printable(gone)}"
        recreate = f"recreate it with `python3 -m venv --clear {printable(str(directory))}`"
        raise TargetError(f"{problem}; {recreate}", path=str(directory))
    kind = "a directory without bin/python" if os.path.isdir(directory) else "not a directory"
    raise TargetError(f"{what} is {kind}; {advice}", path=str(directory))
