"""Demonstrations within one session: sets of wheels that collide in some way, or not at all."""

from pathlib import Path

from instui_engine.journal.events import SessionFinished

from .inspect import listed, owners, whole
from .scenario import Scenario, Scene, Verdict
from .wheels import build, modules_of, owned, package
from .without_locks import recording


def _readme_clash(directory: Path) -> list[Path]:
    return [
        build(directory, name, {"README.md": f"This is {name}.\n", **package(name, 12)})
        for name in (f"readme{number:02}" for number in range(1, 13))
    ]


def _etc_race(directory: Path) -> list[Path]:
    return [
        build(
            directory,
            name,
            {
                f"{name}-1.0.data/data/etc/{name}.conf": f"[{name}]\n",
                f"{name}-1.0.data/data/etc/shared.conf": f"owner = {name}\n",
                **package(name, 8),
            },
        )
        for name in (f"service{number:02}" for number in range(1, 13))
    ]


def _same_module(directory: Path) -> list[Path]:
    return [build(directory, name, owned("shapes", name)) for name in ("circle", "square", "triangle")]


def _namespace(directory: Path) -> list[Path]:
    return [
        build(directory, f"acme_{name}", {f"acme/{name}/{path}": text for path, text in modules_of(10).items()})
        for name in (f"part{number:02}" for number in range(1, 21))
    ]


def _readme_result(scene: Scene, _: SessionFinished) -> Verdict:
    text = (scene.site_packages / "README.md").read_text().strip()
    count = len(listed(scene.site_packages))
    return Verdict(
        f"{count} wheels are installed and none failed; the one README.md says “{text}”, which is the last in "
        "line, and it always will be: run it again.",
        count == 12 and "readme12" in text,
    )


def _etc_result(scene: Scene, _: SessionFinished) -> Verdict:
    etc = scene.environment.top / "etc"
    owner = (etc / "shared.conf").read_text().partition("=")[2].strip()
    own = len(list(etc.glob("service*.conf")))
    return Verdict(
        f"etc/ was made once and holds all {own} files of their own; shared.conf belongs to {owner}, the last in "
        "line. Nobody saw “File exists”.",
        own == 12 and owner == "service12",
    )


def _same_result(scene: Scene, _: SessionFinished) -> Verdict:
    found = owners(scene.site_packages / "shapes")
    mixed = "not mixed" if len(found) == 1 else "MIXED"
    other = recording("same-module")
    beside = f" {other.program} left a mix in {other.mixed} of {len(other.runs)} recorded runs." if other else ""
    return Verdict(
        f"shapes/ is {mixed}: all its files are of {', '.join(sorted(found))}. Whole, by its list of hashes: "
        f"{', '.join(whole(scene.site_packages))}.{beside}",
        found == {"triangle"},
    )


def _namespace_result(scene: Scene, _: SessionFinished) -> Verdict:
    good, every = len(whole(scene.site_packages)), len(listed(scene.site_packages))
    return Verdict(
        f"{good} of {every} distributions are whole below acme/; they were never in each other's way.", good == 20
    )


COLLISIONS = (
    Scenario(
        "readme-clash",
        2.0,
        _readme_clash,
        {
            "session.started": "Twelve wheels ship a README.md in the root of site-packages: install-many died of it.",
            "stage.started": "Each wheel is put together in a private stage first: no lock, nothing visible.",
            "lock.waiting": "Watch README.md: one wheel holds it, the others wait in line and are shown with it.",
        },
        _readme_result,
    ),
    Scenario(
        "etc-race",
        2.0,
        _etc_race,
        {
            "session.started": "Twelve wheels create etc/ and write etc/shared.conf: it ended with “File exists”.",
            "stage.started": "Staged side by side, without locks.",
            "lock.waiting": "Watch etc/: the first wheel brings the directory, the others merge into it one by one.",
        },
        _etc_result,
    ),
    Scenario(
        "same-module",
        2.0,
        _same_module,
        {
            "session.started": "Three wheels own the same forty files of shapes/. Without a lock the result is a mix.",
            "stage.started": "All three are staged at once; only the commit has to take turns.",
            "lock.waiting": "Watch shapes/: it is held whole by one wheel at a time, until its last file is in place.",
        },
        _same_result,
    ),
    Scenario(
        "namespace",
        5.0,
        _namespace,
        {
            "session.started": "Twenty wheels live side by side below the namespace acme/, which none of them owns.",
            "stage.started": "Staged side by side, without locks.",
            "commit.started": "Watch acme/: all share it (IX) at once; only its own part each wheel holds alone (X).",
        },
        _namespace_result,
    ),
)
