"""The user's settings: what a file may say, and what comes before it."""

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from instui import settings
from instui.cli.parser import commands, parser
from instui.cli.standing import standing, take_looks
from instui.tui import actions, dashboard_columns, keymap
from instui.tui.rows import wheels
from instui.tui.views import registry
from instui.tui.views.home import HomeView
from instui_engine.errors import UsageError
from support.screens import Recorded, shown, text_of


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("INSTUI_CONFIG", str(path))
    for name in settings.SETTINGS:
        monkeypatch.delenv(f"INSTUI_{name.upper().replace('-', '_')}", raising=False)
    return path


def jobs_of(*arguments: str) -> object:
    return parser("install").parse_args(["install", *arguments, "a"]).jobs


def test_the_command_line_comes_before_the_variable_and_that_before_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("jobs = 3\nstay = true\n")
    assert jobs_of() == 3
    assert parser("install").parse_args(["install", "a"]).stay is True
    monkeypatch.setenv("INSTUI_JOBS", "4")
    monkeypatch.setenv("INSTUI_STAY", "0")
    assert jobs_of() == 4
    assert parser("install").parse_args(["install", "a"]).stay is False
    assert jobs_of("--jobs", "5") == 5


def test_every_setting_is_a_flag_of_install_and_is_taken(file: Path) -> None:
    given = {
        "ui": '"plain"', "theme": '"mono"', "stay": "true", "ascii": "true", "quiet": "true", "verbose": "true",
        "jobs": "7", "lock-timeout": "2.5", "link-mode": '"copy"', "cache-dir": '"/x"', "otlp": '"http://h:1"',
        "compile-bytecode": "true",
    }  # fmt: skip
    assert set(given) == set(settings.SETTINGS)
    file.write_text("".join(f"{name} = {value}\n" for name, value in given.items()))
    install = commands(parser("install"))["install"]
    origins = {
        action.dest: standing(action).origin
        for action in install._actions
        if any(flag.removeprefix("--") in given for flag in action.option_strings)
    }
    assert len(origins) == len(given) and set(origins.values()) == {str(file)}
    parsed = parser("install").parse_args(["install", "a"])
    assert (parsed.lock_timeout, parsed.otlp, parsed.link_mode) == (2.5, "http://h:1", "copy")
    assert parsed.compile_bytecode is True


