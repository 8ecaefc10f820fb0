"""What is put to uv before there is a session: only what will surely be asked, and what it says counts only then."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from instui_engine.commands import install as installing
from instui_engine.commands.command import Outcome
from instui_engine.commands.install import install_asked
from instui_engine.resolve import uv_process
from instui_engine.resolve.at_once import AtOnce
from instui_engine.resolve.request import Prior, Request
from instui_engine.resolve.resolver import ask_early, resolve
from instui_engine.session.options import Options
from instui_engine.target.installed import scan
from support.cli import installed
from support.environments import Venv
from support.wheelsmith import build_wheel

pytest_plugins = ("support.build_fixtures",)


class Asking:
    """Requests for the wheels of a directory, and how often uv was run for them."""

    def __init__(self, target: Venv, place: Path) -> None:
        self.target = target
        self.links = place / "links"
        self.links.mkdir()
        for version in ("0.1", "0.2"):
            build_wheel(self.links, "lib", version, {"lib.py": b""})
        self.file = place / "requirements.txt"
        self.file.write_text("lib==0.1\n")
        self.runs = 0
        self.question: AtOnce | None = None

    def request(self, **more: Any) -> Request:
        plain = Request(requirement_files=(str(self.file),), find_links=(str(self.links),), no_index=True, offline=True)
        return plain._replace(**more)

    def ask(self, **more: Any) -> AtOnce | None:
        self.question = ask_early(self.request(**more), self.target.environment)
        return self.question

    def install(self, **more: Any) -> Outcome:
        options = Options(cache=self.target.cache, jobs=2, fsync=False)
        return install_asked(self.question, self.request(**more), self.target.environment, options)


@pytest.fixture
def asking(target: Venv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    found = Asking(target, tmp_path)
    start = uv_process.start

    def counted(*arguments: Any, **options: Any) -> Any:
        found.runs += 1
        return start(*arguments, **options)

    monkeypatch.setattr(uv_process, "start", counted)
    yield found
    if found.question is not None:
        found.question.close()


def test_the_answer_counts_if_the_question_is_the_same(asking: Asking) -> None:
    assert asking.ask() is not None
    assert asking.install().exit_code == 0
    assert asking.runs == 1
    assert installed(asking.target.site) == {"lib": "0.1"}


def test_what_was_written_since_counts(asking: Asking) -> None:
    assert asking.ask() is not None
    asking.file.write_text("lib==0.2\n")
    assert asking.install().exit_code == 0
    assert asking.runs == 2
    assert installed(asking.target.site) == {"lib": "0.2"}


def test_another_request_is_another_question(asking: Asking) -> None:
    assert asking.ask() is not None
    assert asking.install(no_deps=True).exit_code == 0
    assert asking.runs == 2


def test_what_was_installed_since_counts(asking: Asking, tmp_path: Path) -> None:
    asking.file.write_text("lib\n")
    assert asking.ask() is not None
    asking.target.put(asking.links / "lib-0.1-py3-none-any.whl")
    assert asking.install().exit_code == 0
    assert installed(asking.target.site) == {"lib": "0.1"}  # which satisfies


@pytest.mark.parametrize("case", ["online", "exact", "installed", "option", "missing", "wrong", "wheel", "lock file"])
def test_what_may_not_be_asked_like_that_or_is_wrong_is_left_to_the_session(case: str, asking: Asking) -> None:
    more: dict[str, Any] = {}
    wheel = asking.links / "lib-0.1-py3-none-any.whl"
    match case:
        case "online" | "exact":
            more = {"offline": case == "exact", "exact": case == "exact"}
        case "installed":
            asking.target.put(wheel)
        case "option":
            asking.file.write_text("lib\n -r /dev/stdin\n")
        case "missing":
            asking.file.unlink()
        case "wrong":
            asking.file.write_text("lib = 1\n")
        case "wheel":
            more = {"requirement_files": (), "arguments": (str(wheel),), "no_deps": True}
        case "lock file":
            asking.file.rename(asking.file.with_name("pylock.toml"))
            more = {"requirement_files": (str(asking.file.with_name("pylock.toml")),)}
    assert asking.ask(**more) is None
    assert asking.runs == 0


@pytest.fixture
def stream() -> Iterator[str]:
    """The name of a stream that can be read once."""
    reading, writing = os.pipe()
    os.write(writing, b"lib==0.1\n")
    os.close(writing)
    yield f"/dev/fd/{reading}"
    os.close(reading)


@pytest.mark.parametrize("kind", ["requirements", "constraints"])
def test_a_stream_is_not_read_twice(kind: str, asking: Asking, stream: str) -> None:
    more: dict[str, Any] = {"requirement_files": (stream,)}
    if kind == "constraints":
        asking.file.write_text("lib\n")
        more = {"constraint_files": (stream,)}
    assert asking.ask(**more) is None
    assert asking.install(**more).exit_code == 0
    assert installed(asking.target.site) == {"lib": "0.1"}


@pytest.mark.parametrize("text", ["\ufeff-r %s\n", "lib\r-c %s\n", "lib \\\n\nlib\n\t-c %s"])
def test_no_option_hides_a_stream(text: str, asking: Asking, stream: str) -> None:
    asking.file.write_bytes((text % stream).encode())
    assert asking.ask() is None
    assert asking.install().exit_code == 0
    assert installed(asking.target.site) == {"lib": "0.1"}


def test_lines_that_are_no_options_are_no_obstacle(asking: Asking) -> None:
    asking.file.write_text("# -r other.txt\nlib==0.1  # via\n    #   -r other.txt\n")
    assert asking.ask() is not None


def test_another_listing_of_the_environment_is_another_question(asking: Asking) -> None:
    question, environment = asking.ask(), asking.target.environment
    first = resolve(asking.request(), environment, scan(environment), lambda event: None, prior=Prior(None, question))
    assert asking.runs == 1
    assert first.again is not None
    assert first.again(scan(environment)).wheels == first.wheels
    assert asking.runs == 2


def test_a_fifo_keeps_nobody_waiting(asking: Asking) -> None:
    asking.file.unlink()
    os.mkfifo(asking.file)
    assert asking.ask() is None


def test_a_session_that_does_not_get_there_ends_uv(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(installing, "perform", fails)
    question = asking.ask()
    assert question is not None
    with suppress(RuntimeError):
        asking.install()
    assert question._process.returncode is not None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(question._answer)
