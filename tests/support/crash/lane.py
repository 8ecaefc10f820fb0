"""An environment that is brought into the same start again and again, for a command to which faults come."""

import atexit
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from support.crash.filesystems import Mounts
from support.crash.forks import Forks
from support.crash.injector import Fault, Injector, Run
from support.crash.judge import Judge, compiled, contested, leftovers, said, unlisted
from support.crash.recipe import Recipe
from support.crash.scenarios import Scenario, make_start
from support.crash.states import Digests, State, inodes
from support.trees import tree

_CHECKED = 20  # of so many states that were judged before one is judged again
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Setting:
    """How the command runs.

    `cold`: with an empty cache, whose changes are points too. `epilogue`: each point ends with that of the scenario.
    `path`: directories that Python looks into before the engine's. `volumes`: site-packages, `bin` and `share` are each
    a file system of its own. `compiles`: byte code is installed, too.
    """

    jobs: int = 1
    fsync: bool = False
    cold: bool = False
    epilogue: bool = False
    path: tuple[Path, ...] = ()
    volumes: bool = False
    compiles: bool = False

    def __str__(self) -> str:
        said = (f"{self.jobs} jobs", "fsync" * self.fsync, "cold" * self.cold, "epilogue" * self.epilogue)
        said = (*said, "volumes" * self.volumes, "byte code" * self.compiles)
        return ", ".join(filter(None, said))

    def arguments(self, command: Sequence[str], top: Path) -> list[str]:
        """A command of the scenario as the system takes it."""
        flags = ["--python", str(top), "--lock-timeout", "30"]
        if command[0] == "install":
            flags += ["--jobs", str(self.jobs), *["--compile-bytecode"] * self.compiles]
        if not self.fsync:
            flags.append("--no-fsync")
        return [sys.executable, "-m", "instui", command[0], *flags, *command[1:]]


