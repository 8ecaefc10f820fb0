"""Record the sessions that the screenshots and the tests of the screens show: real installs of made-up wheels.

    python screenshots/record.py [NAME]...

Each runs the real engine, slowed down, into a new environment, with a slow web server on the loopback interface in
place of an index, and leaves `screenshots/recordings/NAME.jsonl` without any trace of this machine. The recordings are
committed; run this again only when the journal changes.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.projects import make_tree  # noqa: E402
from support.wheelsmith import build_wheel  # noqa: E402

RATE = 1_500_000  # bytes per second of one download
SESSION, SECOND = "20261122-101500-4242", "20261122-101458-5120"  # ours, and the other session's
WALL = 1795342500.0
TOP = "/home/user/project/.venv"
CACHE = "/home/user/.cache/instui"


class Made(NamedTuple):
    """A wheel to make: directories with how many files and kilobytes each; `same` files are equal in all wheels."""

    name: str
    version: str
    trees: Mapping[str, tuple[int, int]]
    singles: Sequence[str] = ()
    data: Sequence[str] = ()
    same: Sequence[str] = ()


WHEELS = [
    Made("opencv-python", "4.12.0.88", {"cv2": (60, 2400), "cv2/data": (12, 400)}),
    Made("opencv-python-headless", "4.12.0.88", {"cv2": (56, 1800), "cv2/data": (12, 300)}),
    Made("opencv-contrib-python", "4.12.0.88", {"cv2": (52, 2000), "cv2/aruco": (8, 90)}),
    Made("PyJWT", "2.12.1", {"jwt": (14, 60)}, same=["jwt/py.typed"]),
    Made("jwt", "1.4.0", {"jwt": (11, 50)}, same=["jwt/py.typed"]),
    Made(
        "jupyterlab",
        "4.5.0",
        {"jupyterlab": (110, 3800)},
        data=["etc/jupyter/jupyter_server_config.d/jupyterlab.json", "share/jupyter/lab/static/index.html"],
    ),
    Made("notebook", "7.5.0", {"notebook": (60, 1500)}, data=["etc/jupyter/jupyter_server_config.d/notebook.json"]),
    Made("ipykernel", "7.1.0", {"ipykernel": (50, 200)}, data=["share/jupyter/kernels/python3/kernel.json"]),
    Made("google-cloud-storage", "3.4.1", {"google/cloud/storage": (40, 500)}),
    Made("google-cloud-bigquery", "3.38.0", {"google/cloud/bigquery": (60, 700)}),
    Made("googleapis-common-protos", "1.72.0", {"google/api": (50, 300)}, singles=["google/__init__.py"]),
    Made("numpy", "2.3.5", {"numpy": (150, 5200)}),
    Made("pandas", "2.3.3", {"pandas": (140, 4300)}),
    Made("scipy", "1.17.1", {"scipy": (160, 7600)}),
    Made("scikit-learn", "1.7.2", {"sklearn": (120, 3300)}),
    Made("matplotlib", "3.10.7", {"matplotlib": (110, 2900), "mpl_toolkits": (20, 100)}, singles=["pylab.py"]),
    Made("botocore", "1.40.70", {"botocore": (130, 4800)}),
    Made("django", "5.2.8", {"django": (180, 3100)}),
    Made("sphinx", "8.2.3", {"sphinx": (90, 1400)}),
    Made("requests", "2.32.5", {"requests": (18, 65)}),
    Made("uvicorn", "0.38.0", {"uvicorn": (36, 70)}),
    Made("rich", "14.2.0", {"rich": (76, 250)}),
    Made("pyppeteer", "2.0.0", {"pyppeteer": (30, 150)}, singles=["README.md", "LICENSE"]),
    Made("lazy-imports", "1.1.0", {"lazy_imports": (4, 20)}, singles=["README.md"]),
]


class Recording(NamedTuple):
    """One recording: the wheels to install, what is installed before, and flags; or a demonstration.

    `beside`: what another session installs at the same time; both are recorded.
    `verb`: "uninstall" for one that removes the wheels, which have to be installed before.
    """

    wheels: Sequence[str]
    before: Sequence[str] = ()
    beside: Sequence[str] = ()
    flags: Sequence[str] = ()
    after: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda rows: rows
    demo: str = ""
    verb: str = "install"
    locked: float = 0.0  # seconds for which another program holds the environment's lock, from the beginning
    builds: Mapping[str, float] = MappingProxyType({})  # projects that are built in place of wheels, seconds of each


def captions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Say what there is to watch, as a demonstration does."""
    captioned = []
    texts = {
        "resolve.started": "Two wheels, one directory: jwt and PyJWT both ship jwt/.",
        "plan.finished": "The plan knows it before the first write: they will take turns. See Locks.",
        "lock.waiting": "{wheel} waits: {holder} holds jwt/. Nothing is mixed, whatever the timing.",
        "session.finished": "The last in plan order is complete. What it replaced stands in Overwrites.",
    }
    for row in rows:
        if text := texts.pop(row["event"], ""):
            holder = row.get("holders", [{"wheel": ""}])[0]["wheel"]
            captioned.append(
                {"t": row["t"], "event": "caption", "text": text.format(holder=holder, wheel=row.get("wheel"))}
            )
        captioned.append(row)
    return captioned


