"""How an install stands: the work that is left and the work that was done, as the records of its wheels tell it.

All is counted in files and their bytes. What is not known yet of a wheel is guessed from the others, or from its name.
"""

from collections.abc import Iterable, Sequence

from instui_engine.values import NamedTuple

from .model import Phase
from .records import WheelRecord

_EACH = 25  # files that take as long as what there is to do for each wheel, however small
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
    """A wheel to fetch: bytes that are left, and what is to be unpacked then."""

    left: float
    content: Content


class Standing(NamedTuple):
    """What is left, and what was done. To unpack, each wheel counts `_EACH` files more."""

    fetching: Sequence[Download] = ()
    to_fetch: Sequence[Download] = ()
    unknown: int = 0  # of both, those of which nobody has told the size
    unpacking: Sequence[Content] = ()
    starting: Sequence[float] = ()  # when those of `unpacking` began that have no file yet
    to_unpack: Sequence[Content] = ()
    to_acquire: Content = Content()  # of all wheels that are not unpacked yet
    to_stage: Content = Content()
    wheels: int = 0
    to_commit: int = 0
    to_replace: float = 0.0  # files of those of `to_commit` that replace installed ones
    replaced: float = 0.0  # files of all that do
    fetched: float = 0.0
    unpacked: Content = Content()
    staged: Content = Content()

    @property
    def begun(self) -> bool:
        """Whether anything is fetched, unpacked or staged."""
        return bool(self.fetching or self.fetched or self.unpacking or self.unpacked.files or self.staged.files)


def standing(wheels: Iterable[WheelRecord], replaces: bool = False) -> Standing:
    """How things stand; `replaces`: all wheels are taken to replace installed ones, as long as there is no plan."""
    own = [wheel for wheel in wheels if not wheel.removal and wheel.phase not in _LEFT]
    sizes = [max(wheel.size or (wheel.total if wheel.phase is _FETCH else 0), 0) for wheel in own]
    usual = sum(sizes) / max(len(sizes) - sizes.count(0), 1)
    sums = _Sums()
    for wheel, known in zip(own, sizes, strict=True):
        phase, size = wheel.phase, known or usual
        files = wheel.files if wheel.files > 0 else _files(wheel.file, size)
        content = wheel.content if wheel.content > 0 else _CONTENT * size
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
    unknown = sum(
        not known and (wheel.phase is _FETCH or (wheel.fetch and wheel.phase is _QUEUED))
        for wheel, known in zip(own, sizes, strict=True)
    )
    return sums.standing(len(own), unknown)


class _Sums:
    """What the wheels so far add up to; each method is one question about a wheel.

    `files` and `content` are always the number of all its files, and all their bytes.
    """

    def __init__(self) -> None:
        self._fetching: list[Download] = []
        self._to_fetch: list[Download] = []
        self._unpacking: list[Content] = []
        self._to_unpack: list[Content] = []
        self._starting: list[float] = []
        self._to_commit = 0
        self._to_replace = self._replaced = self._fetched = 0.0
        self._unpacked_files = self._unpacked_content = self._acquire_files = self._acquire_content = 0.0
        self._all_files = self._all_content = self._staged_files = self._staged_content = 0.0

    def _acquire(self, work: Content) -> None:
        self._acquire_files += work.files
        self._acquire_content += work.size

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
        work = Content(files + _EACH, content)
        self._fetched += max(wheel.done - wheel.ahead, 0)
        self._fetching.append(Download(max(size - wheel.done, 0.0), work))
        self._acquire(work)

    def passed(self, wheel: WheelRecord, size: float, files: float, content: float) -> bool:
        """Whether it was fetched; what it has behind it is added."""
        was_unpacked = has_come = False
        for span in wheel.spans:
            if span.phase is _UNPACK:
                was_unpacked = True
            elif span.phase is _FETCH:
                has_come = True
        if has_come:
            self._fetched += max(size - wheel.ahead, 0.0)
        if was_unpacked and wheel.phase is not _UNPACK:
            self._unpacked_files += files + _EACH
            self._unpacked_content += content
        return has_come

    def wait(self, wheel: WheelRecord, has_come: bool, size: float, files: float, content: float) -> None:
        """Whether it is to be fetched first or, if it is here, to be unpacked; nobody is at work on it."""
        work = Content(files + _EACH, content)
        self._acquire(work)
        if has_come or not wheel.fetch:
            self._to_unpack.append(work)
        else:
            self._to_fetch.append(Download(size, work))

    def unpack(self, wheel: WheelRecord, files: float, content: float) -> None:
        """How much of it is unpacked; that goes on."""
        share = _share(wheel)
        done = min(wheel.complete, files) if wheel.complete > 0 else share * files
        done += _EACH * share
        self._unpacked_files += done
        self._unpacked_content += content * share
        left = Content(files + _EACH - done, content * (1 - share))
        self._unpacking.append(left)
        self._acquire(left)
        if wheel.done <= 0:
            self._starting.append(wheel.since)

    def standing(self, wheels: int, unknown: int) -> Standing:
        """All of it, of so many wheels, and so many of unknown size."""
        to_stage = Content(
            max(self._all_files - self._staged_files, 0.0), max(self._all_content - self._staged_content, 0.0)
        )
        return Standing(
            self._fetching,
            self._to_fetch,
            unknown,
            self._unpacking,
            self._starting,
            self._to_unpack,
            Content(self._acquire_files, self._acquire_content),
            to_stage,
            wheels,
            self._to_commit,
            self._to_replace,
            self._replaced,
            self._fetched,
            Content(self._unpacked_files, self._unpacked_content),
            Content(self._staged_files, self._staged_content),
        )


def _share(wheel: WheelRecord) -> float:
    return min(wheel.done / wheel.total, 1.0) if wheel.total > 0 and wheel.done > 0 else 0.0


def _files(name: str, size: float) -> float:
    """About how many files a wheel of that size has: those of pure Python have many small ones."""
    if name.endswith("-none-any.whl"):
        return 11 * float((size / 20e3) ** 0.85)
    return 5 + 22e-6 * size
