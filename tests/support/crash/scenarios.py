"""What is installed, replaced or removed while a fault comes: a start, a command, and what may be there afterwards.

The small install: three wheels with launchers, a script, data and headers, a namespace package without `__init__.py`,
and one path that two of them ship with different content; besides, files of the user's own in package directories. The
wheels of the kinds of `GROUPED` exclude each other nowhere, so they are committed as one group.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.wheelsmith import build_wheel

KINDS = ("fresh", "upgrade", "reinstall", "uninstall", "sync")
GROUPED = ("fresh-group", "upgrade-group", "uninstall-group", "sync-group")
_FLAGS = ("--no-deps", "--ui", "plain")
Files = Mapping[str, bytes]
Instui = Callable[..., None]
"""Runs `instui WORD...` to its end, which must be a success."""


@dataclass(frozen=True)
class Scenario:
    """One kind of change.

    `setup` are commands (without `instui` and the environment) that make the start, after which the environment is
    byte-compiled where `compiled`. `command` is what faults come to; it runs again after a crash. `wheels` are all
    wheel files that anything comes from. `before` and `after`: normalized name -> version in the start and
    after `command`; what is missing is not installed. `own`: the user's files, by path below site-packages.
    `epilogue`: a command that, run after all, must leave what it leaves without a crash.
    """

    kind: str
    setup: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    wheels: tuple[Path, ...]
    before: Mapping[str, str]
    after: Mapping[str, str]
    compiled: bool = False
    own: Files = field(default_factory=dict)
    epilogue: tuple[str, ...] = ()

    @property
    def repeats(self) -> bool:
        """Whether the command changes files also where all is done."""
        return "--reinstall" in self.command


def _points(module: str, *names: str) -> str:
    return "[console_scripts]\n" + "".join(f"{name} = {module}:main\n" for name in names)


def _alpha(version: str) -> dict[str, object]:
    new = version == "2.0"
    files = {
        "alpha/__init__.py": f"VERSION = {version!r}\n".encode(),
        "alpha/same.py": b"SAME = True\n",
        "alpha/empty.py": b"",
        "alpha/data/table.txt": f"table {version}\n".encode() * (200 if new else 100),
        ("alpha/added/new.py" if new else "alpha/removed/old.py"): b"HERE = True\n",
        ("alpha/next.py" if new else "alpha/last.py"): b"HERE = True\n",
        "alpha/mixed/part.py" if not new else "alpha/other.py": b"PART = 1\n",
        "acme/alpha/__init__.py": f"ALPHA = {version!r}\n".encode(),
    }
    data = {
        "scripts/alpha-tool": f"#!python\nprint({version!r})\n".encode(),
        "data/share/alpha/guide.txt": f"guide {version}\n".encode(),
        **({} if new else {"data/share/alpha-old/note.txt": b"note\n"}),
    }
    return {
        "files": files,
        "data": data,
        "entry_points": _points("alpha", "alpha", "alpha-new" if new else "alpha-old"),
    }


def _beta(version: str) -> dict[str, object]:
    files = {
        "beta/__init__.py": f"VERSION = {version!r}\n".encode(),
        "beta/core.py": f"CORE = {version!r}\n".encode(),
        "acme/beta.py": f"BETA = {version!r}\n".encode(),
        "shared/common.py": f"WHOSE = 'beta {version}'\n".encode(),
        "shared/equal.py": b"EQUAL = True\n",
    }
    data = {"headers/beta.h": f"#define BETA {version}\n".encode(), "data/etc/beta.conf": b"beta\n"}
    return {"files": files, "data": data, "entry_points": _points("beta", "beta")}


def _gamma(version: str) -> dict[str, object]:
    files = {
        "gamma.py": f"def main():\n    print({version!r})\n".encode(),
        "acme/gamma/__init__.py": b"",
        "acme/gamma/deep.py": f"DEEP = {version!r}\n".encode(),
        "shared/common.py": f"WHOSE = 'gamma {version}'\n".encode(),
        "shared/equal.py": b"EQUAL = True\n",
        "shared/gamma.py": f"GAMMA = {version!r}\n".encode(),
    }
    return {"files": files, "entry_points": _points("gamma", "gamma")}


def _delta(version: str) -> dict[str, object]:
    files = {
        "delta/__init__.py": f"VERSION = {version!r}\n".encode(),
        f"delta/v{version[0]}.py": b"HERE = True\n",
        "acme/delta/core.py": f"DELTA = {version!r}\n".encode(),
    }
    return {"files": files, "entry_points": _points("delta", "delta")}


def _epsilon(version: str) -> dict[str, object]:
    files = {
        "epsilon.py": f"VERSION = {version!r}\n".encode(),
        "acme/epsilon/__init__.py": f"EPSILON = {version!r}\n".encode(),
        f"acme/epsilon/v{version[0]}/deep.py": b"",
    }
    return {"files": files, "data": {"data/etc/epsilon/note.txt": version.encode()}}


_MAKERS = {"alpha": _alpha, "beta": _beta, "gamma": _gamma}
_APART = {"alpha": _alpha, "delta": _delta, "epsilon": _epsilon}
_OWN = {
    "alpha/mine.txt": b"my notes\n",
    "alpha/mixed/mine.py": b"MINE = True\n",
    "acme/own.py": b"OWN = True\n",
    "own.py": b"OWN = True\n",
}


def small(kind: str, directory: Path) -> Scenario:
    """The small install; its wheels go into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    makers, removed = (_APART, (*_APART,)) if kind in GROUPED else (_MAKERS, ("alpha", "gamma"))
    wheels = {
        version: [build_wheel(directory, name, version, **make(version)) for name, make in makers.items()]  # type: ignore[arg-type]
        for version in ("1.0", "2.0")
    }
    if kind.startswith("sync"):
        return _sync(kind, directory, wheels)
    old, new = dict.fromkeys(makers, "1.0"), dict.fromkeys(makers, "2.0")
    made = scenario(kind.removesuffix("-group"), wheels["1.0"], wheels["2.0"], old, new, removed, _OWN)
    return replace(made, kind=kind)


