"""Which paths a wheel must hold alone while it commits.

Multi-granularity locking (Gray, Lorie, Putzolu and Traiger 1976) over one tree, the environment from its top down:
an exclusive claim (X) on a directory covers all below it; every ancestor of a claim is held in intention mode (IX).
IX is compatible with IX, nothing is compatible with X.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from instui_engine.fs.paths import TOP, ancestors

Mode = Literal["IX", "X"]
MOST = 128  # locks that one wheel takes between processes; who has more claims takes the top instead


class Claims(NamedTuple):
    """The claim set of one wheel: sorted, disjoint, `exclusive` without anything nested in another of them."""

    exclusive: tuple[str, ...]
    shared: tuple[str, ...]


def lock_set(claims: Claims) -> list[tuple[str, Mode]]:
    """What a wheel with these claims locks against other processes, in the order in which it does.

    That is each claim, or, for more than `MOST` of them, the top alone in mode X. Databases call it lock escalation: a
    wheel with thousands of files in `bin/` would need as many open lock files. Everybody else holds the top in mode IX,
    so such a wheel excludes them all. Whether it does depends on the wheel alone, and not on anybody's limits.
    """
    if len(claims.exclusive) + len(claims.shared) > MOST:
        return [(TOP, "X")]
    both: list[tuple[str, Mode]] = [(path, "X") for path in claims.exclusive]
    both += [(path, "IX") for path in claims.shared]
    return sorted(both)


def derive(paths: Iterable[str], name: str) -> Claims:
    """The claims of a wheel that writes, overwrites or removes `paths` (each with all below it).

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
