"""uv's settings are read from the files that uv reads, in its order; each case is also put to a real uv."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from uv import find_uv_bin

from instui_engine.fetch.route import trust_in
from instui_engine.fetch.uv_settings import Index, UvSettings, read_settings

Tree = dict[str, str]
ONE, TWO, THREE = (f'extra-index-url = ["http://{n}.invalid/"]\n' for n in ("one", "two", "three"))
PROJECT = '[project]\nname = "it"\nversion = "1"\n'
TOOL = "[tool.uv]\n"

# name: files below the top, where uv is asked, variables, the hosts of the indexes in the order of the settings
CASES: dict[str, tuple[Tree, str, dict[str, str], list[str]]] = {
    "nothing": ({}, ".", {}, []),
    "uv.toml": ({"uv.toml": ONE}, ".", {}, ["one"]),
    "above": ({"uv.toml": ONE}, "a/b", {}, ["one"]),
    "nearest": ({"uv.toml": ONE, "a/uv.toml": TWO}, "a/b", {}, ["two"]),
    "uv.toml-hides-pyproject": ({"uv.toml": ONE, "pyproject.toml": TOOL + TWO}, ".", {}, ["one"]),
    "pyproject": ({"pyproject.toml": TOOL + ONE}, "a", {}, ["one"]),
    "pyproject-without-table": ({"a/pyproject.toml": "[tool.other]\n", "uv.toml": ONE}, "a", {}, ["one"]),
    "project-hides-what-is-below": (
        {"pyproject.toml": PROJECT + TOOL + ONE, "a/uv.toml": TWO}, "a", {}, ["one"]
    ),
    "unmanaged": (
        {"pyproject.toml": PROJECT + TOOL + "managed = false\n" + ONE, "a/uv.toml": TWO}, "a", {}, ["two"]
    ),
    "member": (
        {
            "pyproject.toml": PROJECT + TOOL + ONE + '[tool.uv.workspace]\nmembers = ["a/*"]\n',
            "a/b/pyproject.toml": PROJECT.replace("it", "member") + TOOL + TWO,
        },
        "a/b", {}, ["one"],
    ),
    "excluded-member": (
        {
            "pyproject.toml": PROJECT + TOOL + ONE + '[tool.uv.workspace]\nmembers = ["a/*"]\nexclude = ["a/b"]\n',
            "a/b/pyproject.toml": PROJECT.replace("it", "member") + TOOL + TWO,
        },
        "a/b", {}, ["two"],
    ),
    "user-and-system": (
        {"uv.toml": ONE, "config/uv/uv.toml": TWO, "etc/uv/uv.toml": THREE}, ".", {}, ["one", "two", "three"]
    ),
    "user-only": ({"config/uv/uv.toml": TWO}, ".", {}, ["two"]),
    "no-system": ({"config/uv/uv.toml": TWO, "etc/uv/uv.toml": THREE}, ".", {"UV_NO_SYSTEM_CONFIG": "1"}, ["two"]),
    "no-config": ({"uv.toml": ONE, "config/uv/uv.toml": TWO}, ".", {"UV_NO_CONFIG": "true"}, []),
    "config-file": (
        {"uv.toml": ONE, "config/uv/uv.toml": TWO, "x.toml": THREE}, ".", {"UV_CONFIG_FILE": "x.toml"}, ["three"]
    ),
    "working-directory": ({"uv.toml": ONE, "a/uv.toml": TWO}, ".", {"UV_WORKING_DIR": "a"}, ["two"]),
    "project-variable": ({"uv.toml": ONE, "a/uv.toml": TWO}, ".", {"UV_PROJECT": "a"}, ["two"]),
    "pip-table": ({"uv.toml": ONE + "[pip]\n" + TWO}, ".", {}, ["two", "one"]),
    "pip-tables-of-two-files": (
        {"uv.toml": "[pip]\n" + ONE, "config/uv/uv.toml": "[pip]\n" + TWO}, ".", {}, ["one", "two"]
    ),
}  # fmt: skip


@pytest.fixture
def settled(tmp_path: Path) -> Callable[[Tree, dict[str, str]], dict[str, str]]:
    def write(files: Tree, more: dict[str, str]) -> dict[str, str]:
        (tmp_path / "a" / "b").mkdir(parents=True)
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        xdg = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CONFIG_DIRS": str(tmp_path / "etc")}
        return {"HOME": str(tmp_path), "PATH": os.environ["PATH"], **xdg, **more}

    return write


@pytest.mark.parametrize("case", CASES)
def test_the_files_of_uv_are_read_in_its_order(
    case: str, tmp_path: Path, settled: Callable[[Tree, dict[str, str]], dict[str, str]]
) -> None:
    files, where, more, hosts = CASES[case]
    environ = settled(files, more)
    settings = read_settings(str(tmp_path / where), environ)
    found = [index.url.removeprefix("http://").removesuffix(".invalid/") for index in settings.indexes]
    assert found == hosts
    # A line of uv's own: it names the indexes that it would ask.
    done = subprocess.run(
        [os.fsdecode(find_uv_bin()), "pip", "install", "--dry-run", "--show-settings", "--python", sys.executable, "x"],
        cwd=tmp_path / where,
        env={**environ, "UV_CACHE_DIR": str(tmp_path / "uv-cache"), "UV_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen: list[str] = []
    for word in done.stdout.split('"'):
        if word.endswith(".invalid") and word.removesuffix(".invalid") not in seen:
            seen.append(word.removesuffix(".invalid"))
    assert seen == hosts


def test_a_broken_file_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text("[[[")
    environ = {"HOME": str(tmp_path), "UV_NO_SYSTEM_CONFIG": "1"}
    assert read_settings(str(tmp_path), environ).options == {}
    (tmp_path / "uv.toml").unlink()
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    assert read_settings(str(tmp_path), environ).options == {}


def test_values_of_every_kind_are_given(tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text(
        'index = [{name = "own", url = "http://own.invalid/", authenticate = "always"}, 7]\n'
        'allow-insecure-host = ["one:8443"]\nhttps-proxy = "http://proxy:1"\nkeyring-provider = "subprocess"\n'
        'native-tls = true\nfind-links = ["/links"]\n[pip]\nrequire-hashes = true\nno-emit-package = ["x"]\n'
    )
    environ = {
        "HOME": str(tmp_path),
        "UV_NO_SYSTEM_CONFIG": "1",
        "UV_INSECURE_HOST": "two three",
        "UV_HTTP_TIMEOUT": "7",
    }
    environ |= {"UV_INDEX": "a=http://a.invalid/ http://b.invalid/?x=y"}
    settings = read_settings(str(tmp_path), environ)
    assert settings.indexes == (
        Index("http://a.invalid/", "a"),
        Index("http://b.invalid/?x=y"),
        Index("http://own.invalid/", "own", "always"),
    )
    assert settings.insecure_hosts == ("two", "three", "one:8443")
    assert settings.proxies == {"http": "", "https": "http://proxy:1", "no": ""}
    assert settings.keyring_provider == "subprocess"
    assert settings.require_hashes
    assert settings.timeout == 7
    assert settings.find_links == ("/links",)
    assert settings.options["pip"]["no-emit-package"] == ["x"]


def test_no_file_costs_no_parser(tmp_path: Path) -> None:
    code = (
        "import sys; from instui_engine.fetch.uv_settings import read_settings\n"
        f"print(read_settings({str(tmp_path)!r}, {{'HOME': {str(tmp_path)!r}, 'UV_NO_SYSTEM_CONFIG': '1'}}).options)\n"
        "print('tomllib' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["{}", "False"]
    assert UvSettings().options == {}


def test_hosts_without_a_certificate_check_may_be_addresses_in_brackets() -> None:
    for named, expected in (
        ("[::1]:8443", "unchecked"),
        ("[::1]", "unchecked"),
        ("::1", "checked"),
        ("[::2]", "checked"),
    ):
        assert trust_in(urlsplit("https://[::1]:8443/simple"), (named,)) == expected
