"""Hashes of wheel files, and demands on them.

A hash is written `algorithm:hex`, as in a requirement file. A *demand* is a set of hashes of which one must be right:
the `--hash` options of one line are one demand. All demands on a file must be met, whoever made them: each file of
requirements, each constraint, the fragment of a URL, the index, a lock file.

md5 is no proof that a file is the right one. It is compared all the same, but nothing that asks for a strong hash is
content with it.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import hashlib

Demand = frozenset[str]
Demands = tuple[Demand, ...]

# the length of their digests in hex; the names are those that uv knows, where blake2b is the one of 256 bits
_LENGTHS = {"md5": 32, "sha256": 64, "sha384": 96, "sha512": 128, "blake2b": 64}
_WEAK = frozenset({"md5"})


def parse_hash(text: str) -> str:
    """The hash in `text`, as `algorithm:hex` with lower-case digits. Raises ValueError for anything else.

    The name of the algorithm has to be in lower case, as for uv and pip.
    """
    algorithm, colon, digest = text.partition(":")
    length = _LENGTHS.get(algorithm)
    if not colon or length is None:
        raise ValueError(f"it does not begin with the name of a known hash ({', '.join(_LENGTHS)}) and a colon")
    if not re.fullmatch(f"[0-9A-Fa-f]{{{length}}}", digest, re.ASCII):
        raise ValueError(f"{algorithm} needs {length} hexadecimal digits")
    return f"{algorithm}:{digest.lower()}"


def demands_of(hashes: Mapping[str, str]) -> Demands:
    """The demands of an index or a lock file, which gives one digest for each algorithm: each strong one must hold.

    A weak one counts only where there is no strong one; algorithms that are not known here count only beside others.
    Raises ValueError for a digest that is not one, and if no algorithm is known.
    """
    known = [parse_hash(f"{name.lower()}:{hashes[name]}") for name in sorted(hashes) if name.lower() in _LENGTHS]
    if hashes and not known:
        raise ValueError(f"none of its algorithms is known ({', '.join(_LENGTHS)})")
    strong = [value for value in known if is_strong(value)]
    return tuple(frozenset({value}) for value in strong or known)


def is_strong(value: str) -> bool:
    """Whether the hash proves anything."""
    return value.partition(":")[0] not in _WEAK


def sha256_in(demands: Iterable[Demand]) -> str:
    """The one sha256 that a file must have to meet `demands`, in hex; "" if they leave it open."""
    for demand in demands:
        if len(demand) == 1:
            algorithm, _, digest = next(iter(demand)).partition(":")
            if algorithm == "sha256":
                return digest
    return ""


def unmet(demands: Iterable[Demand], found: Collection[str]) -> Demand | None:
    """The first of `demands` that the hashes `found` do not meet; None if they meet all."""
    return next((demand for demand in demands if demand.isdisjoint(found)), None)


class Digests:
    """The running hashes of a file: sha256 and whatever else `demands` are about."""

    def __init__(self, demands: Iterable[Demand] = ()) -> None:
        names = {value.partition(":")[0] for demand in demands for value in demand}
        self._running = {name: _new(name) for name in sorted(names | {"sha256"})}

    def update(self, data: bytes) -> None:
        """Go on with `data`."""
        for running in self._running.values():
            running.update(data)

    @property
    def sha256(self) -> str:
        """The sha256 of the bytes so far, in hex."""
        return self._running["sha256"].hexdigest()

    def all(self) -> frozenset[str]:
        """The hashes of the bytes so far."""
        return frozenset(f"{name}:{running.hexdigest()}" for name, running in self._running.items())


def _new(name: str) -> "hashlib._Hash | hashlib.blake2b":
    import hashlib

    return hashlib.blake2b(digest_size=32) if name == "blake2b" else hashlib.new(name, usedforsecurity=False)
