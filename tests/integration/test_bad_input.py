"""What cannot be done is said in one line on stderr, with the right exit code, and nothing is written."""

import os
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Run
from instui_engine.errors import TargetError
from instui_engine.target.environment import discover
from support.cli import as_anybody, error_line, everything, ok, other_interpreters
from support.environments import Venv
from support.trees import complete
from support.wheelsmith import build_wheel, record, wheel_files, zipped


@dataclass(frozen=True)
class Bench:
    """An environment, a directory for inputs and a way to run `instui install` on it."""

    venv: Venv
    place: Path
    run: Run

    def install(
        self, *arguments: object, env: dict[str, str] | None = None, **options: object
    ) -> "subprocess.CompletedProcess[str]":
        return self.run("install", "--python", self.venv.top, *arguments, env=env, **{"cwd": self.place, **options})

    def write(self, name: str, content: bytes) -> Path:
        path = self.place / name
        path.write_bytes(content)
        return path


@pytest.fixture
def bench(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> Bench:
    place = tmp_path / "inputs"
    place.mkdir()
    return Bench(venv(), place, run_instui)


def good(place: Path, name: str = "good", version: str = "1.0") -> Path:
    return build_wheel(place, name, version, {f"{name}/__init__.py": version.encode()})


# --- wheels that cannot be installed; each comes with a good one, of which nothing must be left either


def _truncated(place: Path) -> Path:
    wheel = good(place, "bad")
    wheel.write_bytes(wheel.read_bytes()[:-30])
    return wheel


def _damaged(place: Path) -> Path:
    """A byte of the compressed content is another one."""
    wheel = build_wheel(place, "bad", "1.0", {"bad.py": bytes(range(256)) * 20})
    with zipfile.ZipFile(wheel) as archive:
        offset = archive.getinfo("bad.py").header_offset + 30 + len("bad.py") + 40
    content = bytearray(wheel.read_bytes())
    content[offset] ^= 0xFF
    wheel.write_bytes(content)
    return wheel


def _patched(place: Path, **changes: bytes | None) -> Path:
    """A wheel in which files were changed or taken away after its RECORD was written. Keys: last path component."""
    files = wheel_files("bad", "1.0", {"bad.py": b"x = 1\n"})
    for path in list(files):
        key = path.rpartition("/")[2].partition(".")[0]
        if key in changes:
            content = changes[key]
            if content is None:
                del files[path]
            else:
                files[path] = content
    return _written(place / "bad-1.0-py3-none-any.whl", zipped(files))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _needs_later_python(place: Path) -> Path:
    files = wheel_files("bad", "1.0", {"bad.py": b""})
    metadata = "bad-1.0.dist-info/METADATA"
    files[metadata] += b"Requires-Python: >=4\n"
    path = "bad-1.0.dist-info/RECORD"
    del files[path]
    files[path] = record(files, path)
    return _written(place / "bad-1.0-py3-none-any.whl", zipped(files))


def _renamed(place: Path) -> Path:
    wheel = good(place, "other")
    return wheel.rename(place / "bad-1.0-py3-none-any.whl")


def _for_windows(place: Path) -> Path:
    return build_wheel(place, "bad", "1.0", {"bad.py": b""}, tag="cp311-cp311-win_amd64")


def _replaces_python(place: Path) -> Path:
    return build_wheel(place, "bad", "1.0", {"bad.py": b""}, data={"scripts/python": b"#!/bin/sh\n"})


WHEELS: dict[str, tuple[Callable[[Path], Path], int, str]] = {
    "text": (lambda place: _written(place / "bad-1.0-py3-none-any.whl", b"just words\n"), 1, "bad-1.0"),
    "empty file": (lambda place: _written(place / "bad-1.0-py3-none-any.whl", b""), 1, "bad-1.0"),
    "truncated": (_truncated, 1, "bad-1.0"),
    "damaged": (_damaged, 1, "bad-1.0"),
    "hash in RECORD": (lambda place: _patched(place, bad=b"x = 2\n"), 1, "RECORD"),
    "no RECORD": (lambda place: _patched(place, RECORD=None), 1, "RECORD"),
    "no METADATA": (lambda place: _patched(place, METADATA=None), 1, "METADATA"),
    "another platform": (_for_windows, 1, "does not fit"),
    "another Python": (_needs_later_python, 1, "requires Python >=4"),
    "renamed": (_renamed, 1, "bad-1.0"),
    "replaces python": (_replaces_python, 1, "scripts/python"),
    "not named like a wheel": (lambda place: good(place, "bad").rename(place / "bad.whl"), 1, "bad.whl"),
    "two lines in the name": (lambda place: _written(place / "bad\n-1.0-py3-none-any.whl", b""), 1, "bad\\n-1.0"),
}


@pytest.mark.parametrize("kind", WHEELS)
def test_a_bad_wheel_is_refused_with_all_that_came_with_it(kind: str, bench: Bench) -> None:
    make, code, message = WHEELS[kind]
    before = everything(bench.venv.top)
    done = bench.install("--no-deps", good(bench.place), make(bench.place))
    assert message in error_line(done, code)
    assert everything(bench.venv.top) == before


def test_a_bad_wheel_is_refused_again_from_the_cache(bench: Bench) -> None:
    wheel = WHEELS["hash in RECORD"][0](bench.place)
    texts = {error_line(bench.install("--no-deps", wheel), 1) for _ in range(2)}
    assert len(texts) == 1


# --- words that name nothing


def _two_versions(bench: Bench) -> list[object]:
    return ["--no-deps", good(bench.place), good(bench.place, version="2.0")]


def _line(bench: Bench, text: str) -> list[object]:
    return ["--no-index", "-r", bench.write("requirements.txt", text.encode())]


INPUTS: dict[str, tuple[Callable[[Bench], list[object]], int, str]] = {
    "unknown requirement": (lambda b: ["--no-index", "--find-links", b.place, "nosuch"], 1, "nosuch"),
    "unknown version": (lambda b: ["--no-index", "--find-links", good(b.place).parent, "good==9"], 1, "good==9"),
    "offline, not cached": (lambda b: ["--offline", "nosuch"], 1, "nosuch"),
    "nothing": (lambda b: [], 2, "nothing to install"),
    "no requirement": (lambda b: ["good=>1"], 2, "good=>1"),
    "empty argument": (lambda b: [""], 2, "empty"),
    "no such file": (lambda b: ["./none-1.0-py3-none-any.whl"], 2, "none-1.0-py3-none-any.whl does not exist"),
    "no such directory": (lambda b: ["none/"], 2, "none/ does not exist"),
    "no wheel": (lambda b: [b.write("notes.md", b"words")], 2, "notes.md is neither a wheel"),
    "source archive": (lambda b: ["--no-index", b.write("good-1.0.tar.gz", b"")], 1, "good-1.0.tar.gz"),
    "no wheels there": (lambda b: [f"{b.place}/"], 2, "no wheels in the directory"),
    "two versions": (_two_versions, 2, "good is given in two versions"),
    "two versions in a directory": (lambda b: [_two_versions(b)[-1].parent], 2, "two versions"),  # type: ignore[union-attr]
    "no -r file": (lambda b: ["-r", "none.txt"], 2, "requirement file none.txt does not exist"),
    "no nested -r file": (lambda b: _line(b, "-r inner.txt\n"), 2, "inner.txt"),
    "no -c file": (lambda b: ["good", "-c", "none.txt"], 2, "none.txt"),
    "no project in a file": (lambda b: _line(b, "-e .\n"), 2, "neither pyproject.toml nor setup.py"),
    "no requirement in a file": (lambda b: _line(b, "good ==\n"), 2, "line 1: good =="),
    "no lock file": (lambda b: ["--pylock", "pylock.toml"], 2, "pylock.toml"),
    "no lock file's text": (lambda b: ["--pylock", b.write("pylock.toml", b"words")], 2, "not a valid lock file"),
    "no lock file as -r": (lambda b: ["-r", b.write("pylock.toml", b"")], 2, "not a valid lock file"),
    "hash missing": (lambda b: ["--require-hashes", "good"], 1, "--require-hashes"),
    "unknown option": (lambda b: ["good", "--bogus"], 2, "--bogus"),
    "option without value": (lambda b: ["good", "--jobs"], 2, "--jobs"),
    "no jobs": (lambda b: ["good", "--jobs", "0"], 2, "between 1 and 256"),
    "jobs in letters": (lambda b: ["good", "--jobs", "many"], 2, "many"),
    "negative timeout": (lambda b: ["good", "--lock-timeout", "-1"], 2, "--lock-timeout"),
    "unknown link mode": (lambda b: ["good", "--link-mode", "soft"], 2, "soft"),
    "unknown user interface": (lambda b: ["good", "--ui", "gtk"], 2, "gtk"),
    "journal nowhere": (lambda b: ["--no-deps", good(b.place), "--journal", "none/journal"], 2, "none/journal"),
    "cache is a file": (
        lambda b: ["--no-deps", good(b.place), "--cache-dir", b.write("cache", b"")], 1, "--cache-dir",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", INPUTS)
def test_bad_words_are_refused_in_one_line(kind: str, bench: Bench) -> None:
    make, code, message = INPUTS[kind]
    arguments = make(bench)
    before = everything(bench.venv.top)
    assert message in error_line(bench.install(*arguments), code)
    assert everything(bench.venv.top) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a command"),
        (["instal"], "instal"),
        (["demo", "nosuch"], "nosuch"),
        (["install", "good", "--pyton", "x"], "instui install --help"),
    ],
)
def test_a_mistyped_command_leads_to_the_help(arguments: list[str], message: str, run_instui: Run) -> None:
    text = error_line(run_instui(*arguments), 2)
    assert message in text
    assert "--help" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [("JOBS", "many"), ("LINK_MODE", "soft"), ("UI", "gtk"), ("SLOW", "x"), ("LOCK_TIMEOUT", "nan")],
)
def test_a_bad_variable_is_refused_like_its_flag(name: str, value: str, bench: Bench) -> None:
    before = everything(bench.venv.top)
    text = error_line(bench.install("--no-deps", good(bench.place), env={f"INSTUI_{name}": value}), 2)
    assert value in text
    assert everything(bench.venv.top) == before


