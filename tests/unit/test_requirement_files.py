"""How requirement files are read: pip's format, uv's meaning, and an error for whatever is not understood."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from instui_engine.errors import InstuiError, UsageError
from instui_engine.resolve.normal_form import limits_text, requirements_text
from instui_engine.resolve.requirement_files import read_requirement_files
from instui_engine.resolve.requirements import Requirement, Requirements

A, B = "0123456789abcdef" * 4, "fedcba9876543210" * 4
WHEEL = "alpha-1-py3-none-any.whl"

Read = Callable[..., Requirements]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read a file with the given content, in a directory that is not the working directory."""
    (tmp_path / "cwd").mkdir()
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("DIR", "deep")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)

    def reading(content: str | bytes, **others: str | bytes) -> Requirements:
        for name, text in {"r.txt": content, **others}.items():
            path = tmp_path / "files" / name.replace("__", "/").replace("_txt", ".txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_requirement_files(["../files/r.txt"])

    return reading


def texts(found: tuple[Requirement, ...]) -> list[str]:
    return [requirement.text for requirement in found]


def test_a_path_may_have_a_comma_or_a_colon_as_in_pip_and_uv(read: Read, tmp_path: Path) -> None:
    wheel = "alpha-1-py3-none-any.whl"
    for place in ("com,ma", "col:on"):
        (tmp_path / "files" / place).mkdir()
        (tmp_path / "files" / place / wheel).touch()
        (found,) = read(f"{place}/{wheel}").requirements
        assert found.url == f"file://{tmp_path}/files/{quote(place)}/{wheel}"
    for text in (f"ftp://host/{wheel}", f"nowhere:on/{wheel}"):
        with pytest.raises(UsageError, match="only http, https and file can be read"):
            read(text)


# --- lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("# first\n\nAlpha == 1 # why\n beta\t\r\ngamma\rdelta", ["Alpha==1", "beta", "gamma", "delta"]),
        ("alpha \\\n  >= 1, \\\n  < 2\nbeta", ["alpha<2,>=1", "beta"]),
        ("alpha \\\n# a comment ends it\nbeta", ["alpha", "beta"]),
        ("# no continuation \\\nalpha # here neither \\\nbeta", ["alpha", "beta"]),
        ("alpha \\\n\nbeta \\", ["alpha", "beta"]),
        ("alpha[b,a] ; python_version > '3' \\\n  and os_name == 'posix'", None),
        ("# form feed\x0c in a comment \x85\nalpha", ["alpha"]),
    ],
)
def test_lines_end_and_go_on_as_in_pip_and_uv(content: str, expected: list[str] | None, read: Read) -> None:
    expected = expected or ['alpha[a,b]; python_version > "3" and os_name == "posix"']
    assert texts(read(content).requirements) == expected


def test_each_requirement_knows_its_line_and_its_place(tmp_path: Path, read: Read) -> None:
    read("a\n\nb \\\n  ==1\n-r sub/more.txt\n-c limits.txt\nd", sub__more_txt="# c\nc", limits_txt="a<3")
    found = read_requirement_files(["../files/r.txt"], position=7)
    assert [(r.name, r.position, r.where) for r in found.requirements] == [
        ("a", 7, "../files/r.txt, line 1"),
        ("b", 8, "../files/r.txt, line 3"),
        ("c", 9, "../files/sub/more.txt, line 2"),
        ("d", 10, "../files/r.txt, line 7"),
    ]
    assert [(r.text, r.position, r.where) for r in found.constraints] == [("a<3", -1, "../files/limits.txt, line 1")]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfalpha\n",
        "alpha\n".encode("utf-16"),
        b"\xfe\xff" + "alpha\n".encode("utf-16-be"),
        "alpha\n".encode("utf-32"),
        b"\x00\x00\xfe\xff" + "alpha\n".encode("utf-32-be"),
        b"# -*- coding: latin-1 -*-\nalpha # caf\xe9\n",
        b"#!shebang\n# vim: set fileencoding=cp1252 coding:latin-1 :\nalpha # caf\xe9\n",
        "# -*- coding: latin-1 -*-\nalpha # café\n".encode(),
    ],
)
def test_encodings_are_told_by_mark_or_coding_line(content: bytes, read: Read) -> None:
    assert texts(read(content).requirements) == ["alpha"]


