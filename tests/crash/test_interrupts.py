"""ctrl+c, twice too, a termination and a hang-up stop between two distributions, and say so by the exit code."""

import pytest

from support.crash.bench import bench, each_kind
from support.crash.injector import SIGHUP, SIGINT, SIGINT_TWICE, SIGTERM, Fault
from support.crash.lane import Setting
from support.crash.sweep import sample

pytestmark = [pytest.mark.sweep, pytest.mark.timeout(7200)]


@each_kind("fresh", "upgrade", "uninstall")
@pytest.mark.parametrize("fault", [SIGINT, SIGINT_TWICE, SIGTERM, SIGHUP], ids=lambda fault: fault.name)
def test_a_signal_at_any_point_leaves_whole_distributions(kind: str, fault: Fault, sweeping: bool) -> None:
    result = bench().sweep(kind).sweep(fault, iter if sweeping else sample(2, fault.number), thorough=sweeping)
    assert result.verdicts
    assert not result.violations, "\n".join(result.violations)


@pytest.mark.parametrize("fault", [SIGINT, SIGINT_TWICE], ids=lambda fault: fault.name)
def test_a_signal_while_several_work_leaves_whole_distributions(fault: Fault, sweeping: bool) -> None:
    sweep = bench().sweep("upgrade", Setting(jobs=4))
    result = sweep.sweep(fault, iter if sweeping else sample(2, 7), thorough=False)
    assert result.verdicts
    assert not result.violations, "\n".join(result.violations)