@pytest.mark.parametrize("arguments", [["--help"], ["install", "--help"], ["demo", "--help"], ["--version"]])
def test_help_goes_to_stdout(arguments: list[str], run_instui: Run) -> None:
    assert "instui" in ok(run_instui(*arguments))


# --- no environment, or none that can be used


def test_no_environment_says_how_to_make_one(tmp_path: Path, run_instui: Run) -> None:
    text = error_line(run_instui("install", "good", cwd=tmp_path), 1)
    assert "python3 -m venv" in text
    assert list(tmp_path.iterdir()) == []


def test_a_missing_environment_is_named(tmp_path: Path, run_instui: Run) -> None:
    text = error_line(run_instui("install", "good", "--python", tmp_path / "none"), 1)
    assert str(tmp_path / "none") in text
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_python_is_not_taken_for_one(tmp_path: Path, run_instui: Run) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    assert str(script) in error_line(run_instui("install", "good", "--python", script), 1)
    plain = _written(tmp_path / "notes", b"words")
    assert str(plain) in error_line(run_instui("install", "good", "--python", plain), 1)
    assert "bin/python" in error_line(run_instui("install", "good", "--python", tmp_path), 1)


LONG = "x" * 300
CHOSEN = [
    (("--python", LONG), "File name too long"),
    (("--python", "3.99"), "there is no python3.99 on PATH; name another Python"),
    (("--python", "pypy3.99"), "there is no pypy3.99 on PATH; name another Python"),
    (("--python", "gone/bin/python"), "no interpreter at gone/bin/python; make an environment with `python3 -m venv "),
    (("--python", "~nosuchuser"), "no environment or interpreter at ~nosuchuser"),
    (("--target", LONG), "File name too long"),
    (("--target", f"new/{LONG}"), "File name too long"),
    (("--prefix", LONG), "File name too long"),
    (("--cache-dir", LONG), "File name too long"),
    (("--cache-dir", "loop"), "Too many levels of symbolic links"),
    (("--python", "loop"), "Too many levels of symbolic links"),
    (("--target", "loop"), "Too many levels of symbolic links"),
    (("--journal", LONG), "File name too long"),
]


