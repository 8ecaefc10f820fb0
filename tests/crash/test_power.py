"""The power goes in the middle of an install, upgrade or uninstall, really: an ext4 that is shut down and replayed."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import trees
from support.cli import error_line
from support.crash.filesystems import link_until_refused, mounting
from support.crash.powercut import COMMANDS, Cut, Power
from support.wheelsmith import build_wheel

pytestmark = pytest.mark.xdist_group("power")

# Runs instui; the power goes when all is in place, before the last sync.
_CUT_LATE = """
import fcntl, os, struct, sys
from instui_engine.session.context import Context
from instui.cli.main import run

sync = Context.sync

def cut_before(self, what, path):
    if what == "environment":
        fcntl.ioctl(os.open(path, os.O_RDONLY), 0x8004587D, struct.pack("I", int(os.environ["FLAG"])))
    sync(self, what, path)

Context.sync = cut_before
sys.exit(run())
"""

# Runs instui, and kills it when its first write-ahead record is written but not visible yet.
_KILLED = """
import os, signal, sys
from instui.cli.main import run

rename = os.rename

def killed(source, target, **options):
    if os.fspath(target).endswith(".json"):
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target, **options)

os.rename = killed
sys.exit(run())
"""

# Runs instui as if the system had been started again since.
_REBOOTED = """
import sys
from instui_engine.store import store
from instui.cli.main import run

