"""Which characters the terminal shows, by the locale, and what stands for those that it does not."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from instui import terminal
from instui.terminal import codeset, encodable


@pytest.mark.parametrize(
    "environ, expected",
    [
        ({"LANG": "en_US.UTF-8"}, "utf-8"),
        ({"LANG": "de_DE.utf8"}, "utf-8"),
        ({"LANG": "de_DE.UTF-8@euro"}, "utf-8"),
        ({"LANG": "C.UTF-8"}, "utf-8"),
        ({"LC_CTYPE": "UTF-8"}, "utf-8"),  # macOS
        ({"LANG": "xx_XX.UTF-8"}, "utf-8"),  # of the other end of ssh, and not known here
        ({"LANG": "C"}, "ascii"),
        ({"LANG": "POSIX"}, "ascii"),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "ascii"),
        ({"LC_ALL": "C", "LC_CTYPE": "en_US.UTF-8"}, "ascii"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "C"}, "utf-8"),
        ({"LC_CTYPE": "en_US.ISO-8859-1", "LANG": "en_US.UTF-8"}, "iso8859-1"),
        ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "en_US.ISO-8859-15"}, "iso8859-15"),
        ({"LANG": "ja_JP.eucJP"}, "euc_jp"),
        ({"LANG": "en_US.NOSUCH"}, "ascii"),
        ({"LANG": "de_DE@euro"}, "iso8859-15"),  # what the C library says
        ({}, "utf-8"),  # a container: nobody has said anything
    ],
)
def test_the_terminals_encoding_is_that_of_the_locale(
    environ: Mapping[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_of_the_process", lambda: "ISO-8859-15")
    assert codeset(environ) == expected


@pytest.mark.parametrize(
    "environ, expected",
    [
        ({"LANG": "C"}, "ascii"),  # where Python sets LC_CTYPE to C.UTF-8, for itself
        ({"LC_ALL": "C"}, "ascii"),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, "ascii"),
        ({"LANG": "xx_XX.ISO-8859-1", "PYTHONUTF8": "1"}, "iso8859-1"),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8"),  # where the user did
        ({}, "utf-8"),
    ],
)
def test_what_python_makes_of_the_locale_does_not_count(environ: Mapping[str, str], expected: str) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, "-c", "from instui.terminal import codeset; print(codeset())"]
    done = subprocess.run(command, env={**kept, **environ}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    "text, encoding, expected",
    [
        ("a · b… » c → d", "utf-8", "a · b… » c → d"),
        ("a · b… » c → d", "ascii", "a - b~ > c > d"),
        ("a · b… é", "iso8859-1", "a - b~ é"),
        ("Ω", "iso8859-1", r"\u03a9"),
        ("é Ω 名", "ascii", r"\xe9 \u03a9 \u540d"),
        ("\udce9", "utf-8", r"\udce9"),
    ],
)
def test_what_cannot_be_shown_is_escaped_and_our_own_signs_are_plain(text: str, encoding: str, expected: str) -> None:
    assert encodable(text, encoding) == expected
    expected.encode(encoding)
