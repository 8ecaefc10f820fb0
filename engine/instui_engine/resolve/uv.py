"""uv as the resolver: how it is run, and what its errors mean.

`uv pip compile` runs in the user's directory, so that the user's configuration of indexes, credentials and caches
applies, and writes a PEP 751 lock file. If it fails it prints many lines, which `explain` turns into one.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from instui_engine.errors import Interrupted, NoSolutionError, ResolutionError, UnreachableIndexError
from instui_engine.fs.given import absolute, working_directory
from instui_engine.target.environment import Environment
from instui_engine.target.installed import Distribution, Installed, read_metadata

from .inputs import Lines, normalized, one_line
from .request import Request
from .satisfied import requires_dist

if TYPE_CHECKING:
    import subprocess

_POLL = 0.1  # seconds between two checks of `cancelled` while uv runs
_PATIENCE = 5.0  # seconds that uv has to end after SIGTERM

_UNREACHABLE = re.compile(r"error sending request|client error \(Connect\)|dns error|Request failed after|timed out")
_STATUS = re.compile(r"HTTP status (?:client|server) error \(([^)]*)\)")
_URL = re.compile(r"https?://[^\s`)]+")
_CONCLUSION = re.compile(r",? ?we can conclude that your requirements are unsatisfiable\.?")


class Question(NamedTuple):
    """A question to uv: `requirements` of the command line, `lines` of files, and the request for everything else."""

    requirements: tuple[str, ...]
    lines: Lines
    request: Request
    environment: Environment
    installed: Installed


def ask(question: Question, scratch: Path, cancelled: Callable[[], bool]) -> str:
    """The text of the pylock.toml that uv writes into the directory `scratch`.

    If no solution exists, uv is asked once more and given the installed distributions as wheels: an installed
    dependency is good enough even if no index has it. Raises ResolutionError, UsageError or Interrupted.
    """
    asked = _Asked(question, scratch)
    asked.write()
    request = question.request
    try:
        asked.run(cancelled)
    except NoSolutionError as first:
        if request.upgrade or request.reinstall or request.require_hashes:
            raise
        stand_ins = scratch / "installed"
        if not _write_stand_ins(question, stand_ins):
            raise
        try:
            asked.run(cancelled, stand_ins)
        except ResolutionError:
            raise first from None
    return asked.lock.read_text(encoding="utf-8")


class _Asked:
    """A question, written for uv as files in a directory of its own."""

    def __init__(self, question: Question, scratch: Path) -> None:
        self.lock = scratch / "pylock.toml"
        self._question = question
        self._arguments = scratch / "arguments.txt"
        self._files = scratch / "files"
        self._here = working_directory()  # uv runs in it, so that the user's configuration applies

    def write(self) -> None:
        question = self._question
        if not question.request.upgrade:
            self.lock.write_text(_preferences(question.installed), encoding="utf-8")
        text = "".join(f"{requirement}\n" for requirement in question.requirements)
        self._arguments.write_bytes(text.encode("utf-8", "surrogateescape"))
        self._files.mkdir()
        for copy in question.lines.copies:
            copy.write(self._files)

    def run(self, cancelled: Callable[[], bool], stand_ins: Path | None = None) -> None:
        """Run uv to its end; raise the error that its failure means."""
        code, output = _run(self._command(stand_ins), self._arguments, cancelled)
        if code and (cancelled() or code in (-2, -15, 130, 143)):
            raise Interrupted("interrupted while resolving")
        if code:
            raise explain(self._as_named(output))

    def _command(self, stand_ins: Path | None) -> list[str]:
        question = self._question
        request = question.request
        command = [_binary(), "pip", "compile", "--format", "pylock.toml", "--no-build", "--no-header"]
        command += ["--quiet", "--color", "never", "--python", question.environment.executable]
        command += [f"--output-file={self.lock}"]
        command += [f"--constraints={self._files / name}" for name in question.lines.constraint_files]
        command += [f"--find-links={_absolute(place)}" for place in request.find_links]
        command += [f"--find-links={stand_ins}"] if stand_ins else []
        command += [f"--index-url={request.index_url}"] if request.index_url else []
        command += [f"--extra-index-url={url}" for url in request.extra_index_urls]
        command += [f"--upgrade-package={package}" for package in request.upgrade_packages]
        switches = {"no-index": request.no_index, "no-deps": request.no_deps, "offline": request.offline}
        command += [f"--{name}" for name, is_on in {**switches, "upgrade": request.upgrade}.items() if is_on]
        command += ["--", *(["-"] if question.requirements else [])]
        return command + [str(self._files / name) for name in question.lines.requirement_files]

    def _as_named(self, output: str) -> str:
        """What uv printed, with the user's file names instead of those of the copies."""
        shown = {copy.name: copy.shown for copy in self._question.lines.copies}
        copies = str(self._files)
        for place in (copies, copies.removeprefix(f"{self._here}/")):  # uv leaves out the directory that it runs in
            output = re.sub(rf"{re.escape(place)}/(\w+(?:\.py)?)", lambda name: shown.get(name[1], name[0]), output)
        return output


def _binary() -> str:
    from uv import find_uv_bin

    try:
        return os.fsdecode(find_uv_bin())
    except FileNotFoundError as error:
        raise ResolutionError("uv is not installed beside instui; install it with `pip install uv`") from error


def _absolute(place: str) -> str:
    return place if "://" in place else absolute(place)


