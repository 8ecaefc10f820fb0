"""Many small wheels that collide about as often as real ones, and a list of them.

    python tests/support/many_wheels.py DIRECTORY COUNT      # COUNT wheels of 50 files each, and DIRECTORY/list.txt

Of every hundred wheels two ship `tests/` in site-packages and one `docs/`, with content of their own; one has LICENSE
there; one has a command that another one has, too; and ten belong to namespaces, whose `__init__.py` are all equal.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.wheelsmith import wheel_files, zipped

FILES = 50  # of each wheel, its metadata aside
VERSION = "1.0"


def name_of(number: int) -> str:
    """The name of the wheel with that number."""
    return f"many-{number:05}"


def content_of(number: int, files: int = FILES) -> tuple[dict[str, bytes], str | None]:
    """The files of a wheel in site-packages, and its entry points."""
    own = f"many_{number:05}"
    base = f"spaces_{number // 100 % 5}/{own}" if number % 10 == 3 else own
    shared: dict[str, bytes] = {}
    if number % 10 == 3:
        shared[f"{base.partition('/')[0]}/__init__.py"] = b"# a namespace\n"
    if number % 50 == 7:
        shared |= {f"tests/{name}.py": f"# {name} of {own}\n".encode() for name in ("__init__", "test_main")}
    if number % 100 == 11:
        shared["docs/conf.py"] = f"project = {own!r}\n".encode()
    if number % 100 == 19:
        shared["LICENSE"] = f"{own} is free\n".encode()
    points = f"[console_scripts]\nmany-tool = {own}:main\n" if number % 100 == 23 else None
    rest = files - len(shared)
    inner = {
        f"{base}/{'' if place < 10 else f'sub{place % 5}/'}m{place:02}.py": f"# {own} {place}\n".encode() * 8
        for place in range(rest)
    }
    return {**shared, **inner}, points


def make_many(directory: Path, count: int, files: int = FILES) -> Path:
    """Write `count` wheels into `directory`, and the list of their names beside them; return the list."""
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        content, points = content_of(number, files)
        data = zipped(wheel_files(name_of(number), VERSION, content, entry_points=points), method=0)
        (directory / f"many_{number:05}-{VERSION}-py3-none-any.whl").write_bytes(data)
    listed = directory / "list.txt"
    listed.write_text("".join(f"{line}\n" for line in _lines(count)))
    return listed


def _lines(count: int) -> Iterator[str]:
    yield f"# {count} wheels"
    yield from map(name_of, range(count))


if __name__ == "__main__":
    print(make_many(Path(sys.argv[1]), int(sys.argv[2])))
