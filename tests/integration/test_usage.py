"""Values that mean nothing, or not what they seem to mean, are refused or explained."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from instui.cli.locks import table
from instui.cli.options import THEMES
from instui.cli.parser import parse
from instui.monitor.units import cells
from instui.tui.widgets import theme
from instui_engine.errors import UsageError
from instui_engine.journal.events import Holder
from instui_engine.locks.holders import Claimant, LockRow
from instui_engine.resolve.namesakes import namesakes
from instui_engine.session.slow_motion import STEP
from support.cli import error_line, installed, ok
from support.environments import Venv
from support.wheelsmith import build_wheel


@pytest.mark.parametrize("flag", ["--target", "--prefix", "--python"])
@pytest.mark.parametrize("command", ["install", "uninstall", "locks", "doctor"])
def test_an_empty_place_is_not_the_default_one(
    command: str, flag: str, venv: Callable[[], Venv], run_instui: Run
) -> None:
    target = venv()
    words = ["x"] if "install" in command else []
    done = run_instui(command, flag, "", *words, env={"VIRTUAL_ENV": str(target.top)})
    assert flag in error_line(done, 2)
    assert not (target.top / ".instui").exists()


def test_an_empty_variable_is_as_good_as_none(venv: Callable[[], Venv], run_instui: Run) -> None:
    env = {"VIRTUAL_ENV": str(venv().top), "INSTUI_PYTHON": ""}
    assert "is not installed" in ok(run_instui("uninstall", "--ui", "plain", "x", env=env))


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_an_unknown_kind_of_locks_is_refused(dry: list[str], venv: Callable[[], Venv], run_instui: Run) -> None:
    target = venv()
    done = run_instui("uninstall", *dry, "--python", target.top, "x", env={"INSTUI_LOCK_BACKEND": "sfot"})
    assert "INSTUI_LOCK_BACKEND must be soft or flock, not 'sfot'" in error_line(done, 2)
    assert not (target.top / ".instui").exists()


def test_an_unknown_theme_is_refused(run_instui: Run) -> None:
    assert "must be one of dark, light" in error_line(run_instui("install", "--theme", "drak", "x"), 2)
    assert "must be one of dark, light" in error_line(run_instui("install", "x", env={"INSTUI_THEME": "drak"}), 2)
    assert tuple(known.name for known in theme.THEMES) == THEMES


@pytest.mark.parametrize("flag", ["--target", "--prefix"])
def test_a_place_of_its_own_needs_no_environment(flag: str, tmp_path: Path, run_instui: Run) -> None:
    wheel = build_wheel(tmp_path, "pkg", "1.0", {"pkg.py": b""})
    here = tmp_path / "here"
    here.mkdir()
    place = ("--no-fsync", "--ui", "plain", flag, "there")
    ok(run_instui("install", "--no-deps", *place, wheel, cwd=here))
    (site,) = {path.parents[1] for path in (here / "there").rglob("pkg-1.0.dist-info/RECORD")}
    assert installed(site) == {"pkg": "1.0"}
    ok(run_instui("uninstall", *place, "pkg", cwd=here))
    assert installed(site) == {}
    done = run_instui("install", "--no-deps", wheel, cwd=here)
    assert "no environment found" in error_line(done, 1)
    done = run_instui("install", "--no-deps", *place, wheel, cwd=here, env={"PATH": str(here)})
    assert "no environment found" in error_line(done, 1)


@pytest.mark.parametrize("content", ["x-1.0-py3-none-any.whl", "pyproject.toml", "setup.py"])
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_name_that_is_also_a_directory_is_a_name_and_the_user_is_told(
    more: tuple[str, ...], content: str, venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    here, links = tmp_path / "here", tmp_path / "links"
    (here / "wh").mkdir(parents=True)
    (here / "wh" / content).touch()
    links.mkdir()
    build_wheel(links, "wh", "1.0", {"wh.py": b""})
    place = ("--ui", "plain", "--no-fsync", "--no-index", "--find-links", links, "--python", venv().top)
    told = ok(run_instui("install", *place, *more, "wh", cwd=here))
    warning = (
        '"wh" is taken for the name of a distribution; there is a directory of that name here: for that, write ./wh'
    )
    assert told.count(warning) == 1
    assert "wh 1.0" in told.partition(warning)[2]
    assert "wh 1.0" not in told.partition(warning)[0]


def test_what_merely_has_the_name_of_a_distribution_needs_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "x-1.0-py3-none-any.whl").touch()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    assert list(namesakes(["package", "nothing", "wheels/", "./wheels", "./file", "package>=1", "\0"])) == []
    assert list(namesakes(["file", "file"])) == [
        '"file" is taken for the name of a distribution; there is a file of that name here: '
        "for the requirements in it, write -r file"
    ]


@pytest.mark.parametrize("more", [(), ("--no-deps",)])
def test_a_damaged_wheel_is_told_in_the_same_words_with_and_without_dependencies(
    more: tuple[str, ...], venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    wheel = tmp_path / "broken-1.0-py3-none-any.whl"
    wheel.write_bytes(b"no archive " * 10)
    place = ("--ui", "plain", "--no-index", "--python", venv().top)
    told = error_line(run_instui("install", *place, *more, wheel), 1)
    assert told == "broken-1.0-py3-none-any.whl: not a zip archive (no end record)"
    (tmp_path / "list.txt").write_text(f"{wheel}\n")
    assert error_line(run_instui("install", *place, *more, "-r", tmp_path / "list.txt"), 1) == told


def test_a_journal_that_is_not_there_is_not_waited_for(clean_environ: dict[str, str], tmp_path: Path) -> None:
    for command in ("explain", "report", "replay", "trace"):
        arguments = [sys.executable, "-m", "instui", command, str(tmp_path / "nowhere.jsonl")]
        done = subprocess.run(arguments, env=clean_environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert "cannot read the journal" in done.stderr


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_of_locks_fits_the_terminal_and_names_modes_as_the_screen_does(width: int) -> None:
    who = Holder("a-distribution", "20260101-000000-1-abcd", 12345, "instui install --no-deps " + "x" * 80)
    rows = [
        LockRow(".lock", (Claimant(who, "IX", 90.0),), ()),
        LockRow(
            "lib/python3.11/site-packages/" + "directory/" * 6, (Claimant(who, "X", 90.0),), (Claimant(who, "IX"),)
        ),
    ]
    lines = table(rows, 100.0, width)
    assert max(map(cells, lines)) <= width
    assert max(map(cells, table(rows, 100.0))) > 200
    assert [line.split()[1] for line in lines[1:3]] == ["SH", "X"]
    assert ".lock" in lines[1] and "10 s" in lines[1]


def test_where_there_is_little_room_for_locks_commands_and_distributions_are_seen_and_ids_of_sessions_are_not() -> None:
    who = Holder("jinja2", "20260101-212801-13208-2eb6", 13210, "instui install flask celery")
    path = "lib/python3.11/site-packages/jinja2-3.1.6.dist-info"
    lines = table([LockRow(path, (Claimant(who, "X", 90.0),), ())], 100.0, 80)
    assert "…jinja2-3.1.6.dist-info " in lines[1]
    assert "jinja2 of pid 13210 (instui install" in lines[1]
    assert "2eb6" not in lines[1]
    assert path in table([LockRow(path, (Claimant(who, "X", 90.0),), ())], 100.0, 125)[1]
    assert "session 20260101-212801-13208-2eb6" in table([LockRow(path, (Claimant(who, "X", 90.0),), ())], 100.0)[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["instal", "x"], "instal is not a command (did you mean install?); see"),
        (["frobnicate"], "frobnicate is not a command; see"),
        (["pip", "install", "x"], "instui has the commands of `uv pip` without `pip`: instui install ...; see"),
        (["pip"], "instui has the commands of `uv pip` without `pip`: instui COMMAND ...; see"),
        (["install", "--pythn", "3.12", "x"], "(did you mean --python?)"),
        (["install", "--upgrde", "x"], "unrecognized arguments: --upgrde (did you mean --upgrade?)"),
        (["install", "--nonsense", "x"], "unrecognized arguments: --nonsense; see"),
        (["--nonsense"], "unrecognized arguments: --nonsense; see `instui --help`"),
        (["--pyton", "x"], "unrecognized arguments: --pyton x (did you mean --python?)"),
        (["-x", "foo"], "unrecognized arguments: -x foo; see `instui --help`"),
        (["--stay", "install", "x"], "the flags of a command come after it: instui install ...; see"),
        (["--ui", "plain"], "name a command: home is a full screen, and --ui or INSTUI_UI asks for plain; see"),
        (["--ascii"], "name a command: home opens only on a terminal"),
        ([], "name a command: home opens only on a terminal"),
    ],
)
def test_what_was_probably_meant_is_asked(words: list[str], message: str, run_instui: Run, tmp_path: Path) -> None:
    assert message in error_line(run_instui(*words, cwd=tmp_path), 2)


def test_home_is_ruled_out_by_a_variable_and_not_by_the_settings(run_instui: Run, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('ui = "plain"\n')
    config = {"INSTUI_CONFIG": str(tmp_path / "config.toml")}
    assert "asks for none" in error_line(run_instui(env={**config, "INSTUI_UI": "none"}), 2)
    assert "opens only on a terminal" in error_line(run_instui(env=config), 2)


def test_the_version_is_asked_as_of_uv_and_pip(run_instui: Run) -> None:
    assert run_instui("-V").stdout == run_instui("--version").stdout != ""
    assert run_instui("--ascii", "-V").stdout == run_instui("-V").stdout


def test_after_flags_of_home_help_is_that_of_the_program_too(run_instui: Run) -> None:
    assert run_instui("--ascii", "--help").stdout == run_instui("--help").stdout != ""


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("install one --python X two -r file three", ["one", "two", "three"]),
        ("install one --offline -- -two", ["one", "-two"]),
        ("install one -- two --offline", ["one", "two", "--offline"]),
        ("uninstall one -y two", ["one", "two"]),
        ("show one --python X two", ["one", "two"]),
        ("sync one.txt --python X two.txt -", ["one.txt", "two.txt", "-"]),
        ("attach 1 --ui plain 2", ["1", "2"]),
    ],
)
def test_arguments_may_stand_before_between_and_after_flags(line: str, found: list[str]) -> None:
    parsed = parse(line.split())
    assert found in (vars(parsed).get(name) for name in ("arguments", "requirement_files", "sessions"))


@pytest.mark.parametrize("line", ["sync one.txt --nonsense two.txt", "replay a --speed 1 b", "freeze --quiet one"])
def test_a_word_that_no_argument_takes_is_an_error(line: str) -> None:
    with pytest.raises(UsageError, match="unrecognized arguments"):
        parse(line.split())


def test_help_says_what_the_number_of_slow_motion_is(run_instui: Run) -> None:
    text = " ".join(ok(run_instui("install", "--help")).split())
    assert f"1 rests {STEP * 1000:g} ms at each file, 2 rests {STEP * 2000:g} ms, 0 not at all" in text


def test_the_script_for_bash_says_the_place_that_the_readme_says(run_instui: Run) -> None:
    head = "".join(ok(run_instui("completion", "bash")).splitlines(keepends=True)[:6])
    place = "~/.local/share/bash-completion/completions/instui"
    assert place in head and place in (Path(__file__).parents[2] / "README.md").read_text()
    assert "bash_completion" not in head and ".bashrc" not in head
