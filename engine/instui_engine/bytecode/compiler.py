"""The program that compiles: the target's Python runs it, which may be any from 3.8 on.

It reads one request a line, and answers each with a line, both in JSON. A request: the source, where the byte code
goes, the name of the source in tracebacks, the mtime that the byte code gets (nanoseconds, or -1), the name of the
mode. An answer: "done", "refused" (the source is no program) or "failed" (the disk), and why.

Python puts the path from which it loads a module into the tracebacks of byte code, whatever name that was compiled
with. So a name that is right in no environment is right in all.
"""

import json
import os
import py_compile
import sys
import threading
import time
import warnings


def compile_file(source: str, target: str, name: str, mtime: int, mode: str) -> "list[str]":
    """Compile one file, and say what came of it."""
    try:
        invalidation = py_compile.PycInvalidationMode[mode]
        py_compile.compile(source, cfile=target, dfile=name, doraise=True, invalidation_mode=invalidation)
        if mtime >= 0:
            os.utime(target, ns=(mtime, mtime))
    except OSError as error:
        return ["failed", error.strerror or str(error)]
    except Exception as error:  # whatever a source makes of the compiler
        return ["refused", _why(getattr(error, "exc_value", error))]
    return ["done", ""]


def _why(error: BaseException) -> str:
    """What is wrong with a source, in one line."""
    if isinstance(error, SyntaxError):
        line = f"line {error.lineno}: " if error.lineno else ""
        return f"{line}{error.msg}"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.1)
    os._exit(1)


def serve(parent: int) -> None:
    """Answer requests until there are no more, or the parent is gone."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    warnings.simplefilter("ignore")
    answers = os.dup(1)  # what else may print does not come among them
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        os.write(answers, json.dumps(compile_file(*json.loads(line))).encode() + b"\n")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
