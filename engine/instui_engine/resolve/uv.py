"""uv as the resolver: what it is asked, how it is run, and how its answer is read.

It is asked twice. `uv pip install --dry-run` decides which distributions to install, by all of uv's own rules and
settings. `uv pip compile` of just those versions, from what the first run has left in uv's cache, tells their files and
hashes. Both run in the user's directory, so that the user's configuration of indexes applies. Where both would say the
same, it is asked once (at_once.py).

uv sees a view of the environment (view.py). The text that it reads lies in files that exist only in memory, and the
URLs of the command line reach it by its environment: both may contain passwords.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from instui_engine.errors import Interrupted, ResolutionError
from instui_engine.fetch.uv_settings import UvSettings
from instui_engine.fs.cache_directory import user_cache
from instui_engine.fs.given import absolute
from instui_engine.fs.memory import memory_file
from instui_engine.fs.paths import name_of
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Installed
from instui_engine.values import NamedTuple

from .build_settings import pip_flags
from .inputs import one_line
from .normal_form import limits_text, requirements_text
from .request import Request, given_indexes
from .requirements import Requirement, Requirements
from .resolving import words
from .uv_config import DECISIVE_FILES, leads_elsewhere, locating_config, not_isolated
from .uv_errors import explain
from .uv_log import UvLog, without_log
from .uv_plan import Decision, Pin, decision_in, unhashed_in
from .uv_process import finished
from .view import make_view

_FEW = 3  # wheels without a hash after which the others are asked for one by one


def _nothing() -> None:
    pass


class Files(NamedTuple):
    """The files of pins: `locks` are pylock.toml texts. `unhashed`: name -> URL of wheels whose index gives no hash.

    `traced` is one more such text, in which only `names` are meant.
    """

    locks: tuple[str, ...]
    unhashed: dict[str, str]
    traced: str = ""
    names: Collection[str] = ()


class Uv:
    """One request as it is put to uv. `scratch` is an empty directory that lives as long as the questions do."""

    def __init__(
        self,
        request: Request,
        wanted: Requirements,
        environment: Environment,
        scratch: Path,
        settings: UvSettings,
        cancelled: Callable[[], bool],
    ) -> None:
        self._request = request
        self._wanted = wanted
        self._environment = environment
        self._scratch = scratch
        self._settings = settings
        self._cancelled = cancelled
        self._python = interpreter_for(request, environment, settings)
        self._is_quiet = False  # whether that is a script of `quiet_python`
        self._meanwhile: Callable[[], None] = _nothing
        self._tell: Callable[[str], None] | None = None
        self._seen: Callable[[str], None] = lambda url: None

    def watch(self, tell: Callable[[str], None], seen: Callable[[str], None] = lambda url: None) -> None:
        """Tell in words, now and then, how the next question is going, and which wheels were `seen` (see UvLog)."""
        self._tell, self._seen = tell, seen

    def meanwhile(self, work: Callable[[], None]) -> None:
        """Do `work` while uv works on the next question: it leaves one processor idle, at least."""
        self._meanwhile = work

    def decide(self, installed: Installed, moved: Collection[str], hidden: bool = False) -> Decision:
        """What is to be installed, if what is whole in `installed` may stay.

        `moved` names those that may not: they came from another place than the one that is named now. `hidden`: uv sees
        `installed` alone, and nothing else that lies in the environment.

        Raises ResolutionError, UsageError or Interrupted.
        """
        request, wanted = self._request, self._wanted
        # --target alone prevails over such a setting; but uv locks that directory, so it may be no link
        linked = not leads_elsewhere(self._settings)
        view = make_view(self._environment, installed, self._scratch / "view", linked and not hidden)
        command = ["sync" if request.exact else "install", "--dry-run"]
        command += [f"--prefix={view.prefix}" if linked else f"--target={view.site_packages}"]
        command += ["--reinstall"] if request.reinstall else []
        command += [f"--reinstall-package={name}" for name in sorted(moved) if name in installed]
        command += ["--upgrade"] if request.upgrade else []
        command += [f"--upgrade-package={package}" for package in request.upgrade_packages]
        command += ["--require-hashes"] if request.require_hashes else []
        command += ["--no-deps"] if request.no_deps else []
        command += ["--offline"] if request.offline else []
        command += words(request.resolving, "decide")
        # `uv pip sync` has files as its arguments
        command += [project if request.exact else f"--requirements={project}" for project in wanted.projects]
        with ExitStack() as open_files:
            files = {}
            for kind, text in _texts(wanted, bool(request.resolving.group)):
                files[kind] = open_files.enter_context(memory_file(text))
                is_source = kind == "requirements" and request.exact
                command += [f"/dev/fd/{files[kind]}" if is_source else f"--{kind}=/dev/fd/{files[kind]}"]
            code, output = self._run(command, tuple(files.values()))
        for kind, descriptor in files.items():
            output = output.replace(f"Requirements file `/dev/fd/{descriptor}` does", f"The {kind} do")
            output = output.replace(f"/dev/fd/{descriptor}", f"the {kind}")
        meant = str(self._environment.top / self._environment.site_packages[0])
        output = re.sub(rf"{re.escape(str(view.prefix))}/lib/[^/]+/site-packages", lambda _: meant, output)
        if code:
            sources = [_called(entry) for entry in wanted.requirements if entry.is_source]
            raise explain(output, sources, self._settings.proxies, given_indexes(request))
        return decision_in(output)

    def locate(self, pins: Sequence[Pin]) -> Files:
        """The files of `pins`, which come from indexes. Raises ResolutionError or Interrupted."""
        left = {pin.name: pin for pin in pins}
        unhashed: dict[str, str] = {}
        locks = []
        while left:
            # what is asked for together is asked again for each wheel without a hash, so many are asked for singly
            batch = list(left.values()) if len(unhashed) < _FEW else list(left.values())[:1]
            code, text = self._compile(batch, offline=True)
            if code and (found := unhashed_in(text, left)):
                unhashed[found[0]] = found[1]
                del left[found[0]]
                continue
            if code and not self._request.offline:
                code, text = self._compile(batch, offline=False)  # uv keeps no cache, or not for this long
            if code:
                raise explain(text, proxies=self._settings.proxies)
            locks.append(text)
            for pin in batch:
                del left[pin.name]
        return Files(tuple(locks), unhashed)

    def compile_all(self, versions: Sequence[Pin], left_out: Collection[str], offline: bool) -> tuple[int, str]:
        """uv's exit code, and its lock file for the whole request, or what it printed if it failed.

        It gets the request as it is, without hashes, but `versions` are what was decided, and `left_out` are not there.
        """
        request, wanted = self._request, self._wanted
        unhashed = (entry._replace(demands=()) for entry in wanted.requirements)
        excluded = (Requirement(name, name) for name in sorted(left_out))
        asked = wanted._replace(
            requirements=tuple(unhashed),
            constraints=(*wanted.constraints, *_pinned(versions)),
            excludes=(*wanted.excludes, *excluded),
            require_hashes=False,
        )
        command = ["--no-deps"] if request.no_deps or request.exact else []
        command += words(request.resolving, "trace")
        if not wanted.excludes:  # the variable has no effect beside ours
            command += [f"--excludes={file}" for file in os.environ.get("UV_EXCLUDE", "").split()]
        with ExitStack() as open_files:
            files = []
            sources = list(wanted.projects)
            for kind, text in _texts(asked, bool(request.resolving.group)):
                files.append(open_files.enter_context(memory_file(text)))
                place = f"/dev/fd/{files[-1]}"
                if kind == "requirements":
                    sources.append(place)
                else:
                    command.append(f"--{kind}={place}")
            config = locating_config(self._settings, whole=True)
            return self._compiled([*command, *sources], files, config, offline)

    def _compile(self, pins: Sequence[Pin], offline: bool) -> tuple[int, str]:
        """uv's exit code, and the lock file that it has written, or what it printed if it failed."""
        asked = self._wanted._replace(requirements=tuple(_pinned(pins)), constraints=(), require_hashes=False)
        command = ["--no-deps", *words(self._request.resolving, "locate")]
        with memory_file(requirements_text(asked)) as pinned:
            command.append(f"/dev/fd/{pinned}")
            return self._compiled(command, (pinned,), locating_config(self._settings), offline, DECISIVE_FILES)

    def _compiled(
        self,
        command: Sequence[str],
        descriptors: Sequence[int],
        config: str,
        offline: bool,
        without: Collection[str] = (),
    ) -> tuple[int, str]:
        lock = self._scratch / "pylock.toml"
        lock.unlink(missing_ok=True)
        whole = ["compile", "--format=pylock.toml", f"--output-file={lock}", "--no-header", "--quiet"]
        whole += ["--offline"] if offline else []
        with memory_file(config) as settings:
            whole += [f"--config-file=/dev/fd/{settings}"] if config else []
            code, output = self._run([*whole, *command], (*descriptors, settings), without)
        return code, output if code else lock.read_text(encoding="utf-8")

    def _run(
        self, command: Sequence[str], descriptors: Sequence[int], without: Collection[str] = ()
    ) -> tuple[int, str]:
        """Run `uv pip` with `command`; return its exit code and what it printed. Raises Interrupted.

        `without`: the variables that do not concern it.
        """
        code, output = self._run_once(command, descriptors, without)
        if code and "Failed to inspect Python interpreter" in output and not self._is_quiet:
            self._is_quiet = True
            self._python = quiet_python(self._environment.executable, self._scratch)
            return self._run_once(command, descriptors, without)
        return code, output

    def _run_once(
        self, command: Sequence[str], descriptors: Sequence[int], without: Collection[str]
    ) -> tuple[int, str]:
        request = self._request
        whole = [*uv_pip(command[0], request, self._python), *command[1:]]
        variables = {name: value for name, value in uv_variables(request).items() if name not in without}
        if not has_cache(self._settings):
            variables["UV_CACHE_DIR"] = str(self._scratch / "cache")  # without a home, uv takes the working directory
        meanwhile, self._meanwhile = self._meanwhile, _nothing
        tell, self._tell = self._tell, None
        # offline it asks nobody, so its log would be empty, but a log costs time also then
        log = UvLog(tell, seen=self._seen) if tell and not request.offline else None
        code, output = finished(whole, variables, descriptors, self._cancelled, meanwhile, log)
        if log:
            output, is_certain = without_log(output)
            if not is_certain:
                code, output = finished(whole, variables, descriptors, self._cancelled)
        if code and (self._cancelled() or code in (-2, -15, 130, 143)):
            raise Interrupted("interrupted while resolving")
        return code, output


