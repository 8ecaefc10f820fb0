"""Claims: the paths that a wheel must hold exclusively while it commits.

This is multi-granularity locking (Gray, Lorie, Putzolu and Traiger 1976) over one tree, the environment from its top
down. An exclusive claim (X) on a directory covers everything below it. Every ancestor of a claim is held in intention
mode (IX). IX is compatible with IX; nothing is compatible with X.
"""

from collections.abc import Iterable
from typing import Literal

from instui_engine.fs.paths import TOP, ancestors
from instui_engine.values import NamedTuple

from .names import bucket_of

Mode = Literal["IX", "X"]
COMPATIBLE: dict[tuple[Mode, Mode], bool] = {
    ("IX", "IX"): True,
    ("IX", "X"): False,
    ("X", "IX"): False,
    ("X", "X"): False,
}
MOST = 128  # the most locks that one wheel takes between processes; with more claims it takes the top instead


class Claims(NamedTuple):
    """The claim set of one wheel: sorted and disjoint. No path of `exclusive` is below another one."""

    exclusive: tuple[str, ...]
    shared: tuple[str, ...]


def lock_set(claims: Claims) -> list[tuple[str, Mode]]:
    """The locks that a wheel with these claims takes against other processes, in the order of their lock files.

    There is one for each claim or, for more than `MOST` claims, only the top in mode X. Databases call this lock
    escalation: a wheel with thousands of files in `bin/` would need as many open lock files. Every other wheel holds
    the top in mode IX, so such a wheel excludes them all. This depends only on the wheel, not on the limits of any
    process.
    """
    if len(claims.exclusive) + len(claims.shared) > MOST:
        return [(TOP, "X")]
    both: list[tuple[str, Mode]] = [(path, "X") for path in claims.exclusive]
    both += [(path, "IX") for path in claims.shared]
    return sorted(both, key=lambda one: (bucket_of(one[0]), one))


def derive(paths: Iterable[str], name: str) -> Claims:
    """The claims of a wheel that writes, overwrites or removes `paths` (each with everything below it).

    `name` is the distribution's normalized name: two versions of one exclude each other wherever their files are.
    """
    wanted = set(paths)
    exclusive = set()
    shared = {TOP}
    for path in wanted:
        above = []
        for ancestor in ancestors(path):
            if ancestor in wanted:
                break
            above.append(ancestor)
        else:
            exclusive.add(path)
            shared.update(above)
    exclusive.add(f"@{name}")
    return Claims(tuple(sorted(exclusive)), tuple(sorted(shared)))
