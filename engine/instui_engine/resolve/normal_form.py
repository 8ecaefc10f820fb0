"""Requirements as text for uv: one form for each of them, which uv reads back as exactly this data.

uv expands variables, unquotes and takes comments off in what it reads. Nothing that is written here contains any of
that: what is not plain in a URL is percent-encoded.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from .requirements import Requirement, Requirements

_PLAIN = "!$%&()*+,-./:;=?@[]_~"  # of a URL, for uv as the value of an option; letters and digits aside


def requirements_text(requirements: Requirements) -> str:
    """The options and the requirements, as a requirement file."""
    return _joined([*_options(requirements), *map(_line, requirements.requirements)])


def constraints_text(requirements: Requirements) -> str:
    """The constraints, as a requirement file."""
    return _joined(map(_line, requirements.constraints))


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


def _line(requirement: Requirement) -> str:
    text = requirement.text
    if requirement.url:
        text = text.replace(requirement.url, _encoded(requirement.url), 1)
    return " ".join([text, *(f"--hash={value}" for value in _hashes(requirement))])


def _hashes(requirement: Requirement) -> list[str]:
    """The hashes that uv is to know. For a URL it demands all of them, for a name any of them."""
    return sorted(set().union(*requirement.demands))


def _encoded(url: str) -> str:
    url = quote(url, safe=_PLAIN).replace("${", "$%7B")
    return f"{url[:-1]}%3B" if url.endswith(";") else url  # before the semicolon of a marker


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
