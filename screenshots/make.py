"""Write the screenshots from the committed recordings: `python screenshots/make.py [NAME]...`.

Nothing in them depends on the machine or the time, so the same code writes the same bytes.
"""

import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.at_home import MadeUpHost, at_home  # noqa: E402
from support.screens import EVENTS, OVERWRITES, Recorded, shown  # noqa: E402

HOME = "home"


class Shot(NamedTuple):
    """A moment of a recording, or home with made-up sessions (HOME), and the keys that are pressed then."""

    recording: str
    t: float
    keys: Sequence[str] = ()
    size: tuple[int, int] = (120, 32)
    theme: str = "dark"


SHOTS = {
    "home": Shot(HOME, 0.0, ["j", "j", "j", "j"], size=(120, 30)),
    "dashboard": Shot("busy", 13.5, ["j", "j"]),
    "fetching": Shot("busy", 5.2),
    "locks": Shot("busy", 13.5, ["2"]),
    "by-wheel": Shot("busy", 15.0, ["2", "v"]),
    "chains": Shot("two-sessions", 2.8, ["2", "v", "v"], size=(120, 26)),
    "plan": Shot("busy", 9.6, ["2"]),
    "overwrites": Shot("busy", 60.0, [OVERWRITES]),
    "events": Shot("busy", 15.0, [EVENTS]),
    "timeline": Shot("slow", 60.0, ["3"], size=(120, 30)),
    "explain": Shot("slow", 60.0, ["e"], size=(120, 34)),
    "detail": Shot("busy", 15.0, ["j", "enter"]),
    "joined": Shot("joined", 6.6, ["j", "j"]),
    "owners": Shot("same-module", 6.5, size=(100, 24)),
    "demo": Shot("demo", 5.0, size=(100, 24)),
    "recovery": Shot("crash", 6.0, size=(120, 24)),
    "light": Shot("busy", 13.5, ["j", "j"], theme="light"),
    "small": Shot("busy", 13.5, size=(50, 15)),
}


async def picture(shot: Shot) -> str:
    """The screen at that moment as SVG."""
    if shot.recording == HOME:
        place = at_home(MadeUpHost(), shot.size, theme=shot.theme)
    else:
        place = shown(Recorded.of(shot.recording), shot.t, shot.size, theme=shot.theme)
    async with place as (app, pilot):
        for key in shot.keys:
            await pilot.press(key)
            await pilot.pause()
        app.say("")  # what a key said goes away by itself
        await pilot.pause()
        svg = app.export_screenshot(title="instui")
    # A name that Rich makes from the text would change with every release of Textual.
    return re.sub(r"terminal-\d+", "instui", svg)


def main(names: Sequence[str]) -> None:
    """Write the named ones, or all."""
    for name in names or SHOTS:
        (HERE / f"{name}.svg").write_text(asyncio.run(picture(SHOTS[name])), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
