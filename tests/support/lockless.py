"""A file system without file locks: `lockless.c`, preloaded into a command, refuses those below one directory."""

import shutil
import subprocess
from pathlib import Path

from support.needs import require


def lockless(place: Path, below: Path, error: int) -> dict[str, str]:
    """The variables under which a command finds no locks below a directory: they fail with that error."""
    require("gcc")
    library = place / "lockless.so"
    if not library.exists():
        source = Path(__file__).with_suffix(".c")
        compiler = shutil.which("gcc") or "cc"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    return {"LD_PRELOAD": str(library), "LOCKLESS_BELOW": str(below), "LOCKLESS_ERROR": str(error)}