def run_uv(
    command: Sequence[str], request: Request, cancelled: Callable[[], bool], answer: int | None = None
) -> tuple[int, str]:
    """Run uv with `command` and the indexes of `request`; return its exit code and its errors. Raises Interrupted.

    Its answer goes to the descriptor `answer`.
    """
    return finished([uv_binary(), *command], uv_variables(request), (), cancelled, answer=answer)


def uv_pip(command: str, request: Request, python: str) -> list[str]:
    """The words with which every question begins: the command of `uv pip`, and what is asked for in any case.

    Raises ResolutionError if uv is not installed.
    """
    flags = pip_flags(request.building, command)
    index = ["--no-index"] if request.no_index else []
    return [uv_binary(), "pip", command, *flags, "--color=never", "--no-progress", f"--python={python}", *index]


def has_cache(settings: UvSettings) -> bool:
    """Whether uv has a place for its cache."""
    return bool(os.environ.get("UV_CACHE_DIR") or settings.options.get("cache-dir") or user_cache("uv"))


def interpreter_for(request: Request, environment: Environment, settings: UvSettings) -> str:
    """The interpreter for which uv decides: instead of a virtual environment's, the one from which that was made.

    The answer is the same. But uv runs an interpreter when it first sees its path, which takes longer than all that it
    does for pinned versions, and a new environment has a new path. Only builds without isolation use what is in it, and
    only `uv pip sync` asks whether uv itself has made it: then pip and setuptools are no longer left alone.
    """
    building = request.building
    everything, names = not_isolated(settings, os.environ)
    uses_it = building.no_isolation or building.no_isolation_packages or everything or names
    if uses_it or request.exact or not environment.interpreter.is_venv:
        return environment.executable
    return os.path.realpath(environment.executable)


