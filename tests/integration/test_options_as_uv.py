"""uv's own options, with the same words, to `uv pip install` and to instui: the same set must be there after."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_as_uv_decides import Case, _fill, _uv, places

from conftest import Run
from instui.cli.parsed import environment_from, request_from
from instui.cli.parser import parse
from instui.cli.uv_variables import take_up
from instui_engine.errors import InstuiError, UsageError
from instui_engine.resolve.resolver import resolve
from instui_engine.target.installed import scan
from instui_engine.target.platforms import retargeted
from support.cli import error_line, installed, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

__all__ = ["places"]

PROJECT = """
[project]
name = "project"
version = "1"
dependencies = ["alpha<2"]
[project.optional-dependencies]
one = ["fast"]
two = ["gamma"]
[dependency-groups]
dev = ["beta==1"]
more = [{ include-group = "dev" }, "fast"]
"""
SOURCES = """
[project]
name = "project"
version = "1"
dependencies = ["gamma", "own"]
[tool.uv.sources]
gamma = { path = "{local}/gamma-5-py3-none-any.whl" }
own = { path = "{local}/own-1-py3-none-any.whl" }
"""
FILES = {"pyproject.toml": PROJECT}

CASES = {
    "pre": Case("--pre alpha"),
    "prerelease": Case("--prerelease allow beta"),
    "prerelease=": Case("--prerelease=allow beta"),
    "prerelease disallow": Case("--prerelease disallow early", fails=True),
    "prerelease of one": Case("--prerelease-package alpha=allow alpha early"),
    "prerelease, and the variable": Case("--prerelease disallow alpha", env={"UV_PRERELEASE": "allow"}),
    "resolution": Case("--resolution lowest beta"),
    "resolution of direct ones": Case("--resolution lowest-direct beta"),
    "fork-strategy": Case("--fork-strategy fewest beta"),
    "a project": Case("-r pyproject.toml", files=FILES),
    "a project elsewhere": Case("--requirements sub/pyproject.toml", files={"sub/pyproject.toml": PROJECT}),
    "a project and more": Case("-r pyproject.toml fast -r r.txt", files={**FILES, "r.txt": "gamma\n"}),
    "a project with a constraint": Case("-r pyproject.toml beta -c c.txt", files={**FILES, "c.txt": "beta<2\n"}),
    "a project that is met": Case("-r pyproject.toml", ("alpha==1",), FILES),
    "a project, upgraded": Case("-U -r pyproject.toml", ("alpha==1",), FILES),
    "a project that must be built": Case(
        "-r pyproject.toml",
        files={"pyproject.toml": PROJECT.replace('dependencies = ["alpha<2"]', 'dynamic = ["dependencies"]')},
        fails=True,
    ),
    "an extra": Case("-r pyproject.toml --extra one", files=FILES),
    "two extras": Case("-r pyproject.toml --extra one --extra two", files=FILES),
    "all extras": Case("-r pyproject.toml --all-extras", files=FILES),
    "not all extras": Case("-r pyproject.toml --all-extras --no-all-extras", files=FILES),
    "an extra that is none": Case("-r pyproject.toml --extra three", files=FILES, fails=True),
    "an extra of nothing": Case("alpha --extra one", files=FILES, fails=True),
    "a group": Case("--group dev", files=FILES),
    "a group of groups, and more": Case("--group more gamma", files=FILES),
    "a group of a file": Case("--group sub/pyproject.toml:more", files={"sub/pyproject.toml": PROJECT}),
    "a group that is none": Case("--group nope", files=FILES, fails=True),
    "sources": Case("-r pyproject.toml", files={"pyproject.toml": SOURCES}),
    "no sources": Case("-r pyproject.toml --no-sources", files={"pyproject.toml": SOURCES}, fails=True),
    "no source for one": Case("-r pyproject.toml --no-sources-package gamma", files={"pyproject.toml": SOURCES}),
    "overrides": Case("--overrides o.txt beta==2", files={"o.txt": "alpha==1\n"}),
    "an override by URL": Case(
        "--override o.txt beta==2", ("alpha==1",), {"o.txt": "alpha @ file://{index}/files/alpha-1-py3-none-any.whl\n"}
    ),
    "overrides, and the variable": Case(
        "--overrides o.txt beta==2",
        files={"o.txt": "alpha==1\n", "p.txt": "alpha==3a1\n"},
        env={"UV_OVERRIDE": "{here}/p.txt"},
    ),
    "excludes": Case("--excludes e.txt beta needy", files={"e.txt": "# two\nalpha\ngamma\n"}),
    "an exclude": Case("--exclude e.txt beta", files={"e.txt": "alpha\n"}),
    "constraints by the other name": Case("beta --constraints c.txt", files={"c.txt": "alpha<2\n"}),
    "force-reinstall": Case("--force-reinstall alpha", ("alpha==1",)),
    "reinstall one": Case("--reinstall-package alpha beta", ("beta==1", "alpha==1")),
    "no reinstall after all": Case("--reinstall --no-reinstall alpha", ("alpha==1",)),
    "no upgrade after all": Case("-U --no-upgrade alpha", ("alpha==1",)),
    "with dependencies after all": Case("--no-deps --deps beta"),
    "without hashes after all": Case("--require-hashes --no-require-hashes alpha"),
    "exact": Case("--exact beta==1", ("fast", "needy", "alpha==1")),
    "exact, and all is there": Case("--exact fast", ("fast", "alpha")),
    "exact, upgraded": Case("--exact -U alpha", ("alpha==1", "beta==1")),
    "inexact after all": Case("--exact --inexact fast", ("alpha",)),
    "nothing else goes": Case("--inexact --no-strict --disable-pip-version-check fast", ("alpha==1",)),
    "refresh": Case("--refresh beta", env={"UV_OFFLINE": "0"}),
    "refresh of one": Case("--refresh-package alpha beta", env={"UV_OFFLINE": "0"}),
    "an index": Case("--index file://{here}/other alpha"),
    "an index by name": Case("--index mine=file://{here}/other alpha beta"),
    "two indexes": Case("--index file://{here}/none --index file://{here}/other alpha"),
    "an index, and the variable": Case("--index file://{here}/none alpha", env={"UV_INDEX": "file://{here}/other"}),
    "the default index": Case("--default-index file://{here}/other alpha"),
    "a default index without it": Case("--default-index file://{here}/other beta", fails=True),
    "the first index": Case("--index file://{here}/other alpha==2", fails=True),
    "the best of all indexes": Case("--index file://{here}/other --index-strategy unsafe-best-match alpha==2 beta"),
    "a torch-backend for what is none of its": Case("--torch-backend cpu alpha"),
    "a settings file": Case("--config-file c.toml alpha", files={"c.toml": 'prerelease = "allow"\n'}),
    "no settings": Case("--no-config alpha", files={"uv.toml": 'prerelease = "allow"\n'}),
    "settings": Case("alpha", files={"uv.toml": 'prerelease = "allow"\n'}),
    "another project": Case("--project sub alpha", files={"sub/uv.toml": 'prerelease = "allow"\n'}),
    "another directory": Case(
        "--directory sub -r r.txt", files={"sub/r.txt": "alpha\n-c c.txt\n", "sub/c.txt": "alpha<2\n"}
    ),
    "another directory by its variable": Case(
        "-r r.txt",
        files={"sub/r.txt": "alpha\n", "sub/uv.toml": 'prerelease = "allow"\n'},
        env={"UV_WORKING_DIR": "sub"},
    ),
    "a keyring": Case("--keyring-provider disabled alpha"),
    "what looks better": Case("--color never --no-progress --system-certs --trusted-host example.org alpha"),
    "wheels that are named": Case("--no-deps --overrides o.txt {local}/gamma-5-py3-none-any.whl", files={"o.txt": ""}),
}
WRONG = (
    *("--prerelease=x", "--prerelease-package=x", "--resolution=x", "--fork-strategy=x", "--index-strategy=x"),
    *("--exclude-newer=x", "--exclude-newer-package=alpha", "--torch-backend=x", "--keyring-provider=x"),
    *("--extra=x", "--all-extras", "--group=x", "--directory=nope", "--project=nope", "--config-file=nope"),
    *("--cert=nope", "--overrides=nope", "--excludes=nope", "-rnope/pyproject.toml", "--color=x"),
    *("--python-version=3.x", "--python-platform=amiga"),
    *("--no-sources-package=!", "--refresh-package=!", "--reinstall-package=!", "--upgrade-package=!"),
)


@dataclass(frozen=True)
class Bench:
    """An environment, a directory to work in, and what fills the words of cases."""

    venv: Venv
    here: Path
    filled: Mapping[str, str]
    env: Mapping[str, str]

    def uv(self, words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return _uv(self.venv, words, {**self.env, **more}, cwd=self.here)

    def ours(self, words: str) -> dict[str, str]:
        """What the command line would install, as the program itself decides it, without a process of its own."""
        parsed = parse(["install", "--python", str(self.venv.top), *words.split(" ")])
        take_up(parsed)
        request, environment = request_from(parsed), environment_from(parsed, writable=True)
        asked = request.resolving
        environment = retargeted(environment, asked.python_version, asked.python_platform)
        resolution = resolve(request, environment, scan(environment), lambda event: None)
        gone = dict.fromkeys(resolution.extraneous, "")
        return {wheel.name: wheel.version for wheel in resolution.wheels} | gone


@pytest.fixture
def bench(
    tmp_path: Path,
    places: Mapping[str, str],
    clean_environ: dict[str, str],
    venv: Callable[[], Venv],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    """Besides the index there is another one, with an alpha of its own. What the program sets is taken back."""
    before = dict(os.environ)
    (tmp_path / "none").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "other" / "alpha").mkdir(parents=True)
    wheel = build_wheel(tmp_path / "other" / "alpha", "alpha", "9", {"alpha.py": b"other"})
    page = f'<!DOCTYPE html><html><body><a href="{wheel.name}">{wheel.name}</a></body></html>'
    (tmp_path / "other" / "alpha" / "index.html").write_text(page)
    env = {**clean_environ, "UV_NO_CONFIG": "0", "UV_INDEX_URL": f"file://{places['index']}/simple"}
    monkeypatch.chdir(tmp_path)
    os.environ.clear()
    os.environ.update(env)
    yield Bench(venv(), tmp_path, {**places, "here": str(tmp_path)}, env)
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("name", CASES)
def test_an_option_decides_as_in_uv_pip_install(name: str, bench: Bench) -> None:
    case = CASES[name]
    for file, text in case.files.items():
        (bench.here / file).write_text(_fill(text, bench.filled))
    for words in case.before:
        assert bench.uv(words, UV_NO_CONFIG="1").returncode == 0
    words = _fill(case.arguments, bench.filled)
    more = {key: _fill(text, bench.filled) for key, text in case.env.items()}
    os.environ.update(more)
    expected = bench.uv(f"--dry-run {words}", **more)
    assert (expected.returncode != 0) == case.fails, expected.stderr
    if case.fails:
        with pytest.raises(InstuiError) as caught:
            bench.ours(words)
        assert "\n" not in str(caught.value)
    else:
        plan = re.findall(r"^ [+~] (\S+?)(?:==(\S+)| @ \S+/\w+-(\w+)-py3-none-any.whl)", expected.stderr, re.MULTILINE)
        added = {name: version or other for name, version, other in plan}
        gone = dict.fromkeys(set(re.findall(r"^ - (\S+?)==", expected.stderr, re.MULTILINE)) - added.keys(), "")
        assert bench.ours(words) == added | gone


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_value_is_refused_in_one_line_as_uv_refuses_it(word: str, bench: Bench) -> None:
    assert bench.uv(f"{word} alpha").returncode == 2
    with pytest.raises(UsageError) as caught:
        bench.ours(f"{word} alpha")
    assert "\n" not in str(caught.value)


def test_from_the_command_line_to_the_environment(run_instui: Run, bench: Bench) -> None:
    (bench.here / "pyproject.toml").write_text(PROJECT)
    words = ["--no-fsync", "--python", bench.venv.top, "--group", "more", "-r", "pyproject.toml"]
    ok(run_instui("install", *words, env=bench.env, cwd=bench.here))
    assert installed(bench.venv.site) == {"alpha": "1", "beta": "1", "fast": "1"}
    said = error_line(run_instui("install", "--python", bench.venv.top, "--prerelease", "x", "beta"), 2)
    assert said.startswith("uv: invalid value 'x' for '--prerelease <PRERELEASE>' [possible values: disallow, allow,")


@pytest.mark.parametrize("given", ["--no-cache", "-n", "--no-cache-dir", "variable"])
def test_without_a_cache_none_is_read_and_none_is_left(given: str, run_instui: Run, bench: Bench) -> None:
    caches = [bench.here / "instui", bench.here / "uv"]
    temporary = bench.here / "tmp"
    temporary.mkdir()
    env = {**bench.env, "INSTUI_CACHE_DIR": str(caches[0]), "UV_CACHE_DIR": str(caches[1]), "TMPDIR": str(temporary)}
    words = [] if given == "variable" else [given]
    if not words:
        env["UV_NO_CACHE"] = "1"
    done = run_instui("install", "--no-fsync", "--python", bench.venv.top, *words, "beta", env=env, cwd=bench.here)
    assert done.returncode == 0, done.stderr
    assert installed(bench.venv.site) == {"alpha": "2", "beta": "2"}
    assert not any(cache.exists() for cache in caches)
    assert list(temporary.iterdir()) == []
    if words:
        wheel = Path(bench.filled["index"], "files", "fast-1-py3-none-any.whl")
        refused = ["install", *words, "--link-mode", "symlink", "--python", bench.venv.top, wheel]
        assert "--no-cache" in error_line(run_instui(*refused, env=env), 2)


PLATFORMS = (
    *("windows", "linux", "macos", "x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc", "i686-pc-windows-msvc"),
    *("x86_64-apple-darwin", "aarch64-apple-darwin", "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"),
    *("x86_64-unknown-linux-musl", "x86_64-manylinux2014", "x86_64-manylinux_2_17", "x86_64-manylinux_2_34"),
    "aarch64-manylinux_2_39",
)
MADE_FOR = (
    *("win_amd64", "win_arm64", "win32", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64"),
    *("manylinux2014_x86_64", "manylinux_2_35_x86_64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"),
    *("musllinux_1_1_x86_64", "musllinux_1_2_x86_64", "musllinux_1_3_x86_64", "macosx_10_9_x86_64"),
    *("macosx_13_0_x86_64", "macosx_14_0_x86_64", "macosx_11_0_arm64", "macosx_13_0_arm64", "macosx_14_0_arm64"),
)


@pytest.fixture(scope="module")
def built_for(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One version for all platforms, and something else to say about each by a marker."""
    links = tmp_path_factory.mktemp("links")
    for python in ("cp39-cp39", "cp310-abi3", "cp312-cp312", "cp313-cp313t"):
        for platform in MADE_FOR:
            build_wheel(links, "plat", "1", {"plat.py": b""}, tag=f"{python}-{platform}")
    for name in ("os_name", "sys_platform", "platform_machine", "platform_system", "python_full_version"):
        build_wheel(links, name, "1", {f"{name}.py": b""})
    return links


