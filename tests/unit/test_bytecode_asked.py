"""Whether byte code is made: the command line says so, else instui's variable and settings, else uv's."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from instui.cli.parsed import options_from
from instui.cli.parser import parse
from instui_engine.bytecode.kind import Kind, kind_for, patience
from instui_engine.errors import UsageError
from support.targets import linux_interpreter


@pytest.mark.parametrize(
    ("words", "environ", "uv", "own", "compiles"),
    [
        ((), {}, "", "", False),
        (("--compile-bytecode",), {}, "", "", True),
        ((), {"UV_COMPILE_BYTECODE": "1"}, "", "", True),
        ((), {"INSTUI_COMPILE_BYTECODE": "1"}, "", "", True),
        ((), {"INSTUI_COMPILE_BYTECODE": "0", "UV_COMPILE_BYTECODE": "1"}, "", "", False),
        (("--compile-bytecode",), {"INSTUI_COMPILE_BYTECODE": "0"}, "", "", True),
        (("--no-compile-bytecode",), {"UV_COMPILE_BYTECODE": "1"}, "", "", False),
        (("--compile-bytecode", "--no-compile-bytecode"), {}, "", "", False),
        ((), {}, "[pip]\ncompile-bytecode = true\n", "", True),
        ((), {}, "compile-bytecode = true\n[pip]\ncompile-bytecode = false\n", "", False),
        ((), {"UV_COMPILE_BYTECODE": "0"}, "compile-bytecode = true\n", "", False),
        ((), {}, "compile-bytecode = true\n", "", True),
        ((), {}, "compile-bytecode = true\n", "compile-bytecode = false\n", False),
        ((), {}, "", "compile-bytecode = true\n", True),
    ],
)
@pytest.mark.parametrize("command", [("install", "x"), ("install-many", "list")])
def test_who_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, str],
    words: Sequence[str],
    environ: dict[str, str],
    uv: str,
    own: str,
    compiles: bool,
) -> None:
    (tmp_path / "uv.toml").write_text(uv)
    (tmp_path / "own.toml").write_text(own)
    for name in ("UV_COMPILE_BYTECODE", "INSTUI_COMPILE_BYTECODE", "UV_NO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    monkeypatch.setenv("INSTUI_CONFIG", str(tmp_path / "own.toml"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert options_from(parse([*command, *words])).compile_bytecode == compiles


def test_removals_compile_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
    assert not options_from(parse(["uninstall", "x"])).compile_bytecode


def test_the_variables_of_uv_say_which_kind_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    python = linux_interpreter()._replace(cache_tag="cpython-311", magic="a70d0d0a")
    monkeypatch.delenv("PYC_INVALIDATION_MODE", raising=False)
    monkeypatch.delenv("UV_COMPILE_BYTECODE_TIMEOUT", raising=False)
    assert kind_for(python) == Kind("cpython-311", "a70d0d0a", "TIMESTAMP")
    assert patience() == 60.0
    monkeypatch.setenv("PYC_INVALIDATION_MODE", "UNCHECKED_HASH")
    assert kind_for(python).name == "cpython-311-a70d0d0a-unchecked-hash"
    monkeypatch.setenv("UV_COMPILE_BYTECODE_TIMEOUT", "0")
    assert patience() is None
    monkeypatch.setenv("PYC_INVALIDATION_MODE", "sometimes")
    with pytest.raises(UsageError, match="PYC_INVALIDATION_MODE must be one of TIMESTAMP, CHECKED_HASH"):
        kind_for(python)
    monkeypatch.setenv("UV_COMPILE_BYTECODE_TIMEOUT", "soon")
    with pytest.raises(UsageError, match="UV_COMPILE_BYTECODE_TIMEOUT must be a number of seconds"):
        patience()
