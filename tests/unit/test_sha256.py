"""sha256 without OpenSSL is sha256."""

import hashlib
import sys

import pytest

from instui_engine.sha256 import sha256


@pytest.mark.parametrize("content", [b"", b"lib/python3.11/site-packages/a", bytes(1000)])
def test_it_is_that_of_hashlib(content: bytes) -> None:
    assert sha256(content).hexdigest() == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("missing", [("_sha2",), ("_sha2", "_sha256")])
def test_a_python_that_has_it_elsewhere_or_not_at_all(
    missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "instui_engine.sha256")
    from instui_engine.sha256 import sha256 as found

    assert found(b"a").hexdigest() == hashlib.sha256(b"a").hexdigest()
