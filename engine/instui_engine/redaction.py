"""Secrets in texts: user names, passwords and tokens in the URLs of messages, journals and command lines.

People also write URLs that are none: a password with a slash, or with a space. What could be a password is hidden, even
if that hides a host or a path.
"""

import re

HIDDEN = "****"

_START = re.compile(r"//|:(?!/)")  # what may stand before a user name or a password
_USER = re.compile(r"[^\s/=(\[{<'\"`]*:$")
_AUTHORITY = re.compile(r"[^/?#\s]*")
_WORD = re.compile(r"(?:(?!://)\S)*")
_QUERY = re.compile(r"\?[^\s#'\"`)\]]+")


def redacted(text: str) -> str:
    """`text` without the user names and passwords of its URLs, and without what stands behind a `?` in them."""
    pieces = []
    place = 0
    while found := _START.search(text, place):
        pieces.append(text[place : found.end()])
        place = found.end()
        is_url = found[0] == "//"
        secret, is_clear = _secret(text, place, is_url)
        if secret and not is_url:
            is_clear = False
            pieces[-1] = _USER.sub("", pieces[-1])
        pieces.append("" if is_clear else f"{HIDDEN}@")
        place += len(secret)
        if is_url:
            rest = _at(_WORD, text, place)
            pieces.append(_QUERY.sub(f"?{HIDDEN}", rest, count=1))
            place += len(rest)
    return "".join([*pieces, text[place:]])


def _secret(text: str, place: int, is_url: bool) -> tuple[str, bool]:
    """The user name and password at `place`, up to an `@`, or ""; and whether it is clear that it is just these."""
    word = _at(_WORD, text, place)
    authority = _at(_AUTHORITY, word, 0)
    last = word.rfind("@") + 1
    if "@" in authority or not is_url:
        return word[:last], word.count("@") < 2
    if not _has_port(authority):  # it may be the beginning of a password, which may go on behind a space
        end = place + last if last else text.find("@", place) + 1
        end += _at(_WORD, text, end).rfind("@") + 1 if end else place
        return text[place:end], end == place
    # as in https://user/name:password@host, or https://user:#password@host, which is read as https://user/
    secret = word[:last] if re.search("[:#]", word[len(authority) : last]) else ""
    return secret, not secret


def _at(pattern: "re.Pattern[str]", text: str, place: int) -> str:
    found = pattern.match(text, place)
    return found[0] if found else ""


def _has_port(authority: str) -> bool:
    """Whether nothing but a port stands behind the colon of a host, if there is one."""
    return re.fullmatch(r"(\[[0-9A-Fa-f:.]*\]|[^:]*)(:\d+)?", authority) is not None
