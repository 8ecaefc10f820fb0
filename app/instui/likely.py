"""The word that was probably meant instead of one that nobody knows."""

from collections.abc import Iterable


def likely(word: str, known: Iterable[str]) -> str:
    """The one of `known` that is most like `word`; "" if none is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, 1, cutoff=0.75)), "")
