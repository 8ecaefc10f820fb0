"""Processes of the target's Python that compile files (`compiler`), each one at a time.

They are few, as most of the work of each is the compiler's own, and they end with this process: it kills them, and if
it is killed itself they find their input closed, or that their parent has changed.
"""

import json
import os
import select
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from instui_engine.errors import InstuiError, printable

from .task import Task

_AHEAD = 8  # requests that a process has: one in hand, and the next ones, for while this process is busy itself
_TICK = 100  # milliseconds between two looks at whether to stop
_START = 60.0  # seconds until the first answer at least, as the first includes the start of the process
_SWITCHES = ("-I", "-S", "-B", "-X", "utf8", "-W", "ignore")


class Workers:
    """The processes. `patience`: for how many seconds a file may be compiled, None for ever."""

    def __init__(self, executable: str, number: int, patience: float | None) -> None:
        """Raises InstuiError if none can be started."""
        self._executable = executable
        self._patience = patience
        self._poll = select.poll()
        self._workers: dict[int, _Worker] = {}  # by the descriptor of its answers
        try:
            for _ in range(number):
                self._start()
        except OSError as error:
            if not self._workers:
                self.close()
                problem = f"cannot run {printable(executable)} to compile byte code: {error.strerror}"
                raise InstuiError(f"{problem}; --no-compile-bytecode does without") from error

    def _start(self) -> None:
        worker = _Worker(self._executable)
        self._workers[worker.answers] = worker
        self._poll.register(worker.answers, select.POLLIN)

    def run(self, tasks: Iterator[Task], done: Callable[[Task, str, str], None], rest: Callable[[], None]) -> None:
        """Compile all, and call `done` with each task and the answer. `rest` is called now and then, and may raise.

        Raises InstuiError if a process dies over a file, or if a file takes too long.
        """
        for worker in self._workers.values():
            self._feed(worker, tasks)
        while any(worker.tasks for worker in self._workers.values()):
            rest()
            ready = [descriptor for descriptor, _ in self._poll.poll(_TICK)]
            for descriptor in ready:
                worker = self._workers[descriptor]
                for task, what, why in worker.read():
                    done(task, what, why)
                self._feed(worker, tasks)
            for descriptor, worker in self._workers.items():
                worker.send()
                if descriptor not in ready and worker.tasks:
                    self._check_time(worker)

    def _feed(self, worker: "_Worker", tasks: Iterator[Task]) -> None:
        while len(worker.tasks) < _AHEAD and (task := next(tasks, None)) is not None:
            worker.give(task)

    def _check_time(self, worker: "_Worker") -> None:
        if self._patience is None:
            return
        most = self._patience if worker.has_answered else max(self._patience, _START)
        if time.monotonic() - worker.since > most:
            task = worker.tasks[0]
            raise InstuiError(
                f"{printable(task.name)} of {printable(task.wheel)} was not compiled within {most:.0f} s; nothing was "
                "installed: UV_COMPILE_BYTECODE_TIMEOUT allows more seconds, --no-compile-bytecode does without"
            )

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()


class _Worker:
    def __init__(self, executable: str) -> None:
        script = Path(__file__).with_name("compiler.py").read_text(encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        # in a process group of its own: ctrl+c at the terminal is for this process, which decides what becomes of it
        self._process = subprocess.Popen(
            [executable, *_SWITCHES, "-c", script, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            process_group=0,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self.answers = self._process.stdout.fileno()
        self.tasks: deque[Task] = deque()  # what it has been given and not answered
        self.since = time.monotonic()  # when it could begin with the first of them
        self.has_answered = False
        self._rest = b""
        self._unsent = b""  # of requests, for which its pipe had no room
        os.set_blocking(self._requests, False)

    def give(self, task: Task) -> None:
        if not self.tasks:
            self.since = time.monotonic()
        self.tasks.append(task)
        self._unsent += json.dumps(task[1:]).encode() + b"\n"
        self.send()

    def send(self) -> None:
        """Send what there is room for: one that reads nothing must not stop this process, which looks at the time."""
        if not self._unsent:
            return
        with suppress(BlockingIOError):
            try:
                self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
            except BrokenPipeError:  # it has died, which is found when its answer is read
                self._unsent = b""

    def read(self) -> list[tuple[Task, str, str]]:
        """The tasks that it has done, with its answers. Raises InstuiError if it has died."""
        said = os.read(self.answers, 1 << 16)
        if not said:
            raise self._died()
        *lines, self._rest = (self._rest + said).split(b"\n")
        found = []
        for line in lines:
            what, why = json.loads(line)
            found.append((self.tasks.popleft(), what, why))
        if found:
            self.since = time.monotonic()
            self.has_answered = True
        return found

    def _died(self) -> InstuiError:
        code = self._process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit status {code}"
        task = self.tasks[0] if self.tasks else None
        over = f" while it compiled {printable(task.name)} of {printable(task.wheel)}" if task else ""
        return InstuiError(
            f"{printable(str(self._process.args[0]))} {how}{over}; nothing was installed: run again, or with "  # type: ignore[index]
            "--no-compile-bytecode"
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
