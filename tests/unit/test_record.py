"""RECORD is read and written as the specification has it, and a wheel's must list exactly its files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instui_engine.errors import BadWheelError
from instui_engine.wheel.record import STRONG, Flaws, Row, left_out, parse, render, rows_of, verify_wheel
from support import wheelsmith

INFO = "good-1.0.dist-info"
DIGEST = wheelsmith.digest(b"abc").removeprefix("sha256=")
HASH = f"sha256={DIGEST}"
SIZES = {"good.py": 3, f"{INFO}/RECORD": 100}
OWN = f"{INFO}/RECORD,,\n"


def test_rows_are_parsed() -> None:
    text = f'a.py,{HASH},3\r\n"b,c.py",{HASH}=,\n{OWN}'
    assert parse(text, "x") == {
        "a.py": Row("sha256", DIGEST, 3),
        "b,c.py": Row("sha256", DIGEST, None),
        f"{INFO}/RECORD": Row("", "", None),
    }


paths = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
row = st.builds(Row, st.sampled_from(sorted(STRONG)), st.just(DIGEST), st.none() | st.integers(0, 10**12))


@given(st.dictionaries(paths, row | st.just(Row("", "", None))))
def test_what_is_rendered_is_parsed_back(rows: dict[str, Row]) -> None:
    assert parse(render(rows.items()), "x") == rows


def test_rendered_lines_end_in_a_line_feed_and_quote_only_where_needed() -> None:
    rows = {"a b.py": Row("sha256", DIGEST, 3), "c,d": Row("", "", None)}
    assert render(rows.items()) == f'a b.py,{HASH},3\n"c,d",,\n'


MALFORMED = {
    "two fields": "a.py,\n",
    "four fields": f"a.py,{HASH},3,4\n",
    "no path": f",{HASH},3\n",
    "no algorithm": f"a.py,={DIGEST},3\n",
    "no digest": "a.py,sha256=,3\n",
    "no equals": "a.py,sha256,3\n",
    "digest of other characters": "a.py,sha256=a+b/c,3\n",
    "negative size": f"a.py,{HASH},-3\n",
    "size is a word": f"a.py,{HASH},three\n",
    "endless size": f"a.py,{HASH},{'9' * 99}\n",
    "open quote": f'"a.py,{HASH},3\n',
    "text behind a quote": f'"a"b,{HASH},3\n',
    "twice": f"a.py,{HASH},3\na.py,{HASH},3\n",
    "endless field": "a" * 200_000 + ",,\n",
    "steers the terminal": "\x1b[2Ja.py,\n",
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_record_is_refused_in_one_line(case: str) -> None:
    with pytest.raises(BadWheelError, match=r"^w: RECORD") as caught:
        parse(MALFORMED[case], "w")
    assert str(caught.value).isprintable()


@given(st.dictionaries(paths, row | st.just(Row("", "", None))))
def test_both_readers_understand_what_is_rendered_alike(rows: dict[str, Row]) -> None:
    text = render(rows.items())
    assert dict(rows_of(text)) == parse(text, "x")


LENIENT = {
    "a byte order mark, and lines of another system": (
        f"\ufeffa.py,{HASH}=,3\r\n",
        [("a.py", Row("sha256", DIGEST, 3))],
    ),
    "two fields": ("a.py,\n", [("a.py", Row("", "", None))]),
    "a path alone, not ended": ("a.py", [("a.py", Row("", "", None))]),
    "four fields": (f"a.py,{HASH},3,4\n", [("a.py", Row("sha256", DIGEST, 3))]),
    "no path, and an empty line": (f",{HASH},3\n\n", []),
    "no equals": ("a.py,sha256,3\n", [("a.py", Row("", "", 3))]),
    "a weak hash": ("a.py,md5=abc,3\n", [("a.py", Row("md5", "abc", 3))]),
    "sizes that are none": ("a,,-3\nb,,three\nc,,²\n", [(name, Row("", "", None)) for name in "abc"]),
    "an endless size": (f"a,,{'9' * 99}\n", [("a", Row("", "", None))]),
    "twice": ("a,,1\na,,2\n", [("a", Row("", "", 1)), ("a", Row("", "", 2))]),
    "an open quote": ('"a.py,,\n', [("a.py,,\n", Row("", "", None))]),
    "text behind a quote": ('"a"b,,3\n', [("ab", Row("", "", 3))]),
    "a path of Windows": ("..\\a.exe,,\n", [("..\\a.exe", Row("", "", None))]),
    "bytes that are not UTF-8": ("\udce9.py,,\n", [("\udce9.py", Row("", "", None))]),
}


@pytest.mark.parametrize("case", LENIENT)
def test_the_record_of_an_installed_distribution_is_read_as_far_as_it_makes_sense(case: str) -> None:
    text, rows = LENIENT[case]
    assert list(rows_of(text)) == rows


def test_an_installed_record_that_breaks_off_gives_its_rows_first_and_then_an_error() -> None:
    rows = rows_of("a.py,,\n" + "b" * 200_000 + ",,\n")
    assert next(rows) == ("a.py", Row("", "", None))
    with pytest.raises(ValueError, match="malformed in line 2"):
        next(rows)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ("", "does not list good.py"),
        (f"good.py,{HASH},3\nghost.py,{HASH},3\n", "lists ghost.py, which is not"),
        (f"good.py,{HASH},4\n", "has 4 bytes, but it has 3"),
        ("good.py,,3\n", "no hash, or a weak"),
        ("good.py,md5=kAFQmDzST7DWlj99KOF_cg,3\n", "no hash, or a weak"),
        ("good.py,sha1=qZk-NkcGgWq6PiVxeFDCbJzQ2J0,3\n", "no hash, or a weak"),
        (f"good.py,sha512={DIGEST},3\n", "malformed or unknown hash"),
        (f"good.py,{HASH}A,3\n", "malformed or unknown hash"),
        (f"good.py,SHA256={DIGEST},3\n", "hash of good.py in an unusual notation"),
        (f"good.py,{HASH},3\n{INFO}/RECORD.jws,,\n", "not in the archive"),
    ],
)
def test_a_record_that_does_not_fit_the_archive_is_refused(rows: str, match: str) -> None:
    with pytest.raises(BadWheelError, match=match):
        verify_wheel(rows + OWN, SIZES, INFO, "w")


def test_record_with_a_hash_of_itself_is_refused() -> None:
    with pytest.raises(BadWheelError, match="has a hash for"):
        verify_wheel(f"good.py,{HASH},3\n{INFO}/RECORD,{HASH},3\n", SIZES, INFO, "w")


@pytest.mark.parametrize("algorithm", sorted(STRONG))
def test_every_strong_hash_is_accepted(algorithm: str) -> None:
    rows = f"good.py,{wheelsmith.digest(b'abc', algorithm)},3\n{OWN}"
    assert list(verify_wheel(rows, SIZES, INFO, "w")) == ["good.py"]


HEX = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
FLAWS = {
    "a row without a file": (f"good.py,{HASH},3\nghost.py,{HASH},4\n", "lists ghost.py, which is not", HASH),
    "a row for a directory": (f"good.py,{HASH},3\ngood/,,\n", "lists good/, which is not", HASH),
    "a file without a row": ("", "does not list good.py", ""),
    "no hash": ("good.py,,3\n", "no hash, or a weak one, for good.py", ""),
    "md5": (f"good.py,{wheelsmith.digest(b'abc', 'md5')},3\n", "a weak one", wheelsmith.digest(b"abc", "md5")),
    "sha1": (f"good.py,{wheelsmith.digest(b'abc', 'sha1')},\n", "a weak one", wheelsmith.digest(b"abc", "sha1")),
    "in hex": (f"good.py,sha256={HEX},3\n", "hash of good.py in an unusual notation", HASH),
    "in capitals": (f"good.py,SHA256={HEX.upper()},3\n", "hash of good.py in an unusual notation", HASH),
    "a slash in front": (f"/good.py,{HASH},3\n", "spells the path /good.py differently", HASH),
    "as on Windows": (f".\\good.py,{HASH},3\n", "spells the path .\\good.py differently", HASH),
}


@pytest.mark.parametrize("case", FLAWS)
def test_a_harmless_flaw_is_named_and_what_can_be_compared_is_kept(case: str) -> None:
    rows, text, kept = FLAWS[case]
    said: list[Flaws] = []
    found = verify_wheel(rows + OWN, SIZES, INFO, "w", said.append)
    algorithm, _, digest = kept.partition("=")
    assert {path: row[:2] for path, row in found.items()} == {"good.py": (algorithm, digest)}
    assert [text in words and not trivial for words, trivial in said] == [True]
    with pytest.raises(BadWheelError, match=r"^w: RECORD "):
        verify_wheel(rows + OWN, SIZES, INFO, "w")


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (f"../ghost.py,{HASH},3\n", "outside"),
        ("/etc/passwd,,\n", "outside"),
        ("\\\\server\\x,,\n", "outside"),
        ("C:\\x.py,,\n", "outside"),
        ("a/../../__pycache__/x.pyc,,\n", "outside"),
        ("\x01.py,,\n", "outside"),
        (f"/good.py,{HASH},3\n", "lists good.py twice"),
        ("good.py,,4\n", "lists good.py twice"),
    ],
)
def test_what_is_not_harmless_is_refused_whatever_the_caller_permits(rows: str, match: str) -> None:
    with pytest.raises(BadWheelError, match=match):
        verify_wheel(f"good.py,{HASH},3\n{rows}{OWN}", SIZES, INFO, "w", lambda flaws: None)
    for wrong in (f"good.py,{HASH},4\n", "good.py,,4\n", "good.py,crc32=AAAAAA,3\n", f"/good.py,{HASH},4\n"):
        with pytest.raises(BadWheelError, match=r"has 4 bytes|malformed or unknown"):
            verify_wheel(wrong + OWN, SIZES, INFO, "w", lambda flaws: None)


def test_only_an_empty_file_that_nothing_imports_needs_no_row() -> None:
    rows, said = f"good.py,{HASH},3\n{OWN}", []
    found = verify_wheel(rows, {**SIZES, "build.lock": 0}, INFO, "w", said.append)
    assert said == [Flaws("does not list the empty build.lock", trivial=True)]
    assert found["build.lock"] == Row("", "", None)
    verify_wheel(rows, {**SIZES, "build.lock": 0}, INFO, "w")
    for path, size in (("build.lock", 1), ("re.py", 0), ("x.pth", 0), (f"{INFO}/entry_points.txt", 0)):
        with pytest.raises(BadWheelError, match=f"does not list {path}"):
            verify_wheel(rows, {**SIZES, path: size}, INFO, "w")


def test_signatures_of_record_need_no_row() -> None:
    sizes = {**SIZES, f"{INFO}/RECORD.jws": 5, f"{INFO}/RECORD.p7s": 5}
    assert list(verify_wheel(f"good.py,{HASH},3\n{OWN}", sizes, INFO, "w")) == ["good.py"]


def test_byte_code_of_the_builder_needs_no_row_and_no_file() -> None:
    sizes = {**SIZES, "__pycache__/good.cpython-39.pyc": 9}
    rows = f"good.py,{HASH},3\nx/__pycache__/gone.cpython-39.pyc,,\n{OWN}"
    assert list(verify_wheel(rows, sizes, INFO, "w")) == ["good.py"]
    assert left_out("a/__pycache__/b.pyc")
    assert left_out("__pycache__/b.pyc")
    assert not left_out("a/__pycache__")
    assert not left_out("a/my__pycache__/b.py")
