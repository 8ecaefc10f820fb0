"""Real source distributions that uv and instui build and install leave the same trees.

Three in CI, some twenty with `--sweep`. Each has caches of its own, so that neither takes what was built before, or by
the other. `support/installers.py` says what is compared; of an extension module only its name and mode are.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from support.installers import build, installed, unlike

pytestmark = [pytest.mark.network, pytest.mark.timeout(1800)]

LIST = Path(__file__).with_name("real_sources.txt")


def listing(sweeping: bool) -> list[str]:
    """The requirements of the list: those up to the second comment unless sweeping."""
    sample, _, rest = LIST.read_text(encoding="utf-8").partition("# Under --sweep")
    return [line for line in (sample + "#" + rest * sweeping).splitlines() if line and not line.startswith("#")]


def without_compiled(found: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Compilers write where they worked into what they make."""
    for path, what in found.items():
        is_compiled = path.endswith(tuple(EXTENSION_SUFFIXES))
        yield path, f"{what[:3]} compiled" if is_compiled and ": " not in path else "a row" if is_compiled else what


def test_what_is_built_is_what_uv_builds(tmp_path: Path, sweeping: bool) -> None:
    names = listing(sweeping)
    assert len(names) >= (20 if sweeping else 3)
    file = tmp_path / "listed.txt"
    file.write_text("".join(f"{name}\n--no-binary {name.partition('==')[0]}\n" for name in names))
    results = {}
    for installer in ("uv", "instui"):
        place = tmp_path / installer
        found = installed(place, partial(build, installer, listed=file, cache=place / "cache"))
        assert "refused" in found or sum(path.endswith(".dist-info") for path in found) == len(names)
        results[installer] = dict(without_compiled(found))
    assert unlike(results) == []
