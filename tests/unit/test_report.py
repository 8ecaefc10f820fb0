"""A report: what is in it, that nobody's name is markup in it, and that it can be read by everybody."""

import re
from base64 import b64encode
from hashlib import sha256
from itertools import pairwise

import pytest

from instui.colours import DARK, LIGHT
from instui.explain.attribution import Piece
from instui.explain.explanation import kept
from instui.explain.where_time_went import rows
from instui.monitor.embedded import lines_in
from instui.overwritten.difference import FileContent
from instui.report import names
from instui.report.chains import Edge, edges, places
from instui.report.html import element, text
from instui.report.lanes import MOST as MOST_LANES
from instui.report.lanes import Axis, axis_of, lanes, merged
from instui.report.locks import MOST as MOST_WAITS
from instui.report.page import page
from instui.report.waits import waits
from instui.report.wheels import MOST as MOST_WHEELS
from instui_engine.errors import printable
from instui_engine.journal import events
from instui_engine.journal.events import Holder
from support.reports import (
    HOSTILE,
    RECORDINGS,
    Element,
    hostile,
    of_events,
    parsed,
    recorded,
    recording,
    report_of,
    session,
)

NAMES = sorted(path.stem for path in RECORDINGS.glob("*.jsonl"))


@pytest.fixture(scope="module", params=NAMES)
def of_recording(request: pytest.FixtureRequest) -> tuple[str, Element]:
    """The name and the report of each recording."""
    return request.param, report_of(recording(request.param))


# -- what is in it


@pytest.mark.parametrize("name", NAMES)
def test_findings_and_wheels_and_waits_are_in_it_and_so_is_the_journal(name: str) -> None:
    made = recorded(recording(name))
    whole = page(made)
    assert b"".join(lines_in(whole.encode())) == recording(name)
    main = parsed(whole).one("main").text
    for row in rows(made.explanation):
        assert row.text in main
        assert row.finding is None or row.finding.remedy in main
    assert kept(made.explanation.what_if, made.explanation.wall) in main
    for wheel in made.snapshot.wheels:
        assert wheel.label in main
        assert wheel.error in main


def test_the_same_session_gives_the_same_page() -> None:
    assert page(recorded(recording("busy"))) == page(recorded(recording("busy")))


def test_a_failure_comes_first() -> None:
    failed = (1.0, events.WheelFailed("a", "its RECORD lies"))
    timed = [*session(), failed, (1.1, events.SessionFinished(1, "a: no", 0, 1.1))]
    report = report_of(of_events(timed))
    assert report.one("head").one("title").text == "instui install a: failed, exit code 1"
    assert report.all("h2")[0].text == "What failed"
    section = next(one for one in report.all("section") if one.attributes["aria-labelledby"] == "failed")
    assert "a 1.0: its RECORD lies" in section.text


def test_a_session_that_runs_is_reported_so_far_and_says_so() -> None:
    report = report_of(of_events(session()), over=False, now=3.0)
    header = report.one("header").text
    assert "still running" in header
    assert "after 3 s" in header
    assert "known when it was made" in header


def test_a_killed_session_says_that_it_ended_abruptly() -> None:
    report = report_of(of_events(session()))
    assert "ended abruptly" in report.one("header").text


