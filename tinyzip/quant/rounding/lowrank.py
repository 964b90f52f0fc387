"""Depth: fewer weights, after training: a layer as two, with few channels between them.

What a layer says at one place, y = W x + b, are F numbers, but they hardly ever fill all F dimensions. Of all
projections ỹ = ȳ + M(y − ȳ) on r of them, M of rank r, the best one loses

    min_M E|(y − ȳ) − M(y − ȳ)|²                                      [Zhang et al. 2016, eq. 4]  (LR1)

With Σ the covariance of the inputs (QQ1), that of the outputs is W Σ Wᵀ. Let its eigenvalues be
s₁² ≥ s₂² ≥ …, its eigenvectors the columns of U, and U_r the first r of them. Then

    M = U_r U_rᵀ,   and what is lost is s²_{r+1} + … + s²_F               [Eckart, Young 1936]    (LR2)

The s are the singular values of W Σ^{1/2}: MW is the matrix of rank r that is nearest to W as the layer's
output sees it. For Σ = I it is the plain singular value decomposition of W. Σ needs no inverse. As layers,

    y ≈ U_r (Q x) + b̃,   Q = U_rᵀ W                                     [their eq. 3]             (LR3)

Q has r filters of the convolution's size, U_r is a convolution of one pixel, and b̃ takes up the mean (QR2).
Weights and multiplications are r·(K + F) in place of K·F, which is fewer where

    r < K·F/(K + F)                                                                                (LR4)

A layer after others gets what they have lost. So the layers are gone through in order, and in place of W that
W* is decomposed which brings a layer's output nearest to what it was in the whole network (SG1). The result
is a network as any other, to train on, to quantize and to lower.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from tinyzip.base.refuse import refuse, said, whole
from tinyzip.machine.workers import Workers
from tinyzip.nn.inspected import AnyInspected
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import Conv2d, Linear
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.residual import substituted
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.fold import checked_and_folded
from tinyzip.quant.rounding.layers import corrected_bias, input_pairs, moments
from tinyzip.quant.rounding.surgeon import Real, damped


def low_rank(model: AnyInspected, images: Array, ranks: Mapping[str, int]) -> AnyInspected:
    """The model with layers as two, "conv2" as "conv2_in" and "conv2"; no labels, no training.

    model    float; batch norms are folded on the way
    images   (N, H, W) or (N, C, H, W), a few hundred, like those to come
    ranks    r by the layer's name, from 1 to the least of K and F (of each group, in a convolution of groups)
    returns  the second of two layers has the name of that before, gives its output, and always has a bias
    raises   ValueError for other names and ranks, and for images that do not fit
    """
    given = changed = checked_and_folded(model, images, "low_rank")
    blocks = {block.name: block.layer for block in blocks_of(given)}
    free = [name for name in blocks if f"{name}_in" not in given.every_layer]
    if not isinstance(ranks, Mapping) or not ranks.keys() <= set(free):
        found = sorted(ranks.keys() - set(free)) if isinstance(ranks, Mapping) else said(ranks)
        refuse("low_rank: ranks", found, f"a rank for some of {free}, which are one layer each")
    with Workers():
        for name in (name for name in blocks if name in ranks):
            seen = moments(blocks[name], input_pairs(given, changed, changed, name, images))
            w, r = given.params[f"{name}.w"], ranks[name]
            rows = seen.rows(w)
            most = min(rows.shape[1:])
            whole(r, f"low_rank: ranks[{name!r}]", 1, most)
            parts = zip(rows, seen.covariance, seen.cross, strict=True)
            best = np.stack([damped(part, covariance, cross)[0] for part, covariance, cross in parts])
            U = directions(best, seen.covariance)[0][:, :, :r]
            Q = U.swapaxes(1, 2) @ best
            b = changed.params.get(f"{name}.b", np.zeros(len(w), w.dtype))
            params = changed.params | {
                f"{name}_in.w": Q.reshape(-1, *w.shape[1:]).astype(w.dtype),
                f"{name}.w": U.reshape(len(w), r, *[1] * (w.ndim - 2)).astype(w.dtype),
                f"{name}.b": corrected_bias(b, w, U @ Q, seen),
            }
            layers = substituted(changed.layers, partial(_two, name, r))
            changed = replace(changed, layers=layers, params=params)
    return changed


def directions(w: Real, covariance: Real) -> tuple[Real, Real]:
    """U (G, F, F) and s (G, F) of (LR2), for w (G, F, K) and Σ (G, K, K), or I where no input varies."""
    still = ~covariance.any(axis=(1, 2), keepdims=True)
    variances, U = np.linalg.eigh(w @ (covariance + still * np.eye(w.shape[2])) @ w.swapaxes(1, 2))
    return U[:, :, ::-1], np.sqrt(np.maximum(variances[:, ::-1], 0))


def _two(split: str, r: int, name: str, layer: Layer) -> dict[str, Layer]:
    """The layers of (LR3), by the ends of their names, in place of the one that is split; or that one."""
    match layer:
        case Linear() if name == split:
            return {"_in": Linear(layer.C, r, bias=False), "": Linear(r, layer.F)}
        case Conv2d(groups=G) if name == split:
            return {"_in": replace(layer, F=G * r, bias=False), "": Conv2d(G * r, layer.F, 1, groups=G)}
    return {"": layer}
