"""Branches that part and meet are found, whatever the order; and what is no chain of blocks is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.base.branches import DEEPEST, Fork, Tangled, chain_of


@st.composite
def graphs(draw):
    """(reads, chain): a chain of blocks, and its nodes numbered in an order in which they can run."""
    edges, ends = [], {-1: -1}  # nodes under construction: what they read

    def chain(last, depth):
        links = []
        for _ in range(draw(st.integers(0 if depth else 1, 3))):
            if depth < 3 and draw(st.booleans()):
                one, two = (chain(last, depth + 1) for _ in range(2))
                edges.append((one[1], two[1]))
                links.append((len(edges) - 1, (one[0], two[0])))
            else:
                edges.append((last,))
                links.append(len(edges) - 1)
            last = links[-1][0] if isinstance(links[-1], tuple) else links[-1]
        return links, last

    links, last = chain(-1, 0)
    order, waiting = [], {node: set(reads) - {-1} for node, reads in enumerate(edges)}
    while waiting:  # any order that runs, the last node last
        ready = [node for node, reads in waiting.items() if reads <= set(order)]
        node = draw(st.sampled_from([node for node in ready if node != last] or ready))
        order.append(node)
        del waiting[node]
    place = {node: i for i, node in enumerate(order)} | ends
    reads = [tuple(place[k] for k in edges[node]) for node in order]

    def numbered(links):
        return tuple(
            Fork(place[link[0]], tuple(map(numbered, link[1]))) if isinstance(link, tuple) else place[link]
            for link in links
        )

    return reads, numbered(links)


def nodes(chain):
    """All nodes of a chain, with what each reads, from what the chain begins on."""
    found = {}

    def along(chain, last):
        for link in chain:
            if isinstance(link, Fork):
                found[link.sum] = tuple(along(way, last) for way in link.ways)
                last = link.sum
            else:
                found[link], last = (last,), link
        return last

    along(chain, -1)
    return found


@given(graphs())
def test_the_chain_of_a_graph_reads_what_the_graph_reads(case):
    """Its blocks may be nested otherwise where more than two branches part at one place, x + f(x) + g(x)."""
    reads, chain = case
    found = nodes(chain_of(reads))
    assert found == {i: read for i, read in enumerate(reads)}
    assert nodes(chain) == found


def test_blocks_are_found_from_the_inside_out():
    """0 ─► 1 ─► 2 ─► 3 = sum of 2 and 0 ─► 4"""
    assert chain_of([(-1,), (0,), (1,), (2, 0), (3,)]) == (0, Fork(3, ((1, 2), ())), 4)
    assert chain_of([(-1,), (-1, 0)]) == (Fork(1, ((), (0,))),)
    assert chain_of([(-1, -1)]) == (Fork(0, ((), ())),)
    inner = Fork(2, ((1,), ()))
    assert chain_of([(-1,), (0,), (1, 0), (2, -1)]) == (Fork(3, ((0, inner), ())),)


def test_nodes_that_the_last_one_does_not_need_are_left_out():
    assert chain_of([(-1,), (0,), (0, 1, -1), (1,)]) == (0, 1, 3)


@pytest.mark.parametrize(
    ("reads", "node", "words"),
    [
        ([()], 0, "0 inputs"),
        ([(-1,), (0, -1, 0)], 1, "3 inputs"),
        ([(-1,), (-1,), (0, 1), (0, 2), (3, 1)], 2, "do not part at one place"),
        ([(-1,), (0,), (0,), (1, 2), (1,), (3, 4)], 3, "do not part at one place"),
    ],
)
def test_what_is_no_chain_of_blocks_is_refused(reads, node, words):
    with pytest.raises(Tangled, match=words) as caught:
        chain_of(reads)
    assert caught.value.node == node and str(caught.value) == caught.value.args[0]  # in words alone


def test_blocks_within_blocks_have_an_end():
    def nested(depth):  # x + (x + (x + …)), each begun by a node of its own
        reads, last = [], -1
        starts = []
        for _ in range(depth):
            reads.append((last,))
            starts.append(last)
            last = len(reads) - 1
        for start in reversed(starts):
            reads.append((last, start))
            last = len(reads) - 1
        return reads

    chain_of(nested(DEEPEST))
    with pytest.raises(Tangled, match=f"more than {DEEPEST} blocks"):
        chain_of(nested(DEEPEST + 1))
