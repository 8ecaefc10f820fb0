"""A report in a browser: it fits phones and paper, keys are enough, it runs its own script only, and loads nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instui.report.page import page as page_of
from instui_engine.journal import events
from instui_engine.journal.events import Holder
from support.chromium import Page, chromium
from support.made_up import Timed
from support.needs import require
from support.reports import hostile, of_events, recorded, recording, session

pytestmark = pytest.mark.xdist_group("chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    require("chromium")
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of some recordings, and of the journal whose names are hostile."""
    directory = tmp_path_factory.mktemp("reports")
    for name in ("busy", "slow", "conflict", "two-sessions"):
        (directory / f"{name}.html").write_text(page_of(recorded(recording(name))))
    (directory / "hostile.html").write_text(page_of(recorded(hostile())))
    return directory


@pytest.mark.parametrize("name", ["busy", "slow", "conflict", "hostile"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_as_wide_as_the_window_and_nothing_is_loaded_or_refused(
    page: Page, reports: Path, name: str, dark: bool
) -> None:
    for width in (360, 1600):
        page.look(width, dark=dark)
        page.open(reports / f"{name}.html")
        assert page.value("document.documentElement.scrollWidth") == width
        assert page.requests() == [(reports / f"{name}.html").as_uri()]
        assert page.complaints() == []
    background = "rgb(16, 21, 28)" if dark else "rgb(251, 251, 249)"
    assert page.value("getComputedStyle(document.documentElement).backgroundColor") == background


def test_a_chain_of_three_fits_an_ordinary_window_and_no_line_goes_through_words(page: Page, reports: Path) -> None:
    page.look(1100)
    page.open(reports / "two-sessions.html")
    scrolls = "document.querySelector('.chains').parentElement"
    assert page.value(f"{scrolls}.scrollWidth <= {scrolls}.clientWidth")
    page.open(reports / "busy.html")  # where one who held it later is named below a line, at which another one branches
    order = page.value("[...document.querySelectorAll('.chains path, .chains .beside')].map(one => one.tagName)")
    assert {"path", "text"} == set(order)
    assert order == sorted(order)  # words are painted last, upon a margin of their own
    assert page.value("getComputedStyle(document.querySelector('.beside')).paintOrder") == "stroke"


def test_long_names_beside_a_line_leave_room_for_where_it_branches(page: Page, tmp_path: Path) -> None:
    page.look(1100)
    whole = page_of(recorded(of_events(two_long_waits())))
    (tmp_path / "long.html").write_text(whole)
    page.open(tmp_path / "long.html")
    words = "[...document.querySelectorAll('.chains .beside')].map(text => text.getBBox().width)"
    assert len(page.value(words)) >= 3
    assert max(page.value(words)) <= 210  # of the 240 from one box to the next


def two_long_waits() -> list[Timed]:
    """Three wheels with long names that take turns."""
    first, second, third = (f"a-wheel-with-a-name-of-some-length-{number}" for number in range(3))
    own = [Holder(first, "s", 42)]
    path = "lib/a-directory-of-some-length/and-one-within"
    return [
        *session()[:1],
        *(
            (0.0, events.PlanWheel(key, place, 3, 3, [path], [], ""))
            for place, key in enumerate((first, second, third))
        ),
        (1.0, events.LockGranted(first, 0.0)),
        (1.1, events.LockWaiting(second, path, "X", own)),
        (1.1, events.LockWaiting(third, path, "X", own)),
        (2.0, events.LockReleased(first, 1.0)),
        (2.0, events.LockGranted(second, 0.9)),
        (3.0, events.LockReleased(second, 1.0)),
        (3.0, events.LockGranted(third, 1.9)),
        (3.5, events.LockReleased(third, 0.5)),
        (4.0, events.SessionFinished(0, "", 3, 4.0)),
    ]


def test_the_name_of_a_part_is_whole_or_not_there(page: Page, reports: Path) -> None:
    page.look(1100)
    page.open(reports / "slow.html")
    parts = "[...document.querySelectorAll('.axis svg svg text')]"
    assert page.value(f"{parts}.map(text => text.textContent)") == ["resolve", "fetch, unpack", "commit"]
    fits = "text.getBBox().x + text.getBBox().width <= text.parentElement.width.baseVal.value"
    assert page.value(f"{parts}.every(text => {fits})")
    seen = f"{parts}.filter(text => getComputedStyle(text).display !== 'none')"
    page.look(360)
    assert page.value(f"{seen}.map(text => text.textContent)") == ["fetch, unpack", "commit"]
    assert page.value(f"{seen}.every(text => {fits})")
    page.look(700)  # as wide as paper
    page.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert page.value(f"{seen}.every(text => {fits})")
    page.call("Emulation.setEmulatedMedia", media="", features=[])


def test_a_table_that_is_wider_than_a_phone_keeps_its_title_and_the_names_of_its_rows(
    page: Page, reports: Path
) -> None:
    page.look(360)
    page.open(reports / "two-sessions.html")
    tables = "[...document.querySelectorAll('section > .scrolls, section > figure ~ .scrolls')]"
    wider = f"{tables}.filter(one => one.scrollWidth > one.clientWidth)"
    assert page.value(f"{wider}.length") >= 2
    page.value(f"{wider}.forEach(one => one.scrollLeft = 100)")
    left = "Math.round({}.getBoundingClientRect().left)"
    for what in ("caption > *", "thead th", "tbody th"):
        stays = f"one => {left.format(f'one.querySelector(`{what}`)')} === {left.format('one')}"
        assert page.value(f"{wider}.every({stays})"), what
    titles = f"{tables}.map(one => one.querySelector('caption > *').getBoundingClientRect().right)"
    assert all(right <= 360 for right in page.value(titles))
    shadow = "getComputedStyle(one).backgroundAttachment"
    assert page.value(f"{wider}.every(one => {shadow} === 'local, local, scroll, scroll')")  # a sign of what is hidden


def test_a_long_text_in_a_table_does_not_become_a_column_of_words(page: Page, reports: Path) -> None:
    page.look(360)
    page.open(reports / "two-sessions.html")
    assert page.value("document.querySelector('td.long').getBoundingClientRect().width") >= 0.7 * 360


def test_a_name_of_two_hundred_letters_leaves_room_for_the_other_columns(page: Page, tmp_path: Path) -> None:
    whole = page_of(recorded(of_events(session(wheel="a" * 200))))
    (tmp_path / "long.html").write_text(whole)
    page.look(1100)
    page.open(tmp_path / "long.html")
    scrolls = "document.querySelector('#wheels').parentElement.querySelector('.scrolls')"
    assert page.value(f"{scrolls}.scrollWidth <= {scrolls}.clientWidth")


def test_no_name_runs_or_becomes_an_element(page: Page, reports: Path) -> None:
    page.look()
    page.open(reports / "hostile.html")
    assert page.value("document.title").startswith("instui install </script><script>document.title='ran'")
    assert page.value("document.querySelectorAll('script').length") == 2
    assert page.value("document.querySelectorAll('img, iframe, object, embed, link').length") == 0
    assert page.value("document.querySelector('h1').textContent").startswith("instui install </script>")


def test_the_policy_stops_a_script_that_is_not_its_own(page: Page, reports: Path, tmp_path: Path) -> None:
    """What would happen if a name ever got through."""
    whole = (reports / "busy.html").read_text()
    (tmp_path / "x.html").write_text(whole.replace("<main", "<script>document.title='ran'</script><img src=x><main", 1))
    page.open(tmp_path / "x.html")
    assert page.value("document.title") != "ran"
    assert any("Content Security Policy" in one for one in page.complaints())


def test_wheels_are_sorted_by_keys_and_readers_hear_how(page: Page, reports: Path) -> None:
    page.look()
    page.open(reports / "busy.html")
    column = "[...document.querySelectorAll('table.sortable tbody tr')].map(row => row.cells[%d].textContent)"
    heads = "[...document.querySelectorAll('table.sortable thead th')].map(head => head.getAttribute('aria-sort'))"
    page.value("document.querySelector('table.sortable th:nth-child(3) button').focus()")
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    page.call("Input.dispatchKeyEvent", type="keyDown", **enter)
    page.call("Input.dispatchKeyEvent", type="keyUp", **enter)
    times = [float(one.split()[0]) * (0.001 if "ms" in one else 1) for one in page.value(column % 2)]
    assert times == sorted(times, reverse=True)
    assert page.value(heads)[2] == "descending"
    page.value("document.querySelector('table.sortable th:nth-child(1) button').click()")
    names = page.value(column % 0)
    assert names == sorted(names)
    assert page.value(heads)[:3] == ["ascending", None, None]


def test_without_scripts_everything_is_there(page: Page, reports: Path) -> None:
    page.open(reports / "busy.html", scripts=False)
    assert page.value("document.querySelectorAll('table.sortable button').length") == 0
    assert page.value("document.querySelectorAll('table.sortable tbody tr').length") == 24


def test_focus_can_be_seen_and_goes_through_the_page(page: Page, reports: Path) -> None:
    page.look()
    page.open(reports / "busy.html")
    tab = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
    seen = []
    for _ in range(12):
        page.call("Input.dispatchKeyEvent", type="keyDown", **tab)
        page.call("Input.dispatchKeyEvent", type="keyUp", **tab)
        seen.append(page.value("document.activeElement.tagName"))
        assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert seen[0] == "A"
    assert "SUMMARY" in seen


def test_it_prints_on_paper_with_what_is_folded(page: Page, reports: Path) -> None:
    page.look(dark=True)
    page.open(reports / "busy.html")
    assert page.printed().startswith(b"%PDF-")
    opened = "document.querySelectorAll('details:not([open]):not(.diff)').length"
    assert page.value(opened) > 0  # as it was before
    page.value("dispatchEvent(new Event('beforeprint'))")
    assert page.value(opened) == 0
    page.value("dispatchEvent(new Event('afterprint'))")
    assert page.value(opened) > 0
    page.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert page.value("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    # else Chromium does not repeat the heads of columns on the next page
    assert page.value("getComputedStyle(document.querySelector('table.sortable thead button')).display") == "contents"
    page.call("Emulation.setEmulatedMedia", media="", features=[])
