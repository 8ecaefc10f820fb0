"""What is read of builds: the reason of a failure, lines of output, and where sources are."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from instui.monitor.build_log import last_lines, log_of
from instui.monitor.fold import Fold
from instui.monitor.model import Phase
from instui.tui.rows.detail import detail
from instui.tui.text.glyphs import UNICODE
from instui_engine.build.editable import make_project
from instui_engine.build.failure import reason_in
from instui_engine.build.running import Output, readable
from instui_engine.errors import UsageError
from instui_engine.journal.events import (
    BuildFinished,
    BuildProgress,
    BuildStarted,
    Event,
    SessionFinished,
    SessionStarted,
    WheelAdded,
    WheelCancelled,
    WheelFailed,
)
from instui_engine.resolve.sources import place_of

STARTED = SessionStarted(2, "20260101-000000-1-ab", 1, 0.0, 0.0, "1", ["instui", "install"], "/env", "3.11", {}, 2)
BACKEND = "cause: The build backend returned an error"
UV = "error: Failed to build `/x`"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ["Building wheel...", "  File x", "ValueError: no", UV, BACKEND, "cause: Call to `x` failed"],
            "ValueError: no",
        ),
        (["Building wheel...", "x.c:1: no such file", "^~~~", UV, BACKEND], "x.c:1: no such file"),
        (
            ["Building wheel...", UV, "cause: No solution found", "cause: Because a", "needs b", "hint: c"],
            "No solution found: Because a needs b",
        ),
        (["Building wheel...", UV, BACKEND], "The build backend returned an error"),
        (["fatal: bad object"], "fatal: bad object"),
        (
            [
                "Building wheel...",
                "x.c:1:10: fatal error: x.h: No such file or directory",
                "compilation terminated.",
                "error: command '/usr/bin/gcc' failed with exit code 1",
                UV,
                BACKEND,
                "hint: install",
                "x for `/ours`",
            ],
            "x.c:1:10: fatal error: x.h: No such file or directory (hint: install x)",
        ),
        (
            [
                "configure.c:1: fatal error: probe",
                "RuntimeError: it broke",
                UV,
                BACKEND,
                "hint: Build failures usually indicate",
            ],
            "RuntimeError: it broke",
        ),
        (
            [
                "error[E0425]: cannot find value `x`",
                "error: could not compile `a` (lib)",
                "subprocess.CalledProcessError: Command '['cargo']' returned non-zero exit status 101.",
                UV,
                BACKEND,
            ],
            "error[E0425]: cannot find value `x`",
        ),
        (
            [
                "a.cpp:3:1: error: 'x' was not declared",
                "a.cpp:4:1: error: more",
                "distutils.compilers.C.errors.CompileError: command 'g++' failed with exit code 1",
                UV,
                BACKEND,
            ],
            "a.cpp:3:1: error: 'x' was not declared",
        ),
        (
            [
                "fatal: 'x' does not appear to be a git repository",
                "fatal: Could not read from remote repository.",
                "and the repository exists.",
            ],
            "fatal: 'x' does not appear to be a git repository",
        ),
        (
            ["Building wheel...", "RuntimeError: gcc failed with exit status 1", "checking for gcc", UV, BACKEND],
            "RuntimeError: gcc failed with exit status 1",
        ),
        ([], "it failed without a word"),
    ],
)
def test_the_reason_of_a_failure(lines: list[str], reason: str) -> None:
    assert reason_in(lines) == reason


def test_a_line_of_output_controls_nothing_and_has_no_password() -> None:
    assert readable("\x1b[1;31m red \x1b]8;;http://x\x07link\x1b]8;;\x1b\\\x1b(B\t.\r") == "red link   ."
    assert readable("\u202eevil\x00") == "\\u202eevil\\x00"
    assert "secret" not in readable("get https://user:secret@host/simple")
    assert len(readable("x" * 1000)) == 200


def test_the_last_line_is_told_now_and_then() -> None:
    told: list[str] = []
    output = Output(-1, told.append, 3600.0)
    for data in (b"one\ntw", b"o\r\nthree\n\n", b"four"):
        output.feed(data)
    assert told == ["one"]
    assert output.lines == ["one", "two", "three", "four"]


def test_two_urls_of_one_source(tmp_path: Path) -> None:
    place = place_of("git+https://user:pw@Host/a%20b.git@v1#subdirectory=x")
    assert place == place_of("git+https://host/a b.git@0123abc#subdirectory=x/") != place_of("git+https://host/a b.git")
    assert place_of(f"{tmp_path.as_uri()}/") == place_of(tmp_path.as_uri())


def test_a_project_without_a_backend_is_built_as_setuptools_does(tmp_path: Path) -> None:
    root, made = tmp_path / "root", tmp_path / "made"
    root.mkdir()
    made.mkdir()
    make_project(str(root), made, "legacy")
    assert 'requires = ["setuptools >= 40.8.0"]' in (made / "pyproject.toml").read_text()
    assert "setuptools.build_meta:__legacy__" in (made / "backend" / "instui_editable_backend.py").read_text()


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ('[tool]\nuv = "odd"', None),
        ('[tool.uv]\nsources = "odd"', None),
        ('[tool.uv.sources]\na = 1\nc = [{ index = "i", extra = "e" }]', None),
        ("[tool.uv.sources]\na = { workspace = true }", {"workspace": True}),
        ('[tool.uv]\nindex = 1\nsources.a = { path = "../a", editable = true }', {"path": "", "editable": True}),
        ('[tool.uv]\nindex = [1]\nsources.a = { url = "https://h/a\U0001f600" }', {"url": "https://h/a\U0001f600"}),
    ],
)
def test_sources_of_a_project(text: str, sources: dict[str, object] | None, tmp_path: Path) -> None:
    root, made = tmp_path / "root", tmp_path / "made"
    root.mkdir()
    made.mkdir()
    (root / "pyproject.toml").write_text(f'[project]\nname = "real"\n{text}')
    make_project(str(root), made, "real")
    content = tomllib.loads((made / "pyproject.toml").read_text())
    assert content["project"]["name"] == "real"
    uv = content.get("tool", {}).get("uv", {})
    if sources is not None and "path" in sources:
        sources = {**sources, "path": str(tmp_path / "a")}
    assert uv == ({"index": [], "sources": {"a": [sources]}} if sources else {})


def test_a_project_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("words")
    with pytest.raises(UsageError, match="cannot read"):
        make_project(str(tmp_path), tmp_path, "p")


def folded(log: str) -> Fold:
    fold = Fold()
    fold.feed(0.0, STARTED)
    fold.feed(0.1, WheelAdded("one", "", "one", 0, False, source="/src/one"))
    fold.feed(0.2, BuildStarted("one", "/src/one", log, True, 2))
    return fold


def test_a_build_is_a_phase_of_its_wheel() -> None:
    fold = folded("")
    wheel = fold.snapshot(1.0).wheel("one")
    assert wheel is not None
    assert (wheel.phase, wheel.worker, fold.totals.running) == (Phase.BUILD, 2, 1)
    fold.feed(1.0, BuildProgress("one", "cc x.c"))
    fold.feed(2.0, BuildFinished("one", "one-1.0-py3-none-any.whl", 1000))
    wheel = fold.snapshot(2.0).wheel("one")
    assert wheel is not None
    assert wheel.build is not None
    assert (wheel.phase, wheel.file, wheel.size) == (Phase.QUEUED, "one-1.0-py3-none-any.whl", 1000)
    assert wheel.build == ("/src/one", "", "cc x.c", True)
    assert [(span.phase, span.worker) for span in wheel.spans if span.phase is Phase.BUILD] == [(Phase.BUILD, 2)]


@pytest.mark.parametrize(
    ("then", "file"),
    [
        ([], "none yet: it is being built"),
        ([BuildFinished("one", "one-1.0-py3-none-any.whl", 1000)], "one-1.0-py3-none-any.whl"),
        ([WheelFailed("one", "no compiler")], "none: its build failed"),
        ([WheelCancelled("one")], "none: its build was stopped"),
        ([SessionFinished(130, "interrupted", 0, 1.0)], "none: its build was stopped"),
    ],
)
def test_the_detail_of_a_wheel_does_not_take_its_source_for_its_file(then: Sequence[Event], file: str) -> None:
    fold = folded("")
    for event in then:
        fold.feed(1.0, event)
    assert f"file       {file}" in shown_detail(fold, "one")


@pytest.mark.parametrize(
    ("then", "file"),
    [
        ([], "none yet: it is built first"),
        ([WheelFailed("one", "not found")], "none: its build was not begun"),
        ([SessionFinished(0, "", 0, 1.0)], "none: a dry run builds nothing"),
        ([SessionFinished(1, "two could not be built", 0, 1.0)], "none: its build was not begun"),
    ],
)
def test_the_detail_of_a_wheel_says_why_it_was_not_built(then: Sequence[Event], file: str) -> None:
    fold = Fold()
    fold.feed(0.0, STARTED)
    fold.feed(0.1, WheelAdded("one", "", "one.tar.gz", 9, False, fetch=True, source="one.tar.gz"))
    for event in then:
        fold.feed(1.0, event)
    lines = shown_detail(fold, "one")
    assert f"file       {file}" in lines
    assert not any(line.startswith("content") for line in lines)


def shown_detail(fold: Fold, key: str) -> list[str]:
    return ["".join(piece.text for piece in line) for line in detail(fold.snapshot(1.0), key, 80, UNICODE)]


def test_only_a_file_with_the_name_of_a_log_is_read(tmp_path: Path) -> None:
    session = STARTED.session
    log = tmp_path / f"{session}.one.log"
    log.write_text("\n".join(f"line {number}\x1b[0m" for number in range(9000)))
    assert log_of(folded(str(log)).snapshot(1.0), "one") == str(log)
    assert last_lines(str(log), 2) == ["line 8998", "line 8999"]
    for other in ("/etc/passwd", f"{tmp_path}/other.one.log", f"{log}\0", ""):
        assert log_of(folded(other).snapshot(1.0), "one") == ""
    (tmp_path / "link").symlink_to(log)
    for path in ("link", "absent", "."):
        assert not last_lines(str(tmp_path / path), 2)


def test_facts_of_a_wheel_are_known_to_readers_of_older_journals() -> None:
    line = json.dumps(
        {"t": 0, "event": "wheel.added", "wheel": "a", "version": "1", "file": "f", "size": 1, "cached": True}
    )
    from instui_engine.journal.codec import decode

    assert decode(line) == (0.0, WheelAdded("a", "1", "f", 1, True))