def _preferences(installed: Installed) -> str:
    """A lock file of what is installed, as uv prefers the versions in an existing output file.

    Of an entry uv uses only name and version, but it insists on a wheel with a hash. It ignores entries that no index
    knows.
    """
    blocks = []
    for distribution in installed.values():
        wheel = _wheel_name(distribution)
        if wheel:
            blocks.append(
                f'[[packages]]\nname = "{distribution.name}"\nversion = "{wheel.split("-")[1]}"\n'
                f'wheels = [{{path = "{wheel}", hashes = {{sha256 = "{"0" * 64}"}}}}]\n'
            )
    return "\n".join(['lock-version = "1.0"\ncreated-by = "instui"\n', *(blocks or ["packages = []\n"])])


def _wheel_name(distribution: Distribution) -> str:
    """The file name that a wheel of an installed distribution would have; "" if its version is not valid."""
    from packaging.version import InvalidVersion, Version

    try:
        return f"{distribution.name.replace('-', '_')}-{Version(distribution.version)}-py3-none-any.whl"
    except InvalidVersion:
        return ""


def _write_stand_ins(question: Question, directory: Path) -> int:
    """Write a metadata-only wheel for each installed distribution that may stay; return how many."""
    from zipfile import ZipFile

    directory.mkdir()
    count = 0
    to_upgrade = {normalized(re.split(r"[^\w.-]", package)[0]) for package in question.request.upgrade_packages}
    for distribution in question.installed.values():
        metadata = read_metadata(question.environment, distribution)
        filename = _wheel_name(distribution)
        if not filename or distribution.name in to_upgrade or requires_dist(metadata) is None:
            continue
        info = "-".join(filename.split("-")[:2]) + ".dist-info"
        with ZipFile(directory / filename, "w") as archive:
            archive.writestr(f"{info}/METADATA", metadata)
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        count += 1
    return count


def _run(command: list[str], arguments: Path, cancelled: Callable[[], bool]) -> tuple[int, str]:
    """Run uv to its end; return its exit code and what it printed."""
    import subprocess

    with arguments.open("rb") as stdin:
        try:
            # the command is ours, and its arguments are passed without a shell
            process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        except OSError as error:
            raise ResolutionError(f"cannot run uv: {error.strerror}") from error
    with process:
        output = _errors(process, cancelled)
    return process.returncode, output.decode("utf-8", "replace")


def _errors(process: "subprocess.Popen[bytes]", cancelled: Callable[[], bool]) -> bytes:
    """Wait for uv to end; return what it printed. Stop it if the session is cancelled or anything else goes wrong."""
    import subprocess

    try:
        while True:
            try:
                return process.communicate(timeout=_POLL)[1]
            except subprocess.TimeoutExpired:
                if cancelled():
                    raise Interrupted("interrupted while resolving") from None
    except BaseException:
        _stop(process)
        raise


def _stop(process: "subprocess.Popen[bytes]") -> None:
    import subprocess

    process.terminate()
    try:
        process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def explain(output: str) -> ResolutionError:
    """The one-line error for what uv printed when it failed."""
    statements, hints = _statements(output)
    whole = " ".join(statements)
    hint = " ".join(hints)
    if "No solution found" in whole:
        text = _CONCLUSION.sub("", whole.partition("dependencies")[2].lstrip(": ").removeprefix("cause: "))
        text = text[:1].lower() + text[1:]
        return NoSolutionError(one_line(f"no solution: {text.rstrip('. ')}{_advice(hint)}"))
    status = _STATUS.search(whole)
    url = _URL.search(whole)
    place = url[0].rstrip(":,.") if url else "it"
    if status:
        return ResolutionError(one_line(f"the package index answered {status[1]} for {place}"))
    if _UNREACHABLE.search(whole):
        why = statements[-1].removeprefix("cause: ")
        return UnreachableIndexError(
            one_line(f"cannot reach the package index ({place}: {why}", 200)
            + "): check the network, or use --offline / --no-index --find-links",
            url=url[0].rstrip(":,.") if url else "",
        )
    causes = [statement.removeprefix("cause: ") for statement in statements] or ["uv failed without a word"]
    return ResolutionError(one_line(f"uv: {': '.join(causes)}"))


def _statements(output: str) -> tuple[list[str], list[str]]:
    """The error with its causes, and the hints: one line each, without the decoration of uv's old or new style."""
    statements: list[str] = []
    hints: list[str] = []
    current = statements
    for raw in re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines():
        line = raw.lstrip(" ×╰├─▶│").strip()  # noqa: RUF001
        if not line or set(line) <= {"^", "~"}:
            continue
        if re.match(r"(error|warning|hint|cause|Caused by)\b:?", line) or not current or "▶" in raw:
            kind, _, rest = line.partition(": ")
            current = hints if kind == "hint" else [] if kind == "warning" else statements
            if kind in ("error", "hint"):
                line = rest
            current.append(re.sub(r"^Caused by:", "cause:", line))
        else:
            current[-1] += " " + line
    return statements, hints


def _advice(hint: str) -> str:
    """What uv's hints add to an explanation, in terms of instui's flags."""
    if "network was disabled" in hint:
        return " (--offline: only what is in uv's cache can be had)"
    if "index lookups were disabled" in hint:
        return " (--no-index: only what --find-links leads to can be had)"
    if "building from source is disabled" in hint:
        return " (instui installs wheels: build one with `uv build --wheel`)"
    refused = re.search(r"\(?(40[13] (?:Unauthorized|Forbidden))", hint)
    if refused:
        return f" (the package index answered {refused[1]}; check its URL and credentials)"
    return f" ({hint.rstrip('.')})" if hint.startswith("You require") else ""