EVERYTHING = [made.name for made in WHEELS]
SOME = ["scipy", "numpy", "jupyterlab", "notebook", "ipykernel", "requests", "uvicorn", "rich", "PyJWT", "jwt"]
RECORDINGS = {
    "two-sessions": Recording([], demo="two-sessions"),
    "same-module": Recording([], demo="same-module"),
    "crash": Recording([], demo="crash"),
    "removal": Recording(
        ["PyJWT", "opencv-python", "requests", "uvicorn"],
        before=["PyJWT", "jwt", "requests", "uvicorn", "opencv-python", "opencv-contrib-python"],
        flags=["--slow", "3"],
        verb="uninstall",
    ),
    "busy": Recording(EVERYTHING, flags=["--jobs", "6", "--slow", "2.5"]),
    "demo": Recording(["PyJWT", "jwt", "requests"], flags=["--jobs", "3", "--slow", "12"], after=captions),
    "quiet": Recording(["requests", "uvicorn", "rich", "sphinx"], flags=["--jobs", "2", "--slow", "3"]),
    "slow": Recording(SOME, flags=["--jobs", "2", "--slow", "0.3"], locked=11.0),
    "joined": Recording(
        ["jupyterlab", "PyJWT", "opencv-python"],
        beside=["jwt", "opencv-contrib-python", "requests"],
        flags=["--jobs", "2", "--slow", "3"],
    ),
    "building": Recording(
        [], builds={"parser": 7.0, "bindings": 4.0, "plugin": 2.5}, flags=["--jobs", "2", "-e", "parser"]
    ),
    "conflict": Recording(["PyJWT", "jwt"], flags=["--fail-on-conflict"]),
}


def make_wheels(directory: Path) -> None:
    """Build all wheels; their content is random but the same each time."""
    for made in WHEELS:
        chance = random.Random(made.name)  # noqa: S311 - only has to be incompressible
        files = {}
        for tree, (count, kilobytes) in made.trees.items():
            each = kilobytes * 1000 // count
            names = ["__init__.py", *(f"{word}.py" for word in _words(count - 1))] if "google" not in tree else None
            for name in names or [f"{word}.py" for word in _words(count)]:
                files[f"{tree}/{name}"] = b"# " + chance.randbytes(each)
        files |= {single: f"# {single} of {made.name}\n".encode() for single in made.singles}
        files |= dict.fromkeys(made.same, b"")
        data = {f"data/{path}": f"{{}} {made.name}".encode() for path in made.data}
        build_wheel(directory, made.name, made.version, files, data=data)


