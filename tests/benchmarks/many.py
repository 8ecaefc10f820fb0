"""Many wheels at full size: `install-many` in one go, and killed and gone on with; both trees must be the same.

    python tests/benchmarks/many.py [--count 10000] [--files 50] [--kills 3] [--tui] [--work DIR]

`--tui`: under the full screen, on a pseudo-terminal that is read. Prints time, peak memory of the engine and of the
screen, the screen's CPU, and the digest of each tree; exit 1 if the digests differ. Nothing is deleted before the end.
"""

import argparse
import hashlib
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.many_wheels import make_many
from support.trees import tree

_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB", re.MULTILINE)


class Run:
    """One run of the command, watched from outside: its engine is the process that writes the journal."""

    def __init__(self, listed: Path, top: Path, work: Path, screen: bool) -> None:
        ui = ["--ui", "tui"] if screen else ["--ui", "none"]
        self._command = [sys.executable, "-m", "instui", "install-many", str(listed), "--no-index", "--find-links"]
        self._command += [str(listed.parent), "--python", str(top), "--no-fsync", *ui]
        self._environment = {**os.environ, "INSTUI_CACHE_DIR": str(work / "cache"), "TERM": "xterm-256color"}
        self._screen = screen
        self._sessions = top / ".instui" / "sessions"
        self.peak = self.screen_peak = 0  # kB
        self.screen_cpu = 0.0  # seconds

    def finish(self, kill_after: int = 0) -> int:
        """Run to the end, or kill the engine when it has committed so many wheels; return the exit code."""
        before = set(self._sessions.glob("*.jsonl"))
        terminal, side = pty.openpty() if self._screen else (-1, -1)
        streams = {"stdin": side, "stdout": side, "stderr": side} if self._screen else {}
        process = subprocess.Popen(self._command, env=self._environment, start_new_session=self._screen, **streams)
        if self._screen:
            os.close(side)
            threading.Thread(target=_drain, args=(terminal,), daemon=True).start()
        engine, done, offset = 0, 0, 0
        while process.poll() is None:
            time.sleep(0.05)
            for journal in set(self._sessions.glob("*.jsonl")) - before:
                with journal.open("rb") as file:
                    file.seek(offset)
                    new = file.read()
                offset += len(new)
                done += new.count(b'"commit.finished"')
                found = re.search(rb'"pid":\s*(\d+)', new) if not engine else None
                engine = int(found[1]) if found else engine
            if engine:
                self.peak = max(self.peak, _peak(engine))
            if self._screen:
                self.screen_peak = max(self.screen_peak, _peak(process.pid))
                self.screen_cpu = max(self.screen_cpu, _cpu(process.pid))
            if engine and kill_after and done >= kill_after:
                with suppress(ProcessLookupError):
                    os.kill(engine, signal.SIGKILL)
        return process.returncode


def _peak(pid: int) -> int:
    """The peak memory of a process in kB, 0 if it is gone."""
    with suppress(OSError):
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) if found else 0
    return 0


def _cpu(pid: int) -> float:
    """The CPU of a process in seconds, without its children; 0 if it is gone."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _drain(terminal: int) -> None:
    with suppress(OSError):
        while os.read(terminal, 1 << 16):
            pass


def digest(top: Path) -> str:
    """One digest of all that is installed; a launcher without the line that names its environment."""
    lines = []
    site = next(top.glob("lib/python*/site-packages"))
    for path, what in tree(site).items():
        if not path.endswith("/RECORD"):  # which has the hashes of launchers
            lines.append(f"{path}\0{what}\n")
    lines += [path.read_text().partition("\n")[2] for path in sorted((top / "bin").glob("many-*"))]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def main() -> int:
    """Run it twice; say how it went."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--tui", action="store_true")
    parser.add_argument("--work", default=None)
    parsed = parser.parse_args()
    digests = []
    with tempfile.TemporaryDirectory(prefix="instui-many-", dir=parsed.work) as place:
        work = Path(place)
        listed = make_many(work / "wheels", parsed.count, parsed.files)
        for name, kills in (("in one go", 0), (f"killed {parsed.kills} times", parsed.kills)):
            top = work / name.replace(" ", "-")
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(top)], check=True)
            begun, peak, screen, cpu = time.monotonic(), 0, 0, 0.0
            for number in range(kills + 1):
                run = Run(listed, top, work, parsed.tui)
                code = run.finish(parsed.count // (kills + 1) if number < kills else 0)
                peak, screen, cpu = max(peak, run.peak), max(screen, run.screen_peak), cpu + run.screen_cpu
            if code:
                raise SystemExit(f"{name}: exit {code}")
            digests.append(digest(top))
            took = time.monotonic() - begun
            beside = f"screen at most {screen / 1024:6.1f} MB, {cpu:.1f} s of CPU  " if parsed.tui else ""
            engine = f"engine at most {peak / 1024:6.1f} MB  "
            print(f"{name:16} {took:8.1f} s  {engine}{beside}{digests[-1][:16]}", flush=True)
    return 0 if len(set(digests)) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