@pytest.mark.parametrize("version", ["", "3.9", "3.12", "3.13.1"])
def test_another_platform_gets_the_wheel_that_uv_would_take(version: str, built_for: Path, bench: Bench) -> None:
    words = f"--no-index --find-links {built_for} --target {bench.here}/t"
    words += f" --python-version {version}" if version else ""
    for platform in ("windows", "macos", "x86_64-unknown-linux-musl", "") if version else PLATFORMS:
        asked = f"{words} --python-platform {platform}" if platform else words
        taken = bench.uv(f"-v --dry-run {asked} plat")
        found = re.search(r"Selecting: plat==1 \[compatible\] \((\S+)\)", taken.stderr)
        parsed = parse(["install", "--python", str(bench.venv.top), *asked.split(" "), "plat"])
        request, environment = request_from(parsed), environment_from(parsed, writable=True)
        target = retargeted(environment, version, platform)
        if taken.returncode:
            with pytest.raises(InstuiError):
                resolve(request, target, scan(target), lambda event: None)
        else:
            assert found
            (wheel,) = resolve(request, target, scan(target), lambda event: None).wheels
            assert wheel.filename == found[1], (platform, version)


@pytest.mark.parametrize(
    "marker",
    [
        *("os_name == 'nt'", "sys_platform == 'win32'", "platform_machine == 'AMD64'", "platform_system == 'Windows'"),
        *("python_full_version == '3.12.0'", "python_version == '3.12'", "implementation_version == '3.12.0'"),
        "platform_release == ''",
    ],
)
def test_markers_are_those_of_the_other_platform(marker: str, bench: Bench) -> None:
    (bench.here / "r.txt").write_text(f"fast ; {marker}\nalpha\n")
    words = f"--python-platform windows --python-version 3.12 --target {bench.here}/t -r r.txt"
    assert " + fast==1" in bench.uv(f"--dry-run {words}").stderr
    assert bench.ours(words) == {"alpha": "2", "fast": "1"}
    (bench.here / "r.txt").write_text(f"{bench.filled['local']}/gamma-5-py3-none-any.whl ; {marker}\n")
    assert bench.ours(words) == {"gamma": "5"}


