"""Each wheel of the corpus has its outcome: refused with nothing written, or installed as told and wholly removable."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cli import error_line, everything
from support.corpus import CASES
from support.corpus.model import INFO, Case, Installed, Refused
from support.environments import Venv
from support.forked import ForkServer
from support.trees import wrong_rows

# what is on the disk of every wheel of the corpus
ALWAYS = {
    "site/odd/__init__.py",
    *(f"site/{INFO}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json")),
}
pytestmark = pytest.mark.xdist_group("wheels-from-hell")


@dataclass(frozen=True)
class Place:
    """One environment for all wheels, which leave no trace in it, and a cache and a directory for temporary files."""

    venv: Venv
    cache: Path
    temporary: Path
    server: ForkServer


@pytest.fixture(scope="module")
def make_place(
    make_venv: Callable[[Path], Venv], clean_environ: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Place]]:
    servers: list[ForkServer] = []

    def make() -> Place:
        top = tmp_path_factory.mktemp("hell")
        cache, temporary = top / "cache", top / "tmp"
        cache.mkdir()
        temporary.mkdir()
        environ = {**clean_environ, "INSTUI_CACHE_DIR": str(cache), "TMPDIR": str(temporary), "LANG": "C.UTF-8"}
        servers.append(ForkServer(environ))
        return Place(make_venv(top / "venv"), cache, temporary, servers[-1])

    yield make
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def places() -> dict[str, tuple[Place, dict[str, str]]]:
    """The places in use, and what is in their environments."""
    return {}


@pytest.fixture
def untouched(make_place: Callable[[], Place], places: dict[str, tuple[Place, dict[str, str]]]) -> Iterator[Place]:
    yield from _shared("untouched", everything, make_place, places)


@pytest.fixture
def used(make_place: Callable[[], Place], places: dict[str, tuple[Place, dict[str, str]]]) -> Iterator[Place]:
    yield from _shared("used", of_others, make_place, places)


def _shared(
    name: str,
    look: Callable[[Path], dict[str, str]],
    make_place: Callable[[], Place],
    places: dict[str, tuple[Place, dict[str, str]]],
) -> Iterator[Place]:
    """One place for all tests, until one of them fails and leaves something there."""
    if name not in places:
        made = make_place()
        (made.venv.top / "include" / "site" / f"python{made.venv.site.parent.name[6:]}").mkdir(parents=True)  # stays
        places[name] = made, look(made.venv.top)
    place, before = places[name]
    yield place
    if look(place.venv.top) != before or list(place.temporary.iterdir()):
        del places[name]


def stored(cache: Path) -> set[str]:
    """What the store has or is unpacking, and unfinished downloads."""
    return {
        path.relative_to(cache).as_posix()
        for pattern in ("store-*/*/*", "store-*/new/*", "downloads/*")
        for path in cache.glob(pattern)
    }


def of_others(top: Path) -> dict[str, str]:
    """All below an environment that is not the engine's own."""
    return {path: what for path, what in everything(top).items() if path.split("/")[0] not in (".instui", ".lock")}


def _id(case: Case) -> str:
    return case.name


REFUSED = [case for case in CASES if isinstance(case.outcome, Refused)]
INSTALLED = [case for case in CASES if isinstance(case.outcome, Installed)]


def test_the_corpus_is_large_and_each_wheel_has_a_name_of_its_own() -> None:
    assert len(REFUSED) >= 250
    assert len(INSTALLED) >= 100
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", REFUSED, ids=_id)
def test_a_wheel_that_must_not_be_installed_leaves_no_trace(case: Case, untouched: Place, tmp_path: Path) -> None:
    assert isinstance(case.outcome, Refused)
    wheel = case.write(tmp_path / "in")
    before = everything(untouched.venv.top)
    in_store = stored(untouched.cache)
    around = {path.name for path in untouched.cache.parent.iterdir()}
    done = untouched.server.run(
        "install", "--no-deps", "--no-fsync", "--python", untouched.venv.top, wheel, cwd=untouched.cache.parent
    )
    line = error_line(done, case.outcome.code)
    assert case.outcome.text in line
    assert line.isprintable()
    assert "internal error" not in line
    assert done.stdout.replace("\n", "").isprintable()
    assert everything(untouched.venv.top) == before
    assert case.outcome.stored or stored(untouched.cache) == in_store
    assert list(untouched.temporary.iterdir()) == []
    assert {path.name for path in untouched.cache.parent.iterdir()} == around
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("case", INSTALLED, ids=_id)
def test_a_wheel_that_is_only_odd_is_installed_exactly_and_removed_without_trace(
    case: Case, used: Place, tmp_path: Path
) -> None:
    outcome = case.outcome
    assert isinstance(outcome, Installed)
    site = used.venv.site
    before = of_others(used.venv.top)
    done = used.server.run(
        "install", "--no-deps", "--no-fsync", "--python", used.venv.top, case.write(tmp_path / "in"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    if outcome.warning:
        assert outcome.warning in done.stdout + done.stderr
    else:
        assert done.stderr == ""
    assert (done.stdout + done.stderr).replace("\n", "").isprintable()
    after = of_others(used.venv.top)
    prefix = site.relative_to(used.venv.top).as_posix()
    expected = {
        path.replace("site/", f"{prefix}/", 1) if path.startswith("site/") else path
        for path in {*ALWAYS, *outcome.more}
    }
    new = {path: what for path, what in after.items() if path not in before}
    assert {path for path, what in new.items() if not what.startswith("directory")} == expected
    assert {path: what for path, what in after.items() if path in before} == before
    for path in expected:
        bits = stat.S_IMODE((used.venv.top / path).lstat().st_mode)
        shown = path.replace(f"{prefix}/", "site/", 1)
        assert bits == (0o755 if shown in outcome.executable else 0o644), path
    assert wrong_rows(site, "odd-1.0") == []
    assert (site / INFO / "INSTALLER").read_text() == "instui\n"
    assert (site / INFO / "REQUESTED").read_bytes() == b""
    assert outcome.check is None or outcome.check(site)
    removed = used.server.run("uninstall", "--no-fsync", "--python", used.venv.top, "odd", cwd=tmp_path)
    assert (removed.returncode, removed.stderr) == (0, ""), removed.stderr
    assert of_others(used.venv.top) == before
    assert list(used.temporary.iterdir()) == []
    assert os.listdir(tmp_path) == ["in"]