def _words(count: int) -> list[str]:
    base = ["api", "core", "util", "algorithms", "errors", "types", "config", "version", "models", "io", "exceptions"]
    return [base[i] if i < len(base) else f"{base[i % len(base)]}_{i // len(base)}" for i in range(count)]


class _Slow(SimpleHTTPRequestHandler):
    """Serves files at a modest rate, except to uv, which only wants to know what there is."""

    def copyfile(self, source: BufferedIOBase, outputfile: BufferedIOBase) -> None:  # type: ignore[override]
        """Send in small pieces."""
        if self.headers.get("User-Agent", "").startswith("uv/"):
            shutil.copyfileobj(source, outputfile)
        while piece := source.read(RATE // 25):
            outputfile.write(piece)
            time.sleep(1 / 25)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def record(name: str, recording: Recording, wheels: Path, scratch: Path) -> None:
    """Run one session and keep its journal."""
    journal = scratch / f"{name}.jsonl"
    if recording.demo:
        command = [sys.executable, "-m", "instui", "demo", recording.demo, "--ui", "none", "--journal", str(journal)]
        subprocess.run(command, check=True)
        keep(name, recording, journal)
    elif recording.builds:
        building(name, recording, scratch, journal)
    elif recording.beside:
        beside(name, recording, wheels, scratch)
    else:
        with_index(name, recording, wheels, scratch, journal)


def with_index(name: str, recording: Recording, wheels: Path, scratch: Path, journal: Path) -> None:
    """Run an install from a slow index."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Slow, directory=str(wheels)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = scratch / name / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    index = f"http://127.0.0.1:{server.server_port}/"
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    program = [sys.executable, "-m", "instui"]
    where = ["--python", str(environment), "--cache-dir", str(scratch / name / "cache"), "--ui", "none"]
    source = ["--no-index", "--find-links", index]
    if recording.before:
        given = ["--no-index", "--find-links", str(wheels), *recording.before]
        subprocess.run([*program, "install", *where, *given], env=environ, check=True)
    words = [*(source if recording.verb == "install" else []), "--journal", str(journal)]
    command = [*program, recording.verb, *where, *words, *recording.flags, *recording.wheels]
    held = ["flock", "-x", f"{environment}/.lock", "sleep", str(recording.locked)]
    holder = subprocess.Popen(held) if recording.locked else None
    subprocess.run(command, env=environ)
    if holder is not None:
        holder.wait()
    server.shutdown()
    keep(name, recording, journal, index)


def building(name: str, recording: Recording, scratch: Path, journal: Path) -> None:
    """Run an install of source trees, each of which prints a line now and then while it is built."""
    environment, sources = scratch / name / ".venv", scratch / name / "src"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    for project, seconds in recording.builds.items():
        steps = round(seconds * 2)
        during = f"import time\nfor step in range(1, {steps + 1}):\n    time.sleep(0.5)\n"
        said = f"    print(f'[{{step}}/{steps}] cc -O2 -c src/{project}/part{{step}}.c', flush=True)\n"
        make_tree(sources / project, project, during=f"{during}{said}")
    command = [sys.executable, "-m", "instui", "install", "--python", environment, "--ui", "none", "--no-index"]
    command += ["--cache-dir", scratch / name / "cache", "--journal", journal, *recording.flags]
    trees = [f"./{project}" for project in recording.builds if project not in recording.flags]
    subprocess.run([*map(str, command), *trees], cwd=sources, check=True)
    own = json.loads(journal.read_text().partition("\n")[0])["session"]
    text = journal.read_text().replace(str(sources), "/home/user/src").replace(f"/{own}.", f"/{SESSION}.")
    journal.write_text(text)
    keep(name, recording._replace(wheels=trees), journal)


def beside(name: str, recording: Recording, wheels: Path, scratch: Path) -> None:
    """Run two sessions in one environment, and keep the journals of both, NAME-1 and NAME-2."""
    environment = scratch / name / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    running = []
    for number, words in enumerate((recording.wheels, recording.beside), 1):
        cache = scratch / name / "cache"
        journal = scratch / f"{name}-{number}.jsonl"
        where = ["--python", str(environment), "--cache-dir", str(cache), "--ui", "none", "--journal", str(journal)]
        source = ["--no-index", "--no-deps", "--find-links", str(wheels)]
        command = [sys.executable, "-m", "instui", "install", *where, *source, *recording.flags, *words]
        running.append((journal, subprocess.Popen(command), words))
        time.sleep(0.5)
    for _, process, _ in running:
        process.wait()
    journals = [[json.loads(line) for line in journal.read_text().splitlines()] for journal, _, _ in running]
    firsts = [rows[0].copy() for rows in journals]
    known = {first["session"]: one for first, one in zip(firsts, ((SESSION, 4242), (SECOND, 5120)), strict=True)}
    for number, (rows, (_, _, words)) in enumerate(zip(journals, running, strict=True), 1):
        began = round(firsts[number - 1]["clock"] - firsts[0]["clock"], 3)
        session, pid = known[rows[0]["session"]]
        rows[0].update(session=session, pid=pid, wall=WALL + began, clock=5000.0 + began, control="", ran=0.2)
        rows[0].update(python=f"{TOP}/bin/python", command=["instui", "install", *recording.flags, *words])
        for row in rows:
            for holder in row.get("holders", ()):
                own = (session, pid) if not holder["session"] else ("", 0)
                holder["session"], holder["pid"] = known.get(holder["session"], own)
                holder.update(command="", began=0.0)
        text = "".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows)
        text = text.replace(firsts[0]["top"], TOP).replace(str(scratch / name / "cache"), CACHE)
        (HERE / "recordings" / f"{name}-{number}.jsonl").write_text(text)


def keep(name: str, recording: Recording, journal: Path, index: str = "\0") -> None:
    """Keep a journal, without anything of this machine."""
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    top = rows[0]["top"]
    lines = [json.dumps(row, separators=(",", ":")) for row in recording.after(_anonymous(rows, recording))]
    text = "".join(f"{line}\n" for line in lines).replace(top, TOP).replace(index, "")
    (HERE / "recordings" / f"{name}.jsonl").write_text(text)


def _anonymous(rows: list[dict[str, Any]], recording: Recording) -> list[dict[str, Any]]:
    """The rows without anything of this machine."""
    words = ["demo", recording.demo] if recording.demo else [recording.verb, *recording.flags, *recording.wheels]
    own, later = rows[0]["session"], WALL - rows[0]["wall"]
    for row in rows:
        if row["event"] == "session.started":
            row.update(session=SESSION, pid=4242, wall=WALL, clock=5000.0)
            row.update(python=f"{TOP}/bin/python", control="", command=["instui", *words])
        if row["event"].startswith("recovery."):
            row["session"] = SECOND
        for holder in row.get("holders", ()):
            if holder.get("began"):
                holder["began"] = round(holder["began"] + later, 2)
            if holder["session"] not in ("", own):
                holder.update(session=SECOND, pid=5120, command="instui install second")
            elif holder["pid"] and not holder["session"]:
                holder.update(pid=31817)
            else:
                holder["session"] = SESSION if holder["session"] else ""
                holder["pid"] = 4242 if holder["pid"] else 0
    return rows


def main(names: Sequence[str]) -> None:
    """Make the recordings of these names, or all."""
    scratch = Path(tempfile.mkdtemp(prefix="instui-record-"))
    try:
        wheels = scratch / "wheels"
        wheels.mkdir()
        make_wheels(wheels)
        for name in names or RECORDINGS:
            record(name, RECORDINGS[name], wheels, scratch)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main(sys.argv[1:])
