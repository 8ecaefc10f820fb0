"""How arguments and the lines of requirement files are understood."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from instui_engine.errors import BadWheelError, UsageError
from instui_engine.resolve.inputs import read_arguments, wheel_requirement
from instui_engine.resolve.requirements import Requirement
from instui_engine.resolve.streams import inherited
from support.targets import LINUX, linux_interpreter

TAGS = ("cp311-cp311-linux_x86_64", "cp311-abi3-linux_x86_64", "py3-none-linux_x86_64", "py3-none-any")
TARGET = linux_interpreter(*TAGS)


def touch(path: Path, content: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return str(path)


def test_wheels_directories_and_requirements_keep_their_places(tmp_path: Path) -> None:
    one = touch(tmp_path / "one-1.0-py3-none-any.whl")
    touch(tmp_path / "more" / "b-2-py3-none-any.whl")
    touch(tmp_path / "more" / "A_x-1-py3-none-any.whl", "four")
    arguments = read_arguments(["spec[x]>=1", str(tmp_path / "more"), one, "Last; python_version>'3'"], TARGET)
    assert [(w.name, w.version, w.position, w.size) for w in arguments.wheels] == [
        ("a-x", "1", 1, 4),
        ("b", "2", 2, 0),
        ("one", "1.0", 3, 0),
    ]
    assert [(s.name, s.position) for s in arguments.requirements] == [("spec", 0), ("last", 4)]


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = touch(tmp_path / "one-1.0-py3-none-any.whl")
    monkeypatch.chdir(tmp_path)
    for word in ("one-1.0-py3-none-any.whl", "./one-1.0-py3-none-any.whl", ".", Path(path).as_uri()):
        assert [w.path for w in read_arguments([word], TARGET).wheels] == [path]


def test_a_bare_word_is_a_requirement_even_where_a_directory_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "wheels" / "one-1.0-py3-none-any.whl")
    monkeypatch.chdir(tmp_path)
    assert read_arguments(["wheels"], TARGET).requirements[0].name == "wheels"
    assert read_arguments(["wheels/"], TARGET).wheels[0].name == "one"


def test_urls_of_wheels_are_requirements(tmp_path: Path) -> None:
    arguments = read_arguments(["https://host/Foo_a-1-py3-none-any.whl", "b @ file:///x/b-1-py3-none-any.whl"], TARGET)
    assert [(s.name, s.text.partition(" ")[0]) for s in arguments.requirements] == [("foo-a", "foo-a"), ("b", "b")]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("./absent", "./absent does not exist"),
        ("absent-1.0-py3-none-any.whl", "does not exist"),
        ("absent-1.0.tar.gz", "does not exist"),
        ("./notes.md", "neither a wheel"),
        ("./notes.txt", "give it as -r ./notes.txt"),
        ("pyproject.toml", "give it as -r pyproject.toml"),
        ("./setup.py", "give it as -r ./setup.py"),
        ("pylock.dev.toml", "give it as -r pylock.dev.toml"),
        ("uv.lock", "`instui sync uv.lock`"),
        ("./tree#sha256=" + "0" * 64, "has no hash"),
        ("./empty", "no wheels in the directory"),
        ("svn+https://u:pw@host/x", "only git"),
        ("git+https://host", "not the URL of a git repository"),
        ("x @ git+https://u:pw@host/x.git#sha256=" + "0" * 64, "has no hash"),
        ("https://host/x", "not the URL of a wheel or a source archive"),
        ("foo bar", "foo bar is not a requirement"),
        ("idna=>3", "not a requirement"),
        ("a\nb", "more than one line"),
        ("a ()", "no version in the parentheses"),
        ("./empty[x]", "extras and hashes belong to a wheel"),
        ("a @ https://host/b-1-py3-none-any.whl", "asks for a, but names a wheel of b"),
        ("a @ ftp://host/a-1-py3-none-any.whl", "only http, https and file"),
        ("file://host/a-1-py3-none-any.whl", "a file of this machine"),
        ("./here-1.0-py3-none-any.whl[a,,b]", "names of extras"),
        ("https://u:pw@ho st/a-1-py3-none-any.whl", "not a valid http or https URL"),
        (" ", "empty argument"),
    ],
)
def test_what_cannot_be_installed_is_refused_in_one_line(
    word: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "tree" / "pyproject.toml")
    for name in ("notes.md", "pyproject.toml", "setup.py", "pylock.dev.toml", "uv.lock"):
        touch(tmp_path / name)
    touch(tmp_path / "here-1.0.tar.gz")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        read_arguments([word], TARGET)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_file_of_a_project_that_is_not_there_is_the_name_of_a_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [entry.name for entry in read_arguments(["setup.py", "uv.lock"], TARGET).requirements] == [
        "setup-py",
        "uv-lock",
    ]


def test_a_malformed_wheel_name_is_a_bad_wheel(tmp_path: Path) -> None:
    with pytest.raises(BadWheelError, match="not the file name of a wheel"):
        read_arguments([touch(tmp_path / "junk.whl")], TARGET)


def test_a_run_of_separators_in_a_wheel_name_counts_as_one(tmp_path: Path) -> None:
    (wheel,) = read_arguments([touch(tmp_path / "foo__Bar._x-1.0-py3-none-any.whl")], TARGET).wheels
    assert wheel.name == "foo-bar-x"
    for name in ("__foo", "foo__", "fo!__o", "__"):
        with pytest.raises(BadWheelError, match="not the file name of a wheel"):
            read_arguments([touch(tmp_path / f"{name}-1.0-py3-none-any.whl")], TARGET)


def test_a_link_that_leads_nowhere_is_named_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "a-1-py3-none-any.whl").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match=r"a-1-py3-none-any\.whl, a symbolic link to .*/gone, does not exist"):
        read_arguments([str(tmp_path / "a-1-py3-none-any.whl")], TARGET)


def test_two_versions_of_one_distribution_name_both_files(tmp_path: Path) -> None:
    touch(tmp_path / "A-1-py3-none-any.whl")
    touch(tmp_path / "a-2-py3-none-any.whl")
    with pytest.raises(UsageError, match=r"two versions: .*A-1-py3.* and .*a-2-py3"):
        read_arguments([str(tmp_path)], TARGET)


def test_two_files_of_one_version_are_ambiguous_but_one_file_twice_is_not(tmp_path: Path) -> None:
    one, two = touch(tmp_path / "x" / "a-1-py3-none-any.whl"), touch(tmp_path / "y" / "a-1-py3-none-any.whl")
    with pytest.raises(UsageError, match="given twice"):
        read_arguments([one, two], TARGET)
    assert len(read_arguments([one, str(tmp_path / "x" / ".." / "x" / "a-1-py3-none-any.whl")], TARGET).wheels) == 1


def test_of_a_directory_the_best_build_is_taken_in_the_first_place(tmp_path: Path) -> None:
    for tag in ("py3-none-any", "cp311-cp311-win_amd64", "cp311-cp311-linux_x86_64", "cp311-abi3-linux_x86_64.foo"):
        touch(tmp_path / f"a-1-{tag}.whl")
    wheels = read_arguments([str(tmp_path)], TARGET).wheels
    assert [(w.filename, w.position) for w in wheels] == [("a-1-cp311-cp311-linux_x86_64.whl", 0)]


def test_a_named_wheel_that_does_not_fit_is_refused_even_beside_one_that_does(tmp_path: Path) -> None:
    touch(tmp_path / "a-1-py3-none-any.whl")
    alien = touch(tmp_path / "a-1-cp311-cp311-win_amd64.whl")
    for arguments in ([alien], [str(tmp_path), alien]):
        with pytest.raises(BadWheelError, match=r"a-1-cp311-cp311-win_amd64.whl does not fit .*CPython 3.11 on linux"):
            read_arguments(arguments, TARGET)


def test_a_directory_whose_builds_all_do_not_fit_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a-1-cp311-cp311-win_amd64.whl")
    touch(tmp_path / "b-1-py3-none-any.whl")
    with pytest.raises(BadWheelError, match="does not fit"):
        read_arguments([str(tmp_path)], TARGET)


def test_wheel_files_need_no_parser_of_requirements_and_no_lock_file_reader(tmp_path: Path) -> None:
    touch(tmp_path / "a-1-py3-none-any.whl")
    script = (
        "import sys\nfrom instui_engine.resolve import inputs\n"
        "from instui_engine.target.interpreter import Interpreter\n"
        f"t = Interpreter('', '', '', True, {{}}, {LINUX!r}, ('py3-none-any',), False)\n"
        f"assert inputs.read_arguments([{str(tmp_path)!r}], t).wheels\n"
        "print({'tomllib', 'packaging.pylock', 'packaging.requirements', 'zipfile', 'uv'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


DIGEST = "0123456789abcdef" * 4


def test_a_path_may_have_extras_and_a_hash_that_must_be_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = touch(tmp_path / "alpha-1-py3-none-any.whl")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACE", str(tmp_path))
    for word, extras, hashes in (
        ("./alpha-1-py3-none-any.whl[fast]", ("fast",), ()),
        ("alpha-1-py3-none-any.whl[fast, b_c]", ("fast", "b_c"), ()),
        (f"{path}#sha256={DIGEST.upper()}", (), (f"sha256:{DIGEST}",)),
        (f"file://{path}#egg=alpha&sha256={DIGEST}", (), (f"sha256:{DIGEST}",)),
        (f"file://{path}#sha256={DIGEST}&md5={DIGEST[:32]}[a]", ("a",), (f"sha256:{DIGEST}", f"md5:{DIGEST[:32]}")),
        ("file:alpha-1-py3-none-any.whl", (), ()),
        ("${PLACE}/alpha-1-py3-none-any.whl", (), ()),
    ):
        (wheel,) = read_arguments([word], TARGET).wheels
        assert (wheel.path, wheel.extras) == (path, extras)
        assert wheel.demands == tuple(frozenset({value}) for value in hashes)


def test_extras_and_hashes_of_a_wheel_that_is_given_twice_are_those_of_both(tmp_path: Path) -> None:
    path = touch(tmp_path / "alpha-1-py3-none-any.whl")
    words = [f"{path}[a]", f"{path}#sha256={DIGEST}", f"{path}#sha256={DIGEST[::-1]}[b]"]
    (wheel,) = read_arguments(words, TARGET).wheels
    assert wheel.extras == ("a", "b")
    assert [set(demand) for demand in wheel.demands] == [{f"sha256:{DIGEST}"}, {f"sha256:{DIGEST[::-1]}"}]
    assert wheel_requirement(wheel) == Requirement(
        f"alpha[a,b] @ file://{path}", "alpha", f"file://{path}", wheel.demands, position=0
    )


def test_a_directory_keeps_any_character_that_its_name_has(tmp_path: Path) -> None:
    path = touch(tmp_path / "a#b [c]; ${D}" / "one-1.0-py3-none-any.whl")
    for word in (path, os.path.dirname(path)):
        assert [w.path for w in read_arguments([word], TARGET).wheels] == [path]


def test_a_path_with_a_marker_or_a_name_is_a_requirement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for word in ("./a-1-py3-none-any.whl[x]; os_name == 'nt'", "a[x] @ a-1-py3-none-any.whl ; os_name == 'nt'"):
        arguments = read_arguments([word], TARGET)
        url = f"file://{tmp_path}/a-1-py3-none-any.whl"
        assert arguments.requirements == (Requirement(f'a[x] @ {url} ; os_name == "nt"', "a", url, position=0),)


def test_the_hash_of_a_url_is_a_demand_and_no_longer_in_the_url() -> None:
    for word in ("https://u:p@host/x/a-1-py3-none-any.whl#", "a @ https://u:p@host/x/a-1-py3-none-any.whl#egg=a&"):
        (found,) = read_arguments([f"{word}sha256={DIGEST}"], TARGET).requirements
        assert (found.name, found.url) == ("a", "https://u:p@host/x/a-1-py3-none-any.whl")
        assert found.demands == (frozenset({f"sha256:{DIGEST}"}),)


@pytest.mark.parametrize("fragment", ["SHA256=" + DIGEST, "sha256=12", "sha1=" + DIGEST[:40], "sha256:" + DIGEST, "x"])
@pytest.mark.parametrize(
    "place", ["./a-1-py3-none-any.whl", "a @ file:///a-1-py3-none-any.whl", "https://h/a-1-py3-none-any.whl"]
)
def test_what_stands_in_the_place_of_a_hash_and_is_none_is_an_error(place: str, fragment: str) -> None:
    with pytest.raises(UsageError, match="is not a hash"):
        read_arguments([f"{place}#{fragment}"], TARGET)


def test_of_two_builds_with_the_same_tags_the_higher_build_number_is_taken(tmp_path: Path) -> None:
    for build in ("", "-2", "-10", "-9b"):
        touch(tmp_path / f"a-1{build}-py3-none-any.whl")
    (wheel,) = read_arguments([str(tmp_path)], TARGET).wheels
    assert wheel.filename == "a-1-10-py3-none-any.whl"


def test_a_long_url_in_an_error_shows_no_part_of_its_password() -> None:
    with pytest.raises(UsageError) as caught:
        read_arguments([f"https://user:{'secret' * 60}@host/a-1.rar"], TARGET)
    assert "secret" not in str(caught.value)


def test_a_character_that_no_file_name_can_have_is_refused_in_one_line() -> None:
    for word in ("file:///a%00b-1.whl", "./\ud800.whl"):
        with pytest.raises(UsageError, match="is not a path"):
            read_arguments([word], TARGET)
    with pytest.raises(UsageError, match="not a valid http or https URL"):
        read_arguments(["https://[host/a-1-py3-none-any.whl"], TARGET)


def test_descriptors_that_are_named_as_input_are_found_among_the_arguments() -> None:
    with open(os.devnull) as file:
        number = file.fileno()
        arguments = [
            "install",
            f"-r/dev/fd/{number}",
            "-c",
            f"/proc/self/fd/{number}",
            f"--pylock=/dev/fd/{number}",
            "-",
        ]
        assert inherited([*arguments, "/dev/fd/1", "/dev/stdin"]) == (number,)
    assert inherited([f"/dev/fd/{number}"]) == ()
