"""What the demonstrations install, and what is to be seen while they do.

Each scenario is a set of wheels that collide in one way. Its captions are keyed by the journal event before which they
appear; the last one is found out by looking at the environment that resulted, with eyes of its own.
"""

import csv
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from .wheels import build


@dataclass(frozen=True, slots=True)
class Scenario:
    """One demonstration. `slow`: how much it is slowed down. `result` says what an environment shows at the end."""

    name: str
    slow: float
    make: Callable[[Path], list[Path]]
    captions: Mapping[str, str]
    result: Callable[[Path], str]


def _readme_clash(directory: Path) -> list[Path]:
    return [
        build(directory, name, {"README.md": f"This is {name}.\n", **_package(name, 12)})
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
                **_package(name, 8),
            },
        )
        for name in (f"service{number:02}" for number in range(1, 13))
    ]


def _same_module(directory: Path) -> list[Path]:
    return [
        build(directory, name, {f"shapes/part{part:02}.py": f"OWNER = {name!r}\n" for part in range(40)})
        for name in ("circle", "square", "triangle")
    ]


def _namespace(directory: Path) -> list[Path]:
    return [
        build(directory, f"acme_{name}", {f"acme/{name}/{path}": text for path, text in _modules(10).items()})
        for name in (f"part{number:02}" for number in range(1, 21))
    ]


def _package(name: str, modules: int) -> dict[str, str]:
    return {f"{name}/{path}": text for path, text in _modules(modules).items()}


def _modules(count: int) -> dict[str, str]:
    return {"__init__.py": "", **{f"module{number:02}.py": f"NUMBER = {number}\n" for number in range(count)}}


def _whole(site_packages: Path) -> list[str]:
    """Names of the distributions of which every file that RECORD lists is there with the right hash."""
    found = []
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        with record.open(newline="") as file:
            rows = [row for row in csv.reader(file) if row and row[1]]
        if all(_hash(site_packages / path) == digest for path, digest, _ in rows):
            found.append(record.parent.name.partition("-")[0])
    return found


def _hash(path: Path) -> str:
    try:
        return "sha256=" + urlsafe_b64encode(sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
    except OSError:
        return ""


def _listed(site_packages: Path) -> int:
    return len(list(site_packages.glob("*.dist-info/RECORD")))


def _readme_result(site_packages: Path) -> str:
    text = (site_packages / "README.md").read_text().strip()
    return (
        f"{_listed(site_packages)} wheels are installed and none failed; the one README.md says “{text}”, which is the "
        f"last in plan order, and it always will be: run it again."
    )


def _etc_result(site_packages: Path) -> str:
    etc = site_packages.parents[2] / "etc"
    owner = (etc / "shared.conf").read_text().partition("=")[2].strip()
    own = len(list(etc.glob("service*.conf")))
    return (
        f"etc/ was made once and holds all {own} files of their own; shared.conf belongs to {owner}, the last in plan "
        "order. Nobody saw “File exists”."
    )


def _same_result(site_packages: Path) -> str:
    owners = {path.read_text().split("'")[1] for path in (site_packages / "shapes").glob("part*.py")}
    mixed = "not mixed" if len(owners) == 1 else "MIXED"
    return (
        f"shapes/ is {mixed}: all its files are of {', '.join(sorted(owners))}. By RECORD, whole: "
        f"{', '.join(_whole(site_packages))}; an installer that locks nothing leaves a mix of three."
    )


def _namespace_result(site_packages: Path) -> str:
    return (
        f"{len(_whole(site_packages))} of {_listed(site_packages)} distributions are whole below acme/; "
        "they were never in each other's way."
    )


_LIST = (
    Scenario(
        "readme-clash",
        2.0,
        _readme_clash,
        {
            "session.started": "Twelve wheels ship a README.md in the root of site-packages: install-many died of it.",
            "stage.started": "Each wheel is put together in a private stage first: no lock, nothing visible.",
            "lock.waiting": "Watch README.md: one wheel holds it, the others wait in plan order and are shown with it.",
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
            "commit.started": "Watch acme/: all hold it in intention mode (IX) at once; only their part is exclusive.",
        },
        _namespace_result,
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _LIST}