@pytest.mark.parametrize("name", ["conflict", "crash"])
def test_a_journal_is_reported_as_far_as_it_goes(name: str) -> None:
    lines = recording(name).splitlines(keepends=True)
    for end in range(1, len(lines)):
        journal = b"".join(lines[:end]) + lines[end][: len(lines[end]) // 2]
        assert report_of(journal).one("h1").text


def test_damaged_lines_are_counted() -> None:
    lines = recording("conflict").splitlines(keepends=True)
    report = report_of(b"".join([lines[0], b"{\n", b"\xff\n", *lines[1:]]))
    assert "2 of them damaged and left out" in report.one("main").text


def test_waits_say_who_waited_for_whom() -> None:
    report = report_of(recording("two-sessions"))
    (table,) = [one for one in report.all("table") if "Who waited for whom" in one.one("caption").text]
    told = [[cell.text for cell in row.all("th", "td")] for row in table.one("tbody").all("tr")]
    assert told[0][:4] == ["triangle 1.0", "site-packages/shapes/ (for itself alone)", "6.9 s", "square 1.0"]
    assert told[1][3] == "circle of pid 5120 `instui install second`"


def test_the_difference_of_overwritten_files_is_shown_escaped_and_within_bounds() -> None:
    contents = {"old": "one\n<b>two</b>\n", "x.py": "one\n" + "three\x1b\n" * 5000}

    def read(path: str) -> FileContent:
        return FileContent(len(contents[path]), path, contents[path])

    timed = [*session(), (1.0, events.Overwrite("a", "x.py", "b 1", "a 1.0", False, "old"))]
    report = parsed(page(recorded(of_events(timed), read=read)))
    shown = report.one("pre").text.splitlines()
    assert shown[:4] == ["@@ -1,2 +1,5001 @@", "  one", "- <b>two</b>", "+ three\\x1b"]
    assert len(shown) == 200
    assert "the rest of it is left out" in report.one("main").text


@pytest.mark.parametrize(("size", "most"), [(10, 200), (1 << 27, 4)])
def test_only_so_many_contents_are_read(size: int, most: int) -> None:
    read = []

    def content(path: str) -> FileContent:
        read.append(path)
        return FileContent(size, path, None, "is no text")

    overwrites = [
        (1.0, events.Overwrite("a", f"{pair}/{place}", f"b{pair} 1", "a 1.0", False, f"old/{pair}/{place}"))
        for pair in range(10)
        for place in range(30)
    ]
    report = parsed(page(recorded(of_events([*session(), *overwrites]), read=content)))
    assert len(read) <= most
    assert "different content, which is not shown as text" in report.one("main").text


def test_without_an_environment_files_are_only_named() -> None:
    report = report_of(recording("busy"))
    assert not report.all("pre")
    assert "site-packages/jwt/api.py" in report.one("main").text


# -- lanes


@pytest.mark.parametrize("name", NAMES)
def test_lanes_and_findings_stand_on_one_attribution_and_the_session_has_no_gap(name: str) -> None:
    made = recorded(recording(name))
    found, axis = made.activity.attribution, axis_of(made.activity)
    bars = merged(found.pieces, axis)
    assert bars[0].begin == found.begin
    assert bars[-1].end == found.end
    assert all(one.end == other.begin for one, other in pairwise(bars))
    for lane in lanes(made.snapshot, made.activity):
        assert set(lane.path) == {piece for piece in found.pieces if piece.wheel == lane.wheel.key}
        assert lane.on_path <= lane.seconds


def test_what_is_too_short_for_a_bar_is_drawn_as_what_took_most_of_the_time() -> None:
    pieces = [Piece("fetch", 0.0, 1.0, "a")]
    for number in range(1000):  # half a second of many short steps, most of it staging
        begin = 1 + number * 0.0005
        pieces += [Piece("stage", begin, begin + 0.0004, str(number)), Piece("commit", begin + 0.0004, begin + 0.0005)]
    pieces += [Piece("claim", 1.5, 1.5002, "b"), Piece("commit", 1.5002, 2.0, "b")]
    bars = merged(pieces, Axis(0.0, 2.0))
    assert [(one.kind, one.wheel) for one in bars] == [("fetch", "a"), ("stage", ""), ("claim", "b"), ("commit", "b")]
    assert [(one.begin, one.end) for one in bars] == [(0.0, 1.0), (1.0, 1.5), (1.5, 1.5002), (1.5002, 2.0)]


def test_who_waits_stands_right_of_who_stood_before_it() -> None:
    snapshot = recorded(recording("two-sessions")).snapshot
    drawn = edges(snapshot, waits(snapshot))
    assert drawn[0][:3] == ("square 1.0", "triangle 1.0", "shapes/")
    assert places(drawn) == {
        "circle of pid 5120 `instui install second`": (0, 0),
        "square 1.0": (1, 0),
        "triangle 1.0": (2, 0),
        "compass of pid 5120 `instui install second`": (0, 1),
        "caliper 1.0": (1, 1),
    }


def test_all_who_had_a_lock_during_a_wait_are_named_in_their_order() -> None:
    report = report_of(recording("same-module"))
    assert "triangle 1.0 waited 4.5 s for circle 1.0, then square 1.0" in report.text
    assert "then square 1.0" in [one.text for one in report.all("text")]
    (table,) = [one for one in report.all("table") if "Who waited for whom" in one.one("caption").text]
    assert "circle 1.0, then square 1.0" in [cell.text for cell in table.all("td")]


def test_of_a_wait_that_lasts_it_is_said_who_has_the_lock_now() -> None:
    lines = recording("same-module").splitlines(keepends=True)
    granted = [place for place, line in enumerate(lines) if b'"lock.granted"' in line]
    found = recorded(b"".join(lines[: granted[-1]]), over=False)
    (wait,) = [one for one in waits(found.snapshot) if one.end is None]
    assert names.in_turn(found.snapshot, wait.holders, lasts=True) == "circle 1.0, then now square 1.0"


def test_of_many_who_had_a_lock_the_first_and_a_number_are_named() -> None:
    snapshot = recorded(recording("same-module")).snapshot
    every = [Holder(command=f"c{number}", pid=number) for number in range(1, 8)]
    assert names.in_turn(snapshot, every, lasts=False).endswith("`c3`, 4 more")
    assert names.in_turn(snapshot, every, lasts=True).endswith("`c3`, 3 more, now pid 7 `c7`")
    assert names.in_turn(snapshot, (), lasts=False) == "unknown"


def test_a_circle_of_waits_is_drawn_too() -> None:
    """No journal of the engine has that, but a journal is only a file."""
    circle = [Edge("a", "b", "x", 1.0), Edge("b", "c", "x", 1.0), Edge("c", "a", "x", 1.0), Edge("d", "d", "x", 1.0)]
    assert set(places(circle)) == set("abcd")


def test_what_is_on_the_critical_path_is_marked_also_without_colour() -> None:
    report = report_of(recording("slow"))
    (row,) = [one for one in report.all("figure")[0].all("li") if "scipy" in one.text and one.all("svg")]
    assert "◆" in row.text
    assert any(one.attributes.get("class") == "critical" for one in row.all("rect"))
    (other,) = [one for one in report.all("figure")[0].all("li") if "uvicorn" in one.text and one.all("svg")]
    assert "◆" not in other.text


# -- bounds


def test_thousands_of_wheels_are_reported_in_bounds_and_what_is_left_out_is_counted() -> None:
    number = 2_000
    names = [f"wheel{one}" for one in range(number)]
    timed = [*session()]
    timed += [(0.1, events.WheelAdded(name, "1.0", "", 1, True)) for name in names]
    for place, name in enumerate(names):
        t = 1 + place / 1000
        holders = [Holder(names[place - 1])]
        timed += [(t, events.LockRequested(name)), (t, events.LockWaiting(name, "x", "X", holders))]
        timed += [(t + 0.01, events.LockGranted(name, 0.01)), (t + 0.02, events.CommitFinished(name, 1))]
        timed += [(t + 0.02, events.Overwrite(name, f"x{place}", names[place - 1], name, False))]
        timed += [(t + 0.02, events.Warned(name, "hm"))]
    timed += [(4.0, events.SessionFinished(0, "", number, 4.0))]
    made = recorded(of_events(timed))
    whole = page(made)
    main = parsed(whole).one("main")
    assert len(str(main.text)) < 500_000
    assert whole.index('type="application/x-instui-journal"') < 1_000_000
    assert f"{number + 1 - MOST_WHEELS:,} more wheels left out".replace(",", " ") in main.text
    assert f"{number - MOST_WAITS:,} shorter waits left out".replace(",", " ") in main.text
    assert "more wheels, with less work, have no lane" in main.text
    assert "1 700 more events left out" in main.text
    assert "1 950 more pairs of distributions left out" in main.text
    assert len([one for one in main.all("figure")[0].all("li") if one.all("svg")]) < MOST_LANES + 20


# -- names are hostile


def test_no_name_becomes_markup_and_none_controls_or_deceives() -> None:
    whole = page(recorded(hostile()))
    whole.encode("utf-8")  # no lone surrogate
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", whole)
    report = parsed(whole)
    assert {one.tag for one in report.all()}.isdisjoint({"img", "iframe", "object", "link", "form", "embed"})
    assert len(report.all("script")) == 2
    assert not [name for one in report.all() for name in one.attributes if name.startswith("on")]
    assert report.one("main").text.count(printable(HOSTILE)) > 20
    assert b"".join(lines_in(whole.encode())) == hostile()


@pytest.mark.parametrize("value", [HOSTILE, "<", "&amp;", "a\nb", "\u2028"])
def test_text_is_escaped_everywhere(value: str) -> None:
    made = parsed(element("p", value, title=value) + text(value))
    assert made.one("p").text == printable(value)
    assert made.one("p").attributes["title"] == printable(value)
    assert made.text == printable(value) * 2


# -- nothing is loaded, nothing runs but the page's own script


def test_the_policy_allows_this_style_sheet_and_this_script_and_nothing_else(of_recording: tuple[str, Element]) -> None:
    _, report = of_recording
    (policy,) = [one.attributes["content"] for one in report.all("meta") if "http-equiv" in one.attributes]
    style, script = report.one("style").text, report.all("script")[1].text
    hashes = [f"'sha256-{b64encode(sha256(one.encode()).digest()).decode()}'" for one in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src {hashes[0]}; script-src {hashes[1]}; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style.replace("url(#hatched)", "").replace("url(#dotted)", "")
    assert "@import" not in style
    for one in report.all():
        assert "style" not in one.attributes  # the policy would ignore it
        assert not {"src", "srcset", "action", "data", "xlink:href"} & set(one.attributes)
        assert (one.attributes.get("href") or "#").startswith("#")


# -- for everybody


def test_headings_landmarks_tables_and_pictures_are_as_readers_need_them(of_recording: tuple[str, Element]) -> None:
    name, report = of_recording
    assert report.one("html").attributes["lang"] == "en"
    assert report.one("head").one("title").text
    for landmark in ("header", "nav", "main", "footer", "h1"):
        report.one(landmark)
    levels = [int(one.tag[1]) for one in report.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(level - before <= 1 for before, level in pairwise(levels))
    ids = [one.attributes["id"] for one in report.all() if "id" in one.attributes]
    assert len(set(ids)) == len(ids)
    targets = [one.attributes["href"][1:] for one in report.all("a")]
    assert set(targets) <= set(ids)
    assert len(targets) >= 4, name
    for table in report.all("table"):
        assert table.all("caption")
        assert all(one.attributes["scope"] == "col" for one in table.one("thead").all("th"))
        for row in table.one("tbody").all("tr"):
            assert [one.attributes["scope"] for one in row.all("th")] == ["row"]
            assert len(row.all("th", "td")) == len(table.one("thead").all("th"))
    for picture in report.all("svg"):
        is_seen = picture.attributes.get("aria-hidden") != "true"
        assert not is_seen or picture.attributes.get("role") == "img" or picture not in _outermost(report)
        if picture.attributes.get("role") == "img":
            first = picture.children[0]
            assert isinstance(first, Element)
            assert first.tag == "title"
            assert first.text
    for folded in report.all("details"):
        assert isinstance(folded.children[0], Element)
        assert folded.children[0].tag == "summary"
        assert folded.children[0].text
    for scrolled in (one for one in report.all("div") if one.attributes.get("class") == "scrolls"):
        assert scrolled.attributes["tabindex"] == "0"
        assert scrolled.attributes["aria-label"]


def _outermost(report: Element) -> list[Element]:
    inner = {id(one) for picture in report.all("svg") for one in picture.all("svg")}
    return [one for one in report.all("svg") if id(one) not in inner]


@pytest.mark.parametrize("colours", [LIGHT, DARK, {**LIGHT, "background": "#ffffff"}])
def test_everything_stands_out_from_its_background(colours: dict[str, str]) -> None:
    faint = []
    for name, colour in colours.items():
        if name in ("background", "panel", "selected", "rule"):
            continue
        least = min(contrast(colour, colours[one]) for one in ("background", "panel"))
        if least < (3.0 if name == "faint" else 4.5):  # faint: bars and dots, no letters
            faint.append((name, round(least, 2)))
    assert faint == []


def test_what_is_faint_is_never_text() -> None:
    style = report_of(recording("conflict")).one("style").text
    assert not re.search(r"(?<![-\w])color: *var\(--(faint|rule)\)", style)


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