@pytest.mark.parametrize(("arguments", "message"), CHOSEN)
def test_a_place_that_cannot_be_is_refused_in_one_line(
    arguments: tuple[str, ...], message: str, bench: Bench, tmp_path: Path, run_instui: Run
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "loop").symlink_to("loop")
    target = [] if arguments[0] == "--python" else ["--python", bench.venv.top]
    done = run_instui("install", "--no-deps", good(tmp_path), *target, *arguments, cwd=here)
    assert message in error_line(done, 2 if arguments[0] == "--journal" else 1)
    assert os.listdir(here) == ["loop"]


@pytest.mark.parametrize("options", [{"python": LONG}, {"target": f"new/{LONG}"}, {"target": "loop"}, {"prefix": LONG}])
def test_a_place_that_cannot_be_is_also_refused_to_who_only_reads(
    options: dict[str, str], bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TargetError):
        discover(tmp_path / "cache", **{"python": str(bench.venv.top), **options}, writable=False)


def test_a_user_that_does_not_exist_has_no_cache(bench: Bench, tmp_path: Path, run_instui: Run) -> None:
    """As for a shell, it is the name of a directory then."""
    ok(run_instui("install", "--python", bench.venv.top, "--cache-dir", "~nosuchuser", good(tmp_path), cwd=tmp_path))
    assert (tmp_path / "~nosuchuser" / "locks").is_dir()


