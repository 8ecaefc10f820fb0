"""The promises of `instui_engine.redaction`: no text shows a password, and what is no secret stays readable."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instui_engine.redaction import redacted
from support.environments import examples


@pytest.mark.parametrize(
    ("text", "shown"),
    {
        "https://u:SECRET@h/x": "https://h/x",
        "https://SECRET@h/x": "https://h/x",
        "--index-url=https://u:SECRET@h/simple": "--index-url=https://h/simple",
        "-ihttps://u:SECRET@h": "-ihttps://h",
        "alpha @ https://u:SECRET@h/x.whl#sha256=0": "alpha @ https://h/x.whl#sha256=0",
        "own=https://u:SECRET@[::1]:80/": "own=https://[::1]:80/",
        "https://u:SECRET@h/,https://v:SECRET@g/": "https://h/,https://g/",
        "https://u:SE@CRET@h/x": "https://****@h/x",
        "https://u:SE/CRET@h/x": "https://****@h/x",
        "https://u:SE@CR/ET@h/x": "https://****@h/x",
        "https://u:#SECRET@h/x": "https://****@h/x",
        "https://u/simple/#SECRET@h/x": "https://****@h/x",
        "https://u:SE CRET@h/x and more": "https://****@h/x and more",
        "'https://u:SE/@CRET@h:80/' is wrong": "'https://****@h:80/' is wrong",
        "https://team/name:SECRET@h/": "https://****@h/",
        "SECRET:SECRET@h/simple": "****@h/simple",
        "https:u:SECRET@h/simple": "****@h/simple",
        "--bogus=http:/SECRET:SECRET@h/simple": "--bogus=http:/****@h/simple",
        "https://h/x.whl?sig=SECRET&e=1#sha256=0": "https://h/x.whl?****#sha256=0",
        "(https://h/x?token=SECRET) failed": "(https://h/x?****) failed",
    }.items(),
)
def test_a_text_shows_no_secret(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://h:80/@scope/x@1.0/y",
        "https://[::1]:80/x@y",
        "file:///home/me@work/x.whl",
        "alpha==1.0 --hash=sha256:0123",
        "error: no such file: x?",
        "name @ https://h/x.whl ; extra == 'a'",
        "me@work",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


@settings(max_examples=examples(200))
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1), st.sampled_from(["{}", "-i{}", "x @ {}"])
)
def test_no_password_can_be_made_to_show(password: str, form: str) -> None:
    shown = redacted(form.format(f"https://u:SECRET{password}@host.example/simple/"))
    assert "SECRET" not in shown
    if re.search(r"[@:/?]", password) is None:
        assert shown.endswith("host.example/simple/")


@pytest.mark.parametrize("piece", ["a:", "//a:b ", ":@ ", "a://", "@:"])
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    before = time.process_time()
    redacted(piece * 60_000)
    redacted(f"{'a' * 60_000} b:c@")
    assert time.process_time() - before < 5  # minutes, where each colon reads all the rest