def quiet_python(executable: str, scratch: Path) -> str:
    """A script in `scratch` that starts the interpreter, and lets nothing pass but its answer to uv.

    uv does not understand an interpreter that prints anything else at its start, or at its end.
    """
    import shlex

    script = scratch / "python"
    answer = """LC_ALL=C sed -n 's/.*\\({"result": "\\)/\\1/p'"""
    script.write_text(
        f'#!/bin/sh\n{shlex.quote(executable)} "$@" | {answer}\n', encoding="utf-8", errors="surrogateescape"
    )
    script.chmod(0o700)
    return str(script)


def _texts(wanted: Requirements, has_group: bool) -> Iterator[tuple[str, str]]:
    """The options of uv that name a file, each with its text. A file without a line would only be warned of."""
    text = requirements_text(wanted)
    if text or not (wanted.projects or has_group):
        yield "requirements", text
    limits = {"constraints": wanted.constraints, "overrides": wanted.overrides, "excludes": wanted.excludes}
    yield from ((kind, limits_text(wanted, entries)) for kind, entries in limits.items() if entries)


def _pinned(pins: Iterable[Pin]) -> Iterator[Requirement]:
    """=== since a version matches those with a local part, too: 2 is also 2+cpu."""
    return (Requirement(f"{pin.name}==={pin.version}", pin.name) for pin in pins)


