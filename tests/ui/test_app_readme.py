"""The files and names that app/README.md tells a newcomer are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = [ROOT, ROOT / "app", ROOT / "app" / "instui", ROOT / "app" / "instui" / "tui"]
NAMED = sorted(set(re.findall(r"`([^`]+)`", (ROOT / "app" / "README.md").read_text(encoding="utf-8"))))
OF_OTHERS = {"mypy", "call_from_thread"}


def code() -> str:
    files = [path for top in ("app", "engine", "tests") for path in (ROOT / top).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path != Path(__file__))


@pytest.mark.parametrize("path", [name for name in NAMED if re.fullmatch(r"[a-z_/]+(\.py|/)", name)])
def test_a_file_that_is_named_is_there(path: str) -> None:
    assert any((place / path).exists() for place in PLACES)


def test_a_name_that_is_named_is_there() -> None:
    found = code()
    words = [word for name in NAMED if re.fullmatch(r"[A-Za-z_]+(\.[a-z_]+)?", name) for word in name.split(".")]
    there = [word for word in words if re.search(rf"\b{word}\b", found) or word in OF_OTHERS]
    assert [word for word in words if word not in there and not re.search("(_N|_ID)$", word)] == []
