"""What the figures were measured on."""

import os
import platform
import sysconfig
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.material import uv_version
from benchmarks.programs import Instui


def facts(instui: Instui, other: Instui | None) -> dict[str, str]:
    """Date, machine and versions, as they stand above the table."""
    told = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{_memory():.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "optimized build": "yes" if "--enable-optimizations" in _configured() else "no",
        "uv": uv_version(),
        "pip": _version("pip"),
        "instui": instui.label if other else _version("instui"),
        "load at the start": f"{os.getloadavg()[0]:.2f}",
    }
    return told | ({"compared with": other.label} if other else {})


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def _configured() -> str:
    return str(sysconfig.get_config_var("CONFIG_ARGS"))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
