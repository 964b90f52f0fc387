"""Depth: bits per layer: where is a byte best spent?

Uniform bits treat all layers alike, but they are not. A first layer of 250 weights costs little at 8 bits and
ruins every image at 2; a wide layer is most of the file and hardly notices. So measure, then choose:

    minimise Σ_l cost(l, b_l)   with   Σ_l bytes(l, b_l) ≤ budget                             (QK1)

cost(l, b) is what the loss on validation images rises by when only layer l is quantized to b bits
("sensitivity"); b may be a pair, too, of bits and of the share of weights that is pruned before. That the
rises add up is an assumption: near the float model they are small, and to first order small things add. It is
the only one. As it stands QK1 is a multiple-choice knapsack, and a handful of layers with seven choices each
is solved exactly: go through the layers, and keep of all choices so far those that no other choice beats in
both bytes and cost (the Pareto front). What is beaten now stays beaten whatever follows, so nothing is lost.

A file holds more than weights: tables, biases, multipliers. What they take hardly depends on the bits, but
only packing tells how much. So a budget can be kept by weighing whole programs (`fit_budget`): solve QK1 on
estimates, weigh the program, take what is too heavy off the budget, solve again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinyzip.base.refuse import is_number, refuse, said
from tinyzip.distill.temperature import kl_divergence
from tinyzip.nn.chain import shapes_of
from tinyzip.nn.inspected import Inspected, check_network
from tinyzip.nn.layer import Arrays
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid, check_bits
from tinyzip.quant.grids.lowbit import best_weight_grids
from tinyzip.quant.rounding.prune import check_share, pruned_alone
from tinyzip.train.evaluate import logits

Weigh = Callable[[dict[str, Any]], int]
CHOICES = (2, 3, 4, 5, 6, 7, 8)


def knapsack(
    costs: Mapping[str, Mapping[Any, float]], sizes: Mapping[str, Mapping[Any, int]], budget: int
) -> dict[str, Any]:
    """The exact minimum of (QK1): a choice for each layer. Ties go to fewer bytes.

    costs   layer -> choice -> cost, any unit, any sign
    sizes   layer -> choice -> bytes, for the same layers and choices
    budget  bytes
    raises  ValueError, naming the largest layer, where even the smallest choices are over the budget
    """
    if not costs or costs.keys() != sizes.keys():
        needed = f"the layers of costs, {list(costs)}, at least one"
        refuse("knapsack: sizes", f"layers {list(sizes)}", needed)
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
    front: list[tuple[int, float, tuple[Any, ...]]] = [(0, 0.0, ())]
    for layer, choices in costs.items():
        grown = sorted(
            (size + sizes[layer][choice], total + cost, (*chosen, choice))
            for size, total, chosen in front
            for choice, cost in choices.items()
        )
        front = []
        for candidate in grown:
            if candidate[0] <= budget and (not front or candidate[1] < front[-1][1]):
                front.append(candidate)
    return dict(zip(costs, front[-1][2], strict=True))


def sensitivity(
    model: Inspected, images: Array, choices: Sequence[Any] = CHOICES
) -> dict[str, dict[Any, float]]:
    """cost(l, b): how far the classes' probabilities move when only block l's weights are rounded to b bits.

    The distance is the mean KL divergence from the float network's, in nats: never negative, and it sees
    the many images whose class is unharmed but less certain, where errors only count the few that tip over.

    model    float; batch norms are folded on the way
    images   (N, H, W) or (N, C, H, W), not trained on; labels are not needed
    choices  bits from 1 to 8, or (bits, share): rounded when it was pruned as by `pruned_alone`
    returns  block name -> choice -> nats. Grids are those of least squared error, one step a channel
    """
    model = fold_batch_norm(model)
    exact = logits(model, images)
    costs: dict[str, dict[Any, float]] = {}
    for name, choice, arrays, grid in _grids(model, choices, images):
        arrays[f"{name}.w"] = grid.round_trip(arrays[f"{name}.w"]).astype(model.dtype)
        z = logits(model.with_params(model.params | arrays), images)
        costs.setdefault(name, {})[choice] = kl_divergence(z, exact, 1.0)[0]
    return costs


def sizes(
    model: Inspected, choices: Sequence[Any] = CHOICES, images: Array | None = None
) -> dict[str, dict[Any, int]]:
    """bytes(l, b): what an entropy coder needs for the weight codes of each block at b bits, rounded up.

    That is N·H/8 for N codes of entropy H ≤ b bits. Biases and multipliers cost the same at any bits.
    Arguments as in `sensitivity`; the images are needed where choices prune.
    """
    model = fold_batch_norm(model)
    found: dict[str, dict[Any, int]] = {}
    for name, choice, arrays, grid in _grids(model, choices, images):
        codes = grid.quantize(arrays[f"{name}.w"])
        share = np.unique(codes, return_counts=True)[1] / codes.size
        found.setdefault(name, {})[choice] = int(np.ceil(codes.size * -(share * np.log2(share)).sum() / 8))
    return found


def fit_budget(
    costs: Mapping[str, Mapping[Any, float]],
    sizes: Mapping[str, Mapping[Any, int]],
    budget: int,
    weigh: Weigh,
) -> dict[str, Any]:
    """As `knapsack`, but weigh(bits) ≤ budget holds, and `sizes` are only estimates of how bytes differ.

    Never dearer than uniform bits that keep the budget too. It ends: what is chosen fits into the allowance,
    and where its program is still too heavy the next allowance is smaller by at least one byte.

    weigh   layer -> choice, to bytes: called a few times, and no more often than there are bytes to spare
    raises  ValueError for a budget below the smallest program, naming the layer that is largest in it
    """

    def total(table: Mapping[str, Mapping[Any, float]], bits: Mapping[str, Any]) -> float:
        return sum(table[layer][b] for layer, b in bits.items())

    bits = {layer: min(row, key=row.__getitem__) for layer, row in sizes.items()}
    smallest, least = weigh(bits), total(sizes, bits)
    if smallest > budget:
        largest = max(bits, key=lambda layer: sizes[layer][bits[layer]])
        needed = f"at least {smallest}, of which {largest!r} takes {sizes[largest][bits[largest]]}"
        refuse("budget", f"{budget} bytes", needed)
    allowance = least + budget - smallest
    while allowance > least:
        trial = knapsack(costs, sizes, int(allowance))
        excess = weigh(trial) - budget
        if excess <= 0:
            bits = trial
            break
        allowance = total(sizes, trial) - excess
    for b in sorted(set.intersection(*(set(row) for row in costs.values()))):
        uniform = dict.fromkeys(costs, b)
        if total(costs, uniform) < total(costs, bits) and weigh(uniform) <= budget:
            bits = uniform
    return bits


def allocate(
    model: Inspected, images: Array, budget: int, choices: Sequence[Any] = CHOICES, weigh: Weigh | None = None
) -> dict[str, Any]:
    """Bits for the weights of each block so that the program takes at most `budget` bytes, by (QK1).

    budget   bytes of what `weigh` counts, which is never guessed: a file holds more than weights
    choices  bits, or (bits, share) with a part of the block's weights that is pruned before
    weigh    block name -> choice, to bytes: len(archive.pack(lower(…))) for the whole file
    returns  block name -> choice: bits as `calibrate(weights=…)` takes them, or pairs if one choice is a pair
    raises   ValueError for a budget below the smallest possible, naming the block that is largest then;
             TypeError without `weigh`
    """
    check_network(model, "allocate: model")
    if not is_number(budget) or not 0 < budget < np.inf:
        refuse("allocate: budget", said(budget), "a number of bytes above 0")
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
        refuse("allocate: choices", said(choices), "a list of bits, such as [2, 4, 8]")
    for bits, share in (pairs := _pairs(choices)):
        check_share(share, "allocate: choices")
        check_bits(bits, "allocate: choices", 2 if share else 1)
    choices = pairs if tuple in map(type, choices) else choices
    if not callable(weigh):
        program = "lower(net, calibrate(net, images, weights=bits))"
        needed = f"what gives the bytes of a file: lambda bits: len(archive.pack({program}))"
        refuse("allocate: weigh", said(weigh), needed, TypeError)
    return fit_budget(sensitivity(model, images, choices), sizes(model, choices, images), budget, weigh)


def _pairs(choices: Sequence[Any]) -> list[tuple[int, float]]:
    """Each choice as bits and a share."""
    return [one if isinstance(one, tuple) and len(one) == 2 else (one, 0.0) for one in choices]


def _grids(
    model: Inspected, choices: Sequence[Any], images: Array | None
) -> Iterator[tuple[str, Any, Arrays, Grid]]:
    """Each block, each choice, the block's arrays before they are rounded, and a grid for its weights."""
    shares = {share for _, share in _pairs(choices) if share}
    params = {share: model.params for share in (0.0, *shares)}
    if shares:
        if images is None:
            refuse("sizes: images", "None", "some, to say which weights go")
        for _, share, arrays in pruned_alone(model, images, shares):
            params[share] = params[share] | arrays
    for choice, (b, share) in zip(choices, _pairs(choices), strict=True):
        grids = best_weight_grids(model.with_params(params[share]), b)
        for name, layer in ((block.name, block.layer) for block in blocks_of(model)):
            arrays = {key: params[share][key] for key in shapes_of({name: layer})}
            yield name, choice, arrays, grids[f"{name}.w"]
