"""Depth: where the branches of a graph part and meet: a graph of nodes as a chain with blocks.

A node that reads what one other wrote goes on from there. Where two nodes or more read the same output, the
graph parts into branches, and each is followed until it comes to a node that reads two, a sum, where it
waits. Two branches that wait at the same sum have met: they are a block, which is in the chain in their
place, and the chain goes on after the sum. So blocks are found from the inside out, also those in blocks:

    0 ─► 1 ─► 2 ─► 3 = sum of 2 and 0 ─► 4        (0, Fork(3, (1, 2), ()), 4)

Every graph that residual blocks can be made of is found so, and in any other two branches wait forever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

DEEPEST = 32  # blocks within blocks


@dataclass(frozen=True)
class Fork:
    """Two branches that have met.

    sum   the node at which they did
    ways  its branches, in the order in which it reads them; () is what they parted from itself
    """

    sum: int
    ways: "tuple[Chain, Chain]"


Chain: TypeAlias = tuple[int | Fork, ...]


class Tangled(ValueError):
    """A graph that no chain of blocks is. node: where this shows; −1 is the input."""

    def __init__(self, node: int, why: str) -> None:
        super().__init__(why)
        self.node = node


@dataclass
class Branch:
    """Followed so far.

    last  the node at its end; sum: the one that it waits at, None where it is the whole graph's last
    """

    chain: Chain
    last: int
    sum: int | None


def chain_of(reads: Sequence[Sequence[int]]) -> Chain:
    """The nodes that the last node depends on, as a chain.

    reads   for each node the numbers of those whose outputs it reads, one or two, each smaller than its own;
            −1 is the graph's input
    raises  Tangled for a node that reads none or more than two, a graph that ends in another branch, and one
            whose branches do not meet
    """
    return Readers(reads).follow(-1, 0).chain


class Readers:
    """Which node reads which, as far as the last one depends on it."""

    def __init__(self, reads: Sequence[Sequence[int]]) -> None:
        self.reads, self.end = reads, len(reads) - 1
        needed = {self.end}
        for node in range(self.end, -1, -1):
            if node in needed:
                if not 1 <= len(reads[node]) <= 2:
                    raise Tangled(node, f"{len(reads[node])} inputs")
                needed.update(reads[node])
        self.readers: dict[int, list[int]] = {}
        for node in sorted(needed - {-1}):
            for source in reads[node]:
                self.readers.setdefault(source, []).append(node)

    def follow(self, last: int, depth: int, first: int | None = None) -> Branch:
        """From an output on, to a sum that waits for another branch, or to the end.

        first  where others read that output too: the node to begin with
        """
        chain: list[int | Fork] = []
        while last != self.end:
            readers = self.readers[last] if first is None else [first]
            first = None
            if len(readers) > 1:
                block = self.block(last, readers, depth)
                chain += block.chain
                last = block.last
            elif len(self.reads[readers[0]]) > 1:
                return Branch(tuple(chain), last, readers[0])
            else:
                last = readers[0]
                chain.append(last)
        return Branch(tuple(chain), last, None)

    def block(self, last: int, readers: list[int], depth: int) -> Branch:
        """Follow all who read an output until they are one again."""
        if depth == DEEPEST:
            raise Tangled(readers[0], f"more than {DEEPEST} blocks within blocks")
        waiting = [
            Branch((), last, node) if len(self.reads[node]) > 1 else self.follow(last, depth + 1, node)
            for node in readers
        ]
        while True:
            one, other, node = self.meeting(waiting)
            if self.reads[node][0] != one.last:
                one, other = other, one
            met = Fork(node, (one.chain, other.chain))
            waiting = [branch for branch in waiting if branch is not one and branch is not other]
            if not waiting:
                return Branch((met,), met.sum, None)
            rest = self.follow(met.sum, depth + 1)
            waiting.append(Branch((met, *rest.chain), rest.last, rest.sum))

    def meeting(self, waiting: list[Branch]) -> tuple[Branch, Branch, int]:
        """Two branches that wait at one sum, and that sum."""
        for k, one in enumerate(waiting):
            for other in waiting[k + 1 :]:
                if one.sum is not None and one.sum == other.sum:
                    return one, other, one.sum
        node = next((branch.sum for branch in waiting if branch.sum is not None), self.end)
        raise Tangled(node, "branches that do not part at one place")