def _sync(kind: str, directory: Path, wheels: Mapping[str, Sequence[Path]]) -> Scenario:
    """The first of three wheels is upgraded, the second stays or comes, the last goes; another one comes.

    Of `_MAKERS` the one that goes has overwritten a file of the one that stays.
    """
    first, second, last = wheels["1.0"]
    comes = second if kind in GROUPED else build_wheel(directory, "delta", "1.0", **_delta("1.0"))  # type: ignore[arg-type]
    start = (first, last) if kind in GROUPED else (first, second, last)
    listed = directory / f"{kind}.txt"
    listed.write_text("".join(f"{wheel}\n" for wheel in dict.fromkeys((wheels["2.0"][0], second, comes))))
    before, after = (
        {path.name.split("-")[0]: path.name.split("-")[1] for path in paths}
        for paths in (start, (wheels["2.0"][0], second, comes))
    )
    return Scenario(
        kind,
        (("install", *_FLAGS, *map(str, start)),),
        ("sync", "--no-index", "--ui", "plain", str(listed)),
        (*wheels["1.0"], *wheels["2.0"], comes),
        before,
        after,
        True,
        _OWN,
        ("install", *_FLAGS, str(last)),
    )


def scenario(
    kind: str,
    old_wheels: Sequence[Path],
    new_wheels: Sequence[Path],
    old: Mapping[str, str],
    new: Mapping[str, str],
    removed: Sequence[str],
    own: Files,
) -> Scenario:
    """A scenario of two sets of wheels: those that are there before an upgrade, and those that are installed.

    `old` and `new` have their versions by normalized name; `removed` are uninstalled in the kind "uninstall".
    """
    everything = (*old_wheels, *new_wheels)
    put_old, put_new = (("install", *_FLAGS, *map(str, wheels)) for wheels in (old_wheels, new_wheels))
    remove = ("uninstall", "--ui", "plain", *removed)
    left = {name: version for name, version in new.items() if name not in removed}
    if kind == "fresh":
        return Scenario(kind, (), put_new, everything, {}, new, own=own, epilogue=remove)
    if kind == "upgrade":
        merged = {**old, **new}
        return Scenario(kind, (put_old,), put_new, everything, old, merged, True, own, remove)
    if kind == "reinstall":
        again = (*put_new, "--reinstall")
        return Scenario(kind, (put_new,), again, everything, new, new, True, own, remove)
    assert kind == "uninstall", kind
    return Scenario(kind, (put_new,), remove, everything, new, left, True, own, put_new)


def make_start(scenario: Scenario, top: Path, site: Path, instui: Instui) -> None:
    """Bring the fresh environment at `top` into the start of `scenario`."""
    for path, content in scenario.own.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
    for arguments in scenario.setup:
        instui(*arguments)
    if scenario.compiled:
        command = [str(top / "bin" / "python"), "-I", "-m", "compileall", "-q", "-o", "0", "-o", "1", str(site)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        for cache in site.rglob("__pycache__"):  # as numba leaves files, and who knows who else
            for module in {path.name.partition(".")[0] for path in cache.iterdir()}:
                (cache / f"{module}.run-1.py311.nbi").write_bytes(b"generated")
            (cache / "index").write_bytes(b"generated")
