"""Why a build has failed: the one line of its output that says most."""

import re
from collections.abc import Sequence

from instui_engine.resolve.uv_errors import explain

_BACKEND = re.compile(r"returned an error|Call to `|failed \(exit|failed with exit")
_UV = re.compile(r"error: ")
_DULL = re.compile(r"[\^~=*\-_ ]*|Building (wheel|source distribution).*|During handling of .*|The above exception .*")


def reason_in(lines: Sequence[str]) -> str:
    """The reason in `lines`, the last ones of what `uv build` has printed.

    What the backend has said last, if it is the backend that has failed; else what uv says about the build.
    """
    starts = [place for place, line in enumerate(lines) if _UV.match(line)]
    start = starts[-1] if starts else len(lines)
    own = [line for line in lines[:start] if not _DULL.fullmatch(line)]
    told = "\n".join(lines[start:])
    if own and (not told or _BACKEND.search(told)):
        return own[-1]
    return str(explain(told)).removeprefix("uv: ") if told else "it failed without a word"
