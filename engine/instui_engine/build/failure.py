"""Why a build has failed: the one line of its output that says most."""

import re
from collections.abc import Sequence

from instui_engine.resolve.inputs import one_line
from instui_engine.resolve.telling import advice, telling

_BACKEND = re.compile(r"returned an error|Call to `|failed \(exit|failed with exit")
_UV = re.compile(r"error: ")
_DULL = re.compile(r"[\^~=*\-_ ]*|Building (wheel|source distribution).*|During handling of .*|The above exception .*")
_LONGEST = 500  # characters of what uv says


def reason_in(lines: Sequence[str]) -> str:
    """The reason in `lines`, the last ones of what `uv build` has printed.

    What the backend has said, if it is the backend that has failed, with uv's hint; else what uv says about the build.
    """
    starts = [place for place, line in enumerate(lines) if _UV.match(line)]
    start = starts[-1] if starts else len(lines)
    own = [line for line in lines[:start] if not _DULL.fullmatch(line)]
    if own and (not starts or _BACKEND.search(" ".join(lines[start:]))):
        return f"{telling(own)}{_hint(lines[start:])}"
    said = ""
    for line in lines[start:]:
        if line.startswith("hint: "):
            break
        if line.startswith("error: Failed to build `"):
            continue  # that is said already, and the path may be one of ours
        between = ": " if line.startswith("cause: ") else " "
        text = line.removeprefix("error: ").removeprefix("cause: ")
        said += f"{between}{text}" if said else text
    return one_line(said, _LONGEST) or "it failed without a word"


def _hint(lines: Sequence[str]) -> str:
    """What uv advises, to stand behind a reason."""
    starts = [place for place, line in enumerate(lines) if line.startswith("hint: ")]
    return advice(" ".join(lines[starts[0] :]).removeprefix("hint: ")) if starts else ""
