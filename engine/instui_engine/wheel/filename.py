"""The file name of a wheel: `name-version(-build)-python-abi-platform.whl`; names as the simple index spells them.

An install of ordinary wheels loads no parser of versions: most file names and most bounds of versions are recognized
without one.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.utils import BuildTag

NAME = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
"""A pattern of the names of distributions and extras (core metadata)."""
_SEPARATORS = str.maketrans("._-", "000")
_NUMBER = "(?:0|[1-9][0-9]{0,8})"
_PART = "[A-Za-z0-9]+"
_TAGS = r"\w+(?:\.\w+)*"
VERSION = rf"{_NUMBER}(?:\.{_NUMBER})*(?:(?:a|b|rc){_NUMBER})?(?:\.post{_NUMBER})?(?:\.dev{_NUMBER})?"
"""A pattern of most normalized versions."""
# A name and a version for which packaging has no other spelling but that of letters and separators.
_PLAIN = rf"(?a)({_PART}(?:[._]{_PART})*)-({VERSION})-{_TAGS}-{_TAGS}-{_TAGS}\.whl"
_RUNS = r"[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?"


def is_name(text: str) -> bool:
    """Whether all of `text` is what `NAME` is a pattern of."""
    return text.isascii() and text.translate(_SEPARATORS).isalnum() and text[0].isalnum() and text[-1].isalnum()


def normalized(name: str) -> str:
    """The name as the simple index spells it: packaging's `canonicalize_name`, without its import."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_wheel_filename(filename: str) -> "tuple[str, str, BuildTag]":
    """The name and the version, both normalized, and the build tag in a wheel's file name.

    As in pip and uv, a run of underscores in the name counts as one: the normalized name is the same. Raises ValueError
    for any other text.
    """
    plain = re.fullmatch(_PLAIN, filename)
    if plain is not None:
        return normalized(plain[1]), plain[2], ()
    from packaging.utils import parse_wheel_filename as parse

    name, dash, rest = filename.partition("-")
    if "__" in name and re.fullmatch(_RUNS, name):
        name = re.sub("_+", "_", name)
    canonical, version, build, _ = parse(name + dash + rest)
    return canonical, str(version), build