def test_the_file_is_read_once_for_all_flags_of_a_command(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("jobs = 3\n")
    reads = []
    monkeypatch.setattr("instui.cli.standing.load", lambda: reads.append(file) or settings.load())
    assert jobs_of() == 3
    assert reads == [file]


def test_what_permits_something_cannot_be_set_for_good() -> None:
    assert not {"break-system-packages", "allow-record", "fail-on-conflict", "no-fsync"} & set(settings.SETTINGS)


def test_control_of_a_session_is_only_given_by_its_flag(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("stay = true\n")
    monkeypatch.setenv("INSTUI_CONTROL", "1")
    assert parser("attach").parse_args(["attach"]).control is False
    assert parser("attach").parse_args(["attach", "--control"]).control is True
    file.write_text("control = true\n")
    with pytest.raises(UsageError, match="unknown setting 'control'"):
        parser("attach").parse_args(["attach"])


def test_trace_sends_nothing_that_it_is_not_asked_to_send(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("otlp = true\n")
    monkeypatch.setenv("INSTUI_OTLP", "1")
    assert parser("trace").parse_args(["trace", "-o", "x"]).otlp is None
    assert parser("install").parse_args(["install", "a"]).otlp == ""


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("them = 'x'", "unknown setting 'them'; there are ui, theme"),
        ("jobs = 'x'", "jobs must be a number, not 'x'"),
        ("jobs = true", "jobs must be a number, not True"),
        ("jobs = 0", "jobs must be a number between 1 and 256, not '0'"),
        ("theme = 'pink'", "theme must be one of dark, light, ansi, mono, not 'pink'"),
        ("stay = 1", "stay must be true or false, not 1"),
        ("otlp = 'x'", "otlp must be the URL of a collector, not 'x'"),
        ("keys = 1", "keys must be a table"),
        ("[keys]\ntrace = 3", "keys.trace must be a key"),
        ("jobs", "not TOML: "),
        ("'\x1b[31m' = 1", "not TOML: "),
        ('"\\u001b[31m" = 1', r"unknown setting '\x1b[31m'"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_and_key(file: Path, text: str, error: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        parser("install").parse_args(["install", "a"])
    assert str(caught.value).startswith(f"{file}: {error}")
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_an_empty_text_is_none_as_that_of_a_variable(file: Path) -> None:
    file.write_text('theme = ""\ncache-dir = ""\n')
    install = commands(parser("install"))["install"]
    origins = {action.dest: standing(action).origin for action in install._actions}
    assert (origins["theme"], origins["cache_dir"]) == ("default", "default")


@pytest.mark.parametrize(
    ("given", "meant"), [("cache", "{file}/cache"), ("../cache", "{file}/../cache"), ("~/c", "{home}/c"), ("/c", "/c")]
)
def test_a_cache_for_good_does_not_depend_on_where_a_command_is_called(
    file: Path, monkeypatch: pytest.MonkeyPatch, given: str, meant: str
) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    monkeypatch.setenv("INSTUI_CONFIG", file.name)
    monkeypatch.chdir(file.parent)
    file.write_text(f'cache-dir = "{given}"\n')
    assert settings.load().values["cache-dir"] == meant.format(file=file.parent, home="/somebody")


def test_a_wrong_value_of_a_variable_is_called_by_the_name_of_the_variable(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("")
    monkeypatch.setenv("INSTUI_JOBS", "many")
    with pytest.raises(UsageError, match=r"^INSTUI_JOBS must be a number between 1 and 256, not 'many'$"):
        jobs_of()
    with pytest.raises(UsageError, match=r"^argument --jobs/-j: must be a number"):
        jobs_of("--jobs", "few")
    assert jobs_of("--jobs", "5") == 5  # a flag counts before its variable


def test_help_is_there_whatever_is_wrong(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("nonsense")
    monkeypatch.setenv("INSTUI_STAY", "perhaps")
    for flag in ("-h", "--help"):
        with pytest.raises(SystemExit) as ended:
            parser("install").parse_args(["install", flag])
        assert ended.value.code == 0
        assert "--lock-timeout SECONDS" in capsys.readouterr().out


def test_what_is_no_file_is_not_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(file)
    with pytest.raises(UsageError, match=r"cannot read the settings .*config.toml: not a regular file"):
        settings.load()
    monkeypatch.setenv("INSTUI_CONFIG", os.devnull)
    assert settings.load() == settings.NONE


def test_a_file_that_may_not_be_read_is_an_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)  # root may read any

    monkeypatch.setattr(settings, "read_regular", refuse)
    with pytest.raises(UsageError, match=r"cannot read the settings .*config.toml: Permission denied"):
        settings.load()


def test_a_file_that_is_named_must_be_there(file: Path) -> None:
    with pytest.raises(UsageError, match="INSTUI_CONFIG names them"):
        settings.load()


def test_the_file_lies_where_the_system_keeps_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import platformdirs

    monkeypatch.delenv("INSTUI_CONFIG", raising=False)
    for home in ("", str(tmp_path)):
        monkeypatch.setenv("XDG_CONFIG_HOME", home)
        assert settings.path() == Path(platformdirs.user_config_dir("instui", appauthor=False)) / "config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")  # does not count, as the specification says
    assert settings.path() == Path("~/.config/instui/config.toml").expanduser()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings.load() == settings.NONE


@pytest.fixture
def _usual_keys() -> object:
    yield
    keymap._chosen.clear()


DEFAULT = {"up": "k,up", "down": "j,down", "filter": "slash"}


@pytest.mark.usefixtures("_usual_keys")
def test_keys_can_be_exchanged_but_no_key_has_two_actions() -> None:
    keymap.choose({"up": ["j", "up"], "down": ["k", "down"]}, DEFAULT, "f")
    assert keymap.given("up") == ("j", "up")
    with pytest.raises(UsageError, match=r"f: keys.up: 'j' is already the key of down; give that another one"):
        keymap.choose({"up": ["j"]}, DEFAULT, "f")
    with pytest.raises(UsageError, match=r"f: keys.up: '/' is already the key of filter"):
        keymap.choose({"up": ["/"]}, DEFAULT, "f")
    with pytest.raises(UsageError, match=r"f: keys.left: no such action; there are down, filter, up"):
        keymap.choose({"left": ["x"]}, DEFAULT, "f")
    with pytest.raises(UsageError, match=r"f: keys.fliter: no such action; did you mean filter\?"):
        keymap.choose({"fliter": ["x"]}, DEFAULT, "f")
    with pytest.raises(UsageError, match=r"f: keys.up: no such key: 'hyper\+x'"):
        keymap.choose({"up": ["hyper+x"]}, DEFAULT, "f")


@pytest.mark.usefixtures("_usual_keys")
@pytest.mark.parametrize(
    ("written", "sent"),
    [("shift+t", "T"), ("ctrl+T", "ctrl+t"), ("shift+ctrl+t", "ctrl+shift+t"), ("ctrl+i", "tab"), ("esc", "escape")],
)
def test_keys_are_those_that_a_terminal_sends(written: str, sent: str) -> None:
    keymap.choose({"up": [written]}, DEFAULT, "f")
    assert keymap.given("up") == (sent,)


@pytest.mark.usefixtures("_usual_keys")
def test_two_names_of_one_key_collide() -> None:
    with pytest.raises(UsageError, match=r"f: keys.up: 'enter' is already the key of open"):
        keymap.choose({"up": ["ctrl+m"]}, {**DEFAULT, "open": "enter"}, "f")


@pytest.mark.usefixtures("_usual_keys")
def test_no_key_does_two_things_at_home() -> None:
    for key, does in (("i", "type what to install"), ("tab", "to what runs"), ("K", "cancel"), ("3", "demonstration")):
        with pytest.raises(UsageError, match=rf"f: keys.quit: '{key}' is already .*{does}"):
            actions.take_keys({"quit": [key], "cancel_wheel": ["ctrl+k"], "view_timeline": ["f3"]}, "f")
    for key in ("x", "enter", "space", "/"):
        with pytest.raises(UsageError, match=rf"f: keys.interrupt: '{key}' is already a key of lines that are typed"):
            actions.take_keys(
                {
                    "interrupt": [key],
                    "quit": ["Q"],
                    "open": ["f2"],
                    "filter": ["f3"],
                    "locks_of": ["f4"],
                    "freeze": ["f6"],
                },
                "f",
            )
    actions.take_keys({"interrupt": ["ctrl+x"], "trace": ["i"], "quit": ["Q"]}, "f")  # which does not work at home


def test_the_actions_that_work_at_home_are_known() -> None:
    of_the_view = {action.id for action in registry.ACTIONS if registry.has(HomeView, action.id)}
    assert of_the_view | {"help", "palette", "picture", "suspend", "quit", "interrupt"} == actions.AT_HOME


def test_the_keys_of_views_are_those_of_the_registry() -> None:
    found = {action.id: action.keys for action in registry.ACTIONS if action.view}
    assert found == actions.VIEW_KEYS


def test_other_keys_reach_bindings_tabs_footer_and_help() -> None:
    script = """
from instui.tui.actions import take_keys
take_keys({"trace": ["ctrl+t", "f5"], "view_locks": ["f7"], "filter": ["question_mark"], "help": ["/"]}, "f")
from instui.tui.views import registry
from instui.tui.navigation import Navigation
from instui.monitor.fold import Fold
bound = {binding.action: binding.key for binding in Navigation.BINDINGS}
assert bound["do('trace')"] == "ctrl+t,f5" and bound["do('help')"] == "slash", bound
assert registry.BY_ID["trace"].shown == "ctrl+t" and registry.BY_ID["filter"].shown == "?"
assert [tab.key for tab in registry.tabs(Fold().snapshot(0.0))][:3] == ["1", "f7", "3"]
assert "/" in [action.shown for action in registry.FOOTER]
"""
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "INSTUI_CONFIG": os.devnull})


@pytest.fixture
def no_columns() -> Iterator[None]:
    yield
    dashboard_columns.choose((), "")


@pytest.mark.usefixtures("no_columns")
def test_the_dashboard_has_the_columns_that_the_file_names_as_far_as_there_is_room(file: Path) -> None:
    file.write_text('columns = ["total", "lock", "bar"]\n')
    take_looks()
    chosen = dashboard_columns.chosen()

    def shown(width: int, sort: str = "") -> list[str]:
        return [column.id for column in wheels.columns(width, width - 2, sort, 1.0, False, chosen)]

    assert shown(200) == shown(120) == ["state", "wheel", "total", "lock", "bar"]
    assert shown(50) == ["state", "wheel", "total", "bar"]
    assert shown(120, "fetch") == ["state", "wheel", "fetch", "total", "lock", "bar"]  # what it is sorted by is seen
    assert shown(120, "lock") == shown(120)


@pytest.mark.usefixtures("no_columns")
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('columns = ["lock", "nosuch"]', "columns: there is no 'nosuch'; there are bar, doing, lock"),
        ('columns = ["lock", "lock"]', "columns: one is named twice"),
        ('columns = "lock"', "columns must be a list of names"),
    ],
)
def test_columns_that_are_none_are_named(file: Path, text: str, error: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match=r"config\.toml: ") as refused:
        take_looks()
    assert error in str(refused.value)


@pytest.mark.usefixtures("no_columns")
@pytest.mark.parametrize("name", dashboard_columns.NAMES)
@pytest.mark.parametrize("recording", ["busy", "crash", "joined"])
def test_the_dashboard_is_painted_with_any_single_column(name: str, recording: str) -> None:
    async def run() -> None:
        for t in (0.5, 13.5):
            async with shown(Recorded.of(recording), t) as (app, _):
                assert "wheel" in text_of(app)

    dashboard_columns.choose([name], "")
    asyncio.run(run())


def test_each_column_that_can_be_chosen_is_one_of_the_dashboard() -> None:
    known = [column.id for column in wheels.columns(200, 198, "build", 1.0, False)][2:]
    assert known == [*dashboard_columns.NAMES]