WHOLE = ("--python", "{top}")  # absolute, as all paths that work here
GONE: dict[str, tuple[tuple[object, ...], int]] = {
    "a wheel": (("install", *WHOLE, "--no-deps", "{wheel}"), 0),
    "a requirement": (("install", *WHOLE, "x"), 2),
    "a relative wheel": (("install", *WHOLE, "./x-1-py3-none-any.whl"), 2),
    "a requirement file": (("install", *WHOLE, "-r", "r.txt"), 2),
    "a lock file": (("install", *WHOLE, "--pylock", "pylock.toml"), 2),
    "a cache": (("install", *WHOLE, "--cache-dir", "cache", "{wheel}"), 2),
    "a target": (("install", *WHOLE, "--target", "t", "{wheel}"), 2),
    "an environment": (("install", "--python", "venv", "{wheel}"), 2),
    "the nearest environment": (("doctor",), 2),
    "a look": (("locks", *WHOLE), 0),
}


@pytest.mark.parametrize("what", GONE)
def test_in_a_working_directory_that_is_gone_what_needs_none_works(
    what: str, bench: Bench, tmp_path: Path, clean_environ: dict[str, str]
) -> None:
    arguments, code = GONE[what]
    names = {"top": bench.venv.top, "wheel": good(tmp_path)}
    command = [sys.executable, "-P", "-m", "instui", *(str(word).format(**names) for word in arguments)]
    place = tmp_path / "place"
    place.mkdir()
    done = subprocess.run(
        command, cwd=place, env=clean_environ, capture_output=True, text=True, check=False, preexec_fn=place.rmdir
    )
    if code:
        assert "the working directory cannot be used" in error_line(done, code)
    else:
        assert done.returncode == 0, done.stderr


def test_a_deleted_active_environment_is_named(tmp_path: Path, run_instui: Run) -> None:
    text = error_line(run_instui("install", "good", env={"VIRTUAL_ENV": str(tmp_path / "gone")}), 1)
    assert str(tmp_path / "gone") in text


def test_a_target_that_is_a_file_is_refused(bench: Bench) -> None:
    file = bench.write("file", b"words")
    before = everything(bench.venv.top)
    for option in ("--target", "--prefix"):
        text = error_line(bench.install("--no-deps", good(bench.place), option, file), 1)
        assert "not a directory" in text
    assert file.read_bytes() == b"words"
    assert everything(bench.venv.top) == before


def test_a_python_of_the_system_is_left_alone(tmp_path: Path, run_instui: Run) -> None:
    marked = [path for path in Path("/usr/lib").glob("python3*/EXTERNALLY-MANAGED") if _runs(path.parent.name)]
    if not marked:
        pytest.skip("no Python here is managed by the system")
    python = Path("/usr/bin") / marked[0].parent.name
    text = error_line(run_instui("install", "--no-deps", good(tmp_path), "--python", python), 1)
    assert "managed by the system" in text and "--break-system-packages" in text


def _runs(name: str) -> bool:
    return os.access(f"/usr/bin/{name}", os.X_OK)


# --- no permission


@pytest.fixture
def locked(bench: Bench) -> Iterator[Callable[[str], "subprocess.CompletedProcess[str]"]]:
    """Installs `good` (an upgrade where it is there) after a directory of the environment became read-only."""
    prefix = as_anybody()
    if prefix is None:
        pytest.skip("runs as root and cannot give that up")
    changed: list[Path] = []

    def attempt(where: str) -> "subprocess.CompletedProcess[str]":
        wheel = build_wheel(
            bench.place,
            "good",
            "2.0",
            {"good/__init__.py": b"2", "good/inner/new.py": b"2", "another.py": b"2"},
            entry_points="[console_scripts]\ngood = good:main\n",
        )
        place = bench.venv.top / where
        changed.append(place)
        place.chmod(0o555)
        environ = {**os.environ, "INSTUI_CACHE_DIR": str(bench.venv.cache)}
        command = [*prefix, "-m", "instui", "install", "--no-deps", "--python", str(bench.venv.top), str(wheel)]
        return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=100, check=False)

    yield attempt
    for path in changed:
        path.chmod(0o755)


