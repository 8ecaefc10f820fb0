"""Cycles in graphs, against the definition: two nodes are in one component if each can be reached from the other."""

from hypothesis import given
from hypothesis import strategies as st

from instui_engine.graph import components

GRAPHS = st.integers(1, 8).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, n - 1), max_size=4), min_size=n, max_size=n)
)


def reachable(followers: list[list[int]], start: int) -> set[int]:
    found, waiting = {start}, [start]
    for node in waiting:
        new = [one for one in followers[node] if one not in found]
        found.update(new)
        waiting += new
    return found


@given(GRAPHS)
def test_components_are_what_reaches_each_other_and_come_after_what_they_lead_to(followers: list[list[int]]) -> None:
    reach = [reachable(followers, node) for node in range(len(followers))]
    found = components(followers)
    place = {node: number for number, members in enumerate(found) for node in members}
    assert sorted(node for members in found for node in members) == list(range(len(followers)))
    for one in range(len(followers)):
        for other in range(len(followers)):
            assert (place[one] == place[other]) == (other in reach[one] and one in reach[other])
            assert other not in reach[one] or place[other] <= place[one]


def test_a_long_chain_needs_no_recursion() -> None:
    count = 20_000
    assert len(components([[node + 1] for node in range(count)] + [[]])) == count + 1
    assert len(components([[(node + 1) % count] for node in range(count)])) == 1
