"""What else is installed may need the version that an install takes away: that is said, and both are named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from instui_engine.journal.events import Warned
from instui_engine.plan.dependents import broken_dependents
from instui_engine.target import requires as reading
from instui_engine.target.installed import scan
from support.environments import Venv
from support.wheelsmith import build_wheel


def warnings(target: Venv) -> list[str]:
    return [event.text for event in target.lines.of(Warned)]


@pytest.mark.parametrize(
    "requires, expected",
    [
        ("alpha<2", "beta 1 requires alpha<2, and alpha 2 replaces alpha 1"),
        ("Alpha[fast] ~= 1.0 ; python_version > '3'", "beta 1 requires Alpha[fast]~=1.0, and alpha 2 replaces alpha 1"),
        ("alpha", ""),
        ("alpha>=1", ""),
        ("alpha<0.5", ""),  # it was not met before either
        ("alpha<2; python_version < '3'", ""),
        ("alpha<2; extra == 'x'", ""),
        ("alpha-more<2", ""),
        ("alpha @ https://example.invalid/alpha-1-py3-none-any.whl", ""),
        ("alpha<<2", ""),
        ("alpha<2; os_name ~= 'posix'", ""),  # compared as it cannot be
        ("alpha<2; 'x' in extras", ""),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_dependent_that_needs_the_old_version_is_named(
    requires: str, expected: str, dry_run: bool, venv: Callable[[], Venv], tmp_path: Path
) -> None:
    one, two = (build_wheel(tmp_path, "alpha", version, {"alpha.py": b""}) for version in ("1", "2"))
    target = venv()
    target.put(one, build_wheel(tmp_path, "beta", "1", {"beta.py": b""}, requires=[requires]))
    assert warnings(target) == []
    target.put(two, dry_run=dry_run)
    assert warnings(target) == ([expected] if expected else [])


def test_what_is_replaced_in_the_same_session_is_not_asked(venv: Callable[[], Venv], tmp_path: Path) -> None:
    alpha = [build_wheel(tmp_path, "alpha", version, {"alpha.py": b""}) for version in ("1", "2")]
    beta = [build_wheel(tmp_path, "beta", str(n), {"beta.py": b""}, requires=[f"alpha=={n}"]) for n in (1, 2)]
    target = venv()
    target.put(alpha[0], beta[0])
    target.put(alpha[1], beta[1])
    assert warnings(target) == []


def test_a_source_whose_version_is_not_known_breaks_nothing(venv: Callable[[], Venv], tmp_path: Path) -> None:
    target = venv()
    alpha = build_wheel(tmp_path, "alpha", "1", {"alpha.py": b""})
    target.put(alpha, build_wheel(tmp_path, "beta", "1", {"beta.py": b""}, requires=["alpha>=1"]))
    installed = scan(target.environment)
    assert broken_dependents(target.environment, installed, {"alpha": ""}) == []
    assert broken_dependents(target.environment, installed, {"alpha": "0"}) != []


def test_nobody_is_asked_unless_a_version_changes(
    venv: Callable[[], Venv], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = venv()
    wheel = build_wheel(tmp_path, "alpha", "1", {"alpha.py": b""})
    target.put(wheel, build_wheel(tmp_path, "beta", "1", {"beta.py": b""}, requires=["alpha<2"]))
    monkeypatch.setattr(reading, "read_metadata", None)  # a call would fail
    target.put(wheel, reinstall=True)
    target.put(build_wheel(tmp_path, "new", "1", {"new.py": b""}))