store.boot = lambda: "another one"
sys.exit(run())
"""


@pytest.fixture(scope="module")
def power(tmp_path_factory: pytest.TempPathFactory, skeleton: Path, clean_environ: dict[str, str]) -> Iterator[Power]:
    place = tmp_path_factory.mktemp("power")
    with mounting(place) as mounts:
        # nothing gets to the disk but what somebody asks for
        yield Power(mounts.disk("disk", options="commit=60,errors=remount-ro"), place, skeleton, clean_environ)


def moments(seed: str, lines: int, count: int) -> list[Cut]:
    """The same for the same seed: from the beginning to a little after the end, in every way."""
    chance = random.Random(seed)
    cuts = []
    for number in range(count):
        slow = 0.1 if number % 4 else 0.0
        delay = chance.uniform(0, 0.1 if slow else 0.004)
        cuts.append(Cut(chance.randrange(lines // 4, lines + 1), delay, number % 3 != 2, slow))
    return cuts


def cut_late(power: Power, line: list[str], flag: str) -> "subprocess.CompletedProcess[str]":
    """Run the command `line`, with a cut before its last sync; `flag` is that of the ioctl."""
    command = [sys.executable, "-c", _CUT_LATE, *line[3:]]
    environ = {**power.environ, "FLAG": flag}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    power.disk.restart()
    return done


@pytest.mark.parametrize("command", COMMANDS)
def test_after_a_power_cut_at_any_moment_nothing_is_torn_and_running_again_ends_as_if_undisturbed(
    command: str, power: Power, sweeping: bool
) -> None:
    cuts = moments(command, power.lines[command], 60 if sweeping else 4)
    for number, cut in enumerate(cuts):
        power.begin(command)
        power.run_until(command, cut)
        assert (power.torn(), power.torn_in_store()) == ([], []), cut
        if number % 2:  # and again, while that is being settled
            again = cut._replace(line=cut.line // 3)
            power.run_until(command, again)
            assert (power.torn(), power.torn_in_store()) == ([], []), (cut, again)
        done = power.run(command)
        assert (done.returncode, done.stderr) == (0, ""), cut
        assert trees.differences(trees.tree(power.top), power.expected[command]) == [], cut
        assert (power.torn(), power.torn_in_store(), power.leftovers()) == ([], [], []), cut
        if number == 0:
            version = "upgrade" if command == "upgrade" else "install"
            assert power.run(version, top=power.second).returncode == 0
            assert power.torn(power.second) == []


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_was_reported_as_done_is_there_when_the_power_goes_right_after(
    command: str, log: bool, power: Power
) -> None:
    power.begin(command)
    assert power.run(command).returncode == 0
    power.disk.cut(log=log)
    power.disk.restart()
    assert trees.differences(trees.tree(power.top), power.expected[command]) == []
    assert (power.torn(), power.torn_in_store()) == ([], [])


@pytest.mark.parametrize("command", ["install", "upgrade"])
def test_the_judge_sees_files_whose_names_got_to_the_disk_and_their_content_did_not(command: str, power: Power) -> None:
    power.begin(command)
    assert power.run(command, "--no-fsync").returncode == 0
    power.empty_store()
    version = "2.0" if command == "upgrade" else "1.0"
    for name in ("one", "two", "three"):
        assert not trees.complete(power.site, f"{name}-{version}")
    assert power.torn_in_store() != []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_turns_read_only_ends_the_command_with_one_line_and_running_again_goes_on(
    command: str, power: Power, sweeping: bool
) -> None:
    for cut in moments(f"read-only {command}", power.lines[command], 30 if sweeping else 2):
        power.begin(command)
        ended = power.run_until(command, cut, power.disk.turn_read_only)
        # what was on its way to the disk fails with EIO, what begins later with EROFS
        wanted = ("Read-only file system", "Input/output error")
        assert ended.exit_code == 0 or any(reason in ended.error for reason in wanted), cut
        assert (power.torn(), power.torn_in_store()) == ([], []), cut
        done = power.run(command)
        assert (done.returncode, done.stderr) == (0, ""), cut
        assert trees.differences(trees.tree(power.top), power.expected[command]) == [], cut
        assert (power.torn(), power.torn_in_store(), power.leftovers()) == ([], [], []), cut


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_reported_as_done_that_the_last_sync_did_not_get_to_the_disk(command: str, power: Power) -> None:
    power.begin(command)
    done = cut_late(power, power.line(command), "2")
    assert power.torn() == []
    if done.returncode == 0:
        assert trees.differences(trees.tree(power.top), power.expected[command]) == []
    else:
        assert error_line(done, 1)


def test_a_record_that_was_not_quite_written_is_removed(power: Power) -> None:
    power.begin("upgrade")
    line = [sys.executable, "-c", _KILLED, *power.line("upgrade")[3:]]
    killed = subprocess.run(line, env=power.environ, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert power.run("upgrade").returncode == 0
    assert os.listdir(power.top / ".instui" / "records") == []


def test_an_entry_of_the_store_that_a_power_cut_tore_is_made_again(power: Power) -> None:
    """The environment of the session without fsync may be thrown away; the store is everybody's."""
    power.begin("install")
    assert power.run("install", "--no-fsync").returncode == 0
    for manifest in power.cache.glob("store-*/??/*/manifest"):  # some files get to the disk sooner than others
        with manifest.open("rb") as file:
            os.fsync(file.fileno())
    power.disk.cut(log=True)
    power.disk.restart()
    power.empty_store()  # where the kernel was quicker
    assert power.torn_in_store() != []
    line = [sys.executable, "-c", _REBOOTED, *power.line("install", top=power.second)[3:]]
    subprocess.run(line, env=power.environ, timeout=60, check=True)
    assert (power.torn(power.second), power.torn_in_store()) == ([], [])
    assert len(trees.distributions(power.second / power.site.relative_to(power.top))) == 5


def test_a_file_that_was_kept_as_a_copy_comes_back_whole_after_a_power_cut(power: Power, tmp_path: Path) -> None:
    """A copy, since no more links to it are possible."""
    power.begin("upgrade")
    path = power.site / "one" / "v1.0" / "3.bin"
    content = path.read_bytes()
    link_until_refused(path, power.disk.top / "links")
    rival = build_wheel(tmp_path, "rival", "1.0", {"one/v1.0/3.bin": b"of the rival"})
    line = power.line("install")
    arguments = [word for word in line if not word.endswith(".whl")]
    cut_late(power, [*arguments, str(rival)], "1")
    assert path.read_bytes() == b"of the rival"
    line[line.index("install") : line.index("--cache-dir")] = ["uninstall", "rival"]
    assert subprocess.run(line, env=power.environ, timeout=60, check=False).returncode == 0
    assert path.read_bytes() == content
