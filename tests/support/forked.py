"""Runs many commands quickly: each in a fork of one process that has imported the program. Every run is a whole one.

The server is a process of its own with one thread, so that forking is safe whatever the tests do.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

TIME = 60  # seconds; a command that takes longer hangs
MEMORY = 2 << 30  # bytes of address space


class ForkServer:
    """Runs commands of `instui` with the variables `environ`; close it at the end."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(environ)
        )

    def run(self, *arguments: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
        """Run `instui` to its end. The exit code is that of the signal, negative, where one ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        words = [os.fsdecode(os.fspath(word)) if isinstance(word, Path) else str(word) for word in arguments]
        self._process.stdin.write(json.dumps([os.fspath(cwd), *words]) + "\n")
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(words, code, out, err)

    def close(self) -> None:
        """End the server."""
        self._process.communicate()


def _serve(requests: IO[str], answers: IO[str]) -> None:
    import instui_engine.commands.install
    import instui_engine.commands.uninstall
    import instui_engine.fetch.download
    import instui_engine.store.obtain
    import instui_engine.wheel.archive
    import instui_engine.wheel.extract  # noqa: F401

    for line in requests:
        cwd, *words = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pid = os.fork()
            if not pid:
                _run(cwd, words, out.fileno(), err.fileno())
            _, status = os.waitpid(pid, 0)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode(errors="surrogateescape"))
        answers.write(json.dumps([os.waitstatus_to_exitcode(status), *texts]) + "\n")
        answers.flush()


def _run(cwd: str, words: Sequence[str], out: int, err: int) -> None:
    """Become the command."""
    from instui.__main__ import main

    try:
        os.chdir(cwd)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.argv = ["instui", *words]
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(TIME)
        main()
    finally:
        os._exit(99)


if __name__ == "__main__":
    _serve(sys.stdin, sys.stdout)
