"""Depth: fewer weights, after training: the surgeon on a whole network.

What a weight is worth in one layer has to be compared with what one is worth in another. So what the surgeon
loses in a layer is measured in parts of what the layer says, the variance of all its outputs:

    (L(w̃) − L(w)) / Σ_rows w Σ wᵀ                                                                  (SG8)

One greedy order for all layers by this share says which weights go: more from a layer whose inputs are alike,
fewer from one that has few. It is found on the network as it is. Then the layers are gone through in order: a
layer's input has changed by what the layers before it lost, and its free weights are refitted (SG6) so that
its output is, as nearly as can be, what it was in the whole network; the bias takes up the mean (QR2).

A weight that was taken away is a 0 in the dict, and nothing else. All that rounds leaves zeros alone.
"""

from collections.abc import Mapping

import numpy as np

from tinyzip.base.refuse import is_number, refuse
from tinyzip.machine.workers import Workers
from tinyzip.nn.calls import check_network
from tinyzip.nn.inspected import AnyInspected, Inspected
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.blocks import Block, blocks_of
from tinyzip.quant.fold import fold_batch_norm
from tinyzip.quant.rounding import Moments, corrected_bias, input_pairs, moments
from tinyzip.quant.surgeon import Real, damped
from tinyzip.quant.surgeon_fast import Kept, Order, kept, refit, removals
from tinyzip.train.data import check_shape
from tinyzip.train.pixels import check_model_range

Share = float | Mapping[str, float]
"""The part of the weights that is taken away, in [0, 1): of all together, or of each block's by name."""


def prune(model: AnyInspected, images: Array, share: Share) -> AnyInspected:
    """The model without a share of its weights, the others refitted; no labels, no training.

    model    float; batch norms are folded on the way
    images   (N, H, W) or (N, C, H, W), a few hundred, like those to come
    share    of all weights, biases not counted; or of each block's, by name
    returns  the same layers. round(share·M) of M weights are 0, and no other values of those that are left
             would bring a layer's output on these images nearer to the whole network's, but for (SG4)
    raises   ValueError for a share that is not in [0, 1), other names, images that do not fit
    """
    check_network(model, "prune: model")
    check_shape(model, images, "prune: images")
    check_model_range(model, images, "prune: images")
    model = fold_batch_norm(model)
    blocks = {block.name: block for block in blocks_of(model)}
    together = _check_share(share, list(blocks))
    params = dict(model.params)
    with Workers():
        orders = {name: _removals(model, block, images) for name, block in blocks.items()}
        masks: dict[str, list[Kept]] = {}
        for names, part in together:
            count = round(part * sum(model.params[f"{name}.w"].size for name in names))
            found = iter(kept([one for name in names for one in orders[name]], count))
            masks |= {name: [next(found) for _ in orders[name]] for name in names}
        for name, block in blocks.items():
            w, b, pruned = f"{name}.w", f"{name}.b", model.with_params(params)
            seen = moments(block.layer, input_pairs(model, pruned, pruned, name, images))
            statistics = zip(seen.covariance, seen.cross, masks[name], strict=True)
            parts = zip(_groups(model.params[w], seen), statistics, strict=True)
            rows = [refit(*damped(part, cov, cross), mask) for part, (cov, cross, mask) in parts]
            params[w] = np.reshape(rows, model.params[w].shape).astype(model.dtype)
            if b in params:
                params[b] = corrected_bias(model.params[b], model.params[w], params[w], seen)
    return model.with_params(params)


def curvature(model: Inspected, images: Array) -> dict[str, Array]:
    """The second derivative of (SG8) by each weight, by its array's name: h of (MK2).

    That is twice the variance of the weight's input, in parts of the variance of what its layer says.
    """
    found = {}
    for block in blocks_of(model):
        rows, covariance, variance = _whole(model, block, images)
        own = 2 * np.diagonal(covariance, axis1=1, axis2=2)[:, None] / variance
        w = model.params[f"{block.name}.w"]
        found[f"{block.name}.w"] = np.broadcast_to(own, rows.shape).reshape(w.shape).astype(w.dtype)
    return found


def _removals(model: Inspected, block: Block, images: Array) -> list[tuple[Order, Real]]:
    """The greedy order of each of a block's groups, in the network as it is, and the rises by (SG8)."""
    rows, covariance, variance = _whole(model, block, images)
    found = [removals(*damped(w, cov, cov)) for w, cov in zip(rows, covariance, strict=True)]
    return [(order, rises / variance) for order, rises in found]


def _whole(model: Inspected, block: Block, images: Array) -> tuple[Real, Real, float]:
    """Of a block in the network as it is: the rows of its groups, their Σ, the variance of its outputs."""
    seen = moments(block.layer, input_pairs(model, model, model, block.name, images))
    rows = _groups(model.params[f"{block.name}.w"], seen)
    variance = float(np.einsum("gfk,gkl,gfl->", rows, seen.covariance, rows))
    return rows, seen.covariance, variance or 1.0


def _groups(w: Array, seen: Moments) -> Real:
    """The weights (F, …) of a layer as the rows of each of its groups, (G, F/G, K)."""
    return w.reshape(len(seen.mean), -1, seen.mean.shape[1]).astype(np.float64)


def _check_share(share: Share, names: list[str]) -> list[tuple[list[str], float]]:
    """Which blocks share one order, and what part of their weights goes."""
    if isinstance(share, Mapping) and share.keys() != set(names):
        refuse("prune: share", f"shares for {sorted(share)}", f"one for each of {names}")
    parts = [([name], share[name]) for name in names] if isinstance(share, Mapping) else [(names, share)]
    for _, part in parts:
        if not is_number(part) or not 0 <= part < 1:
            refuse("prune: share", part, "a number from 0 to below 1")
    return parts
