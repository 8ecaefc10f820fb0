"""The program of a helper process in tests: says what it inherited and in what state it is, and repeats every line."""

import os
import sys
from typing import BinaryIO


def serve(requests: BinaryIO, answers: BinaryIO, *inherited: int) -> None:
    open_now = [descriptor for descriptor in range(256) if _is_open(descriptor)]
    heavy = sorted({"site", "threading", "instui", "subprocess"} & set(sys.modules))
    answers.write(f"{list(inherited)} {open_now} {os.getpgid(0) == os.getpid()} {heavy}\n".encode())
    answers.flush()
    for line in requests:
        answers.write(line)
        answers.flush()


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