def test_utf8_that_calls_itself_latin1_is_utf8_as_for_uv(tmp_path: Path, read: Read) -> None:
    (tmp_path / "files" / "é").mkdir()
    found = read("# coding: latin-1\n-f é\n")
    assert found.find_links == (f"file://{tmp_path}/files/%C3%A9",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"alpha # caf\xe9\n", "is not utf-8 text"),
        (b"\xff\xfea\x00\x00\xd8a\x00", "is not utf-16-le text"),
        (b"# coding: klingon\n\xe9", "names the encoding klingon, which is unknown"),
        (b"# coding: rot13\n\xe9", "names the encoding rot13"),
        (b"# coding: ascii\n\xe9", "is not ascii text"),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_the_encoding_that_was_tried(
    content: bytes, message: str, read: Read
) -> None:
    with pytest.raises(UsageError, match=message):
        read(content)


def test_each_space_of_a_long_run_is_looked_at_once(read: Read) -> None:
    gap = " " * 1_000_000
    assert texts(
        read(f"alpha{gap}==1{gap}# c\nhttps://h/{WHEEL}{gap}; os_name == 'x'{gap}--hash=md5:{A[:32]}").requirements
    ) == [
        "alpha==1",
        f'alpha @ https://h/{WHEEL} ; os_name == "x"',
    ]


# --- hashes


def test_hashes_behind_a_name_are_one_demand_and_behind_a_place_each_is_one(read: Read) -> None:
    options = f"\\\n  --hash=sha256:{A.upper()} \\\n  --hash sha256:{B}"
    found = read(
        f"alpha==1 {options}\nbeta==1 \\\n--hash=sha256:{A} # c\n./{WHEEL}#sha256={A} {options}\n-c c.txt",
        c_txt=f"alpha --hash=md5:{A[:32]}",
    )
    assert [r.demands for r in found.requirements] == [
        (frozenset({f"sha256:{A}", f"sha256:{B}"}),),
        (frozenset({f"sha256:{A}"}),),
        (frozenset({f"sha256:{A}"}), frozenset({f"sha256:{B}"})),
    ]
    assert [r.demands for r in found.constraints] == [(frozenset({f"md5:{A[:32]}"}),)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"alpha --hash=SHA256:{A}", "is not a hash: it does not begin with the name"),
        (f"alpha --hash=sha1:{A[:40]}", "is not a hash"),
        ("alpha --hash=sha256:12", "sha256 needs 64 hexadecimal digits"),
        (f"alpha --hash='sha256:{A}'", "is not a hash"),
        (f"alpha --hash=sha256:{A},sha256:{B}", "is not a hash"),
        ("alpha --hash", "--hash cannot stand behind"),
        (f"alpha --hash\nsha256:{A}", "--hash cannot stand behind"),
        (f"alpha --hashes=sha256:{A}", "--hashes cannot stand behind"),
        (f"alpha --has=sha256:{A}", "--has cannot stand behind"),
        (f"alpha --hash \\\nsha256:{A}", "--hash cannot stand behind"),
        (f"alpha --hash=sha256:{A}\xa0", "is not a hash"),
        (f"alpha --hash=sha256:{A} beta", "beta cannot stand behind"),
        (f"alpha --hash=sha256:{A} --no-index", "--no-index cannot stand behind"),
        (f"alpha --hash=sha256:{A}--hash=sha256:{B}", "is not a hash"),
        (f"alpha -hash=sha256:{A}", "not a requirement"),
        (f"--hash=sha256:{A}", "--hash is not understood"),
        (f"alpha#sha256={A}", "not a requirement"),
        (f"./{WHEEL}[x]#sha256={A}", "does not exist"),
        (f"./{WHEEL}#SHA256={A}", "is not a hash"),
        (f"alpha @ ./{WHEEL}# ; os_name == 'x'", "is not a hash"),
        (f"alpha @ ./{WHEEL}#egg=alpha# ; os_name == 'x'", "is not a hash"),
        (f"alpha @ https://host/{WHEEL}#md5={A}", "md5 needs 32"),
    ],
)
def test_a_hash_that_is_not_understood_is_an_error(line: str, message: str, read: Read) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(f"# c\n{line}")
    assert str(caught.value).startswith("../files/r.txt, line 2: ")


