"""Depth: how much each layer has to spare: what rank, which share of its weights, how many bits would do.

Each of them alone costs a part of the variance of the layer's outputs, with Σ the covariance of its inputs,

    e(W̃) = Σ_rows (w̃ − w) Σ (w̃ − w)ᵀ / Σ_rows w Σ wᵀ                                              (RD1)

Within an error are a least rank (LR2), a largest share of weights that are 0, those of least w²Σ_qq, and a
least number of bits, weights rounded to nearest. All other weights stay as they are, and biases take up the
mean (QR2). With training, or with the surgeon, more is possible; two of them together cost more.
"""

import numpy as np

from tinyzip.base.refuse import is_number, refuse, said
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.fold import checked_and_folded
from tinyzip.quant.grids.lowbit import best_weight_grids
from tinyzip.quant.rounding.layers import Real, input_pairs, moments
from tinyzip.quant.rounding.lowrank import directions

Enough = tuple[int, float, int]
"""A rank, the share of weights that are 0 in whole percent, and bits: 9 where 8 are too few."""


def redundancy(model: Inspected, images: Array, error: float = 0.01) -> dict[str, Enough]:
    """What is enough for each layer, by its name, to stay within an error in (0, 1) by (RD1).

    images  (N, H, W) or (N, C, H, W), a few hundred; labels are not needed
    """
    if not is_number(error) or not 0 < error < 1:
        refuse("redundancy: error", said(error), "a number above 0 and below 1")
    model, found = checked_and_folded(model, images, "redundancy"), {}
    grids = [best_weight_grids(model, bits) for bits in range(1, 9)]
    for block in blocks_of(model):
        key = f"{block.name}.w"
        seen = moments(block.layer, input_pairs(model, model, model, block.name, images))
        w, covariance = seen.rows(model.params[key]), seen.covariance
        s2 = np.square(directions(w, covariance)[1]).sum(axis=0)
        rank = next(r for r in range(1, len(s2) + 1) if s2[r:].sum() <= error * s2.sum())
        score = w * w * np.diagonal(covariance, axis1=1, axis2=2)[:, None]
        turn = score.ravel().argsort(kind="stable").argsort().reshape(w.shape)
        thin = ((s / 100, w * (turn >= s * w.size / 100)) for s in range(99, -1, -1))
        rounded = ((b, seen.rows(grid[key].round_trip(model.params[key]))) for b, grid in enumerate(grids, 1))
        most = error * variance(w, covariance)
        share = next(share for share, other in thin if variance(other - w, covariance) <= most)
        bits = next((b for b, other in rounded if variance(other - w, covariance) <= most), 9)
        found[block.name] = rank, share, bits
    return found


def variance(w: Real, covariance: Real) -> float:
    """Σ_rows w Σ wᵀ of (RD1), for rows w (G, F, K)."""
    return float((w @ covariance * w).sum())
