"""The sync of the stage is begun while staging goes on; it is done, and its errors are told, as without that."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.fs import durability
from instui_engine.fs.durability import flushing
from instui_engine.session import context
from support.environments import Venv
from support.wheelsmith import build_wheel


def test_what_is_staged_is_flushed_on_the_way_and_synced_at_the_end(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Venv(venv().top, tmp_path / "cache")
    wheels = [build_wheel(tmp_path, name, "1.0", {f"{name}/{n}/a": b"" for n in range(1500)}) for name in ("aa", "bb")]
    target.put(*wheels)
    target = Venv(venv().top, target.cache)
    happened: list[str] = []
    rename = os.rename

    def renamed(source: str, place: str, **options: int) -> None:
        if str(place).endswith(".dist-info"):
            happened.append("commit")
        rename(source, place, **options)

    monkeypatch.setattr(durability, "sync_filesystem", lambda path: happened.append(threading.current_thread().name))
    monkeypatch.setattr(context, "sync_filesystem", lambda path: happened.append("sync"))
    monkeypatch.setattr(os, "rename", renamed)
    target.put(*wheels, fsync=True)
    assert happened[:4] == ["flush", "flush", "sync", "commit"]
    happened.clear()
    Venv(venv().top, target.cache).put(*wheels)
    assert "flush" not in happened
    assert "sync" not in happened


def test_an_error_that_a_flush_meets_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system tells it only once, so the sync that follows would know nothing of it."""

    def broken(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(durability, "sync_filesystem", broken)
    with pytest.raises(OSError, match="Input/output error"), flushing([tmp_path]) as begin:
        begin()
