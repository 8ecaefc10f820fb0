"""The plan order against an oracle that follows its definition word for word, and the edges that it rests on."""

from hypothesis import given
from hypothesis import strategies as st

from instui_engine.plan.order import Node, edges_from, plan_order
from support.targets import LINUX


@st.composite
def wheel_sets(draw: st.DrawFn) -> list[Node]:
    names = draw(st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=8))
    places = draw(st.permutations(range(len(names))))
    wheels = []
    for name, place in zip(names, places, strict=True):
        requires = tuple(draw(st.lists(st.sampled_from("abcdefghijxyz"), max_size=3)))
        wheels.append(Node(name, place if draw(st.booleans()) else -1, requires))
    return wheels


def oracle(wheels: list[Node]) -> list[int]:
    count = range(len(wheels))
    before = {
        (i, j)
        for i in count
        for j in count
        if i != j
        and (
            0 <= wheels[i].position < wheels[j].position
            or (wheels[i].name in wheels[j].requires and min(wheels[i].position, wheels[j].position) < 0)
        )
    }
    for k in count:
        before |= {(i, j) for i in count for j in count if (i, k) in before and (k, j) in before}

    def key(index: int) -> tuple[int, int, str]:
        position = wheels[index].position
        return (0, 0, wheels[index].name) if position < 0 else (1, position, "")

    groups = {frozenset([i, *(j for j in count if (i, j) in before and (j, i) in before)]) for i in count}
    order: list[int] = []
    while groups:
        free = [g for g in groups if not any((i, j) in before for h in groups - {g} for i in h for j in g)]
        group = min(free, key=lambda g: min(map(key, g)))
        groups.remove(group)
        order += sorted(group, key=key)
    return order


@given(wheel_sets())
def test_the_order_is_that_of_its_definition(wheels: list[Node]) -> None:
    assert plan_order(wheels) == oracle(wheels)


@given(wheel_sets(), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_the_input(wheels: list[Node], random) -> None:  # type: ignore[no-untyped-def]
    expected = [wheels[index].name for index in plan_order(wheels)]
    random.shuffle(wheels)
    assert [wheels[index].name for index in plan_order(wheels)] == expected


@given(wheel_sets())
def test_wheels_named_one_by_one_keep_the_order_given(wheels: list[Node]) -> None:
    positions = [wheels[index].position for index in plan_order(wheels) if wheels[index].position >= 0]
    assert positions == sorted(positions)


def test_dependencies_come_before_their_dependents() -> None:
    wheels = [Node("app", -1, ("lib",)), Node("lib", -1, ("zlib",)), Node("zlib", -1, ())]
    assert plan_order(wheels) == [2, 1, 0]


def test_a_cycle_stays_together() -> None:
    wheels = [Node("a", -1, ("z",)), Node("z", -1, ("a",)), Node("m", -1, ()), Node("b", -1, ())]
    assert plan_order(wheels) == [0, 1, 3, 2]


def test_an_order_given_outweighs_dependencies() -> None:
    wheels = [Node("app", 0, ("lib",)), Node("lib", 1, ())]
    assert plan_order(wheels) == [0, 1]


def test_ten_thousand_wheels_in_a_chain_are_ordered_without_recursion() -> None:
    wheels = [Node(f"w{i:05}", -1, (f"w{i + 1:05}",)) for i in range(10_000)]
    assert plan_order(wheels) == list(range(9_999, -1, -1))
    ring = [*wheels[:-1], Node("w09999", -1, ("w00000",))]
    assert plan_order(ring) == list(range(10_000))


def test_edges_are_normalized_names_without_repetition() -> None:
    requires = ["Foo_Bar.baz (>=1)", "foo-bar-baz", "x[extra]>=2", "y @ https://host/y;v=1/y-1-py3-none-any.whl", "???"]
    assert edges_from(requires, LINUX, {"foo-bar-baz", "x", "y"}) == ("foo-bar-baz", "x", "y")
    assert edges_from(requires, LINUX, {"y", "z"}) == ("y",)


def test_edges_follow_the_markers_of_the_target_with_every_extra() -> None:
    requires = [
        "win; sys_platform == 'win32'",
        "lin; sys_platform == 'linux'",
        "extra-one; extra == 'one'",
        "extra-win; extra == 'one' and sys_platform == 'win32'",
        "extra-lin; (python_version >= '3.8' and 'two' == extra)",
        "url @ https://host/x.whl ; python_version < '3'",
        "unknown; nonsense == 'x'",
    ]
    among = {"win", "lin", "extra-one", "extra-win", "extra-lin", "url", "unknown"}
    assert edges_from(requires, LINUX, among) == ("lin", "extra-one", "extra-lin", "unknown")
