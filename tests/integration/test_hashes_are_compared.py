"""A hash that is written or demanded anywhere is compared, in every form: each wrong one stops the install."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import error_line, installed, ok
from support.environments import Venv
from support.wheelsmith import build_wheel

HASHES = ("md5", "sha256", "sha384", "sha512")

# What the user writes, with {sha256} and so on for hashes of `lib 2`, and {path} for its wheel. `r` and `c` are files.
RIGHT = {
    "a fragment": "file://{path}#sha256={sha256}",
    "a fragment with more in it": "file://{path}#egg=lib&sha256={sha256}",
    "a fragment behind a name": "lib @ file://{path}#sha512={sha512}",
    "a fragment of a path": "{path}#sha256={sha256}",
    "a fragment in a file": "-r r: lib @ file://{path}#sha256={sha256}",
    "a fragment of a bare URL in a file": "-r r: file://{path}#sha256={sha256}",
    "an option": "-r r: lib==2 --hash=sha256:{sha256}",
    "an option with a space": "-r r: lib==2 --hash sha256:{sha256}",
    "an option in the next line": "-r r: lib==2 \\\n    --hash=sha256:{sha256} # why",
    "an option of a path": "-r r: {path} --hash=sha256:{sha256}",
    "an option without a version": "-r r: lib --hash=sha256:{sha256}",
    "md5": "-r r: lib==2 --hash=md5:{md5}",
    "sha384": "-r r: lib==2 --hash=sha384:{sha384}",
    "sha512": "-r r: lib==2 --hash=sha512:{sha512}",
    "a constraint": "lib -c c: lib==2 --hash=sha256:{sha256}",
    "a constraint in a file": "-r r: lib\n-c c.txt\n",
}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    (tmp_path / "links").mkdir()
    return build_wheel(tmp_path / "links", "lib", "2", {"lib.py": b"two"})


def words(form: str, place: Path, values: dict[str, str]) -> list[str]:
    """The arguments, with their files written into `place`."""
    (place / "c.txt").write_text("lib==2 --hash=sha256:{sha256}\n".format(**values))
    named, colon, text = form.partition(": ")
    if not colon or " " not in named:
        return [form.format(**values)]
    (place / f"{named[-1]}.txt").write_text(text.format(**values) + "\n")
    return [*named.split(" ")[:-1], f"{named[-1]}.txt"]


def command(target: Venv, place: Path) -> list[object]:
    return ["install", "--no-fsync", "--python", target.top, "--no-index", "--find-links", place / "links"]


@pytest.mark.parametrize("form", RIGHT.values(), ids=RIGHT.keys())
def test_a_right_hash_lets_the_wheel_in_and_a_wrong_one_does_not(
    form: str, wheel: Path, venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    right = {name: hashlib.new(name, wheel.read_bytes()).hexdigest() for name in HASHES}
    wrong = {name: "0" * len(value) for name, value in right.items()}
    target = venv()
    for options in ([], ["--no-deps"]):
        arguments = words(form, tmp_path, {**wrong, "path": str(wheel)})
        assert "lib" in error_line(run_instui(*command(target, tmp_path), *options, *arguments, cwd=tmp_path), 1)
        assert installed(target.site) == {}
    arguments = words(form, tmp_path, {**right, "path": str(wheel)})
    ok(run_instui(*command(target, tmp_path), *arguments, cwd=tmp_path))
    assert installed(target.site) == {"lib": "2"}


@pytest.mark.parametrize(
    "text",
    [
        "lib==2 --hash=SHA256:{sha256}",
        "lib==2 --hash=sha1:{sha256}",
        "lib==2 --hash=sha256:{sha512}",
        "lib==2 --hash={sha256}",
        "lib==2 --hash=sha256:",
        "lib==2 --hash",
        "lib @ file://{path}#sha256=12",
        "--hash=sha256:{sha256}",
    ],
)
def test_what_is_no_hash_is_refused(
    text: str, wheel: Path, venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    values = {name: hashlib.new(name, wheel.read_bytes()).hexdigest() for name in HASHES}
    (tmp_path / "r.txt").write_text(text.format(path=wheel, **values))
    error = error_line(run_instui(*command(venv(), tmp_path), "-r", "r.txt", cwd=tmp_path), 2)
    assert error.startswith("r.txt, line 1: ")


@pytest.mark.parametrize(
    ("option", "first", "variables"),
    [
        ("--require-hashes", "", {}),
        ("", "--require-hashes", {}),
        ("", "", {"UV_REQUIRE_HASHES": "1"}),
        ("", "", {"UV_NO_CONFIG": "0"}),
    ],
    ids=["flag", "line", "variable", "setting"],
)
def test_hashes_that_are_demanded_must_be_there(
    option: str,
    first: str,
    variables: dict[str, str],
    wheel: Path,
    venv: Callable[[], Venv],
    run_instui: Run,
    tmp_path: Path,
) -> None:
    target = venv()
    if "UV_NO_CONFIG" in variables:
        (tmp_path / "uv.toml").write_text("[pip]\nrequire-hashes = true\n")
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for line in ("lib==2", str(wheel), f"lib @ {wheel.as_uri()}", f"lib==2 --hash=md5:{'0' * 32}"):
        (tmp_path / "r.txt").write_text(f"{first}\n{line}\n")
        for more in ([], ["--no-deps"]):
            words = [*more, *([option] if option else []), "-r", "r.txt"]
            error = error_line(run_instui(*command(target, tmp_path), *words, cwd=tmp_path, env=variables), 1)
            assert "--require-hashes" in error
    (tmp_path / "r.txt").write_text(f"{first}\nlib==2 --hash=sha256:{right}\n")
    words = [*([option] if option else []), "-r", "r.txt"]
    ok(run_instui(*command(target, tmp_path), *words, cwd=tmp_path, env=variables))
    assert installed(target.site) == {"lib": "2"}


def test_a_hash_in_the_metadata_of_a_dependent_is_compared(
    wheel: Path, venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    right, wrong = hashlib.sha256(wheel.read_bytes()).hexdigest(), "0" * 64
    for digest in (wrong, right):
        place = tmp_path / digest
        place.mkdir()
        user = build_wheel(place, "user", "1", {"user.py": b""}, requires=[f"lib @ {wheel.as_uri()}#sha256={digest}"])
        done = run_instui(*command(target, tmp_path), user, cwd=tmp_path)
        if digest == wrong:
            assert "lib" in error_line(done, 1)
            assert installed(target.site) == {}
    assert installed(target.site) == {"lib": "2", "user": "1"}


@pytest.mark.parametrize("hashes", ['SHA256 = "{wrong}"', 'sha224 = "{wrong}"', 'sha1 = "{wrong}"'])
def test_a_lock_file_whose_hashes_are_spelled_or_computed_otherwise_is_not_believed(
    hashes: str, wheel: Path, venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    (tmp_path / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "a test"\n[[packages]]\nname = "lib"\nversion = "2"\n[[packages.wheels]]\n'
        f'path = "links/{wheel.name}"\nhashes = {{ {hashes.format(wrong="0" * 64)} }}\n'
    )
    done = run_instui("install", "--python", target.top, "--pylock", "pylock.toml", cwd=tmp_path)
    assert wheel.name in error_line(done, 1)
    assert installed(target.site) == {}


@pytest.mark.parametrize(("option", "variables"), [("--require-hashes", {}), ("", {"UV_REQUIRE_HASHES": "1"})])
def test_hashes_that_are_demanded_must_be_in_a_lock_file(
    option: str, variables: dict[str, str], wheel: Path, venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    weak = hashlib.md5(wheel.read_bytes(), usedforsecurity=False).hexdigest()
    (tmp_path / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "a test"\n[[packages]]\nname = "lib"\nversion = "2"\n[[packages.wheels]]\n'
        f'path = "links/{wheel.name}"\nhashes = {{ md5 = "{weak}" }}\n'
    )
    command = ["install", "--python", target.top, "--pylock", "pylock.toml", *([option] if option else [])]
    assert "--require-hashes" in error_line(run_instui(*command, cwd=tmp_path, env=variables), 1)
    assert installed(target.site) == {}


def test_the_hashes_of_all_who_name_a_wheel_must_hold(
    wheel: Path, venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    target = venv()
    right, wrong = hashlib.sha256(wheel.read_bytes()).hexdigest(), "0" * 64
    (tmp_path / "right.txt").write_text(f"lib==2 --hash=sha256:{right}\n")
    (tmp_path / "wrong.txt").write_text(f"lib==2 --hash=sha256:{wrong}\n")
    (tmp_path / "either.txt").write_text(f"lib==2 --hash=sha256:{wrong} --hash=sha256:{right}\n")
    for more in ("-r", "-c"):
        for first in ("right.txt", "either.txt"):
            error_line(run_instui(*command(target, tmp_path), "-r", first, more, "wrong.txt", cwd=tmp_path), 1)
    ok(run_instui(*command(target, tmp_path), "-r", "right.txt", "-c", "either.txt", cwd=tmp_path))
    assert installed(target.site) == {"lib": "2"}


def test_the_hash_of_another_wheel_in_the_cache_is_called_that(
    wheel: Path, venv: Callable[[], Venv], run_instui: Run, tmp_path: Path
) -> None:
    other = build_wheel(tmp_path / "links", "other", "1", {"other.py": b""})
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    target = venv()
    ok(run_instui(*command(target, tmp_path), "--no-deps", other))
    url = f"http://127.0.0.1:9/{wheel.name}"
    package = f'name = "lib"\nversion = "2"\nwheels = [{{url = "{url}", hashes = {{sha256 = "{digest}"}}}}]'
    (tmp_path / "pylock.toml").write_text(f'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\n{package}\n')
    for options in ([], ["--dry-run"]):
        words = ("install", "--python", target.top, "-r", "pylock.toml", *options)
        text = error_line(run_instui(*words, cwd=tmp_path), 1)
        assert text == f"the hash that is demanded of {wheel.name} is that of a wheel of other 1; it is not installed"
