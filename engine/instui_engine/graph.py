"""Cycles in directed graphs."""

from collections.abc import Sequence


def components(followers: Sequence[Sequence[int]]) -> list[list[int]]:
    """The strongly connected components of a graph (Tarjan 1972): its cycles, and each node that is in none.

    `followers` has, for each node, the nodes that its edges lead to. A component comes after all components that it
    leads to. There is no recursion, since a chain of dependencies may be 10,000 wheels long. The time is linear.
    """
    count = len(followers)
    number = [-1] * count  # order of discovery
    low = [0] * count
    pending = [False] * count  # whether a node is on the stack: its component is still open
    stack: list[int] = []
    found: list[list[int]] = []
    discovered = 0
    for root in range(count):
        if number[root] >= 0:
            continue
        path = [(root, 0)]  # a node, and how many of its followers were visited
        while path:
            node, looked = path.pop()
            if looked == 0:
                number[node] = low[node] = discovered
                discovered += 1
                stack.append(node)
                pending[node] = True
            elif pending[followers[node][looked - 1]]:
                low[node] = min(low[node], low[followers[node][looked - 1]])
            for place in range(looked, len(followers[node])):
                follower = followers[node][place]
                if number[follower] < 0:
                    path += [(node, place + 1), (follower, 0)]
                    break
                if pending[follower]:
                    low[node] = min(low[node], number[follower])
            else:
                if low[node] == number[node]:
                    found.append(_component(stack, pending, node))
    return found


def _component(stack: list[int], pending: list[bool], root: int) -> list[int]:
    """Pop the component that `root` closes off the stack."""
    members = []
    while True:
        member = stack.pop()
        pending[member] = False
        members.append(member)
        if member == root:
            return members
