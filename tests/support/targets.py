"""Targets to plan for that need not exist."""

from instui_engine.target.interpreter import Interpreter

LINUX = {
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "sys_platform": "linux",
    "os_name": "posix",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "platform_release": "6.1",
    "platform_version": "1",
}


def linux_interpreter(*tags: str) -> Interpreter:
    """CPython 3.11 on Linux that accepts wheels with these tags, the best first."""
    return Interpreter("/nowhere/python", "/nowhere", "3.11.7", True, {}, LINUX, tags or ("py3-none-any",), False)
