"""Runs of `instui` as forks of one process that has imported the engine, under the library of `injector.c`.

Most of a small install is Python's start and imports, which change no file that counts. So a fork makes the same calls
as a process of its own; `crash/test_injector.py` compares them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn


class Forks:
    """A server that forks; the library counts in its forks only."""

    def __init__(self, library: Path, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(library)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # so that nothing is read ahead, which `fileno` would not show
            env={**environ, "LD_PRELOAD": str(library)},
            start_new_session=True,  # ctrl+c is for the tests
        )

    def start(self, words: Sequence[str], environ: Mapping[str, str], out: Path, errors: Path) -> int:
        """Start `instui WORD...` with more variables; return its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([list(words), dict(environ), str(out), str(errors)]).encode() + b"\n")
        return int(self._answer())

    def fileno(self) -> int:
        """Readable when the command has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def wait(self) -> int:
        """The exit code of the command that was started last; negative where a signal ended it."""
        return int(self._answer())

    def _answer(self) -> bytes:
        assert self._process.stdout is not None
        answer: bytes = self._process.stdout.readline()
        assert answer, f"the server of forks has ended with {self._process.wait()}"
        return answer

    def close(self) -> None:
        """End the server."""
        self._process.communicate()


def _serve(library: str, requests: IO[str], answers: IO[str]) -> None:
    import ctypes
    import gc
    from importlib import import_module
    from pkgutil import walk_packages

    import instui.explain
    import instui.lines
    import instui.monitor
    import instui_engine

    for package in (instui_engine, instui.explain, instui.lines, instui.monitor):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in ("main", "output", "parsed", "parser", "screen_rules", "signals", "uv_variables", "watch", "work"):
        import_module(f"instui.cli.{name}")
    import_module("instui.__main__")
    import_module("instui.terminal")
    import_module("instui.importing").load_argparse()
    import_module("instui.cli.parser").parse(["install", "--ui", "plain", "a.whl"])  # patterns that are compiled once
    begin = ctypes.CDLL(library).inject_begin
    gc.collect()
    gc.freeze()  # or a fork would copy all of it when it collects
    for line in requests:
        words, environ, out, errors = json.loads(line)
        pid = os.fork()
        if not pid:
            os.environ.update(environ)
            begin()
            _run(words, out, errors)
        print(pid, file=answers, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers, flush=True)


def _run(words: Sequence[str], out: str, errors: str) -> NoReturn:
    """Become the command."""
    from instui.__main__ import main

    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for number, path, how in ((0, os.devnull, os.O_RDONLY), (1, out, flags), (2, errors, flags)):
            descriptor = os.open(path, how, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.argv = ["instui", *words]
        main()
    finally:
        os._exit(99)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.stdin, sys.stdout)
