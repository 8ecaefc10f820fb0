"""What a test needs that a bare machine may lack: then the test is skipped and says why, but never in CI.

A test says so with a marker, `@pytest.mark.needs("strace")`, a fixture with a call, `require("gcc")`.
"""

import os
import shutil
from typing import NamedTuple

import pytest


class Tool(NamedTuple):
    """A program that tests run. `commands`: any one of them serves. `packages`: the Debian packages that bring it."""

    purpose: str
    commands: tuple[str, ...]
    packages: str


TOOLS = {
    "strace": Tool("to see, or to stop at, single system calls", ("strace",), "strace"),
    "gcc": Tool("to compile the library that makes calls fail", ("gcc", "cc"), "gcc libc6-dev"),
    "mkfs.ext4": Tool("to make a disk whose power can be cut", ("mkfs.ext4",), "e2fsprogs"),
    "mkfs.btrfs": Tool("to make a file system with device numbers of its own", ("mkfs.btrfs",), "btrfs-progs"),
    "flock": Tool("to hold a lock as a program of others does", ("flock",), "util-linux"),
    "git": Tool("to make a repository", ("git",), "git"),
    "script": Tool("to run a program on a terminal where nobody types", ("script",), "bsdutils"),
    "chromium": Tool("to look at a report", ("chromium", "chromium-browser", "google-chrome"), "chromium"),
    "openssl": Tool("to make a certificate", ("openssl",), "openssl"),
}
_ROOT = "root"


def missing_tool(name: str) -> str:
    """Why a test that runs the tool cannot run here; "" where it can."""
    tool = TOOLS[name]
    if any(shutil.which(command) for command in tool.commands):
        return ""
    return f"needs {name} {tool.purpose} (Debian: {tool.packages})"


def require(*names: str) -> None:
    """Skip the running test where it lacks one of these: tools, or "root". In CI a missing tool is a failure."""
    for name in names:
        if name == _ROOT:
            if os.geteuid() != 0:
                pytest.skip("needs root, to mount file systems")
        elif reason := missing_tool(name):
            if os.environ.get("CI"):
                pytest.fail(f"{reason}; in CI nothing is skipped that could run", pytrace=False)
            pytest.skip(reason)
