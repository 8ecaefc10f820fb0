"""Installs that are slow because of a network, an index, or a machine that slept: `explain` says what it was."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from support import slow_networks
from support.environments import Venv
from support.slow import Lab, Slow
from support.slow_names import APART


@pytest.fixture
def lab(tmp_path: Path, make_venv: Callable[[Path], Venv], clean_environ: Mapping[str, str]) -> Iterator[Lab]:
    with Lab(tmp_path, make_venv, clean_environ) as lab:
        yield lab


def finding_of(slow: Slow, kind: str) -> tuple[str, str]:
    """The text and the remedy of the finding of that kind, which took as long as the delay."""
    (found,) = (one for one in slow.explained()["findings"] if one["kind"] == kind)
    assert found["seconds"] >= 0.9 * slow.seconds
    assert set(slow.wheels) <= set(found["wheels"])
    return found["text"], found["remedy"]


def test_a_name_server_that_answers_late_is_told_from_the_index_by_uv_and_by_downloads(lab: Lab) -> None:
    if not shutil.which("unshare") or subprocess.run([*APART, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespaces can be made here")
    slow = slow_networks.slow_names(lab)
    text, remedy = finding_of(slow, "resolve")
    assert "waiting for the address of index.example, asked about one" in text
    assert "name server" in remedy
    text, remedy = finding_of(slow, "fetch")
    assert "there was no connection to index.example:" in text
    assert "name server" in remedy


def test_a_host_whose_address_takes_long_to_be_found_is_told_while_it_does_and_afterwards(lab: Lab) -> None:
    slow = slow_networks.slow_address(lab)
    text, remedy = finding_of(slow, "fetch")
    assert "there was no connection to 127.0.0.1:" in text
    assert "name server" in remedy
    assert {stall.connecting for stall in slow.snapshot.stalls} == {True}


def test_a_slow_proxy_is_named_without_its_password(lab: Lab) -> None:
    slow = slow_networks.slow_proxy(lab)
    text, remedy = finding_of(slow, "resolve")
    assert "waiting for index.example through the proxy 127.0.0.1" in text
    assert remedy.startswith("a faster proxy")
    assert "secret" not in slow.session.journal.read_text()


def test_an_index_that_fails_is_told_from_one_that_is_silent(lab: Lab) -> None:
    text, remedy = finding_of(slow_networks.failing_index(lab), "resolve")
    assert "waiting to ask 127.0.0.1 again, after 2 failures" in text
    assert "try again later" in remedy


def test_a_server_that_limits_how_often_it_is_asked_is_told_with_the_wait_that_it_demands(lab: Lab) -> None:
    text, remedy = finding_of(slow_networks.limited_server(lab), "fetch")
    assert "1 retry after a wait of 2.0 s: the server answered 429" in text
    assert "try again later" in remedy


def test_a_long_search_for_a_version_names_the_package_and_how_many_were_tried(lab: Lab) -> None:
    text, remedy = finding_of(slow_networks.long_search(lab), "resolve")
    assert "trying versions of alpha (" in text
    assert remedy.startswith("a version of alpha, or bounds for it")


def test_a_machine_that_slept_is_told_so_and_its_sleep_is_counted_nowhere(lab: Lab) -> None:
    slow = slow_networks.sleeping_machine(lab)
    assert "the machine slept for 10m00s meanwhile" in slow.told()
    assert slow.attribution.wall < 300
    assert slow.attribution.unexplained <= 0.02 + 0.02 * slow.attribution.wall
