"""Secrets in texts: user names, passwords and tokens in the URLs of messages, journals and command lines.

People also write URLs that are none: a password with a slash, or with a space. What could be a password is hidden, even
if that hides a host or a path.
"""

import re

HIDDEN = "****"

_START = r"//|:(?!/)"  # what may stand before a user name or a password
_BEFORE_USER = r"[\s/=(\[{<'\"`]"
_AUTHORITY = r"[^/?#\s]*"
_END = r"\s|://"  # of a word
_QUERY = r"\?[^\s#'\"`)\]]+"


def redacted(text: str) -> str:
    """`text` without the user names and passwords of its URLs, and without what stands behind a `?` in them.

    The time it takes is linear in the length of `text`, whatever that is.
    """
    words = _Words(text)
    pieces = []
    place = 0
    starts = re.compile(_START)
    while found := starts.search(text, place):
        before = text[place : found.end()]
        place = found.end()
        is_url = found[0] == "//"
        end, is_clear = _end_of_secret(words, place, is_url)
        if end > place and not is_url:
            is_clear = False
            before = before[: max((mark.end() for mark in re.finditer(_BEFORE_USER, before)), default=0)]
        pieces += [before, "" if is_clear else f"{HIDDEN}@"]
        place = end
        if is_url:
            end = words.end(place)
            pieces.append(re.sub(_QUERY, f"?{HIDDEN}", text[place:end], count=1))
            place = end
    return "".join([*pieces, text[place:]])


class _Words:
    """Where the words of a text end. Each is searched once, however many colons it has."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.last = text.rfind("@")
        self._start = self._end = self._at = -1

    def end(self, place: int) -> int:
        """Where the word ends in which `place` is."""
        if not self._start <= place <= self._end:
            found = re.compile(_END).search(self.text, place)
            self._start, self._end = place, found.start() if found else len(self.text)
            self._at = self.text.rfind("@", place, self._end)
        return self._end

    def behind_at(self, place: int) -> int:
        """The place behind the last `@` of the rest of the word; `place` if there is none."""
        self.end(place)
        return max(place, self._at + 1)


def _end_of_secret(words: _Words, place: int, is_url: bool) -> tuple[int, bool]:
    """Where the user name and password at `place` end, behind an `@`; and whether it is clear that it is just these."""
    text = words.text
    end = words.behind_at(place)
    authority = _at(_AUTHORITY, text, place, words.end(place)) if is_url else ""
    if "@" in authority or not is_url:
        return end, text.count("@", place, end) < 2
    if not _has_port(authority):  # it may be the beginning of a password, which may go on behind a space
        if end == place <= words.last:
            end = words.behind_at(text.index("@", place) + 1)
        return end, end == place
    # as in https://user/name:password@host, or https://user:#password@host, which is read as https://user/
    if not re.search("[:#]", text[place + len(authority) : end]):
        end = place
    return end, end == place


def _at(pattern: str, text: str, place: int, end: int) -> str:
    found = re.compile(pattern).match(text, place, end)
    return found[0] if found else ""


def _has_port(authority: str) -> bool:
    """Whether nothing but a port stands behind the colon of a host, if there is one."""
    return re.fullmatch(r"(\[[0-9A-Fa-f:.]*\]|[^:]*)(:\d+)?", authority) is not None
