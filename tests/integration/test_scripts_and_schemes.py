"""Where the files of each scheme go, and that commands run, wherever the environment lies."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from support.cli import ok, other_interpreters, uv, verify
from support.environments import Venv
from support.trees import complete, rows
from support.wheelsmith import build_wheel

PLACES = {
    "plain": "environment",
    "spaced": "with a space/and ünïcode/environment",
    "long": "/".join(["a-directory-with-a-name-that-is-long"] * 5),
    "escaped": "with a back\\slash \\N/and 'quotes'/environment",
    "quoted": 'it\'s a "quoted" $HOME/environment',
}
MAIN = b"import sys\ndef main():\n    print(sys.executable, *sys.argv[1:])\n    return 7\nclass Tool:\n    run = main\n"


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env={}, timeout=60, check=False
    )


@pytest.mark.parametrize("kind", PLACES)
def test_commands_run_wherever_the_environment_lies(
    kind: str, make_venv: Callable[[Path], Venv], tmp_path: Path, run_instui: Run
) -> None:
    top = tmp_path / PLACES[kind]
    top.parent.mkdir(parents=True, exist_ok=True)
    venv = make_venv(top)
    wheel = build_wheel(
        tmp_path,
        "tool",
        "1.0",
        {"tool/__init__.py": MAIN},
        entry_points="[console_scripts]\ntool=tool:main\ntool-deep = tool:Tool.run\n[gui_scripts]\ngui = tool:main\n",
        data={"scripts/tool-script": b"#!python\nimport tool; raise SystemExit(tool.main())\n"},
    )
    ok(run_instui("install", "--no-deps", "--python", top, wheel))
    verify(top, venv.site, {"tool": "1.0"})
    for command in ("tool", "tool-deep", "gui", "tool-script"):
        path = venv.top / "bin" / command
        assert stat.S_IMODE(path.stat().st_mode) & 0o111 == 0o111
        done = run(path, "a word", "x")
        assert (done.returncode, done.stderr) == (7, "")
        assert done.stdout == f"{top / 'bin' / 'python'} a word x\n"


def test_a_script_is_rewritten_and_listed_with_its_new_hash(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    scripts = {
        "scripts/plain": b"#!python\nprint('plain')\n",
        "scripts/windowed": b"#!pythonw\nprint('windowed')\n",
        "scripts/options": b"#!python -E\nprint('options')\n",
        "scripts/shell": b"#!/bin/sh\necho shell\n",
        "scripts/data.bin": bytes(range(256)),
        "scripts/only-line": b"#!python",
    }
    wheel = build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""}, data=scripts)
    ok(run_instui("install", "--no-deps", "--python", target.top, wheel))
    verify(target.top, target.site, {"tool": "1.0"})
    for name in ("plain", "windowed", "options", "shell"):
        done = run(target.top / "bin" / name)
        assert (done.returncode, done.stdout) == (0, f"{name}\n")
    assert (target.top / "bin" / "data.bin").read_bytes() == scripts["scripts/data.bin"]
    listed = {path for path, _, _ in rows(target.site / "tool-1.0.dist-info" / "RECORD")}
    assert {f"../../../bin/{name.partition('/')[2]}" for name in scripts} <= listed
    assert not [path for path in listed if ".data/" in path]


def test_a_rewritten_script_is_not_shared_with_the_store(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    wheel = build_wheel(tmp_path, "tool", "1.0", {"tool.py": b""}, data={"scripts/tool": b"#!python\nprint(1)\n"})
    for _ in range(2):
        target = venv()
        ok(run_instui("install", "--no-deps", "--python", target.top, wheel))
        assert (target.top / "bin" / "tool").read_text().startswith(f"#!{target.top / 'bin' / 'python'}\n")


def test_a_launcher_wins_over_a_script_of_its_name(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    target = venv()
    wheel = build_wheel(
        tmp_path,
        "tool",
        "1.0",
        {"tool.py": MAIN},
        entry_points="[console_scripts]\ntool = tool:main\n",
        data={"scripts/tool": b"#!python\nprint('the script')\n"},
    )
    ok(run_instui("install", "--no-deps", "--python", target.top, wheel))
    verify(target.top, target.site, {"tool": "1.0"})
    assert run(target.top / "bin" / "tool").returncode == 7
    listed = [path for path, _, _ in rows(target.site / "tool-1.0.dist-info" / "RECORD")]
    assert listed.count("../../../bin/tool") == 1


def test_the_files_that_setuptools_put_beside_a_launcher_are_left_out_as_by_uv(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    names = ("tool", "tool.exe", "tool-script.py", "tool.pya", "tool.py", "tool-script.pyw", "TOOL.exe", "other.exe")
    wheel = build_wheel(
        tmp_path,
        "tool",
        "1.0",
        {"tool.py": MAIN},
        entry_points="[console_scripts]\ntool = tool:main\n",
        data={f"scripts/{name}": b"#!python\n" for name in names},
    )
    found = []
    for installer in ("instui", "uv"):
        target = venv()
        before = set(os.listdir(target.top / "bin"))
        if installer == "uv":
            uv("pip", "install", "--offline", "--no-deps", "--python", target.top / "bin" / "python", wheel)
        else:
            ok(run_instui("install", "--no-deps", "--python", target.top, wheel))
            verify(target.top, target.site, {"tool": "1.0"})
            listed = [path for path, _, _ in rows(target.site / "tool-1.0.dist-info" / "RECORD")]
            assert {path.rpartition("/")[2] for path in listed if "/bin/" in path} == {"tool", *names[4:]}
        found.append(set(os.listdir(target.top / "bin")) - before)
    assert found == [{"tool", *names[4:]}] * 2


def test_a_script_in_a_directory_is_rewritten_as_by_pip(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    """uv refuses such a wheel."""
    target = venv()
    before = set(os.listdir(target.top / "bin"))
    data = {"scripts/sub/deep/tool": b"#!python\nprint('it runs')\n", "scripts/sub/data": b"#", "scripts/x/y": b""}
    ok(run_instui("install", "--no-deps", "--python", target.top, build_wheel(tmp_path, "tool", "1.0", {}, data=data)))
    verify(target.top, target.site, {"tool": "1.0"})
    done = run(target.top / "bin" / "sub" / "deep" / "tool")
    assert (done.returncode, done.stdout) == (0, "it runs\n")
    ok(run_instui("uninstall", "--python", target.top, "tool"))
    assert set(os.listdir(target.top / "bin")) == before


def test_an_extra_in_an_entry_point_is_ignored(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    target = venv()
    points = "[console_scripts]\ntool = tool:main [fast]\n\n[other.group]\nx = tool:none\n"
    ok(
        run_instui(
            *("install", "--no-deps", "--python", target.top),
            build_wheel(tmp_path, "tool", "1.0", {"tool.py": MAIN}, entry_points=points),
        )
    )
    assert run(target.top / "bin" / "tool").returncode == 7


def test_every_scheme_has_its_place(venv: Callable[[], Venv], tmp_path: Path, run_instui: Run) -> None:
    target = venv()
    data = {
        "purelib/pure.py": b"",
        "platlib/plat.py": b"",
        "headers/sub/tool.h": b"h",
        "data/etc/tool/tool.conf": b"c",
        "data/share/man/man1/tool.1": b"m",
        "scripts/tool": b"#!python\n",
    }
    wheel = build_wheel(tmp_path, "Some.Tool", "1.0", {"some_tool.py": b""}, data=data, root_is_purelib=False)
    ok(run_instui("install", "--no-deps", "--python", target.top, wheel))
    verify(target.top, target.site, {"some-tool": "1.0"})
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    headers = list((target.top / "include" / "site" / version).rglob("tool.h"))
    assert [path.relative_to(target.top).parts[3:] for path in headers] in (
        [("some-tool", "sub", "tool.h")],
        [("Some.Tool", "sub", "tool.h")],
    )
    for path in ("etc/tool/tool.conf", "share/man/man1/tool.1", "bin/tool"):
        assert (target.top / path).is_file()
    assert (target.site / "pure.py").is_file()
    assert (target.site / "plat.py").is_file()
    assert not list(target.top.rglob("*.data"))


def test_the_executable_bit_of_the_archive_is_kept_and_no_other(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    wheel = build_wheel(
        tmp_path, "tool", "1.0", {"tool/run.sh": b"#!/bin/sh\n", "tool/a.py": b""}, executable=["tool/run.sh"]
    )
    for mask in (0o022, 0o077, 0o000):
        ok(
            run_instui(
                *("install", "--no-deps", "--reinstall", "--link-mode", "copy", "--python", target.top, wheel),
                umask=mask,
            )
        )
        assert stat.S_IMODE((target.site / "tool" / "run.sh").stat().st_mode) & 0o111 == 0o111 & ~mask or mask == 0o077
        assert not stat.S_IMODE((target.site / "tool" / "a.py").stat().st_mode) & 0o111


def test_a_pth_file_and_what_it_leads_to_work_and_are_warned_of(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    wheel = build_wheel(tmp_path, "tool", "1.0", {"tool.pth": b"tool-lib\n", "tool-lib/inside.py": b"X = 5\n"})
    done = run_instui("install", "--no-deps", "--python", target.top, wheel)
    assert done.returncode == 0
    assert "tool.pth" in done.stdout + done.stderr
    assert run(target.top / "bin" / "python", "-c", "import inside; print(inside.X)").stdout == "5\n"


def test_another_python_gets_launchers_of_its_own(tmp_path: Path, cache: Path, run_instui: Run) -> None:
    others = other_interpreters()
    if not others:
        pytest.skip("there is no other Python on this machine")
    points = "[console_scripts]\ntool = tool:main\n"
    pure = build_wheel(tmp_path, "tool", "1.0", {"tool.py": MAIN}, entry_points=points)
    for python in others[:2]:
        top = tmp_path / python.version
        subprocess.run([python.path, "-m", "venv", "--without-pip", top], check=True)
        tag = f"cp{python.version.replace('.', '')}"
        own = build_wheel(tmp_path, "own", "1.0", {"own.py": b""}, tag=f"{tag}-none-any")
        ok(run_instui("install", "--no-deps", "--python", top, pure, own))
        site = top / "lib" / f"python{python.version}" / "site-packages"
        assert complete(site, "tool-1.0")
        assert complete(site, "own-1.0")
        done = run(top / "bin" / "tool")
        assert (done.returncode, done.stdout) == (7, f"{top / 'bin' / 'python'}\n")


def test_the_installers_own_files_are_written_whatever_the_wheel_brings(
    venv: Callable[[], Venv], tmp_path: Path, run_instui: Run
) -> None:
    target = venv()
    forged = {
        "tool.py": b"",
        "tool-1.0.dist-info/INSTALLER": b"pip\n",
        "tool-1.0.dist-info/REQUESTED": b"",
        "tool-1.0.dist-info/direct_url.json": b"{}",
    }
    wheel = build_wheel(tmp_path, "tool", "1.0", forged)
    user = build_wheel(tmp_path, "user", "1.0", {"user.py": b""}, requires=["tool"])
    links = ["--no-index", "--find-links", tmp_path]
    ok(run_instui("install", "--python", target.top, *links, "user"))
    verify(target.top, target.site, {"tool": "1.0", "user": "1.0"})
    tool, needed_by = (target.site / f"{name}-1.0.dist-info" for name in ("tool", "user"))
    assert (tool / "INSTALLER").read_text() == "instui\n"
    assert not (tool / "REQUESTED").exists()
    assert not (tool / "direct_url.json").exists()
    assert (needed_by / "REQUESTED").read_bytes() == b""
    assert not (needed_by / "direct_url.json").exists()
    ok(run_instui("install", "--python", target.top, "--reinstall", "--no-deps", wheel, user))
    for path, info in ((wheel, tool), (user, needed_by)):
        direct = json.loads((info / "direct_url.json").read_text())
        assert direct["url"] == path.as_uri()
        assert isinstance(direct["archive_info"], dict)
        assert (info / "REQUESTED").exists()
    listed = json.loads(_pip_inspect(target))
    assert {entry["installer"] for entry in listed["installed"]} == {"instui"}
    assert {entry["metadata"]["name"] for entry in listed["installed"] if entry["requested"]} == {"tool", "user"}
    assert all("direct_url" in entry for entry in listed["installed"])


def _pip_inspect(target: Venv) -> str:
    """What pip, with code of its own, reads out of the environment."""
    command = [sys.executable, "-m", "pip", "--python", target.top / "bin" / "python", "inspect", "--local"]
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
