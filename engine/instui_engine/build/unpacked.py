"""Archives of which only a part is the project: unpacked here, as `uv build` takes only whole ones."""

import os
import tarfile
import zipfile
from pathlib import Path

from instui_engine.errors import BuildError, printable
from instui_engine.resolve.request import LockedWheel


def unpack_sdist(wheel: LockedWheel, archive: str, directory: Path) -> str:
    """Unpack `archive` below `directory`; return where its content is. Raises BuildError.

    Nothing is written outside. If there is one directory at its top, that is the content.
    """
    place = directory / "archive"
    place.mkdir()
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(place)  # without `..` and without absolute paths, which it takes for relative ones
        else:
            with tarfile.open(archive) as packed:
                packed.extractall(place, filter="data")
    except (OSError, ValueError, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        problem = f"{printable(wheel.name)}: {printable(wheel.filename)} cannot be unpacked: {printable(str(error))}"
        raise BuildError(problem, wheel=wheel.name) from error
    found = os.listdir(place)
    return os.path.join(place, found[0]) if len(found) == 1 and os.path.isdir(place / found[0]) else os.fspath(place)