def _called(source: Requirement) -> str:
    """What a source is called in an error."""
    text = source.name or (name_of(source.url.rstrip("/")) if source.url.startswith("file:") else source.text)
    return one_line(text)


def uv_variables(request: Request) -> dict[str, str]:
    """The environment of uv: the user's, with the indexes of the command line, which may contain passwords."""
    variables = dict(os.environ)
    variables.pop("RUST_LOG", None)  # what it logs would lie between the lines of its answer
    variables.pop("UV_LOG_CONTEXT", None)  # and would look different
    if request.index_url:
        variables["UV_INDEX_URL"] = request.index_url
    if request.extra_index_urls:
        variables["UV_EXTRA_INDEX_URL"] = " ".join(url.replace(" ", "%20") for url in request.extra_index_urls)
    resolving = request.resolving
    if resolving.default_index:
        variables["UV_DEFAULT_INDEX"] = resolving.default_index
    if resolving.indexes:
        variables["UV_INDEX"] = " ".join(url.replace(" ", "%20") for url in resolving.indexes)
    for name, value in (  # also for what a build needs
        ("UV_INDEX_STRATEGY", resolving.index_strategy),
        ("UV_EXCLUDE_NEWER", resolving.exclude_newer),
        ("UV_NO_SOURCES", "1" if resolving.no_sources else ""),
    ):
        if value:
            variables[name] = value
    if request.find_links:
        places = (place if "://" in place else Path(absolute(place)).as_uri() for place in request.find_links)
        variables["UV_FIND_LINKS"] = ",".join(place.replace(",", "%2C") for place in places)
    return variables


def uv_binary() -> str:
    """The path of uv. Raises ResolutionError if it is not installed."""
    from uv import find_uv_bin

    try:
        return os.fsdecode(find_uv_bin())
    except FileNotFoundError as error:
        raise ResolutionError("uv is not installed beside instui; install it with `pip install uv`") from error
