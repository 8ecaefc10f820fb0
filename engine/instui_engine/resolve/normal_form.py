"""Requirements as text for uv: one form for each of them, which uv reads back as exactly this data.

uv expands variables, unquotes and takes comments off in what it reads. Nothing that is written here contains any of
that: what is not plain in a URL is percent-encoded.
"""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from .requirements import Requirement, Requirements

_PLAIN = "!$%&()*+,-./:;=?@[]_~"  # of a URL, for uv as the value of an option; letters and digits aside


def requirements_text(requirements: Requirements) -> str:
    """The options and the requirements, as a requirement file."""
    hashes = _hashes(requirements)
    return _joined([*_options(requirements), *(_line(entry, hashes) for entry in requirements.requirements)])


def limits_text(requirements: Requirements, limits: Iterable[Requirement]) -> str:
    """The constraints, overrides or excludes of `requirements`, as a requirement file."""
    hashes = _hashes(requirements)
    return _joined(_line(entry, hashes) for entry in limits)


def _options(requirements: Requirements) -> Iterator[str]:
    places = (
        ("--index-url", (requirements.index_url,) if requirements.index_url else ()),
        ("--extra-index-url", requirements.extra_index_urls),
        ("--find-links", requirements.find_links),
    )
    for option, urls in places:
        yield from (f"{option} {_encoded(url)}" for url in urls)
    if requirements.no_index:
        yield "--no-index"
    if requirements.require_hashes:
        yield "--require-hashes"
    yield from (f"--no-binary {name}" for name in requirements.no_binary)
    yield from (f"--only-binary {name}" for name in requirements.only_binary)


def _line(requirement: Requirement, hashes: Mapping[str, set[str]]) -> str:
    text, known = requirement.text, set().union(*requirement.demands)
    if requirement.url:
        place, mark, fragment = requirement.url.partition("#")
        text = text.replace(requirement.url, f"{_encoded(place)}{mark}{fragment}", 1)
        known = hashes[requirement.url]
    text = f"-e {text}" if requirement.editable else text
    return " ".join([text, *(f"--hash={value}" for value in sorted(known))])


def _hashes(requirements: Requirements) -> dict[str, set[str]]:
    """The hashes of each URL, wherever they were written: of several lines with one path, uv looks at the last only.

    uv demands all hashes of a line with a URL, and any of a line with a name.
    """
    found: dict[str, set[str]] = {}
    for entry in (*requirements.requirements, *requirements.constraints, *requirements.overrides):
        found.setdefault(entry.url, set()).update(*entry.demands)
    return found


def _encoded(url: str) -> str:
    url = quote(url, safe=_PLAIN).replace("${", "$%7B")
    return f"{url[:-1]}%3B" if url.endswith(";") else url  # before the semicolon of a marker


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