@pytest.mark.parametrize("where", ["", "{site}", "bin"])
def test_a_read_only_environment_is_found_before_the_first_write(
    where: str, bench: Bench, locked: Callable[[str], "subprocess.CompletedProcess[str]"]
) -> None:
    place = where.format(site=bench.venv.environment.roots["purelib"])
    before = _without_modes(bench.venv.top)
    text = error_line(locked(place), 1)
    assert str(bench.venv.top / place) in text
    assert _without_modes(bench.venv.top) == before


@pytest.mark.parametrize("below", ["good", "good/inner"])
def test_a_read_only_directory_of_a_package_stops_its_upgrade_before_it_begins(
    below: str, bench: Bench, locked: Callable[[str], "subprocess.CompletedProcess[str]"]
) -> None:
    files = {"good/__init__.py": b"1", "good/inner/old.py": b"1", "aside.py": b"1"}
    bench.venv.put(build_wheel(bench.place, "good", "1.0", files))
    before = _without_modes(bench.venv.site)
    text = error_line(locked(f"{bench.venv.environment.roots['purelib']}/{below}"), 1)
    assert "good 2.0" in text
    assert "no permission to change" in text
    assert str(bench.venv.site / below) in text
    assert _without_modes(bench.venv.site) == before
    assert complete(bench.venv.site, "good-1.0")


def _without_modes(top: Path) -> dict[str, str]:
    return {path: what for path, what in everything(top).items() if not what.startswith("directory")} | {
        path: "directory" for path, what in everything(top).items() if what.startswith("directory")
    }


# --- clashes and conflicts


def file_and_directory(place: Path) -> tuple[Path, Path]:
    one = build_wheel(place, "one", "1.0", {"one.py": b"", "thing": b"a file"})
    two = build_wheel(place, "two", "2.0", {"two.py": b"", "thing/inside.py": b""})
    return one, two


def deep_file_and_directory(place: Path) -> tuple[Path, Path]:
    one = build_wheel(place, "one", "1.0", {"pkg/sub/thing": b"a file", "pkg/sub/a.py": b""})
    two = build_wheel(place, "two", "2.0", {"pkg/sub/thing/inside/deep.py": b"", "pkg/b.py": b""})
    return one, two


def data_file_and_directory(place: Path) -> tuple[Path, Path]:
    one = build_wheel(place, "one", "1.0", {"one.py": b""}, data={"data/etc": b"a file"})
    two = build_wheel(place, "two", "2.0", {"two.py": b""}, data={"data/etc/two/two.conf": b""})
    return one, two


CLASHES = [file_and_directory, deep_file_and_directory, data_file_and_directory]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("make", CLASHES)
def test_a_file_and_a_directory_of_one_name_clash_and_both_owners_are_named(
    make: Callable[[Path], tuple[Path, Path]], swapped: bool, bench: Bench
) -> None:
    pair = make(bench.place)
    before = everything(bench.venv.top)
    text = error_line(bench.install("--no-deps", *(reversed(pair) if swapped else pair)), 1)
    assert "one 1.0" in text
    assert "two 2.0" in text
    assert everything(bench.venv.top) == before


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("make", CLASHES)
def test_a_clash_with_what_is_installed_names_both_owners(
    make: Callable[[Path], tuple[Path, Path]], swapped: bool, bench: Bench
) -> None:
    first, second = reversed(make(bench.place)) if swapped else make(bench.place)
    bench.venv.put(first)
    before = everything(bench.venv.site)
    text = error_line(bench.install("--no-deps", good(bench.place), second), 1)
    assert "one 1.0" in text
    assert "two 2.0" in text
    assert everything(bench.venv.site) == before


def test_a_file_of_nobody_in_the_place_of_a_directory_is_a_clash(bench: Bench) -> None:
    (bench.venv.site / "good").write_bytes(b"mine")
    text = error_line(bench.install("--no-deps", good(bench.place)), 1)
    assert "good is a file" in text
    assert (bench.venv.site / "good").read_bytes() == b"mine"


