"""What a session downloads: how many wheels, how much of it is here, and how fast it comes. There is no clock here."""

from dataclasses import dataclass

from instui.monitor.units import count, number, seconds, size

BIG = 10_000_000  # bytes; a wheel of this size is named, and gets a line of its own if it took BIG_SECONDS
BIG_SECONDS = 1.0
SLOW = 1_000_000  # bytes; so does a wheel of this size that took SLOW_SECONDS
SLOW_SECONDS = 5.0
NAMED = 3


@dataclass
class _Download:
    size: int  # 0: unknown
    begun: float | None = None
    first: int = 0  # bytes that an earlier attempt had left
    done: int = 0
    finished: bool = False


class Downloads:
    """The downloads of a session, from its events. `received` counts the bytes that came over the network."""

    def __init__(self) -> None:
        self._all: dict[str, _Download] = {}
        self._announced = False
        self.received = 0

    def expect(self, wheel: str, bytes_: int) -> None:
        """`wheel` will be downloaded; it has `bytes_`, 0 if that is unknown."""
        self._all[wheel] = _Download(bytes_)

    def drop(self, wheel: str) -> None:
        """`wheel` need not be downloaded after all."""
        if wheel in self._all and self._all[wheel].begun is None:
            del self._all[wheel]

    def begin(self, t: float, wheel: str, done: int, bytes_: int, ahead: int = 0) -> bool:
        """The download of `wheel` begins; return whether it is the first one of which anything is left to come.

        Of the bytes that are `done` the session has fetched some `ahead`, while it was not certain yet.
        """
        download = self._all.setdefault(wheel, _Download(bytes_))
        download.begun, download.first, download.done, download.finished = t, done - ahead, done, False
        self.received += ahead
        download.size = bytes_ or download.size
        first = not self._announced and (not bytes_ or done < bytes_)
        self._announced = self._announced or first
        return first

    def advance(self, wheel: str, done: int, bytes_: int) -> bool:
        """Note progress; return whether only this tells the size, and it is big."""
        download = self._all.setdefault(wheel, _Download(0))
        self.received += max(done - download.done, 0)
        learnt = not download.size and bytes_ >= BIG
        download.done, download.size = done, bytes_ or download.size
        return learnt

    def finish(self, wheel: str, bytes_: int) -> int:
        """The download of `wheel` is complete; return how many bytes had to come for it."""
        self.advance(wheel, bytes_, bytes_)
        self._all[wheel].finished = True
        return bytes_ - min(self._all[wheel].first, bytes_)

    def detail(self, t: float, wheel: str, every: bool = False) -> str:
        """Size, time and rate of a finished download, if it was big or slow, or `every` one counts; else "".

        The only one has none: the milestone says it.
        """
        download = self._all[wheel]
        if download.begun is None or len(self._all) == 1:
            return ""
        came, took = download.done - download.first, t - download.begun
        is_long = (came >= BIG and took >= BIG_SECONDS) or (came >= SLOW and took >= SLOW_SECONDS)
        if not is_long and not every:
            return ""
        return f"{size(came)} in {seconds(took)}{rate(came, took)}"

    @property
    def names(self) -> list[str]:
        """The wheels to download, those that are here included."""
        return list(self._all)

    @property
    def wheels(self) -> int:
        """How many wheels there are to download, those that are here included."""
        return len(self._all)

    @property
    def finished(self) -> int:
        """How many are here."""
        return sum(download.finished for download in self._all.values())

    def plan(self) -> str:
        """What is to come: `12 wheels, 96 MB`, as far as sizes are known, and without what is there already."""
        sizes = [download.size - download.first for download in self._all.values() if download.size]
        wheels, unknown = count(len(self._all), "wheel"), len(self._all) - len(sizes)
        if not sizes:
            return f"{wheels} of unknown size"
        return f"{wheels}, {size(sum(sizes))}" + (f" and {number(unknown)} of unknown size" if unknown else "")

    def largest(self) -> list[str]:
        """The wheels with the most left to come, as far as they are big; at most NAMED."""
        left = {wheel: download.size - download.done for wheel, download in self._all.items()}
        big = sorted((wheel for wheel in left if left[wheel] >= BIG), key=lambda wheel: -left[wheel])
        return big[:NAMED]

    def left(self, wheel: str) -> str:
        """What is left of a download before it begins or goes on; "" if its size is unknown."""
        download = self._all[wheel]
        return size(download.size - download.first) if download.size else ""

    def here(self, wheel: str) -> str:
        """How much of a wheel is here: `40 MB of 670 MB`, or `40 MB` where the size is unknown."""
        download = self._all.get(wheel, _Download(0))
        return so_far(download.done, download.size)

    def all_here(self) -> str:
        """How much of all is here: `96 MB of 812 MB`, or `96 MB` as long as one size is unknown."""
        every = self._all.values()
        whole = all(download.size for download in every)
        return so_far(sum(download.done for download in every), sum(download.size for download in every) * whole)


def rate(amount: int, took: float) -> str:
    """` (19 MB/s)`; "" where the time is too short to tell."""
    return f" ({size(amount / took)}/s)" if took >= 1.0 and amount else ""


def so_far(done: int, total: int) -> str:
    """`40 MB of 670 MB`, or `99 % of 670 MB` shortly before the end, or `40 MB` if the total is unknown (0)."""
    if not total:
        return size(done)
    here = size(done)
    if done < total and here == size(total):
        here = f"{100 * done // total} %"
    return f"{here} of {size(total)}"