# --- paths and URLs


def test_paths_count_from_the_file_and_else_from_the_working_directory(tmp_path: Path, read: Read) -> None:
    for place in ("files/both", "cwd/both", "cwd/other"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / WHEEL).touch()
    lines = "-f both\n-f other\n-i both\n--extra-index-url=other\n"
    found = read(f"{lines}both/{WHEEL}\nalpha @ ./other/{WHEEL}\nfile:other/{WHEEL}\n./absent/{WHEEL}\n")
    both, other = f"file://{tmp_path}/files/both", f"file://{tmp_path}/cwd/other"
    assert (found.find_links, found.index_url, found.extra_index_urls) == ((both, other), both, (other,))
    absent = f"file://{tmp_path}/files/absent/{WHEEL}"
    assert [r.url for r in found.requirements] == [f"{both}/{WHEEL}", f"{other}/{WHEEL}", f"{other}/{WHEEL}", absent]


def test_wheels_by_path_and_url_may_have_extras_and_markers(tmp_path: Path, read: Read) -> None:
    marker = "python_version > '3'"
    here = f"file://{tmp_path}/files/{WHEEL}"
    for line, expected in (
        (f"{WHEEL}[b,a] ; {marker}", f"alpha[a,b] @ {here}"),
        (f"./{WHEEL}; {marker}", f"alpha @ {here}"),
        (f"alpha[x]@{tmp_path}/files/{WHEEL} ;{marker}", f"alpha[x] @ {here}"),
        (f"file://localhost{tmp_path}/files/{WHEEL} ; {marker}", f"alpha @ {here}"),
        (f"https://host/x/{WHEEL}?a=b;c[x] ; {marker}", f"alpha[x] @ https://host/x/{WHEEL}?a=b;c"),
        (f"Alpha @ https://host/{WHEEL} ; {marker}", f"alpha @ https://host/{WHEEL}"),
    ):
        assert texts(read(line).requirements) == [f'{expected} ; python_version > "3"']


