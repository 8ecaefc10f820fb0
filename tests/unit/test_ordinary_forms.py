"""What is recognized without a parser is read as the parser reads it: file names, bounds of versions, cache, flags."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.pylock import is_valid_pylock_path
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import parse_wheel_filename as parsed_by_packaging
from platformdirs import user_cache_dir

from instui.cli.parser import commands, parser
from instui_engine.errors import UsageError
from instui_engine.fs.cache_directory import user_cache
from instui_engine.plan import compatibility
from instui_engine.resolve.requirement_text import _indexed
from instui_engine.resolve.requirements import is_lock_file
from instui_engine.wheel.filename import NAME, is_name, normalized, parse_wheel_filename

NAMES = st.from_regex(r"[A-Za-z0-9._]{1,6}", fullmatch=True)
_PRE, _POST, _DEV = (rf"({word}[0-9]{{0,2}})?" for word in ("(a|b|c|rc|alpha)", r"\.?(post|rev)", r"\.?dev"))
VERSIONS = st.from_regex(rf"(v|0!)?[0-9.]{{1,6}}{_PRE}{_POST}{_DEV}(\+x)?", fullmatch=True)
TAGS = st.sampled_from(["py3-none-any", "py2.py3-none-any", "cp311-cp311-manylinux_2_17_x86_64", "1a-py3-none-any"])


@given(NAMES, VERSIONS, TAGS)
@example("Foo.Bar_baz", "1.0", "py3-none-any")
@example("a", "01.2", "py3-none-any")
@example("a_", "1", "py3-none-any")
@example("a", "2026.10.19.post1", "py3-none-any")
@example("a", "1\N{ARABIC-INDIC DIGIT TWO}", "py3-none-any")
def test_the_file_name_of_a_wheel(name: str, version: str, tags: str) -> None:
    filename = f"{re.sub('_+', '_', name)}-{version}-{tags}.whl"
    try:
        expected = parsed_by_packaging(filename)
    except ValueError:
        with pytest.raises(ValueError):
            parse_wheel_filename(filename)
    else:
        assert parse_wheel_filename(filename) == (expected[0], str(expected[1]), expected[2])
        assert normalized(name) == expected[0]


@given(st.text("aZ0._- é²\n", max_size=4))
def test_the_name_of_a_distribution(text: str) -> None:
    assert is_name(text) == (re.fullmatch(NAME, text) is not None)


@given(st.from_regex(r"(/d.x/)?(py)?lock[.x]{0,3}(\.toml)?", fullmatch=True))
@example("pylock.toml")
@example("pylock..toml")
@example("pylock.a.b.toml")
@example("pylock.dev.toml/x")
def test_the_name_of_a_lock_file(path: str) -> None:
    assert is_lock_file(path) == is_valid_pylock_path(Path(path))


@given(
    name=st.from_regex(r"[A-Za-z0-9._-]{1,5}", fullmatch=True),
    bound=st.from_regex(r"( ?\n?(==|===|>=|<=|!=|<|>|~=) ?[0-9.]{1,4}(a1|rc1|\.post2|\.dev3|\.\*)?)?", fullmatch=True),
)
@example("Foo.Bar_baz", " ==1.0")
@example("a", "")
def test_a_requirement_with_one_bound(name: str, bound: str) -> None:
    text = f"{name}{bound}"
    try:
        expected = Requirement(text.replace("\n", " "))
    except InvalidRequirement:
        with pytest.raises(UsageError):
            _indexed(text, (), "", -1)
    else:
        read = _indexed(text, (), "", -1)
        assert (read.text, read.name) == (str(expected), normalized(expected.name))


_RELEASE = r"[0-4]{1,2}(\.[0-9]{1,2}){0,3}"
_BOUND = rf" ?(>=|<|!=|<=|>|~=|==) ?{_RELEASE}(\.\*)? ?"


@given(
    bounds=st.from_regex(rf"{_BOUND}(,{_BOUND}){{0,2}}", fullmatch=True),
    version=st.sampled_from(["3.9", "3.11.7", "3.10.0", "3.12.0rc1", "3", "3.0.1"]),
)
@example(" >= 3.9 ", "3.11.7")
@example(">=2.7, !=3.0.*, !=3.1.*", "3.11.7")
@example("!=3.0.*", "3")
@example("!=3.11.7", "3.11.7")
@example("<3.12", "3.12.0rc1")
@example(">=3.9.*", "3.11.7")
def test_the_bounds_of_the_python(bounds: str, version: str) -> None:
    try:
        expected = SpecifierSet(bounds).contains(version, prereleases=True)
    except ValueError:
        expected = True  # pip and uv ignore it
    assert compatibility._allows.__wrapped__(bounds, version) == expected


@pytest.mark.parametrize("xdg", [None, "", " ", "/some/where"])
def test_the_place_of_the_cache(xdg: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if xdg is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", xdg if xdg != "/some/where" else f"{tmp_path}/there")
    place = user_cache_dir("program")
    assert user_cache("program") == (Path(place) if os.path.isabs(place) else None)


def test_a_relative_place_of_caches_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG Base Directory Specification; older platformdirs would use it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert user_cache("program") == tmp_path / ".cache" / "program"


@pytest.mark.parametrize("command", ["install", "uninstall", "demo", "locks", "doctor", "cache"])
def test_the_flags_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for chosen in ("", command):
        with pytest.raises(SystemExit):
            parser(chosen).parse_args([command, "--help"])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert shown[0].count("\n") > 6
    assert list(commands(parser(command))) == [command]  # no time is spent on the parsers of the others