class Lane:
    """One environment at one path, which is brought into the start of the scenario for each point."""

    def __init__(self, place: Path, skeleton: Path, scenario: Scenario, setting: Setting, cache: Path, library: Path):
        self.scenario = scenario
        self.setting = setting
        self.top = place / "venv"
        self._start = place / "start"
        self.cache = place / "cache"  # of the command if that is `cold`
        home = place / "home"
        home.mkdir(parents=True)
        self.environ = _environ(home, cache, setting.path)
        shutil.copytree(skeleton, self.top, symlinks=True)
        (site,) = self.top.glob("lib/python*/site-packages")
        self.site = site.relative_to(self.top).as_posix()
        self._mounts = Mounts(place)
        atexit.register(self._mounts.close)
        self._volumes = [self.site, "bin", "share"] if setting.volumes else []
        self._mount(self.top)
        make_start(scenario, self.top, site, self.succeed)
        if self._volumes:
            shutil.copytree(self.top, self._start, symlinks=True)
        else:
            self.top.rename(self._start)
        if setting.cold:
            self.environ["INSTUI_CACHE_DIR"] = str(self.cache)
        below = [self.top, self.cache] if setting.cold else [self.top]
        forks = Forks(library, self.environ)
        atexit.register(forks.close)
        self.injector = Injector(library, place / "state", below, self.environ, forks=forks)
        self._recipe = Recipe(self._start)
        self.states: dict[str, State] = {}
        self._repeats = count(1)
        self._learn()
        lasting, times = inodes(cache)
        self._digests = Digests(self.top, lasting, times | inodes(self._start)[1])

    def _learn(self) -> None:
        """What an undisturbed run leaves, and what one changes that comes after it."""
        scenario = self.scenario
        self.reset()
        self._before = tree(self.top)
        apart = unlisted(self.top, self.site) & self._before.keys()
        self.succeed(*scenario.command)
        self.judge = Judge(
            self.site,
            scenario.before,
            scenario.after,
            contested(scenario.wheels),
            self._before,
            tree(self.top),
            compiled(self.top),
            apart,
        )
        problems = self.judge.finished(self.top) + leftovers(self.top)
        assert not problems, problems
        if self.setting.epilogue and scenario.epilogue:
            self.succeed(*scenario.epilogue)
        self._last = tree(self.top)

    def succeed(self, *arguments: str) -> None:
        """Run a command without faults, which must go well."""
        command = self.setting.arguments(arguments, self.top)
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"instui {' '.join(arguments)}: exit {done.returncode}: {done.stderr}{done.stdout}"

    def run(self, at: int = 0, fault: Fault | None = None, **options: object) -> Run:
        """Run the command of the scenario with a fault."""
        return self.injector.run(self.setting.arguments(self.scenario.command, self.top), at, fault, **options)  # type: ignore[arg-type]

    def digest(self) -> str:
        """What tells the state of the environment from others; see `states`."""
        return self._digests.take()

    def state(self) -> State:
        """The state that the environment is in: the same one if it was in it before.

        With an empty cache each time, the state is that of the cache, too, and each counts as another one.
        """
        made = State(self.judge, self.top)
        return made if self.setting.cold else self.states.setdefault(self.digest(), made)

    def reset(self) -> None:
        """Back to the start."""
        # nothing is copied between a crash and what comes after it: recovery knows files by their inodes
        self._mounts.close()
        _remove(self.top)
        self._recipe.follow(self.top)
        self._mount(self._start)
        if self.setting.cold:
            _remove(self.cache)

    def _mount(self, source: Path) -> None:
        """Mount the volumes, each with what is there in `source`."""
        for path in self._volumes:
            place, aside = self.top / path, self.top.parent / "aside"
            if (source / path).exists():
                shutil.copytree(source / path, aside, symlinks=True)
            self._mounts.mount(place, "-t", "tmpfs", "tmpfs")
            if aside.exists():
                shutil.copytree(aside, place, symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(aside)

    def intact(self) -> bool:
        """Whether the start is what it was: no fault may reach it through a hard link."""
        return tree(self._start) == self._before

    def is_checked(self) -> bool:
        """Whether what is known is to be tried again this time."""
        return next(self._repeats) % _CHECKED == 0

    @property
    def watchable(self) -> bool:
        """Whether the environment stands still while the command does."""
        return self.setting.jobs == 1 and not self.setting.cold

    def again(self, thorough: bool, state: State | None = None) -> Sequence[str]:
        """Run the same command again, without a fault; what is wrong then. `state`: the one that it is in now.

        From one that it was in before, this says what came of it then: a command looks at nothing but the state.
        Some such states go on again all the same, as a check of that.
        """
        if state is None:
            return self._again(thorough)
        known = state.after(thorough)
        if known is None or self.is_checked():
            known = state.recovered[thorough] = tuple(self._again(thorough))
        return known

    def _again(self, thorough: bool) -> list[str]:
        top, scenario = self.top, self.scenario
        run = self.run()
        problems = [f"run again: {text}" for text in said(run.code, run.stderr)]
        if run.code or run.hung:
            return [*problems, f"run again: exit {run.code}{' (hung)' if run.hung else ''}: {run.stderr.strip()[:300]}"]
        problems += [f"run again: {text}" for text in self.judge.finished(top) + leftovers(top)]
        if thorough and not problems:
            fingerprints = {} if scenario.repeats else _fingerprints(top)
            run = self.run()
            if run.code:
                problems.append(f"run a third time: exit {run.code}: {run.stderr.strip()[:300]}")
            problems += [f"run a third time: {text}" for text in self.judge.finished(top) + leftovers(top)]
            if fingerprints and fingerprints != _fingerprints(top):
                problems.append("run a third time: it changed files, though nothing was left to do")
        if self.setting.epilogue and scenario.epilogue and not problems:
            self.succeed(*scenario.epilogue)
            if tree(top) != self._last:
                problems.append(f"after {scenario.epilogue[0]}, which ends elsewhere than without the fault")
        return problems


def _environ(home: Path, cache: Path, path: tuple[Path, ...]) -> dict[str, str]:
    """Variables for the command: nothing of the user's gets in, and no index is asked."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    roots = [*map(str, path), str(_ROOT / "app"), str(_ROOT / "engine")]
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "INSTUI_CACHE_DIR": str(cache),
        "UV_CACHE_DIR": str(home / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "XDG_RUNTIME_DIR": str(_made(home / "run")),
        "PYTHONPATH": os.pathsep.join([*roots, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


def _fingerprints(top: Path) -> dict[str, tuple[int, int]]:
    """Path -> inode and mtime of every file that is not the engine's own."""
    found = {}
    for path in tree(top):
        status = (top / path).lstat()
        found[path] = (status.st_ino, status.st_mtime_ns)
    return found


def _made(directory: Path) -> Path:
    """A private directory for control sockets, which killed sessions leave there."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory
