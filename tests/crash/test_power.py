"""The power goes in the middle of an install, upgrade or uninstall, really: an ext4 that is shut down and replayed."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from filesystems import mounting
from powercut import COMMANDS, Cut, Power

import trees


@pytest.fixture(scope="module")
def power(tmp_path_factory: pytest.TempPathFactory, skeleton: Path, clean_environ: dict[str, str]) -> Iterator[Power]:
    place = tmp_path_factory.mktemp("power")
    with mounting(place) as mounts:
        # nothing gets to the disk but what somebody asks for
        yield Power(mounts.disk("disk", options="commit=60"), place, skeleton, clean_environ)


def moments(seed: str, lines: int, count: int) -> list[Cut]:
    """The same for the same seed: from the beginning to a little after the end, in every way."""
    chance = random.Random(seed)
    cuts = []
    for number in range(count):
        slow = 0.1 if number % 4 else 0.0
        delay = chance.uniform(0, 0.1 if slow else 0.004)
        cuts.append(Cut(chance.randrange(lines // 4, lines + 1), delay, number % 3 != 2, slow))
    return cuts


@pytest.mark.parametrize("command", COMMANDS)
def test_after_a_power_cut_at_any_moment_nothing_is_torn_and_running_again_ends_as_if_undisturbed(
    command: str, power: Power, sweeping: bool
) -> None:
    cuts = moments(command, power.lines[command], 60 if sweeping else 4)
    for number, cut in enumerate(cuts):
        power.begin(command)
        well = power.run_until(command, cut)
        assert (power.torn(), power.torn_in_store()) == ([], []), cut
        assert not well or trees.tree(power.top) == power.expected[command], cut
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
def test_without_fsync_the_same_cut_leaves_torn_distributions_so_the_judge_would_see_them(
    command: str, power: Power
) -> None:
    """Names are on the disk, and content is not yet: nobody has asked for it, and no half minute has passed."""
    power.begin(command)
    assert power.run(command, "--no-fsync").returncode == 0
    power.disk.cut(log=True)
    power.disk.restart()
    version = "2.0" if command == "upgrade" else "1.0"
    for name in ("one", "two", "three"):
        assert not trees.complete(power.site, f"{name}-{version}")
    assert power.torn_in_store() != []
