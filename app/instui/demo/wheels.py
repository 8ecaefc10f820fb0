"""Wheels for demonstrations, built on the fly (binary distribution format 1.0)."""

import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path


def build(directory: Path, name: str, files: Mapping[str, str], version: str = "1.0") -> Path:
    """Write `<name>-<version>-py3-none-any.whl`.

    `files` are paths in the wheel (also `name-1.0.data/...`) with their text. `name` is normalized and without a
    hyphen, so that it can be part of file names as it is.
    """
    info = f"{name}-{version}.dist-info"
    content = {path: text.encode() for path, text in files.items()}
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: instui demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    wheel = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return wheel


def package(name: str, modules: int) -> dict[str, str]:
    """The files of a package that no other wheel shares."""
    return {f"{name}/{path}": text for path, text in modules_of(modules).items()}


def modules_of(count: int) -> dict[str, str]:
    """An empty `__init__.py` and `count` modules."""
    return {"__init__.py": "", **{f"module{number:02}.py": f"NUMBER = {number}\n" for number in range(count)}}


def owned(directory: str, owner: str, parts: int = 40) -> dict[str, str]:
    """The files of one directory, each of which names its owner (see `inspect.owners`)."""
    return {f"{directory}/part{part:02}.py": f"OWNER = {owner!r}\n" for part in range(parts)}


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
