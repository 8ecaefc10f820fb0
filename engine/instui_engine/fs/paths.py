"""Arithmetic of paths below the top of an environment: relative, with `/`, and "" or `.` for the top itself."""

from collections.abc import Iterable

TOP = "."


def ancestors(path: str) -> Iterable[str]:
    """The directories above `path`, nearest first, the top last."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
    yield TOP


def neutral(roots: Iterable[str]) -> frozenset[str]:
    """The directories that are or contain one of `roots`: never claimed as a subtree."""
    found = {TOP, ""}
    for root in roots:
        if root:
            found.add(root)
            found.update(ancestors(root))
    return frozenset(found)


def join(directory: str, name: str) -> str:
    """`name` in `directory`; either may be ""."""
    return f"{directory}/{name}" if directory and name else directory or name


def relative(path: str, root: str) -> str:
    """`path` as RECORD has it: relative to the directory that holds `.dist-info`. Both are relative to the top."""
    if not root:
        return path
    if path.startswith(f"{root}/"):
        return path[len(root) + 1 :]
    here, there = root.split("/"), path.split("/")
    common = 0
    while common < min(len(here), len(there)) and here[common] == there[common]:
        common += 1
    return "/".join([".."] * (len(here) - common) + there[common:])
