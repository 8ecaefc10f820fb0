"""Credentials that another program keeps: `uv auth login` and the `keyring` command.

Each origin is asked about once in a session, by one thread while the others wait, and only after a server has refused
what is known otherwise: a start of `keyring` takes up to a second. Passwords come through pipes. The arguments of
`keyring` are a URL and a user name, and nothing of what the programs print is shown.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote

from instui_engine.values import NamedTuple

if TYPE_CHECKING:
    import subprocess

_UV_SECONDS = 30.0
_KEYRING_SECONDS = 120.0  # it may ask the user to unlock it


class Question(NamedTuple):
    """Who may read `url`, which is bare. `user` is "" if the name is not known; `always`: ask a keyring even then."""

    url: SplitResult
    user: str
    always: bool = False


class Answer(NamedTuple):
    """What was found: a whole `header`, or a user with a password."""

    header: str = ""
    user: str = ""
    password: str = ""


class Lookups:
    """The programs that know credentials, and what they have answered. Thread-safe."""

    def __init__(self, use_keyring: bool) -> None:
        self._use_keyring = use_keyring
        self._lock = threading.Lock()
        self._locks: dict[object, threading.Lock] = {}
        self._answers: dict[object, tuple[Answer, ...]] = {}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def close(self) -> None:
        """End the programs that are still running."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    def ask(self, origin: object, user: str, questions: Sequence[Question], with_keyring: bool) -> tuple[Answer, ...]:
        """The answers to `questions`, all of them about `origin`; those to the first questions if asked again."""
        key = (origin, user, with_keyring)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._answers:
                found = [answer for question in questions for answer in self._from_uv(question)]
                if with_keyring and self._use_keyring:
                    asked: set[tuple[str, ...]] = set()
                    found += [answer for question in questions for answer in self._from_keyring(question, asked)]
                self._answers[key] = tuple(dict.fromkeys(found))
            return self._answers[key]

    def _from_uv(self, question: Question) -> Iterator[Answer]:
        """What `uv auth login` has stored. The helper is a preview, `uv auth token` is not, but wants the name."""
        from uv import find_uv_bin

        try:
            uv = os.fsdecode(find_uv_bin())
        except FileNotFoundError:
            return
        url = question.url
        if question.user:
            url = url._replace(netloc=f"{quote(question.user, safe='')}@{url.netloc}")
        asked = json.dumps({"uri": url.geturl()}).encode()
        helper = [uv, "auth", "helper", "--protocol", "bazel", "--preview-features", "auth-helper", "get"]
        answer = self._run(helper, asked, _UV_SECONDS)
        if answer is not None:
            with suppress(ValueError, LookupError, TypeError):
                yield Answer(header=str(json.loads(answer)["headers"]["Authorization"][0]))
        elif question.user:
            token = [uv, "auth", "token", _service(question.url), "--username", question.user]
            if password := self._run(token, b"", _UV_SECONDS):
                yield Answer(user=question.user, password=password.rstrip("\r\n"))

    def _from_keyring(self, question: Question, asked: set[tuple[str, ...]]) -> Iterator[Answer]:
        """What the keyring has for the URL, or else for its host. What was `asked` before is not asked again."""
        if not question.user and not question.always:
            return
        host = question.url.netloc
        services = [_service(question.url), host, *([f"http://{host}"] if question.url.scheme == "http" else [])]
        for service in services:
            command = ("keyring", "get", service, *([question.user] if question.user else ["--mode", "creds"]))
            answer = None if command in asked else self._run(list(command), b"", _KEYRING_SECONDS)
            asked.add(command)
            if answer is None:
                continue
            if question.user:
                yield Answer(user=question.user, password=answer.rstrip())
                return
            user, *rest = answer.splitlines() or [""]
            if user and rest:
                yield Answer(user=user, password=rest[0])
                return

    def _run(self, command: list[str], asked: bytes, seconds: float) -> str | None:
        """What `command` prints; None if it fails, or is not there."""
        import subprocess

        with self._lock:
            if self._closed:
                return None
            try:
                # the command is ours, and its arguments are passed without a shell
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            except (OSError, ValueError):
                return None
            self._running.add(process)
        try:
            with process:
                try:
                    answer, _ = process.communicate(asked, timeout=seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    return None
            return answer.decode() if process.returncode == 0 else None
        except (OSError, UnicodeDecodeError):
            return None
        finally:
            with self._lock:
                self._running.discard(process)


def _service(url: SplitResult) -> str:
    return url._replace(query="").geturl()
