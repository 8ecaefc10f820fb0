"""What uv prints, as lines for the user: the error of a failed run, and warnings.

uv breaks its errors into many lines, in an old and a new style; `explain` turns them into one.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from instui_engine.errors import InstuiError, NoSolutionError, ResolutionError, UnreachableIndexError, UsageError

from .inputs import one_line
from .telling import advice, telling

_UNREACHABLE = re.compile(r"error sending request|client error \(Connect\)|dns error|Request failed after|timed out")
_REFUSED = re.compile(  # what the user has given as the value of a flag
    r"invalid value |the argument |Requesting extras |Requested extra |The dependency group "
    r"|Failed to read dependency groups|Project directory |failed to open file |Failed to read certificate file "
    r"|File not found: "
)
_STATUS = re.compile(r"HTTP status (?:client|server) error \(([^)]*)\)")
_URL = re.compile(r"https?://[^\s`)]+")
_LONGEST = 2000  # characters of a derivation: without its end it explains nothing
_SAID = re.compile(r"^\s*(?:\[(?:stdout|stderr)\]|--- (?:stdout|stderr))\s*$", re.MULTILINE)  # a program's own words
_BUILT = re.compile(r"Failed to (?:download and )?build:? `([^`]+)`")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_CONCLUSION = re.compile(r",? ?we can conclude that your requirements are unsatisfiable\.?")
_REGISTRY = "in the package registry"
_FILES = (".whl", ".tar.gz", ".zip")
_NONE: Mapping[str, str] = MappingProxyType({})
_TOLD = ("You require", "Wheels are available", "Pre-releases are available")  # hints with words that hold here, too
_NOISE = ("Using ", "Resolved ", "Usage: ", "For more information")  # of any run, and of uv's own command line


def explain(
    output: str, sources: Sequence[str] = (), proxies: Mapping[str, str] = _NONE, indexes: Sequence[str] = ()
) -> InstuiError:
    """The one-line error for what uv printed when it failed.

    `sources`: what may have been built meanwhile; `proxies`: see UvSettings; `indexes`: those that were given.
    """
    output = _ESCAPES.sub("", output)
    if failed := _failed_program(output, sources):
        return failed
    statements, hints = _statements(output)
    whole = " ".join(statements)
    hint = " ".join(hints)
    if _REFUSED.match(whole):
        return UsageError(one_line(f"uv: {whole}", _LONGEST))
    if "No solution found" in whole:
        text = whole.partition("dependencies")[2].lstrip(": ").removeprefix("cause: ")
        # behind "no solution:" one reason needs no conclusion; the last of several would be a fragment without one
        text = _CONCLUSION.sub(", there is none" if "And because" in text else "", text)
        text = text[:1].lower() + text[1:]
        if indexes:
            text = text.replace(_REGISTRY, f"{_REGISTRY} ({', '.join(indexes)})", 1)
        return NoSolutionError(one_line(f"no solution: {text.rstrip('. ')}{_advice(hint)}", _LONGEST))
    status = _STATUS.search(whole)
    url = _URL.search(whole)
    place = url[0].rstrip(":,.") if url else "it"
    if status:
        return ResolutionError(one_line(f"the package index answered {status[1]} for {place}"))
    if _UNREACHABLE.search(whole):
        return _unreachable(place if url else "", statements[-1].removeprefix("cause: "), proxies)
    causes = [statement.removeprefix("cause: ") for statement in statements] or ["uv failed without a word"]
    return ResolutionError(one_line(f"uv: {': '.join(causes)}"))


def _unreachable(url: str, why: str, proxies: Mapping[str, str]) -> UnreachableIndexError:
    from instui_engine.fetch.route import told_proxy

    proxy = told_proxy(url, proxies)
    through = f" through the proxy {one_line(proxy)}" if proxy else ""
    place, _, file = url.partition("://")[2].partition("?")[0].partition("#")[0].rpartition("/")
    file = file.removesuffix(".metadata")
    if file.endswith(_FILES):
        host = place.partition("/")[0].rpartition("@")[2]
        return UnreachableIndexError(
            one_line(f"cannot reach {host} for {file} ({why}", 200)
            + f"){through}: check {'that proxy' if proxy else 'the network and the URL'}, or use --offline if it was "
            "fetched before",
            url=url,
        )
    return UnreachableIndexError(
        one_line(f"cannot reach the package index ({url or 'it'}: {why}", 200)
        + f"){through}: check {'that proxy' if proxy else 'the network'}, or use --offline / --no-index --find-links",
        url=url,
    )


def _failed_program(output: str, sources: Sequence[str]) -> ResolutionError | None:
    """The error if a build or git has failed, which uv had to run to know what a source asks for."""
    began = next(re.finditer(r"^(?:error:|\s*×)", output, re.MULTILINE), None)  # noqa: RUF001
    error = output[began.start() :] if began else output
    parts = _SAID.split(error)
    if len(parts) == 1:
        return None
    said, _, hint = parts[-1].partition("\nhint: ")  # errors come after what was printed in peace
    lines = [line for raw in said.splitlines() if (line := raw.strip(" │"))]
    named = _BUILT.search(parts[0])
    if named:
        what = named[1].partition(" @ file:")[0]
    else:
        what = sources[0] if len(sources) == 1 else f"one of {', '.join(sources)}" if sources else "a source"
    problem = "could not be fetched" if "Git operation failed" in parts[0] else "could not be built"
    why = one_line(telling(lines) or "it failed without a word")
    return ResolutionError(f"{one_line(what)} {problem}: {why}{advice(hint)}", output=error)


def warnings_in(output: str) -> tuple[str, ...]:
    """The warnings of uv, one line each."""
    found = re.findall(r"^warning: (.*)$", _ESCAPES.sub("", output), re.MULTILINE)
    return tuple(dict.fromkeys(one_line(text) for text in found))


def _statements(output: str) -> tuple[list[str], list[str]]:
    """The error with its causes, and the hints: one line each, without the decoration of uv's old or new style."""
    statements: list[str] = []
    hints: list[str] = []
    current = statements
    for raw in _ESCAPES.sub("", output).splitlines():
        line = raw.lstrip(" ×╰├─▶│").strip()  # noqa: RUF001
        if not line or set(line) <= {"^", "~"} or line.startswith(_NOISE):
            continue
        if re.match(r"(error|warning|hint|cause|Caused by)\b:?", line) or not current or "▶" in raw:
            kind, _, rest = line.partition(": ")
            current = hints if kind == "hint" else [] if kind == "warning" else statements
            if kind in ("error", "hint"):
                line = rest
            current.append(re.sub(r"^Caused by:", "cause:", line))
        else:
            current[-1] += " " + line
    return statements, hints


def _advice(hint: str) -> str:
    """What uv's hints add to an explanation, in terms of instui's flags."""
    if "network was disabled" in hint:
        return " (--offline: only what is in uv's cache can be had)"
    if "index lookups were disabled" in hint:
        return " (--no-index: only what --find-links leads to can be had)"
    if "building from source is disabled" in hint:
        return " (building is off: see --no-build and --only-binary)"
    refused = re.search(r"\(?(40[13] (?:Unauthorized|Forbidden))", hint)
    if refused:
        index = _URL.search(hint)
        named = f"the index {index[0].rstrip(':,.')}" if index else "the package index"
        return f" ({named} answered {refused[1]}; check its URL and credentials)"
    newer = re.search(r"(`\S+`) was filtered by `exclude-newer` .*? uploaded before (\S+?)\.?(?:\s|$)", hint)
    if newer:
        return f" (--exclude-newer, or uv's setting of that name, hides versions of {newer[1]} from {newer[2]} on)"
    return f" ({hint.rstrip('.')})" if hint.startswith(_TOLD) else ""
