"""Rounding with a goal: not each weight's own nearest, but the layer's.

Rounding to nearest makes each weight's error small. What matters is the layer's output, and there errors
add up, along directions in which the inputs are correlated. Rounding some weights to the *other* neighbour
lets errors cancel. For a row w of a layer, its inputs x and its codes q, what is lost is

    L(q) = E (s·q·x̃ + b̃ − w·x − b)²                            [Nagel et al. 2020, eq. 20, 21]  (1)

x is the input in the float network and x̃ what the layers before, quantized already, really give. The
bias is free, so minimise over it first. It takes up the mean,

    b̃ = b + w·E x − s·q·E x̃                                     [Nagel et al. 2019, section 4.2]  (2)

("bias correction", useful for any rounding), and covariances are left, Σ = Cov(x̃) and C = Cov(x, x̃):

    L(q) = w̃ Σ w̃ᵀ − 2 w̃ (w C)ᵀ + const,    w̃ = s·q                                             (3)

So each layer's images are looked at once, and its whole history is one K × K matrix. Finding the q in (3)
is a quadratic problem over integers. AdaRound relaxes it: every weight may go up or down by a soft h in
[0, 1], with ζ = 1.1 and γ = −0.1 [Nagel et al. 2020, eq. 22–24]

    w̃ = s·clip(⌊w/s⌋ + h(V), lo, hi),   h(V) = clip(σ(V)·(ζ − γ) + γ, 0, 1)                      (4)
    minimise L + λ Σ (1 − |2h − 1|ᵝ)                                                            (5)

where β falls from 20 to 2 so that h ends at 0 or 1. By hand, dL/dw̃ = 2(w̃Σ − wC), then the chain rule
through (4). Last, a descent on the integers themselves: while changing one code of a row by one lowers
(3), take the best such change. The result is never worse than nearest: each row keeps the better of the two.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import im2col, pad
from tinyzip.machine.workers import Workers
from tinyzip.nn.layers import Conv2d, Linear
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.blocks import blocks_of
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.grid import Grid
from tinyzip.quant.lowbit import Signs
from tinyzip.train.data import to_input

Array = NDArray[Any]
Real = NDArray[np.float64]
ZETA, GAMMA = 1.1, -0.1
CHUNK = 100  # images whose patches are in memory at once


@dataclass(frozen=True)
class Moments:
    """What (2) and (3) need of a layer's inputs, for each of its G groups of K inputs.

    mean        (G, K) E x, of the float network
    seen        (G, K) E x̃, of the quantized one
    covariance  (G, K, K) Cov(x̃)
    cross       (G, K, K) Cov(x, x̃)
    """

    mean: Real
    seen: Real
    covariance: Real
    cross: Real


def soft_step(V: Array) -> tuple[Array, Array]:
    """h(V) and dh/dV, eq. (4): a sigmoid stretched so that it reaches 0 and 1. Any shape."""
    sigmoid = expit(V)
    stretched = sigmoid * (ZETA - GAMMA) + GAMMA
    inside = (stretched > 0) & (stretched < 1)
    return np.clip(stretched, 0, 1), inside * (ZETA - GAMMA) * sigmoid * (1 - sigmoid)


def penalty(h: Array, beta: float) -> tuple[float, Array]:
    """Σ (1 − |2h − 1|ᵝ) and its derivative by h, eq. (5): zero where every h is 0 or 1."""
    u = 2 * h - 1
    return float((1 - np.abs(u) ** beta).sum()), -2 * beta * np.sign(u) * np.abs(u) ** (beta - 1)


def reconstruction(q: Array, step: Array, covariance: Array, target: Array) -> Array:
    """L(q) without its constant, eq. (3), of each row.

    q, target   (F, K) codes, and w·C
    step        (F,)
    covariance  (K, K)
    """
    w = q * step[:, None]
    rows: Array = np.einsum("fk,fk->f", w @ covariance - 2 * target, w)
    return rows


def descend(q: Array, step: Array, lo: int, hi: int, covariance: Array, target: Array) -> Array:
    """Codes from which no change of one code by one lowers L of its row any more; L never rises.

    Changing q_j by δ = ±1 changes L by 2δs·(w̃Σ − wC)_j + s²Σ_jj. Each round takes a row's best change.
    """
    q = q.copy()
    rows, s = np.arange(len(q)), step[:, None]
    gradient = 2 * s * ((q * s) @ covariance - target)
    curvature = s * s * np.diag(covariance)
    least = 1e-9 * np.maximum(curvature.max(axis=1), 1e-30)
    for _ in range(q.size):
        up = np.where(q < hi, curvature + gradient, np.inf)
        down = np.where(q > lo, curvature - gradient, np.inf)
        j = np.minimum(up, down).argmin(axis=1)
        change = np.where(up[rows, j] <= down[rows, j], 1, -1)
        change *= np.minimum(up, down)[rows, j] < -least
        if not change.any():
            break
        q[rows, j] += change
        gradient += 2 * s * s * change[:, None] * covariance[j]
    return q


def learn_rounding(
    w: Array, step: Array, lo: int, hi: int, covariance: Array, cross: Array, iterations: int = 1000
) -> NDArray[np.int64]:
    """Codes (F, K) by AdaRound (4), (5), then `descend`; each row at least as good as nearest under (3).

    w           (F, K) float weights
    step        (F,) their steps; lo ≤ codes ≤ hi
    covariance  (K, K) Cov(x̃), cross (K, K) Cov(x, x̃); both the same if nothing before is quantized
    iterations  of Adam on V, learning rate 0.1; λ is 3 when L is 1 a weight at nearest
    """
    F, K = w.shape
    if step.shape != (F,) or covariance.shape != (K, K) or cross.shape != (K, K):
        found = f"shapes {step.shape}, {covariance.shape}, {cross.shape}"
        refuse("learn_rounding: step, covariance, cross", found, f"({F},), ({K}, {K}), ({K}, {K})")
    s = step[:, None]
    target = w @ cross
    nearest = np.clip(np.rint(w / s), lo, hi)
    lost = nearest * s - w
    unit = float(np.einsum("fk,fk->f", lost @ covariance, lost).mean()) / K + 1e-30
    floor = np.floor(w / s)
    V = -np.log((ZETA - GAMMA) / (np.clip(w / s - floor, 0.001, 0.999) - GAMMA) - 1)
    m, v = np.zeros_like(V), np.zeros_like(V)
    for t in range(1, iterations + 1):
        h, slope = soft_step(V)
        inside = (floor + h >= lo) & (floor + h <= hi)
        soft = np.clip(floor + h, lo, hi) * s
        dh = 2 * s * (soft @ covariance - target) * inside / unit
        if 5 * t > iterations:
            beta = 11 + 9 * np.cos(np.pi * (t / iterations - 0.2) / 0.8)
            dh += 3 * penalty(h, float(beta))[1]
        dV = dh * slope
        m = 0.9 * m + 0.1 * dV
        v = 0.999 * v + 0.001 * dV * dV
        V -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-12)
    learned = np.clip(floor + (soft_step(V)[0] >= 0.5), lo, hi)
    at = step, covariance, target
    candidates = [descend(codes, step, lo, hi, covariance, target) for codes in (learned, nearest)]
    better = reconstruction(candidates[0], *at) <= reconstruction(candidates[1], *at)
    return np.where(better[:, None], *candidates).astype(np.int64)


def patches(layer: Conv2d | Linear, x: Array) -> Array:
    """What each output of a layer is a product with: (G, K, P), from the layer's input (…, N)."""
    if isinstance(layer, Linear):
        return x[None]
    padded = pad(x, layer.padding, 0)
    columns = im2col(padded, layer.kernel, layer.stride)
    return columns.reshape(layer.groups, len(columns) // layer.groups, -1)


def moments(layer: Conv2d | Linear, pairs: Iterator[tuple[Array, Array]]) -> Moments:
    """The moments of a layer's inputs over a stream of (x in float, x̃ as quantized), each (…, N)."""
    count, totals = 0, [np.zeros(())] * 4
    for exact, seen in pairs:
        a, b = patches(layer, exact), patches(layer, seen)
        parts = a.sum(axis=2), b.sum(axis=2), b @ b.swapaxes(1, 2), a @ b.swapaxes(1, 2)
        totals = [total + part for total, part in zip(totals, parts, strict=True)]
        count += a.shape[2]
    if not count:
        refuse("moments: pairs", "none", "at least one")
    mean, other, square, product = (total / count for total in totals)
    return Moments(
        mean,
        other,
        square - other[:, :, None] * other[:, None, :],
        product - mean[:, :, None] * other[:, None, :],
    )


def _inputs(
    model: Sequential, fake: FakeQuantized, name: str, images: Array
) -> Iterator[tuple[Array, Array]]:
    """The input of layer `name`, in chunks: in the float network and in the fake-quantized one."""
    for start in range(0, len(images), CHUNK):
        x = to_input(images[start : start + CHUNK]).astype(model.dtype, copy=False)
        exact = {"input": x} | model.activations(x)
        seen = fake.activations(x)
        yield exact[before(model, name)], seen[before(fake.network, name)]


def before(model: Sequential, name: str) -> str:
    """The layer whose output is the input of layer `name`; "input" for the first."""
    names = ["input", *model.layers]
    return names[names.index(name) - 1]


def _layer_by_layer(
    model: Sequential, grids: Mapping[str, Grid], images: Array, iterations: int
) -> Sequential:
    """Walk the blocks in order; round each weight (unless iterations is 0) and correct each bias."""
    if not isinstance(images, np.ndarray) or images.ndim < 3 or len(images) == 0:
        refuse("images", getattr(images, "shape", images), "(N, H, W) or (N, C, H, W), N > 0")
    with Workers(1):
        return _each_block(model, grids, images, iterations)


def _each_block(model: Sequential, grids: Mapping[str, Grid], images: Array, iterations: int) -> Sequential:
    params = dict(model.params)
    for block in blocks_of(model):
        name, layer, grid = f"{block.name}.w", block.layer, grids[f"{block.name}.w"]
        fake = FakeQuantized.create(model.with_params(params), grids, rule="straight-through")
        at = moments(layer, _inputs(model, fake, block.name, images))
        w = model.params[name]
        if iterations and not isinstance(grid, Signs):
            params[name] = _rounded(w, layer, grid, at, iterations)
        if f"{block.name}.b" in params:
            rows = [
                a.reshape(len(at.mean), len(w) // len(at.mean), -1).astype(np.float64)
                for a in (w, grid.round_trip(params[name]))
            ]
            wanted, given = (
                np.einsum("gfk,gk->gf", r, m) for r, m in zip(rows, (at.mean, at.seen), strict=True)
            )
            b = model.params[f"{block.name}.b"]
            params[f"{block.name}.b"] = (b + (wanted - given).reshape(-1)).astype(b.dtype)
    return model.with_params(params)


def correct_bias(model: Sequential, grids: Mapping[str, Grid], images: Array) -> Sequential:
    """The model with each bias shifted by (2), so that every block's mean output is the float network's.

    model    float, batch norms folded
    grids    of `calibrate`
    images   (N, H, W) or (N, C, H, W), a few hundred; labels are not needed
    returns  the same weights, other biases. Layers without a bias are left as they are
    """
    return _layer_by_layer(model, grids, images, 0)


def adaround(
    model: Sequential, grids: Mapping[str, Grid], images: Array, iterations: int = 1000
) -> Sequential:
    """The model with every weight on its grid, rounded by `learn_rounding`, and biases corrected by (2).

    Its weights are grid values already, so whatever rounds them to nearest later leaves them alone. Layers at
    one bit keep their nearest signs. Arguments as in `correct_bias`.
    """
    if iterations < 1:
        refuse("adaround: iterations", iterations, "1 or more")
    return _layer_by_layer(model, grids, images, iterations)


def _rounded(w: Array, layer: Conv2d | Linear, grid: Grid, at: Moments, iterations: int) -> Array:
    """The weights of a layer (F, …) on their grid, rounded group by group."""
    groups = len(at.covariance)
    rows = w.reshape(groups, len(w) // groups, -1).astype(np.float64)
    steps = np.broadcast_to(grid.scale, len(w)).reshape(groups, -1)
    codes = [
        learn_rounding(r, s, grid.lo, grid.hi, c, x, iterations)
        for r, s, c, x in zip(rows, steps, at.covariance, at.cross, strict=True)
    ]
    return grid.dequantize(np.stack(codes).reshape(w.shape)).astype(w.dtype)
