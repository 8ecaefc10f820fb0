"""The lock table against a naive model: exclusion, plan order, whole claim sets, and everything granted in the end."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instui_engine.locks.claims import Claims, derive
from instui_engine.locks.table import LockTable
from support.counting import lines_run
from support.environments import examples


def compatible(one: Claims, other: Claims) -> bool:
    """Read off the definition: nothing is compatible with X."""
    mine, theirs = set(one.exclusive), set(other.exclusive)
    return not (mine & theirs or mine & set(other.shared) or theirs & set(one.shared))


class Model:
    """The same rule without any cleverness."""

    def __init__(self) -> None:
        self.claims: dict[int, Claims] = {}
        self.held: set[int] = set()

    def settle(self) -> set[int]:
        """Grant all that can be granted; returns those."""
        granted = set()
        for owner in sorted(set(self.claims) - self.held):
            waiting = set(self.claims) - self.held
            in_the_way = self.held | {other for other in waiting if other < owner}
            if all(compatible(self.claims[owner], self.claims[other]) for other in in_the_way):
                self.held.add(owner)
                granted.add(owner)
        return granted


def check(table: LockTable, model: Model) -> None:
    for owner in model.claims:
        assert table.holds(owner) == (owner in model.held)
    holders = sorted(model.held)
    for place, one in enumerate(holders):
        for other in holders[place + 1 :]:
            assert compatible(model.claims[one], model.claims[other])
    for owner in set(model.claims) - model.held:
        blocker = table.blocker(owner)
        assert blocker is not None
        assert blocker.owners
        for other in blocker.owners:
            assert not compatible(model.claims[owner], model.claims[other])
            assert other in model.held or other < owner
    for owner in model.held:
        assert table.blocker(owner) is None


paths = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)
claim_sets = st.lists(st.sets(paths, min_size=1, max_size=3), min_size=1, max_size=8)


@settings(max_examples=examples(400))
@given(claim_sets, st.data())
def test_any_run_grants_as_the_model_does_and_ends_with_everything_granted(
    sets: list[set[str]], data: st.DataObject
) -> None:
    table, model = LockTable(), Model()
    to_come = list(range(len(sets)))
    finished: list[int] = []
    while to_come or model.claims:
        actions = ["request"] * bool(to_come) + ["release"] * bool(model.held)
        waiting = sorted(set(model.claims) - model.held)
        actions += ["withdraw"] * bool(waiting) + ["exchange"] * bool(model.claims)
        assert actions, "nobody holds anything, nobody is to come, and yet somebody waits"
        action = data.draw(st.sampled_from(actions))
        if action == "request":
            # mostly in plan order, as the commit asks; a wheel that was planned again asks late
            owner = to_come.pop(data.draw(st.integers(0, min(1, len(to_come) - 1))))
            model.claims[owner] = derive(sets[owner], str(owner))
            granted_at_once = table.request(owner, model.claims[owner])
            assert model.settle() == ({owner} if granted_at_once else set())
        elif action == "exchange":
            owner = data.draw(st.sampled_from(sorted(model.claims)))
            model.held.discard(owner)
            model.claims[owner] = derive(data.draw(claim_sets)[0], str(owner))
            assert table.exchange(owner, model.claims[owner]) == sorted(model.settle())
        else:
            owner = data.draw(st.sampled_from(sorted(model.held) if action == "release" else waiting))
            granted = table.release(owner)
            del model.claims[owner]
            model.held.discard(owner)
            assert granted == sorted(model.settle())
            if action == "release":
                finished.append(owner)
        check(table, model)
    assert len(set(finished)) == len(finished)


@settings(max_examples=examples(300))
@given(claim_sets, st.randoms(use_true_random=False))
def test_on_every_path_grants_follow_the_plan_order(sets: list[set[str]], chance: "object") -> None:
    claims = [derive(wanted, str(owner)) for owner, wanted in enumerate(sets)]
    table = LockTable()
    granted = [owner for owner, claim in enumerate(claims) if table.request(owner, claim)]
    holding = list(granted)
    while holding:
        owner = holding.pop(chance.randrange(len(holding)))  # type: ignore[attr-defined]
        more = table.release(owner)
        granted += more
        holding += more
    assert sorted(granted) == list(range(len(sets)))
    for place, later in enumerate(granted):
        for earlier in granted[place + 1 :]:
            assert later < earlier or compatible(claims[later], claims[earlier])


def test_a_claim_set_is_granted_whole_or_not_at_all() -> None:
    table = LockTable()
    assert table.request(0, derive(["a"], "0"))
    assert not table.request(1, derive(["a", "b"], "1"))
    # 1 holds nothing of b while it waits for a; but 2 comes after it
    assert not table.request(2, derive(["b"], "2"))
    assert table.release(1) == [2]


def test_a_later_wheel_does_not_pass_an_earlier_one_on_the_same_path() -> None:
    table = LockTable()
    assert table.request(0, derive(["p/a"], "0"))
    assert not table.request(1, derive(["p"], "1"))
    assert not table.request(2, derive(["p/b"], "2"))
    blocker = table.blocker(2)
    assert blocker is not None
    assert blocker.path == "p"
    assert blocker.owners == (1,)
    assert table.release(0) == [1]
    assert table.release(1) == [2]


def test_who_exchanges_its_claims_keeps_its_place() -> None:
    table = LockTable()
    assert table.request(0, derive(["a"], "0"))
    assert not table.request(1, derive(["a"], "1"))
    assert table.exchange(0, derive(["a", "b"], "0")) == [0]
    assert not table.holds(1)
    assert table.exchange(0, derive(["b"], "0")) == [0, 1]


def test_intentions_are_shared() -> None:
    table = LockTable()
    assert all(table.request(owner, derive([f"p/{owner}"], str(owner))) for owner in range(50))


def test_an_exclusive_claim_waits_for_every_intention() -> None:
    table = LockTable()
    for owner in range(3):
        assert table.request(owner, derive([f"p/{owner}"], str(owner)))
    assert not table.request(3, derive(["p"], "3"))
    released: Iterable[list[int]] = [table.release(owner) for owner in (1, 0, 2)]
    assert list(released) == [[], [], [3]]


def test_one_owner_asks_once() -> None:
    table = LockTable()
    table.request(0, derive(["a"], "0"))
    with pytest.raises(ValueError, match="already"):
        table.request(0, derive(["b"], "0"))


@pytest.mark.parametrize("path", ["one file", "one directory", "a directory and what is in it"])
def test_the_work_for_each_wheel_does_not_grow_with_those_that_wait(path: str) -> None:
    """Budget P8: K wheels on one path cost K times what one costs."""

    def work(count: int) -> int:
        own = {
            "one file": lambda number: ["shared/common.py", f"d{number}"],
            "one directory": lambda number: ["shared", f"d{number}"],
            "a directory and what is in it": lambda number: ["shared" if number % 2 else f"shared/d{number}"],
        }[path]
        claims = [derive(own(number), f"d{number}") for number in range(count)]
        table = LockTable()

        def run() -> None:
            granted = [number for number in range(count) if table.request(number, claims[number])]
            waiting = set(range(count)).difference(granted)
            assert all(table.blocker(number) for number in waiting)
            for number in granted:  # it grows
                granted += table.release(number)
            assert len(granted) == count

        return lines_run(run)

    assert work(400) <= 4 * work(100) * 1.1
