"""`python -m instui` and the `instui` command."""

import gc
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    # A plan is many small objects that live to the end: collecting garbage among them costs a tenth of a warm install.
    gc.set_threshold(100_000, 50, 50)
    sys.unraisablehook = _stop_all_the_same
    _use_utf8()
    _open_streams()
    code = 1
    try:
        from . import importing

        importing.install()
        importing.load_pathlib()
        from .cli.main import run
        from .terminal import adapt_streams

        adapt_streams()
        code = run()
    except SystemExit as stop:  # --help and --version
        code = stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:  # during the imports
        _complain("interrupted")
        code = 130
    except Exception as error:  # a broken installation; `run` catches what fails in a command
        if os.environ.get("INSTUI_DEBUG"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".splitlines())
        _complain(f"cannot start: {what}; is it installed completely? INSTUI_DEBUG=1 shows where it fails")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    # Tearing down the interpreter frees memory that the system frees anyway, and takes a tenth of a warm install.
    os._exit(code)


def _stop_all_the_same(what: "sys.UnraisableHookArgs") -> None:
    """End the program if Python could not raise KeyboardInterrupt, as within a callback while modules are imported.

    It would be lost. While a session runs, signals raise nothing.
    """
    if what.exc_type is KeyboardInterrupt:
        _complain("interrupted")
        os._exit(130)
    sys.__unraisablehook__(what)


def _complain(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"instui: {text}\n")


_OUTPUT = "instui_output"  # an option of ours beside Python's own: the encoding of what is printed


def _use_utf8() -> None:
    """Start over with UTF-8 as the encoding of file names, if the locale has another one.

    In a wheel, names are UTF-8, and so are they on the disk, whatever the locale. What is printed keeps the encoding
    that the locale gives it; characters that it lacks are escaped.
    """
    if sys.getfilesystemencoding() != "utf-8":
        encoding = sys.stdout.encoding if sys.stdout is not None else "utf-8"
        options = ["-X", "utf8", "-X", f"{_OUTPUT}={encoding}"]
        with suppress(OSError):  # then the engine refuses, and says why
            os.execv(sys.executable, [sys.executable, *options, *sys.orig_argv[1:]])
    encoding = sys._xoptions.get(_OUTPUT, "")
    for stream in (sys.stdout, sys.stderr):
        if encoding and isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _open_streams() -> None:
    """Open the null device for streams closed by `>&-`; else the first files opened would get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode)  # noqa: SIM115 - it stays open as long as the process
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # Textual asks this one


if __name__ == "__main__":
    main()