def test_a_directory_for_another_platform(built_for: Path, bench: Bench, run_instui: Run) -> None:
    words = ["--no-index", "--find-links", built_for, "--target", bench.here / "t", "--python-platform", "windows"]
    ok(run_instui("install", "--no-fsync", "--python", bench.venv.top, *words, "plat"))
    assert "win_amd64" in (bench.here / "t" / "plat-1.dist-info" / "WHEEL").read_text()
    wheel = next(built_for.glob("plat-1-cp310*-win_amd64.whl"))
    ok(run_instui("install", "--no-fsync", "--no-deps", "--reinstall", "--python", bench.venv.top, *words, wheel))
    assert "does not fit" in error_line(run_instui("install", "--no-deps", "--python", bench.venv.top, wheel), 1)


def test_exact_removes_and_strict_looks(bench: Bench, run_instui: Run) -> None:
    words = ["install", "--no-fsync", "--python", bench.venv.top]
    ok(run_instui(*words, "fast", "needy", env=bench.env))
    ok(run_instui(*words, "--exact", "beta", env=bench.env))
    assert installed(bench.venv.site) == {"alpha": "2", "beta": "2"}
    done = run_instui(*words, "--strict", "--no-deps", "needy", env=bench.env)
    assert done.returncode == 0
    assert "warning: The package `needy` requires `gamma`" in done.stderr


def test_check_answers_and_changes_nothing(bench: Bench, run_instui: Run) -> None:
    words = ["install", "--no-fsync", "--python", bench.venv.top]
    ok(run_instui(*words, "beta==1", env=bench.env))
    for asked, code in (
        ("beta", 0),
        ("beta alpha", 0),
        ("beta==2", 1),
        ("fast", 1),
        ("--exact alpha", 1),
        ("absent", 1),
    ):
        assert bench.uv(f"--check {asked}").returncode == code, asked
        done = run_instui(*words, "--check", *asked.split(" "), env=bench.env)
        assert done.returncode == code, (asked, done.stderr)
        if code and asked != "absent":
            assert "without --check updates it" in done.stderr.splitlines()[-1]
    assert installed(bench.venv.site) == {"alpha": "2", "beta": "1"}
    assert "exclude each other" in error_line(run_instui(*words, "--check", "--dry-run", "x", env=bench.env), 2)
