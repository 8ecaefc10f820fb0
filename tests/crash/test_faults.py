"""Where a call fails, the command falls back or ends with one line, and every distribution is whole or as it was."""

import pytest

from support.crash.bench import bench, each_kind
from support.crash.injector import ERRORS, READ_ERRORS, failing
from support.crash.lane import Setting
from support.crash.sweep import sample

pytestmark = [pytest.mark.sweep, pytest.mark.timeout(7200)]


@each_kind("fresh", "upgrade", "uninstall")
@pytest.mark.parametrize("from_there_on", [False, True], ids=["once", "from_there_on"])
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_of_any_call_leaves_whole_distributions(
    kind: str, error: str, from_there_on: bool, sweeping: bool
) -> None:
    fault = failing(error, from_there_on)
    seed = ERRORS.index(error) + 10 * from_there_on
    result = bench().sweep(kind).sweep(fault, iter if sweeping else sample(1, seed), thorough=sweeping)
    assert result.verdicts
    assert not result.violations, "\n".join(result.violations)


@each_kind("upgrade", "uninstall")
@pytest.mark.parametrize("error", READ_ERRORS)
def test_what_cannot_be_read_is_not_taken_for_absent(kind: str, error: str, sweeping: bool) -> None:
    """A RECORD that cannot be opened now may claim any file; nothing may be removed on the strength of that."""
    result = bench().sweep(kind).sweep(failing(error, reading=True), iter if sweeping else sample(4, 1), thorough=False)
    assert result.verdicts
    assert not result.violations, "\n".join(result.violations)


@pytest.mark.xdist_group("crash-cold")
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EXDEV"])
@pytest.mark.parametrize("from_there_on", [False, True], ids=["once", "from_there_on"])
def test_an_error_in_the_cache_spoils_neither_it_nor_the_environment(
    error: str, from_there_on: bool, sweeping: bool
) -> None:
    sweep = bench().sweep("fresh", Setting(cold=True))
    result = sweep.sweep(failing(error, from_there_on), iter if sweeping else sample(2, 5), thorough=False)
    assert result.verdicts
    assert not result.violations, "\n".join(result.violations)
