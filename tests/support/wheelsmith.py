"""Make wheels for tests: small, correct and byte for byte the same each time; hostile ones are patched from them."""

import hashlib
import io
import re
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)


def escaped(name: str) -> str:
    """`name` as it stands in a wheel's file name ("Binary distribution format", escaping)."""
    return re.sub(r"[-_.]+", "_", name).lower()


def digest(content: bytes, algorithm: str = "sha256") -> str:
    """The hash of `content` as RECORD has it."""
    return f"{algorithm}={urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b'=').decode()}"


def metadata(name: str, version: str, requires: Collection[str] = ()) -> bytes:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def wheel_file(tag: str = "py3-none-any", root_is_purelib: bool = True, wheel_version: str = "1.0") -> bytes:
    """WHEEL, with compressed tags written out."""
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    tags = [f"Tag: {p}-{a}-{f}" for p in pythons for a in abis for f in platforms]
    lines = [
        f"Wheel-Version: {wheel_version}",
        "Generator: wheelsmith",
        f"Root-Is-Purelib: {str(root_is_purelib).lower()}",
    ]
    return "".join(f"{line}\n" for line in [*lines, *tags]).encode()


def record(files: Mapping[str, bytes], record_path: str) -> bytes:
    """A correct RECORD of `files`, itself included."""
    quoted = {path: f'"{path.replace(chr(34), chr(34) * 2)}"' if set(path) & set(',"') else path for path in files}
    rows = [f"{quoted[path]},{digest(content)},{len(content)}\n" for path, content in files.items()]
    return "".join([*rows, f"{record_path},,\n"]).encode()


def wheel_files(
    name: str,
    version: str,
    files: Mapping[str, bytes],
    *,
    data: Mapping[str, bytes] | None = None,
    entry_points: str | None = None,
    requires: Collection[str] = (),
    tag: str = "py3-none-any",
    root_is_purelib: bool = True,
) -> dict[str, bytes]:
    """All files of a wheel in the order of the archive; the last one is RECORD."""
    stem = f"{escaped(name)}-{version}"
    content = dict(files)
    content |= {f"{stem}.data/{path}": value for path, value in (data or {}).items()}
    content[f"{stem}.dist-info/METADATA"] = metadata(name, version, requires)
    content[f"{stem}.dist-info/WHEEL"] = wheel_file(tag, root_is_purelib)
    if entry_points is not None:
        content[f"{stem}.dist-info/entry_points.txt"] = entry_points.encode()
    path = f"{stem}.dist-info/RECORD"
    content[path] = record(content, path)
    return content


def zipped(files: Mapping[str, bytes], executable: Collection[str] = (), method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of `files` with fixed times; names that end in a slash become directories."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_STORED if path.endswith("/") else method
            mode = 0o40755 if path.endswith("/") else 0o100755 if path in executable else 0o100644
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def build_wheel(
    directory: Path,
    name: str,
    version: str,
    files: Mapping[str, bytes],
    *,
    data: Mapping[str, bytes] | None = None,
    entry_points: str | None = None,
    requires: Collection[str] = (),
    tag: str = "py3-none-any",
    root_is_purelib: bool = True,
    executable: Collection[str] = (),
) -> Path:
    """Write a wheel into `directory`: `files` by path, `data` below its .data directory (`scripts/tool`).

    `executable` are paths as in the archive.
    """
    content = wheel_files(
        name,
        version,
        files,
        data=data,
        entry_points=entry_points,
        requires=requires,
        tag=tag,
        root_is_purelib=root_is_purelib,
    )
    path = directory / f"{escaped(name)}-{version}-{tag}.whl"
    path.write_bytes(zipped(content, executable))
    return path
