"""How an install stands: the work that is left and the work that was done, as the records of its wheels tell it.

Unpacking is counted in usual seconds of a worker (`Rates`), staging in files and their bytes. What is not known yet of
a wheel is guessed from the others, or from its name.
"""

from collections.abc import Iterable, Sequence

from instui_engine.values import NamedTuple

from .model import Phase
from .rates import USUAL, Rates
from .records import WheelRecord

_EACH = 50  # files that take as long as what there is to do for each wheel, however small
_CONTENT = 3.3  # bytes of a wheel's files for each of its own

# not looked up for each wheel
_QUEUED, _FETCH, _UNPACK, _READY = Phase.QUEUED, Phase.FETCH, Phase.UNPACK, Phase.READY
_STAGE, _DONE, _BUILD = Phase.STAGE, Phase.DONE, Phase.BUILD
_LEFT = frozenset((Phase.FAILED, Phase.STOPPED))  # nothing more comes of these
_BEFORE_STAGE = frozenset((_QUEUED, _BUILD, _FETCH, _UNPACK, _READY))


class Content(NamedTuple):
    """Of wheels: so many files, and the bytes in them."""

    files: float = 0.0
    size: float = 0.0


class Download(NamedTuple):
    """A wheel to fetch: bytes that are left, and the usual seconds to unpack it."""

    left: float
    work: float


class Standing(NamedTuple):
    """What is left, and what was done."""

    fetching: Sequence[Download] = ()
    to_fetch: Sequence[Download] = ()
    unpacking: Sequence[float] = ()
    starting: Sequence[float] = ()  # when those of `unpacking` began that have no file yet
    to_unpack: Sequence[float] = ()
    to_acquire: float = 0.0  # seconds to unpack all wheels that are not unpacked yet
    to_stage: Content = Content()
    wheels: int = 0
    to_commit: int = 0
    to_replace: float = 0.0  # files of those of `to_commit` that replace installed ones
    replaced: float = 0.0  # files of all that do
    fetched: float = 0.0
    unpacked: float = 0.0
    staged: Content = Content()

    @property
    def begun(self) -> bool:
        """Whether anything is fetched, unpacked or staged."""
        return bool(self.fetching or self.fetched or self.unpacking or self.unpacked or self.staged.files)


def standing(wheels: Iterable[WheelRecord], replaces: bool = False, rates: Rates = USUAL) -> Standing:
    """How things stand; `replaces`: all wheels are taken to replace installed ones, as long as there is no plan."""
    own = [wheel for wheel in wheels if not wheel.removal and wheel.phase not in _LEFT]
    sizes = [max(wheel.size or (wheel.total if wheel.phase is _FETCH else 0), 0) for wheel in own]
    usual = sum(sizes) / max(len(sizes) - sizes.count(0), 1)
    sums = _Sums(rates)
    for wheel, known in zip(own, sizes, strict=True):
        phase, size = wheel.phase, known or usual
        files = wheel.files or _files(wheel.file, size)
        content = wheel.content or _CONTENT * size
        sums.commit(wheel, files, replaces)
        sums.stage(wheel, files, content)
        if phase is _FETCH:
            sums.fetch(wheel, size, files, content)
            continue
        has_come = sums.passed(wheel, size, files, content)
        if phase is _QUEUED or phase is _BUILD:
            sums.wait(wheel, has_come, size, files, content)
        elif phase is _UNPACK:
            sums.unpack(wheel, files, content)
    return sums.standing(len(own))


class _Sums:
    """What the wheels so far add up to; each method is one question about a wheel.

    `files` and `content` are always the number of all its files, and all their bytes.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._fetching: list[Download] = []
        self._to_fetch: list[Download] = []
        self._unpacking: list[float] = []
        self._to_unpack: list[float] = []
        self._starting: list[float] = []
        self._to_commit = 0
        self._to_replace = self._replaced = self._fetched = self._unpacked = self._to_acquire = 0.0
        self._all_files = self._all_content = self._staged_files = self._staged_content = 0.0

    def _work(self, files: float, content: float) -> float:
        """The usual seconds to unpack a wheel."""
        return self._rates.file * (files + _EACH) + self._rates.byte * content

    def commit(self, wheel: WheelRecord, files: float, replaces: bool) -> None:
        """Whether it is still to be committed, and whether it replaces an installed one."""
        is_left = wheel.phase is not _DONE
        self._to_commit += is_left
        if wheel.replaces or (replaces and wheel.order < 0):
            self._replaced += files
            self._to_replace += files if is_left else 0.0

    def stage(self, wheel: WheelRecord, files: float, content: float) -> None:
        """How much of it is staged."""
        self._all_files += files
        self._all_content += content
        if wheel.phase not in _BEFORE_STAGE:
            share = _share(wheel) if wheel.phase is _STAGE else 1.0
            self._staged_files += files * share
            self._staged_content += content * share

    def fetch(self, wheel: WheelRecord, size: float, files: float, content: float) -> None:
        """What is left of its download, which goes on, and comes after that."""
        work = self._work(files, content)
        self._fetched += wheel.done
        self._fetching.append(Download(max(size - wheel.done, 0.0), work))
        self._to_acquire += work

    def passed(self, wheel: WheelRecord, size: float, files: float, content: float) -> bool:
        """Whether it was fetched; what it has behind it is added."""
        was_unpacked = has_come = False
        for span in wheel.spans:
            if span.phase is _UNPACK:
                was_unpacked = True
            elif span.phase is _FETCH:
                has_come = True
        if has_come:
            self._fetched += size
        if was_unpacked and wheel.phase is not _UNPACK:
            self._unpacked += self._work(files, content)
        return has_come

    def wait(self, wheel: WheelRecord, has_come: bool, size: float, files: float, content: float) -> None:
        """Whether it is to be fetched first or, if it is here, to be unpacked; nobody is at work on it."""
        work = self._work(files, content)
        self._to_acquire += work
        if has_come or not wheel.fetch:
            self._to_unpack.append(work)
        else:
            self._to_fetch.append(Download(size, work))

    def unpack(self, wheel: WheelRecord, files: float, content: float) -> None:
        """How much of it is unpacked; that goes on."""
        share, whole = _share(wheel), self._work(files, content)
        done = whole * share
        if wheel.complete:  # the share is one of bytes
            done += self._rates.file * (min(wheel.complete, files) - share * files)
        self._unpacked += done
        self._unpacking.append(whole - done)
        self._to_acquire += whole - done
        if not wheel.done:
            self._starting.append(wheel.since)

    def standing(self, wheels: int) -> Standing:
        """All of it, of so many wheels."""
        to_stage = Content(
            max(self._all_files - self._staged_files, 0.0), max(self._all_content - self._staged_content, 0.0)
        )
        return Standing(
            self._fetching,
            self._to_fetch,
            self._unpacking,
            self._starting,
            self._to_unpack,
            self._to_acquire,
            to_stage,
            wheels,
            self._to_commit,
            self._to_replace,
            self._replaced,
            self._fetched,
            self._unpacked,
            Content(self._staged_files, self._staged_content),
        )


def _share(wheel: WheelRecord) -> float:
    return min(wheel.done / wheel.total, 1.0) if wheel.total else 0.0


def _files(name: str, size: float) -> float:
    """About how many files a wheel of that size has: those of pure Python have many small ones."""
    if name.endswith("-none-any.whl"):
        return 11 * float((size / 20e3) ** 0.85)
    return 5 + 22e-6 * size
