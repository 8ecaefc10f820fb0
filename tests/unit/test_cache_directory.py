"""Where the cache lies, also for a user without a home: never where others could have put something into it."""

import os
from pathlib import Path

import pytest

from instui_engine.errors import InstuiError, UsageError
from instui_engine.fs.cache_directory import default_cache, user_cache
from instui_engine.fs.given import absolute


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files of a user whose home is not there."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return temporary


def test_a_home_has_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache().is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []  # asking makes nothing


def test_a_place_that_is_named_need_not_exist(homeless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a" / "b"))
    assert default_cache() == tmp_path / "a" / "b" / "instui"


def test_without_a_home_the_cache_is_a_private_directory_among_the_temporary_files(homeless: Path) -> None:
    cache = default_cache()
    assert cache.parent == homeless
    assert str(os.getuid()) in cache.name
    assert cache.stat().st_mode & 0o777 == 0o700
    assert default_cache() == cache
    assert not (homeless.parent / "nowhere").exists()
    assert user_cache("uv") is None


def test_a_user_whom_the_system_does_not_know_has_a_cache(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where there is no entry for the uid
    assert default_cache().parent == homeless
    with pytest.raises(UsageError, match="has none; set HOME"):
        absolute("~/target")
    assert absolute("~nobody-of-that-name") == f"{os.getcwd()}/~nobody-of-that-name"


@pytest.mark.parametrize("planted", ["link", "file", "open to others", "of another"])
def test_what_another_may_have_planted_is_no_cache(
    homeless: Path, planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = default_cache()
    cache.rmdir()
    if planted == "link":
        (homeless / "theirs").mkdir(mode=0o700)
        cache.symlink_to("theirs")
    elif planted == "file":
        cache.touch(0o600)
    else:
        cache.mkdir(mode=0o700)
        if planted == "open to others":
            cache.chmod(0o777)
        else:
            real = os.lstat
            theirs = tuple(status + 1 if place == 4 else status for place, status in enumerate(real(cache)))
            monkeypatch.setattr(os, "lstat", lambda path: os.stat_result(theirs))
    with pytest.raises(InstuiError, match="not a directory of this user alone; remove it, or name another"):
        default_cache()


def test_without_any_place_it_says_what_to_name(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InstuiError, match="--cache-dir"):
        default_cache()
