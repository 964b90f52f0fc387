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

from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np

from tinyzip.base.refuse import is_number, refuse, said
from tinyzip.machine.workers import Workers
from tinyzip.nn.inspected import AnyInspected, Inspected
from tinyzip.nn.layer import Arrays
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.blocks import Block, blocks_of
from tinyzip.quant.grids.fold import checked_and_folded
from tinyzip.quant.rounding.layers import Moments, corrected_bias, input_pairs, moments
from tinyzip.quant.rounding.surgeon import Real, damped
from tinyzip.quant.rounding.surgeon_fast import Kept, Order, kept, refit, removals
from tinyzip.quant.training.masks import keep

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
    model = checked_and_folded(model, images, "prune")
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
            pruned = model.with_params(params)
            seen = moments(block.layer, input_pairs(model, pruned, pruned, name, images))
            params |= _refitted(model, name, seen, masks[name])
    return model.with_params(params)


def pruned_alone(
    model: Inspected, images: Array, shares: Collection[float]
) -> Iterator[tuple[str, float, Arrays]]:
    """Each block's name, each share, and its arrays if it alone loses that share (MK2), refitted (SG6).

    A scan of how sensitive the blocks are looks at model.with_params(model.params | arrays). Arguments as in
    `prune`, batch norms folded.
    """
    h = curvature(model, images)
    for block in blocks_of(model):
        seen = moments(block.layer, input_pairs(model, model, model, block.name, images))
        (key,) = one = {f"{block.name}.w": model.params[f"{block.name}.w"] ** 2 * h[f"{block.name}.w"]}
        for share in shares:
            masks = seen.rows(keep(one, share)[key])
            yield block.name, share, _refitted(model, block.name, seen, masks > 0)


def _refitted(model: Inspected, name: str, seen: Moments, masks: Iterable[Kept]) -> Arrays:
    """A block's weights under the masks of its groups, those that stay refitted (SG6), and its bias."""
    w, b = f"{name}.w", f"{name}.b"
    parts = zip(seen.rows(model.params[w]), seen.covariance, seen.cross, masks, strict=True)
    rows = [refit(*damped(part, covariance, cross), mask) for part, covariance, cross, mask in parts]
    arrays = {w: np.reshape(rows, model.params[w].shape).astype(model.dtype)}
    if b in model.params:
        arrays[b] = corrected_bias(model.params[b], model.params[w], arrays[w], seen)
    return arrays


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
    rows = seen.rows(model.params[f"{block.name}.w"])
    variance = float(np.einsum("gfk,gkl,gfl->", rows, seen.covariance, rows))
    return rows, seen.covariance, variance or 1.0


def _check_share(share: Share, names: list[str]) -> list[tuple[list[str], float]]:
    """Which blocks share one order, and what part of their weights goes."""
    if isinstance(share, Mapping) and share.keys() != set(names):
        refuse("prune: share", f"shares for {sorted(share)}", f"one for each of {names}")
    parts = [([name], share[name]) for name in names] if isinstance(share, Mapping) else [(names, share)]
    for _, part in parts:
        check_share(part, "prune: share")
    return parts


def check_share(part: float, argument: str) -> None:
    if not is_number(part) or not 0 <= part < 1:
        refuse(argument, said(part), "a number from 0 to below 1")
