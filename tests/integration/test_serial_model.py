"""Installs, upgrades, reinstalls and uninstalls one after the other leave what a model of stacked files says.

The model (`stacks`) shares no code with the engine. Several operations in one session leave the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_isolation import COMMON, DATA, PACKAGE, Plan, Workshop, _forget_examples, present, wheel, workshop

from instui_engine.commit import backups
from support import trees
from support.environments import examples, jitter
from support.stacks import Stacks

__all__ = ["_forget_examples", "workshop"]  # fixtures

NAMES = ("w0", "w1", "w2", "w3")
VERSIONS = ("0.9", "1.0", "2.0")
OWN = [f"lib/PY/site-packages/{path}" for path in PACKAGE] + [path for path in DATA if not path.startswith("lib")]


@dataclass(frozen=True)
class Story:
    """What lies there before, and what is done then: a wheel is installed, a name is uninstalled."""

    user: Mapping[str, bytes]
    operations: Sequence[Plan | str] = field(default_factory=tuple)


@st.composite
def stories(draw: st.DrawFn, longest: int = 9) -> Story:
    user = {path: f"the user's {path}\n".encode() for path in draw(st.lists(st.sampled_from(OWN), max_size=3))}
    operations: list[Plan | str] = []
    there: dict[str, Plan] = {}
    for _ in range(draw(st.integers(2, longest))):
        name = draw(st.sampled_from(NAMES))
        kind = draw(st.sampled_from(["install", "uninstall", "reinstall"] if name in there else ["install"]))
        if kind == "uninstall":
            operations.append(name)
            del there[name]
            continue
        if kind == "install":
            there[name] = draw(wheel(name, draw(st.sampled_from(VERSIONS))))
        operations.append(there[name])
    return Story(user, operations)


class Run:
    """A story, played both in an environment and in the model."""

    def __init__(self, shop: Workshop, story: Story) -> None:
        self.shop = shop
        self.target = shop.venv
        user = {path.replace("PY", shop.python): content for path, content in story.user.items()}
        self.initial = self._directories()
        for path, content in user.items():
            place = self.target.top / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        self.model = Stacks(user)
        self.versions: dict[str, str] = {}
        self._built: dict[int, Path] = {}

    def play(self, operations: Sequence[Plan | str], jobs: int = 1) -> None:
        """Do these in one session each run of installs and of uninstalls."""
        for _, some in groupby(operations, key=lambda one: isinstance(one, Plan)):
            group = list(some)
            plans = [one for one in group if isinstance(one, Plan)]
            if plans:
                self.target.put(*map(self._wheel, plans), reinstall=True, jobs=jobs)
            else:
                self.target.remove(*(one for one in group if isinstance(one, str)), jobs=jobs)
            for one in group:
                if isinstance(one, Plan):
                    files = {path.replace("PY", self.shop.python): c for path, c in one.destinations().items()}
                    self.model.install(one.name, files)
                    self.versions[one.name] = one.version
                else:
                    self.model.uninstall(one)
                    self.versions.pop(one, None)

    def _wheel(self, plan: Plan) -> Path:
        if id(plan) not in self._built:
            self._built[id(plan)] = plan.build(self.shop.directory / str(len(self._built)), self.shop.python)
        return self._built[id(plan)]

    def check(self) -> None:
        """What lies there is what the model says."""
        site = self.target.site
        assert present(self.target) == self.model.files()
        roots = {above for root in self.target.environment.roots.values() for above in _upwards(root)}
        assert self._directories() - roots == (self.model.directories() | self.initial) - roots
        listed = sorted(f"{name}-{version}" for name, version in self.versions.items())
        assert sorted(trees.distributions(site)) == listed
        for name in self.model.whole():
            assert trees.wrong_rows(site, f"{name}-{self.versions[name]}") == []
        assert self.target.stages() == []

    def _directories(self) -> set[str]:
        found = {path for path, place in trees.entries(self.target.top) if place.is_dir() and not place.is_symlink()}
        return {path for path in found if ".dist-info" not in path}


def _upwards(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


@pytest.mark.sweep
@settings(max_examples=examples(15, 600), **COMMON)
@given(story=stories())
def test_one_operation_after_the_other_leaves_what_the_model_says(
    workshop: Callable[[], Workshop], story: Story
) -> None:
    run = Run(workshop(), story)
    for operation in story.operations:
        run.play([operation])
        run.check()


def sessions(operations: Sequence[Plan | str]) -> list[list[Plan | str]]:
    """The operations in groups that one session can do: only installs or only uninstalls, no name twice."""
    groups: list[list[Plan | str]] = []
    for one in operations:
        name = one.name if isinstance(one, Plan) else one
        last = groups[-1] if groups else []
        names = {other.name if isinstance(other, Plan) else other for other in last}
        if not last or isinstance(last[-1], Plan) != isinstance(one, Plan) or name in names:
            groups.append([])
        groups[-1].append(one)
    return groups


@pytest.mark.sweep
@settings(max_examples=examples(15, 600), **COMMON)
@given(story=stories(12), jobs=st.integers(1, 8), seed=st.integers(0, 999))
def test_several_operations_in_one_session_leave_what_the_model_says(
    workshop: Callable[[], Workshop], story: Story, jobs: int, seed: int
) -> None:
    run = Run(workshop(), story)
    last = [*names(story), "not-there"]
    with pytest.MonkeyPatch.context() as patch:
        jitter(patch, seed, longest=0.001)
        for group in sessions(story.operations):
            run.play(group, jobs)
            run.check()
        half = len(last) // 2
        for group in (last[:half], last[half:]):
            run.play(group, jobs)
            run.check()


def names(story: Story) -> list[str]:
    """The names of all that was ever installed, the latest installed first."""
    return list(dict.fromkeys(one.name for one in reversed(story.operations) if isinstance(one, Plan)))


def test_the_model_notices_when_a_file_does_not_come_back(
    workshop: Callable[[], Workshop], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (Plan(name, files={"alpha/one.py": name.encode()}) for name in ("one", "two"))
    run = Run(workshop(), Story({}, ()))
    run.play([one, two])
    run.check()
    monkeypatch.setattr(backups.Backups, "newest", lambda *_: None)
    run.play(["two"])
    with pytest.raises(AssertionError):
        run.check()
