"""The facts about a Python that only it knows. Its source is run by the target interpreter, which may be any.

So it imports only the standard library, and its syntax is that of Python 3.6: an old interpreter shall say what it is.
"""

import importlib.util
import json
import os
import platform
import re
import struct
import subprocess
import sys
import sysconfig


def collect() -> "dict[str, object]":
    """All facts, as data for JSON. `tags.py` computes the wheel tags from them."""
    is_32_bit = struct.calcsize("P") == 4
    glibc = _glibc()
    archs = _archs(is_32_bit)
    machine, flags, loader = _elf(sys.executable)
    return {
        "version": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "paths": sysconfig.get_paths(),
        "libraries": _libraries(),
        "markers": _markers(),
        "implementation": sys.implementation.name,
        "nodot": sysconfig.get_config_var("py_version_nodot") or "".join(map(str, sys.version_info[:2])),
        "ext_suffix": sysconfig.get_config_var("EXT_SUFFIX") or "",
        "debug": _is_debug(),
        "cache_tag": sys.implementation.cache_tag or "",
        "magic": importlib.util.MAGIC_NUMBER.hex(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "platform": sysconfig.get_platform(),
        "is_32_bit": is_32_bit,
        "release": _release(),
        "archs": archs,
        "glibc": glibc,
        "glibc_refused": _refused(glibc, archs),
        "musl": _musl(loader),
        "elf_machine": machine,
        "elf_flags": flags,
    }


def _libraries() -> "list[str]":
    """Where a virtual environment has pure and other packages, relative to its top; so does a `--prefix`.

    The name between `lib` and `site-packages` has the implementation and, since 3.13, the letter of free threading.
    """
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    bases = dict.fromkeys(("base", "platbase", "installed_base", "installed_platbase"), "")
    paths = sysconfig.get_paths(scheme, bases)
    return [paths[name].strip("/") for name in ("purelib", "platlib")]


def _markers() -> "dict[str, str]":
    implementation = sys.implementation.version
    version = "{}.{}.{}".format(*implementation[:3])
    if implementation.releaselevel != "final":
        version += implementation.releaselevel[0] + str(implementation.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def _is_debug() -> bool:
    flag = sysconfig.get_config_var("Py_DEBUG")
    return hasattr(sys, "gettotalrefcount") if flag is None else bool(flag)


def _release() -> "list[int]":
    """The version of macOS, or the API level of Android."""
    if platform.system() == "Darwin":
        return [int(part) for part in platform.mac_ver()[0].split(".")[:2]]
    if platform.system() == "Android":
        return [platform.android_ver().api_level]  # type: ignore[attr-defined]
    return []


def _archs(is_32_bit: bool) -> "list[str]":
    """The processors whose programs it can load, as wheel tags name them."""
    if platform.system() == "Darwin":
        arch = platform.mac_ver()[2]
        return [("ppc" if arch.startswith("ppc") else "i386") if is_32_bit else arch]
    arch = re.sub("[.-]", "_", sysconfig.get_platform().partition("-")[2])
    if is_32_bit:  # on a 64-bit kernel
        arch = {"x86_64": "i686", "aarch64": "armv8l"}.get(arch, arch)
    return ["armv8l", "armv7l"] if arch == "armv8l" else [arch]


def _glibc() -> "list[int] | None":
    """The version of the GNU C library in this process."""
    try:
        version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()[1]
    except (AttributeError, IndexError, OSError, ValueError):
        try:
            import ctypes

            ask = ctypes.CDLL(None).gnu_get_libc_version
            ask.restype = ctypes.c_char_p
            version = ask().decode()
        except (AttributeError, ImportError, OSError):
            return None
    found = re.match(r"(\d+)\.(\d+)", version)
    return [int(found.group(1)), int(found.group(2))] if found else None


def _refused(glibc: "list[int] | None", archs: "list[str]") -> "list[list[object]]":
    """What a `_manylinux` module of the system denies, by PEP 600: versions of glibc for a processor."""
    try:
        import _manylinux  # type: ignore[import-not-found]
    except ImportError:
        return []
    if not glibc:
        return []
    older = {(2, 5): "manylinux1", (2, 12): "manylinux2010", (2, 17): "manylinux2014"}
    refused = []
    for major in range(2, glibc[0] + 1):
        for minor in range(glibc[1] + 1 if major == glibc[0] else 51):
            for arch in archs:
                if hasattr(_manylinux, "manylinux_compatible"):
                    verdict = _manylinux.manylinux_compatible(major, minor, arch)
                else:
                    verdict = getattr(_manylinux, older.get((major, minor), "") + "_compatible", None)
                if verdict is not None and not verdict:
                    refused.append([major, minor, arch])
    return refused


def _elf(executable: str) -> "tuple[int, int, str]":
    """The processor, the flags and the loader in the header of an ELF file."""
    machine, flags, loader = 0, 0, ""
    try:
        with open(executable, "rb") as file:
            ident = file.read(16)
            if ident[:4] != b"\x7fELF":
                return machine, flags, loader
            is_wide = ident[4] == 2
            order = "<" if ident[5] == 1 else ">"
            header = struct.Struct(order + ("HHIQQQIHHH" if is_wide else "HHIIIIIHHH"))
            fields = header.unpack(file.read(header.size))
            machine, flags = fields[1], fields[6]
            segment = struct.Struct(order + ("IIQQQQ" if is_wide else "IIIII"))
            for number in range(fields[9]):
                file.seek(fields[4] + number * fields[8])
                entry = segment.unpack(file.read(segment.size))
                if entry[0] == 3:  # PT_INTERP
                    file.seek(entry[2] if is_wide else entry[1])
                    loader = os.fsdecode(file.read(entry[5] if is_wide else entry[4]).strip(b"\0"))
                    break
    except (OSError, TypeError, ValueError, struct.error):
        pass
    return machine, flags, loader


def _musl(loader: str) -> "list[int] | None":
    """The version that the loader of musl says: it is the C library, too."""
    if "musl" not in loader:
        return None
    process = subprocess.Popen([loader], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    found = re.search(rb"\Amusl.*\nVersion (\d+)\.(\d+)", process.communicate()[1])
    return [int(found.group(1)), int(found.group(2))] if found else None


def answer(begin: str, end: str) -> None:
    """Write the facts between two marks, and end without what others may want to do at exit.

    What runs at the start of an interpreter may have closed or redirected one of the two streams, or print to it.
    """
    text = f"\n{begin}{json.dumps(collect())}{end}\n".encode("ascii")
    for stream in (1, 2):
        rest = text
        try:
            while rest:
                rest = rest[os.write(stream, rest) :]
        except OSError:
            pass
    os._exit(0)


if __name__ == "__main__":
    answer(*sys.argv[1:3])
