"""How arguments and the lines of requirement files are understood."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from instui_engine.errors import BadWheelError, UsageError
from instui_engine.resolve.inputs import read_arguments
from instui_engine.resolve.requirement_files import Lines, read_requirement_files
from instui_engine.resolve.streams import inherited
from support.targets import LINUX, linux_interpreter

TAGS = ("cp311-cp311-linux_x86_64", "cp311-abi3-linux_x86_64", "py3-none-linux_x86_64", "py3-none-any")
TARGET = linux_interpreter(*TAGS)


def touch(path: Path, content: str = "") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return str(path)


def test_wheels_directories_and_specifiers_keep_their_places(tmp_path: Path) -> None:
    one = touch(tmp_path / "one-1.0-py3-none-any.whl")
    touch(tmp_path / "more" / "b-2-py3-none-any.whl")
    touch(tmp_path / "more" / "A_x-1-py3-none-any.whl", "four")
    arguments = read_arguments(["spec[x]>=1", str(tmp_path / "more"), one, "Last; python_version>'3'"], TARGET)
    assert [(w.name, w.version, w.position, w.size) for w in arguments.wheels] == [
        ("a-x", "1", 1, 4),
        ("b", "2", 2, 0),
        ("one", "1.0", 3, 0),
    ]
    assert [(s.name, s.position) for s in arguments.specifiers] == [("spec", 0), ("last", 4)]


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
    assert read_arguments(["wheels"], TARGET).specifiers[0].name == "wheels"
    assert read_arguments(["wheels/"], TARGET).wheels[0].name == "one"


def test_urls_of_wheels_are_requirements(tmp_path: Path) -> None:
    arguments = read_arguments(["https://host/Foo_a-1-py3-none-any.whl", "b @ file:///x/b-1-py3-none-any.whl"], TARGET)
    assert [(s.name, s.text.partition(" ")[0]) for s in arguments.specifiers] == [("foo-a", "foo-a"), ("b", "b")]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("./absent", "./absent does not exist"),
        ("absent-1.0-py3-none-any.whl", "does not exist"),
        ("absent-1.0.tar.gz", "does not exist"),
        ("here-1.0.tar.gz", "is a source archive"),
        ("./notes.md", "neither a wheel"),
        ("./notes.txt", "give it as -r ./notes.txt"),
        ("./tree", "uv build --wheel"),
        ("./empty", "no wheels in the directory"),
        ("git+https://host/x.git", "version control"),
        ("x @ git+https://u:pw@host/x.git", "version control"),
        ("x @ https://host/x-1.tar.gz", "source archive"),
        ("https://host/x", "uv build --wheel"),
        ("foo bar", "foo bar is not a requirement"),
        ("idna=>3", "not a requirement"),
        (" ", "empty argument"),
    ],
)
def test_what_cannot_be_installed_is_refused_in_one_line(
    word: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "tree" / "pyproject.toml")
    touch(tmp_path / "notes.md")
    touch(tmp_path / "here-1.0.tar.gz")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        read_arguments([word], TARGET)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_malformed_wheel_name_is_a_bad_wheel(tmp_path: Path) -> None:
    with pytest.raises(BadWheelError, match="not the file name of a wheel"):
        read_arguments([touch(tmp_path / "junk.whl")], TARGET)


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
        "import sys\nfrom instui_engine.resolve import inputs, resolver\n"
        "from instui_engine.target.interpreter import Interpreter\n"
        f"t = Interpreter('', '', '', True, {{}}, {LINUX!r}, ('py3-none-any',), False)\n"
        f"assert inputs.read_arguments([{str(tmp_path)!r}], t).wheels\n"
        "print({'tomllib', 'packaging.pylock', 'packaging.requirements', 'zipfile'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_requirement_files_are_followed_with_their_hashes(tmp_path: Path) -> None:
    touch(tmp_path / "sub" / "limits.txt", "c<2\n")
    touch(tmp_path / "sub" / "more.txt", "-c limits.txt\n-r ../main.txt\nB_b ; python_version > '3'  # why\n")
    main = touch(
        tmp_path / "main.txt",
        "\ufeff# first\n\nA==1 \\\n    --hash=sha256:AB \\\n    --hash sha256:cd\n"
        "--index-url https://host/\n-r sub/more.txt\n",
    )
    lines = read_requirement_files([main], position=7)
    assert [(s.text, s.name, s.position) for s in lines.requirements] == [
        ("A==1", "a", 7),
        ("B_b ; python_version > '3'", "b-b", 8),
    ]
    assert lines.requirements[0].hashes == {"sha256:ab", "sha256:cd"}
    assert [s.name for s in lines.constraints] == ["c"]
    assert lines.plain


@pytest.mark.parametrize(
    "line", ["--pre", "a @ https://host/a-1-py3-none-any.whl", "./a-1-py3-none-any.whl", "a==${V}"]
)
def test_what_only_uv_understands_is_not_plain_but_has_a_name(line: str, tmp_path: Path) -> None:
    lines = read_requirement_files([touch(tmp_path / "r.txt", f"{line}\n")])
    assert not lines.plain
    assert [s.name for s in lines.requirements] == ([] if line == "--pre" else ["a"])


def copied(lines: Lines) -> dict[str, str]:
    return {copy.shown: copy.text for copy in lines.copies}


def test_uv_gets_copies_in_which_only_paths_that_count_from_the_file_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "my wheels").mkdir()
    monkeypatch.setenv("KIND", "links")
    inner = touch(tmp_path / "inner.txt", "c<2\n")
    text = (
        "# -r nothing.txt\r\n"
        "  -r  inner.txt  # why\n"
        "--constraint=inner.txt\n"
        "a==1 \\\n  --hash=sha256:ab\n"
        "-f ./links\n"
        "--find-links='my wheels'\n"
        "-f ${KIND}\n"
        "-i https://${USER}@host/\n"
        "-f ./absent\n"
        "./a-1-py3-none-any.whl"
    )
    main = touch(tmp_path / "main.txt")
    Path(main).write_bytes(text.encode())
    lines = read_requirement_files([main])
    assert lines.requirement_files == ("0",)
    assert copied(lines) == {
        inner: "c<2\n",
        main: (
            "# -r nothing.txt\r\n"
            "-r 1                  \n"
            "-c 1                  \n"
            "a==1 \\\n  --hash=sha256:ab\n"
            f"-f {tmp_path}/links\n"
            f"--find-links '{tmp_path}/my wheels'\n"
            f"-f {tmp_path}/links\n"
            "-i https://${USER}@host/\n"
            "-f ./absent\n"
            "./a-1-py3-none-any.whl"
        ),
    }


def test_a_file_is_read_once_whatever_it_is_called_and_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = touch(tmp_path / "main.txt", "a\n-r sub/../main.txt\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.txt").symlink_to(main)
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest, **options: opened.append(path) or real(path, *rest, **options))
    lines = read_requirement_files([main, str(tmp_path / "link.txt")], [main])
    assert opened == [main]
    assert [s.name for s in lines.requirements] == [s.name for s in lines.constraints] == ["a"]
    assert (lines.requirement_files, lines.constraint_files) == (("0",), ("0",))


def test_what_is_not_ascii_comes_to_uv_as_it_is(tmp_path: Path) -> None:
    latin, wide = tmp_path / "latin.txt", tmp_path / "wide.txt"
    latin.write_bytes(b"a # caf\xe9\n")
    wide.write_bytes("b\n".encode("utf-16"))
    lines = read_requirement_files([str(latin), str(wide)])
    assert [s.name for s in lines.requirements] == ["a", "b"]
    assert [copy.write(tmp_path).read_bytes() for copy in lines.copies] == [b"a # caf\xe9\n", b"b\n"]


def test_a_script_with_requirements_in_its_comments_is_left_to_uv(tmp_path: Path) -> None:
    script = touch(tmp_path / "tool.py", "# /// script\n# dependencies = ['a']\n# ///\nprint(1)\n")
    lines = read_requirement_files([script])
    assert (lines.requirements, lines.plain, lines.requirement_files) == ((), False, ("0.py",))
    assert copied(lines) == {script: Path(script).read_text()}


def test_a_character_that_no_file_name_can_have_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a path"):
        read_requirement_files([touch(tmp_path / "r.txt", "-r a\0b\n")])
    for word in ("file:///a%00b-1.whl", "./\ud800.whl"):
        with pytest.raises(UsageError, match="is not a path"):
            read_arguments([word], TARGET)
    with pytest.raises(UsageError, match="not a URL"):
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


@pytest.mark.parametrize("line", ["-e .", "--editable=./x", "git+https://host/x", "./tree", "x @ https://host/x-1.zip"])
def test_sources_in_a_requirement_file_are_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="uv build --wheel"):
        read_requirement_files([touch(tmp_path / "r.txt", f"{line}\n")])


def test_a_missing_requirement_file_is_named_with_the_file_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nope.txt does not exist"):
        read_requirement_files(["nope.txt"])
    with pytest.raises(UsageError, match=r"nope.txt \(named in .*r.txt\) does not exist"):
        read_requirement_files([touch(tmp_path / "r.txt", "-rnope.txt\n")])


def test_project_and_lock_files_are_not_requirement_files() -> None:
    with pytest.raises(UsageError, match="--pylock"):
        read_requirement_files(["pylock.toml"])
