"""How an install stands: the work that is left and the work that was done, as the records of its wheels tell it.

Work is counted in usual seconds of a worker (`Rates`), apart for files and for their bytes: on one machine it is the
files that take long, on another one the bytes. What is not known yet of a wheel is guessed from the others, or from its
name.
"""

from collections.abc import Iterable, Sequence

from instui_engine.values import NamedTuple

from .model import Phase
from .rates import USUAL, Rates
from .records import WheelRecord

_EACH = 25  # files that take as long as what there is to do for each wheel, however small
_CONTENT = 3.3  # bytes of a wheel's files for each of its own

# not looked up for each wheel
_QUEUED, _FETCH, _UNPACK, _READY = Phase.QUEUED, Phase.FETCH, Phase.UNPACK, Phase.READY
_STAGE, _DONE, _FAILED, _BUILD = Phase.STAGE, Phase.DONE, Phase.FAILED, Phase.BUILD


class Work(NamedTuple):
    """Usual seconds of a worker, for files and for their bytes."""

    files: float = 0.0
    content: float = 0.0


class Download(NamedTuple):
    """A wheel to fetch: bytes that are left, and the work of unpacking it."""

    left: float
    work: Work


class Standing(NamedTuple):
    """What is left, and what was done."""

    fetching: Sequence[Download] = ()
    to_fetch: Sequence[Download] = ()
    guessed: float = 0.0  # bytes of `to_fetch` of wheels whose size is unknown
    unpacking: Sequence[Work] = ()
    starting: int = 0  # of `unpacking`, those that have no file yet
    to_unpack: Sequence[Work] = ()
    to_acquire: Work = Work()  # of all wheels that are not unpacked yet
    to_stage: Work = Work()
    wheels: int = 0
    to_commit: int = 0
    to_replace: float = 0.0  # files of those of `to_commit` that replace installed ones
    replaced: float = 0.0  # files of all that do
    fetched: float = 0.0
    unpacked: Work = Work()
    staged: Work = Work()


def standing(wheels: Iterable[WheelRecord], replaces: bool = False, rates: Rates = USUAL) -> Standing:
    """How things stand; `replaces`: all wheels are taken to replace installed ones, as long as there is no plan."""
    each_file, each_byte, each_wheel = rates.file, rates.byte, _EACH * rates.file
    fetching, to_fetch, unpacking, to_unpack = [], [], [], []
    starting = to_commit = 0
    guessed = to_replace = replaced = fetched = all_files = all_content = 0.0
    unpacked_files = unpacked_content = staged_files = staged_content = files_left = content_left = 0.0
    own = [wheel for wheel in wheels if not wheel.removal and wheel.phase is not _FAILED]
    sizes = [max(wheel.size or (wheel.total if wheel.phase is _FETCH else 0), 0) for wheel in own]
    usual = sum(sizes) / max(len(sizes) - sizes.count(0), 1)
    for wheel, known in zip(own, sizes, strict=True):
        phase, size, number = wheel.phase, known or usual, wheel.files or 0.0
        if not number:
            number = _files(wheel.file, size)
        files, content = each_file * number, each_byte * (wheel.content or _CONTENT * size)
        all_files += files
        all_content += content
        if wheel.replaces or (replaces and wheel.order < 0):
            replaced += number
            to_replace += number if phase is not _DONE else 0.0
        if phase is not _DONE:
            to_commit += 1
        if phase is _FETCH:
            fetched += wheel.done
            fetching.append(Download(max(size - wheel.done, 0.0), Work(files + each_wheel, content)))
            files_left += files + each_wheel
            content_left += content
            continue
        was_unpacked = has_come = False
        for span in wheel.spans:
            if span.phase is _UNPACK:
                was_unpacked = True
            elif span.phase is _FETCH:
                has_come = True
        if has_come:
            fetched += size
        if was_unpacked and phase is not _UNPACK:
            unpacked_files += files + each_wheel
            unpacked_content += content
        if phase is _READY:
            continue
        share = min(wheel.done / wheel.total, 1.0) if wheel.total else 0.0
        if phase is _QUEUED or phase is _BUILD:
            files_left += files + each_wheel
            content_left += content
            if has_come or not wheel.fetch:
                to_unpack.append(Work(files + each_wheel, content))
            else:
                to_fetch.append(Download(size, Work(files + each_wheel, content)))
                guessed += 0.0 if known else size
        elif phase is _UNPACK:
            whole = files + each_wheel
            done = min(each_file * wheel.complete + each_wheel * share, whole) if wheel.complete else whole * share
            unpacked_files += done
            unpacked_content += content * share
            unpacking.append(Work(whole - done, content * (1 - share)))
            files_left += whole - done
            content_left += content * (1 - share)
            starting += not wheel.done
        else:
            share = share if phase is _STAGE else 1.0
            staged_files += files * share
            staged_content += content * share
    return Standing(
        fetching,
        to_fetch,
        guessed,
        unpacking,
        starting,
        to_unpack,
        Work(files_left, content_left),
        Work(max(all_files - staged_files, 0.0), max(all_content - staged_content, 0.0)),
        len(own),
        to_commit,
        to_replace,
        replaced,
        fetched,
        Work(unpacked_files, unpacked_content),
        Work(staged_files, staged_content),
    )


def _files(name: str, size: float) -> float:
    """About how many files a wheel of that size has: those of pure Python have many small ones."""
    if name.endswith("-none-any.whl"):
        return 11 * float((size / 20e3) ** 0.85)
    return 5 + 22e-6 * size
