"""Other keys for actions, as the user's settings give them."""

import re
from collections.abc import Mapping, Sequence
from string import ascii_letters, digits

from instui.likely import likely
from instui_engine.errors import UsageError, printable

WRITTEN = {  # how keys are shown that Textual names by a word
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "full_stop": ".",
    "comma": ",",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "left": "←",
    "right": "→",
    "down": "↓",
    "up": "↑",
    "escape": "esc",
}
TYPED = frozenset({*ascii_letters, *digits, *WRITTEN, "space", "enter", "tab", "backspace", "delete", "home", "end"})
"""The keys that somebody needs who types a line or answers a question, by Textual's names."""
_NAMES = {shown: name for name, shown in WRITTEN.items()}
_KEY = re.compile(  # as Textual names them
    r"((ctrl|alt|shift)\+)*([a-zA-Z0-9]|f\d\d?|enter|escape|tab|space|backspace|delete|insert|home|end|pageup|pagedown"
    r"|up|down|left|right)|" + "|".join(WRITTEN)
)
_ONE_KEY = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace"}  # for a terminal, each pair is one character
NONE_TAKEN: Mapping[str, Mapping[str, str]] = {}
_chosen: dict[str, tuple[str, ...]] = {}


def choose(
    keys: Mapping[str, Sequence[str]],
    default: Mapping[str, str],
    where: str,
    taken: Mapping[str, Mapping[str, str]] = NONE_TAKEN,
) -> None:
    """Give actions other keys than the `default`. To be called before the views are loaded.

    `taken`: for some actions, keys that do something else on a screen where the action works, and what that is.
    Raises UsageError, which names `where`, for what is no action or no key, and for a key that does two things.
    """
    named = {}
    for id, given in keys.items():
        if id not in default:
            meant = likely(id, default)
            advice = f"did you mean {meant}?" if meant else f"there are {', '.join(sorted(default))}"
            raise UsageError(f"{where}: keys.{printable(id)}: no such action; {advice}")
        named[id] = tuple(_named(key, f"{where}: keys.{id}") for key in given)
    owners: dict[str, str] = {}
    for id in default:
        for key in named.get(id, default[id].split(",")):
            if (owner := owners.setdefault(key, id)) != id:
                one, other = (id, owner) if id in named else (owner, id)
                shown = WRITTEN.get(key, key)
                raise UsageError(f"{where}: keys.{one}: {shown!r} is already the key of {other}; give that another one")
    for id, chosen in named.items():
        for key in chosen:
            if other := taken.get(id, {}).get(key, ""):
                shown = WRITTEN.get(key, key)
                raise UsageError(f"{where}: keys.{id}: {shown!r} is already a key of {other}; choose another one")
    _chosen.clear()
    _chosen.update(named)


def _named(key: str, where: str) -> str:
    """A key by Textual's name of it."""
    name = _NAMES.get(key, key)
    if not _KEY.fullmatch(name):
        raise UsageError(f"{where}: no such key: {printable(repr(key))}; keys are t, T, ctrl+t, f5, space, / and so on")
    *modifiers, last = name.split("+")
    if last.isalpha() and len(last) == 1:
        if modifiers == ["shift"]:
            return last.upper()  # which is what a terminal sends
        last = last.lower() if "ctrl" in modifiers else last
    name = "+".join((*sorted({*modifiers}), last))
    return _ONE_KEY.get(name, name)


def given(id: str) -> tuple[str, ...]:
    """The keys that an action was given, by Textual's names; () if it has those that it always has."""
    return _chosen.get(id, ())
