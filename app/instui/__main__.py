"""`python -m instui` and the `instui` command."""

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    # A plan is many small objects that live to the end: looking for garbage among them costs a tenth of a warm install.
    gc.set_threshold(100_000, 50, 50)
    _open_streams()
    code = 1
    try:
        from .cli.main import run

        code = run()
    except SystemExit as stop:  # --help and --version
        code = stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:  # while all that was being imported
        _complain("interrupted")
        code = 130
    except Exception as error:  # a broken installation; what fails in a command is caught by `run`
        if os.environ.get("INSTUI_DEBUG"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".splitlines())
        _complain(f"cannot start: {what}; is it installed completely? INSTUI_DEBUG=1 shows where it fails")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    # Taking the interpreter apart frees memory that the system frees anyway, in a tenth of a warm install's time.
    os._exit(code)


def _complain(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"instui: {text}\n")


def _open_streams() -> None:
    """Give a process that was started with `>&-` streams to nowhere; else its first files would get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the process lives


if __name__ == "__main__":
    main()
