"""Bits per layer: where is a byte best spent?

Uniform bits treat all layers alike, but they are not. A first layer of 250 weights costs next to nothing at
8 bits and ruins every image at 2; a wide linear layer is most of the file and hardly notices. So measure,
then choose:

    minimise Σ_l cost(l, b_l)   with   Σ_l bytes(l, b_l) ≤ budget                             (1)

cost(l, b) is what the loss on validation images rises by when only layer l is quantized to b bits
("sensitivity"). That the rises add up is an assumption: near the float model they are small, and to
first order small things add. It is the only one. As it stands (1) is a multiple-choice knapsack, and a
handful of layers with seven choices each is solved exactly: go through the layers, and keep of all
choices so far those that no other choice beats in both bytes and cost (the Pareto front). A choice that
is beaten now stays beaten whatever follows, so nothing is lost.
"""

from collections.abc import Mapping

from tinyzip.refuse import refuse


def knapsack(
    costs: Mapping[str, Mapping[int, float]], sizes: Mapping[str, Mapping[int, int]], budget: int
) -> dict[str, int]:
    """The exact minimum of (1): a number of bits for each layer. Ties go to fewer bytes.

    costs   layer -> bits -> cost, any unit, any sign
    sizes   layer -> bits -> bytes, for the same layers and bits
    budget  bytes
    raises  ValueError where even the smallest choice of each layer is over the budget; it names the
            largest layer
    """
    if not costs or costs.keys() != sizes.keys():
        refuse(
            "knapsack: sizes", f"layers {list(sizes)}", f"the layers of costs, {list(costs)}, at least one"
        )
    for layer, choices in costs.items():
        if not choices or choices.keys() != sizes[layer].keys():
            refuse(f"knapsack: {layer}", f"bits {list(sizes[layer])}", f"those of its costs, {list(choices)}")
        if any(cost != cost for cost in choices.values()):
            refuse(f"knapsack: {layer}", "a cost that is NaN", "numbers")
    least = {layer: min(choices.values()) for layer, choices in sizes.items()}
    if sum(least.values()) > budget:
        largest = max(least, key=lambda layer: least[layer])
        needed = f"at least {sum(least.values())}, of which {largest!r} takes {least[largest]}"
        refuse("knapsack: budget", f"{budget} bytes", needed)
    front: list[tuple[int, float, tuple[int, ...]]] = [(0, 0.0, ())]
    for layer, choices in costs.items():
        grown = sorted(
            (size + sizes[layer][bits], total + cost, (*chosen, bits))
            for size, total, chosen in front
            for bits, cost in choices.items()
        )
        front = []
        for candidate in grown:
            if candidate[0] <= budget and (not front or candidate[1] < front[-1][1]):
                front.append(candidate)
    return dict(zip(costs, front[-1][2], strict=True))