def test_fail_on_conflict_writes_nothing_and_names_both(bench: Bench) -> None:
    one = build_wheel(bench.place, "one", "1.0", {"same/a.py": b"1", "same/b.py": b"1", "one.py": b""})
    two = build_wheel(bench.place, "two", "1.0", {"same/a.py": b"2", "same/b.py": b"2", "two.py": b""})
    before = everything(bench.venv.top)
    done = bench.install("--no-deps", "--fail-on-conflict", "--ui", "plain", one, two)
    assert "same/a.py of one 1.0 would be replaced by two 1.0" in done.stdout
    text = error_line(done, 3)
    assert "one 1.0" in text
    assert "two 1.0" in text
    assert everything(bench.venv.top) == before
    bench.venv.put(one)
    before = everything(bench.venv.site)
    assert "one 1.0" in error_line(bench.install("--no-deps", "--fail-on-conflict", two), 3)
    assert everything(bench.venv.site) == before


def test_fail_on_conflict_sees_files_of_nobody(bench: Bench) -> None:
    (bench.venv.site / "good").mkdir()
    (bench.venv.site / "good" / "__init__.py").write_bytes(b"mine")
    error_line(bench.install("--no-deps", "--fail-on-conflict", good(bench.place)), 3)
    assert (bench.venv.site / "good" / "__init__.py").read_bytes() == b"mine"


def test_fail_on_conflict_lets_equal_files_and_own_upgrades_pass(bench: Bench) -> None:
    one = build_wheel(bench.place, "one", "1.0", {"same/a.py": b"", "one.py": b"1"})
    two = build_wheel(bench.place, "two", "1.0", {"same/a.py": b"", "two.py": b"2"})
    ok(bench.install("--no-deps", "--fail-on-conflict", one, two))
    newer = build_wheel(bench.place, "one", "2.0", {"same/a.py": b"", "one.py": b"2"})
    ok(bench.install("--no-deps", "--fail-on-conflict", newer))


# --- the index


def test_an_index_that_does_not_answer_is_named(bench: Bench) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/simple"
        before = everything(bench.venv.top)
        env = {"UV_OFFLINE": "0", "UV_HTTP_RETRIES": "0", "NO_PROXY": "127.0.0.1"}
        text = error_line(bench.install("good", "--index-url", url, env=env), 1)
    assert "127.0.0.1" in text
    assert everything(bench.venv.top) == before


# --- output nobody reads


@pytest.mark.parametrize("ui", ["plain", "json"])
def test_a_closed_output_stops_nothing(ui: str, bench: Bench) -> None:
    """As in `instui install ... | head -0`."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = bench.install(
            "--no-deps", good(bench.place), "--ui", ui, capture_output=False, stdout=writer, stderr=subprocess.PIPE
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    assert complete(bench.venv.site, "good-1.0")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_not_open_stop_nothing(closed: str, bench: Bench, clean_environ: dict[str, str]) -> None:
    """As cron jobs and daemons may start it."""
    arguments = ["install", "--no-deps", "--python", str(bench.venv.top)]
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "instui", *arguments]
    done = subprocess.run([*command, str(good(bench.place))], capture_output=True, env=clean_environ, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert complete(bench.venv.site, "good-1.0")
    wrong = subprocess.run([*command, "./none.whl"], capture_output=True, env=clean_environ, check=False)
    assert wrong.returncode == 2


def test_special_files_in_a_directory_of_wheels_are_not_read(bench: Bench) -> None:
    good(bench.place)
    os.mkfifo(bench.place / "pipe-1.0-py3-none-any.whl")
    ok(bench.install("--no-deps", f"{bench.place}/"))
    text = error_line(bench.install("--no-deps", "./pipe-1.0-py3-none-any.whl"), 2)
    assert "not a regular file" in text


def test_a_wheel_for_another_python_is_refused_where_it_is_not_for(bench: Bench) -> None:
    others = other_interpreters()
    if not others:
        pytest.skip("there is no other Python on this machine")
    tag = f"cp{others[0].version.replace('.', '')}-none-any"
    wheel = build_wheel(bench.place, "bad", "1.0", {"bad.py": b""}, tag=tag)
    text = error_line(bench.install("--no-deps", wheel), 1)
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in text


def test_the_mode_of_what_was_there_is_not_touched(bench: Bench) -> None:
    """A refused install leaves even the environment's directories as they were."""
    bench.venv.site.chmod(0o750)
    error_line(bench.install("--no-deps", WHEELS["text"][0](bench.place)), 1)
    assert stat.S_IMODE(bench.venv.site.stat().st_mode) == 0o750