def test_variables_are_expanded_once_where_uv_expands_them(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGAIN", "${DIR}")
    (tmp_path / "files" / "deep").mkdir()
    found = read(
        f"-f ${{DIR}}${{EMPTY}}\n-r ${{DIR}}/n.txt\n${{DIR}}/{WHEEL}\n"
        f"https://h/${{AGAIN}}/${{UNSET}}/${{dir}}/{WHEEL}\n-f ${{PROJECT_ROOT}}\n",
        deep__n_txt="beta",
    )
    assert found.find_links == (f"file://{tmp_path}/files/deep", f"file://{tmp_path}/cwd")
    assert [r.url for r in found.requirements] == [
        "",
        f"file://{tmp_path}/files/deep/{WHEEL}",
        f"https://h/$%7BDIR%7D/$%7BUNSET%7D/$%7Bdir%7D/{WHEEL}",
    ]
    assert "${" not in requirements_text(found)
    for line in ("alpha==${DIR}", "${DIR}", "${DIR} @ https://h/x.whl", "alpha; os_name == '${DIR}'"):
        with pytest.raises(UsageError, match="variables are expanded in paths and URLs only"):
            read(line)


def test_quotes_are_taken_off_values_as_in_a_shell(tmp_path: Path, read: Read) -> None:
    for name in ("my wheels", "it's", 'a"b', "x$y"):
        (tmp_path / "files" / name).mkdir()
    found = read(
        "-f 'my wheels'\n-f my\\ wheels\n-f my wheels\n-f \"it's\"\n"
        '-f \'a"b\'\n-f "x\\$y"\n--find-links="my wheels" # c\n'
    )
    names = [url.rpartition("/")[2] for url in found.find_links]
    assert names == ["my%20wheels"] * 3 + ["it%27s", "a%22b", "x%24y", "my%20wheels"]


# --- files that name files


def test_files_are_followed_in_every_form_and_read_once(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms = ("-rn.txt", "-r=n.txt", "-r n.txt", "--requirement=n.txt", "--requirement ./n.txt", "-r r.txt")
    main = "\n".join(["a", *forms, f"-r file://{tmp_path}/files/n.txt", ""])
    opened: list[str] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest, **more: opened.append(str(path)) or real(path, *rest, **more))
    found = read(
        f"{main}-c n.txt\n-cn.txt\n--constraint n.txt", n_txt="b\n-r r.txt\n-c c.txt", c_txt="-r d.txt", d_txt="d"
    )
    assert texts(found.requirements) == ["a", "b"]
    assert texts(found.constraints) == ["d", "b", "a"]
    assert sorted(os.path.basename(path) for path in opened) == ["c.txt", "d.txt", "n.txt", "r.txt"]


def test_in_a_file_of_constraints_only_requiring_hashes_counts_beside_the_constraints(
    tmp_path: Path, read: Read
) -> None:
    (tmp_path / "files" / "d").mkdir()
    found = read(
        "-c c.txt",
        c_txt="-i https://h/\n--extra-index-url https://e/\n-f d\n--no-index\n--require-hashes\n--no-binary x\na<2",
    )
    assert found == Requirements(constraints=found.constraints, require_hashes=True, notes=found.notes)
    assert texts(found.constraints) == ["a<2"]
    assert found.notes == ("../files/r.txt, line 1: the indexes that this file of constraints names have no effect",)
    named = read_requirement_files([], ["../files/c.txt"])
    assert (named.index_url, named.no_index, named.no_binary) == ("https://h/", True, ("x",))
    assert (texts(named.requirements), texts(named.constraints)) == ([], ["a<2"])


def test_hashes_of_one_place_are_all_on_each_of_its_lines_for_uv(read: Read) -> None:
    here, there = f"/x/{WHEEL}", "a @ file:///x/a-1-py3-none-any.whl"
    lines = [f"{here}#sha256={A}", here, f"alpha --hash=sha256:{A}", "alpha", "-c c.txt"]
    found = read("\n".join(lines), c_txt=f"{there}\nalpha @ {here} --hash=sha256:{B}")
    line = f"alpha @ file://{here} --hash=sha256:{A} --hash=sha256:{B}\n"
    assert requirements_text(found) == f"{line}{line}alpha --hash=sha256:{A}\nalpha\n"
    assert limits_text(found, found.constraints) == f"{there}\n{line}"


def test_there_is_one_index(read: Read) -> None:
    assert read("-i https://h/s\n-r n.txt", n_txt="-i https://h/s/").index_url == "https://h/s"
    for content in ("-i https://h/s\n-i https://h/s", "-r n.txt\n-i https://h/s", "-i https://h/t\n-r n.txt"):
        with pytest.raises(UsageError, match=r"line 2: there is (a second|another) --index-url"):
            read(content, n_txt="-i https://h/s")
    with pytest.raises(UsageError, match="another --index-url"):
        read_requirement_files(["../files/n.txt", "../files/r.txt"])


def test_a_file_with_two_names_is_read_beside_each_of_them(tmp_path: Path, read: Read) -> None:
    for name in ("x", "y"):
        (tmp_path / "files" / name).mkdir()
        (tmp_path / "files" / name / "r.txt").symlink_to("../common.txt")
    found = read("-r x/r.txt\n-r y/r.txt", common_txt="-r local.txt", x__local_txt="a", y__local_txt="b")
    assert texts(found.requirements) == ["a", "b"]


def test_files_at_urls_are_read_and_name_files_beside_them() -> None:
    site = {
        "https://u:pw@host/air/r.txt": b"alpha\n-c limits.txt\n-r ../more.txt\n-i https://i/",
        "https://u:pw@host/air/limits.txt": b"alpha<2",
        "https://u:pw@host/more.txt": b"beta\n-r https://other/x.txt\n-r air/r.txt",
        "https://other/x.txt": b"\xef\xbb\xbfgamma",
    }
    asked: list[str] = []

    def read_url(url: str) -> bytes:
        asked.append(url)
        return site[url]

    found = read_requirement_files(["https://u:pw@host/air/r.txt"], read_url=read_url)
    assert (texts(found.requirements), texts(found.constraints)) == (["alpha", "beta", "gamma"], ["alpha<2"])
    assert sorted(asked) == sorted(site)
    assert found.requirements[0].where == "https://host/air/r.txt, line 1"


@pytest.mark.parametrize(
    "line",
    [f"./{WHEEL}", f"alpha @ x/{WHEEL}", "-f .", "-i .", "-r /etc/passwd", "-r file:///etc/passwd", "-f file:///"],
)
def test_a_file_at_a_url_names_no_file_of_this_machine(line: str, read: Read) -> None:
    with pytest.raises(UsageError, match=r"https://host/r.txt, line 1: "):
        read_requirement_files(["https://host/r.txt"], read_url=lambda url: line.encode())


def test_a_url_is_refused_without_a_client_and_its_password_is_not_shown(read: Read) -> None:
    with pytest.raises(UsageError, match=r"https://host/r.txt cannot be read here"):
        read("-r https://u:pw@host/r.txt")


def test_a_missing_file_is_named_with_the_line_that_names_it(read: Read) -> None:
    with pytest.raises(UsageError, match=r"requirement file nope.txt does not exist"):
        read_requirement_files(["nope.txt"])
    with pytest.raises(UsageError, match=r"constraint file nope.txt does not exist"):
        read_requirement_files([], ["nope.txt"])
    with pytest.raises(UsageError, match=r"uv.lock is the lock file of a project; `instui sync uv.lock`"):
        read_requirement_files(["uv.lock"])
    with pytest.raises(UsageError, match=r"nope.txt \(named in ../files/r.txt, line 2\) does not exist"):
        read("\n-rnope.txt")
    with pytest.raises(UsageError, match="is not a path"):
        read("-r file:///%00")


def test_files_that_name_each_other_without_end_are_an_error() -> None:
    with pytest.raises(UsageError, match="more than 100 requirement files name each other"):
        read_requirement_files(["https://h/1"], read_url=lambda url: f"-r {int(url[10:]) + 1}".encode())


# --- options


def test_options_are_data(read: Read) -> None:
    found = read(
        "--no-index --require-hashes\n-i https://u:p@h/s\n"
        "--extra-index-url https://e/1\n--extra-index-url=https://e/2\n"
        "--no-binary :all:\n--no-binary=Foo\n--only-binary :none:\n"
    )
    assert found == Requirements(
        index_url="https://u:p@h/s",
        extra_index_urls=("https://e/1", "https://e/2"),
        no_index=True,
        require_hashes=True,
        no_binary=(":all:", "Foo"),
        only_binary=(":none:",),
    )


def test_what_uv_ignores_with_a_warning_becomes_a_note(read: Read) -> None:
    found = read("--pre\n--prefer-binary\n--trusted-host h\n--use-feature=fast-deps\n")
    assert found == Requirements(notes=found.notes)
    assert (
        found.notes[0] == "../files/r.txt, line 1: --pre has no effect in a requirement file; set UV_PRERELEASE=allow"
    )
    assert len(found.notes) == 4


@pytest.mark.parametrize(
    "line",
    [
        *(
            "--frobnicate",
            "--requir n.txt",
            "--requirements n.txt",
            "--index https://h/",
            "--pypi-url https://h/",
            "-x",
        ),
        *("-", "--", "---", "-C a=b", "--all-releases :all:", "--config-settings=a=b", "--no-indexx", "--no-index=x"),
        *("--no-index alpha", "--no-indexalpha", "--pre --no-index", "--pre x", "--pre=x", "--prefer-binary alpha"),
        *(
            "-r",
            "-r\nn.txt",
            "-r n.txt --no-index",
            "-r 'n.txt",
            'f "',
            "-r n.txt#x",
            "-r n.txt\\\nalpha",
            "-r ftp://h/x",
        ),
        *("-f", "-f \\\n.", "-f absent", "-f . --no-index", "-f .#x", "-f ftp://h/", "--find-links.", "-f file://h/x"),
        *("-i", "-i h", "-i https://h/a b", "-i 'https://h\\a'", "-i https://", "-i https://h:x/"),
        *("--no-binary", "--no-binary a,b", "--no-binary a b", "--only-binary :most:"),
        *("--trusted-host", "--trusted-host h --no-index", "--trusted-hosth", "--trusted-host \\\nh", "--use-feature"),
        *("alpha --no-index", "alpha --config-settings=a=b", "alpha --global-option=x", "alpha --install-option=x"),
        *("alpha -r n.txt", "alpha beta", "alpha,beta", "alpha\\x", "alpha\x0b", "alpha\x0cbeta", "alpha\x00", "\xa0"),
        *("alpha\\", "alpha\\\n==1", "alpha\xa0", "-c= n.txt", "zé-1-py3-none-any.whl", "a#b/" + WHEEL, "x../" + WHEEL),
        *(f"alpha==1\\\n--hash=sha256:{A}", f"alpha --hash=sha256:{A}\\\n--hash=sha256:{B}", "alpha\\\n# c"),
        *("'alpha'", '"alpha"', "~/x.whl", "=1", "[alpha]", "@ https://h/x.whl", "alpha @", "alpha @ ; os_name == 'x'"),
        *(
            "alpha; os_name == 'a\\\nb'",
            "./al\\\npha-1-py3-none-any.whl",
            "alpha;",
            "alpha @ https://h/" + WHEEL + " ;",
        ),
        *("alpha\\\\\n==1", "alpha; os_name == 'a\\x41'", "alpha ()", "./x y/" + WHEEL + ";os_name=='x'"),
        *(
            "-e .",
            "--editable=./x",
            "hg+https://h/x",
            "./tree",
            "x @ https://h/x-1.rar",
            "x-1.tar.gz",
            "n.txt",
            "./n.txt",
        ),
        *(
            "ftp://h/" + WHEEL,
            "FILE:///" + WHEEL,
            "beta @ https://h/" + WHEEL,
            "https://h/x.whl",
            "alpha @ ./" + WHEEL + "[x]",
        ),
    ],
)
def test_what_is_not_understood_is_an_error_with_its_line(line: str, read: Read) -> None:
    with pytest.raises(UsageError) as caught:
        read(f"# c\n{line}\n", n_txt="beta")
    assert str(caught.value).startswith("../files/r.txt, line 2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", ["-e .", "--editable=./x", f"-e ./{WHEEL}", "-e git+https://h/x", "./tree"])
def test_what_is_no_project_is_refused(line: str, read: Read) -> None:
    with pytest.raises(UsageError, match=r"does not exist|neither pyproject|only a source tree"):
        read(line)


def test_sources_keep_what_uv_needs_of_them(read: Read) -> None:
    lines = {
        "git+https://h/x.git@v1#subdirectory=a&egg=x": "git+https://h/x.git@v1#subdirectory=a",
        "x[b,a] @ git+ssh://git@h/x ; python_version > '3'": 'x[a,b] @ git+ssh://git@h/x ; python_version > "3"',
        f"x @ https://h/x-1.zip#sha256={A}": "x @ https://h/x-1.zip",
        "https://h/x-1.tar.gz": "https://h/x-1.tar.gz",
    }
    for line, text in lines.items():
        (found,) = read(line).requirements
        assert (found.text, found.is_source, found.editable) == (text, True, False)


def test_trees_in_a_file(tmp_path: Path, read: Read) -> None:
    tree = tmp_path / "files" / "a tree"
    tree.mkdir(parents=True)
    (tree / "setup.py").touch()
    found = read("-e './a tree[x]'\nb @ file:a%20tree\n").requirements
    assert [(one.name, one.text, one.editable) for one in found] == [
        ("", f"{tree.as_uri()}[x]", True),
        ("b", f"b @ {tree.as_uri()}", False),
    ]


def test_a_line_that_names_a_requirement_file_gets_the_hint(tmp_path: Path, read: Read) -> None:
    (tmp_path / "cwd" / "dev.in").touch()
    for line in ("n.txt", "dev.in"):
        with pytest.raises(UsageError, match=f"is a file of requirements; write -r {line}"):
            read(line, n_txt="")


def test_a_constraint_has_a_name(read: Read) -> None:
    assert texts(read("-c c.txt", c_txt=f"alpha @ https://h/{WHEEL}").constraints) == [f"alpha @ https://h/{WHEEL}"]
    for line in (f"./{WHEEL}", WHEEL, f"https://h/{WHEEL}"):
        with pytest.raises(UsageError, match=r"files/c.txt, line 1: .*a constraint needs a name"):
            read("-c c.txt", c_txt=line)


@pytest.mark.parametrize(
    "line",
    [
        f"alpha @ https://user:secret@host/{WHEEL} --no-index",
        "https://user:secret@host/x-1.rar",
        "-i https://user:secret@ho st/",
        "-i https://user:secret@host/ --no-index",
        "-e git+https://user:secret@host/x",
        f"https://user:{'secret' * 50}@host/x",
        "--trusted-host https://user:secret@host/ x",
        "-r https://user:secret@host:port/",
        "-r ftp://user:secret@host/",
    ],
)
def test_no_error_shows_a_password(line: str, read: Read) -> None:
    with pytest.raises(InstuiError) as caught:
        read(line)
    assert "secret" not in str(caught.value)


# --- scripts


def test_a_script_says_in_a_comment_what_it_needs(tmp_path: Path) -> None:
    block = f"# /// script\n# dependencies = ['a>=1', \n#   'alpha @ file:///x/{WHEEL}',\n#\n# ]\n# ///\n"
    text = f"#!/usr/bin/env python\n{block}print(1)\n"
    for name in ("tool.py", "tool.PYW", "tool"):
        (tmp_path / name).write_text(text)
        found = read_requirement_files([str(tmp_path / name)], position=3)
        assert texts(found.requirements) == ["a>=1", f"alpha @ file:///x/{WHEEL}"]
        assert [r.position for r in found.requirements] == [3, 4]
        assert found.requirements[0].where == f"{tmp_path / name}, dependencies"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print(1)\n", "no closed block"),
        ("# /// script\n# dependencies = []\nprint(1)\n", "no closed block"),
        ("# /// script\n# ///\n\n# /// script\n# ///\n", "more than one block"),
        ("# /// script\n# dependencies = [\n# ///\n", "is not TOML"),
        ("# /// script\n# dependencies = 'a'\n# ///\n", "not a list of strings"),
        ("# /// script\n# dependencies = ['a b']\n# ///\n", "dependencies: a b is not a requirement"),
        ("# /// script\n# dependencies = ['a @ ./x.whl']\n# ///\n", "is relative"),
        ("# /// script\n# dependencies = ['https://h/a-1-py3-none-any.whl']\n# ///\n", "needs a name"),
        ("# /// script\n# [tool.uv]\n# constraint-dependencies = ['a<2']\n# ///\n", r"settings in \[tool.uv\]"),
    ],
)
def test_a_script_whose_comment_is_not_understood_is_refused(text: str, message: str, tmp_path: Path) -> None:
    script = tmp_path / "tool.py"
    script.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_requirement_files([str(script)])


