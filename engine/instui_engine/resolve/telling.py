"""Which line of a failed program's output says what is wrong: seldom the last, if it only says that another failed."""

import re
from collections.abc import Sequence

from .inputs import one_line

_FATAL = re.compile(r"fatal: |.*\bfatal error: ")  # git, and compilers that cannot go on
_ERROR = re.compile(  # compilers, linkers, cargo, cmake
    r"\S+:\d+(?::\d+)?: error: |error\[E\d+\]|error: (?!could not compile|[Cc]ommand |subprocess|metadata)|CMake Error"
    r"|.*: (?:undefined reference to|cannot find -l)"
)
_EXCEPTION = re.compile(r"(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt|NotFound)(?::|$)")
_WRAPPER = re.compile(  # says that another program has failed
    r"error: [Cc]ommand "
    r"|.*\bCalledProcessError\b|.*\breturned non-zero exit status|.*\bfailed with exit (?:code|status)"
    r"|error: could not compile"
    r"|.*\b(?:Compile|Link|DistutilsExec|LibError)Error: [Cc]ommand |g?make(?:\[\d+\])?: \*\*\*"
    r"|ninja: build stopped"
)


def telling(lines: Sequence[str]) -> str:
    """The line that says what is wrong; "" if there is none.

    It is the last one, as in a traceback. But if that is the word of a wrapper, or no error at all, an error of the
    program below comes first: its last fatal error, else its first error, else its last exception; and
    the last word of a wrapper before what is no error at all, which may only have been buffered.
    """
    if not lines:
        return ""
    last = lines[-1]
    if _EXCEPTION.match(last) and not _WRAPPER.match(last):
        return last
    own = [line for line in lines if not _WRAPPER.match(line)]
    fatal = [line for line in own if _FATAL.match(line)]
    if fatal:
        # git says first what is wrong, and then what follows from that
        return next((line for line in fatal if line.startswith("fatal: ")), fatal[-1])
    found = [line for line in own if _ERROR.match(line)][:1]
    found = found or [line for line in own if _EXCEPTION.match(line)][-1:]
    found = found or [line for line in lines if _EXCEPTION.match(line) or _WRAPPER.match(line)][-1:]
    return found[0] if found else last


def advice(hint: str) -> str:
    """uv's hint on a failed build, to stand behind the reason; "" for one that goes with any failure."""
    text = re.sub(r" for `[^`]*`$", "", one_line(hint, 500))  # the directory that was built may be one of ours
    return "" if not text or text.startswith("Build failures usually ") else f" (hint: {text})"
