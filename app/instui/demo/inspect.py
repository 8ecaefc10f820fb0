"""An inspection of an environment: which distributions are whole by RECORD. It shares no code with the engine."""

import csv
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path


def listed(site_packages: Path) -> list[str]:
    """Names of the distributions that are listed as installed."""
    return sorted(path.parent.name.partition("-")[0] for path in site_packages.glob("*.dist-info/RECORD"))


def whole(site_packages: Path) -> list[str]:
    """Names of the distributions for which every file in RECORD is there with the right hash."""
    found = []
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        with record.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row and row[1]]
        if all(_hash(site_packages / path) == digest for path, digest, _ in rows):
            found.append(record.parent.name.partition("-")[0])
    return found


def owners(directory: Path) -> set[str]:
    """Who wrote the files of a directory in which every file says `OWNER = 'name'`."""
    return {path.read_text().split("'")[1] for path in directory.glob("part*.py")}


def _hash(path: Path) -> str:
    try:
        return "sha256=" + urlsafe_b64encode(sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
    except OSError:
        return ""
