"""The language of the filter line: words, `!` for not, and `wheel:`, `lock:`, `state:` for one field."""

from collections.abc import Callable, Mapping

from instui_engine.values import NamedTuple

Fields = Mapping[str, str]
_FIELDS = ("wheel", "lock", "state")


class Term(NamedTuple):
    """A word of a filter. `field` is "" if the word may be in any field."""

    field: str
    word: str
    inverse: bool

    def matches(self, fields: Fields) -> bool:
        """Whether an item with these fields passes."""
        where = (fields.get(self.field, ""),) if self.field else fields.values()
        return any(self.word in text.casefold() for text in where) is not self.inverse


class Filter(NamedTuple):
    """A filter: what the user typed after `/`, and the terms that must all match."""

    text: str
    terms: tuple[Term, ...]

    def __bool__(self) -> bool:
        return bool(self.terms)

    def keeps(self, fields: Callable[[], Fields]) -> bool:
        """Whether an item with these fields is shown. The fields are made only if there is a filter."""
        if not self.terms:
            return True
        found = fields()
        return all(term.matches(found) for term in self.terms)


def parse(text: str) -> Filter:
    """The filter in a line. A field without a word is ignored: the user is still typing."""
    terms = []
    for part in text.casefold().split():
        inverse, rest = part.startswith("!"), part.removeprefix("!")
        field, colon, word = rest.partition(":")
        if not colon or field not in _FIELDS:
            field, word = "", rest
        if word:
            terms.append(Term(field, word, inverse))
    return Filter(text.strip(), tuple(terms))


NOTHING = parse("")