def test_project_and_lock_files_are_not_requirement_files() -> None:
    with pytest.raises(UsageError, match="--pylock"):
        read_requirement_files(["pylock.toml"])
    for name in ("pyproject.toml", "setup.py", "setup.cfg", "environment.yml"):
        with pytest.raises(UsageError, match="is not supported as a requirement file"):
            read_requirement_files([], [name])


# --- the text for uv


def test_the_text_for_uv_has_one_form_and_nothing_in_it_to_expand_or_unquote(tmp_path: Path) -> None:
    place = tmp_path / 'it\'s ${HOME} a#b "q" é \\ %41;'
    place.mkdir()
    (place / "r.txt").write_text(
        f'-f .\n./{WHEEL}[x] ; os_name == "it\'s" --hash=sha256:{B} --hash=sha256:{A}\n'
        f"b>=1 --hash=sha256:{B} --hash=sha256:{A}\nhttps://u:it's@h/${{X}}/é/{WHEEL}?a;\n"
        "--no-index\n--require-hashes\n--no-binary :all:\n--only-binary=b\n-c c.txt\n"
    )
    (place / "c.txt").write_text(f"a<2 --hash=sha256:{A}\n")
    found = read_requirement_files([str(place / "r.txt")])
    url = f"file://{tmp_path}/it%27s%20%24%7BHOME%7D%20a%23b%20%22q%22%20%C3%A9%20%5C%20%2541%3B"
    assert requirements_text(found) == (
        f"--find-links {url}\n--no-index\n--require-hashes\n--no-binary :all:\n--only-binary b\n"
        f'alpha[x] @ {url}/{WHEEL} ; os_name == "it\'s" --hash=sha256:{A} --hash=sha256:{B}\n'
        f"b>=1 --hash=sha256:{A} --hash=sha256:{B}\n"
        f"alpha @ https://u:it%27s@h/$%7BX%7D/%C3%A9/{WHEEL}?a%3B\n"
    )
    assert limits_text(found, found.constraints) == f"a<2 --hash=sha256:{A}\n"
