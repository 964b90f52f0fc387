"""Depth: rounding with a goal: not each weight's own nearest code, but the layer's output.

For a row w of a layer, its inputs x and its codes q, rounding loses

    L(q) = E (s·q·x̃ + b̃ − w·x − b)²                            [Nagel et al. 2020, eq. 20, 21]  (QR1)

x is the input in the float network and x̃ what the layers before, quantized already, really give. The
bias is free, so minimise over it first. It takes up the mean,

    b̃ = b + w·E x − s·q·E x̃                                     [Nagel et al. 2019, section 4.2]  (QR2)

("bias correction", useful for any rounding), and what is left are covariances: the quadratic QQ1 with
Σ = Cov(x̃) and C = Cov(x, x̃). So each layer's images are looked at once, and all that is kept of them is
one K × K matrix of each kind. Which codes minimise it is the matter of `quadratic`.

The layers are rounded in order, since x̃ of a layer depends on the codes of those before it. Weights that are
0 in the float network have been taken away (`prune`), and stay 0 whatever rounds the others.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse, whole
from tinyzip.base.windows import im2col, pad
from tinyzip.machine.workers import Workers
from tinyzip.nn.inspected import AnyInspected, Inspected, check_network
from tinyzip.nn.layers import Conv2d, Linear
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import inputs
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.lowbit import Signs
from tinyzip.quant.rounding.quadratic import Rows, best_codes
from tinyzip.quant.rounding.surgeon_fast import surgeon_codes
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import check_shape
from tinyzip.train.pixels import check_model_range

Real = NDArray[np.float64]
Choose = Callable[[Rows], NDArray[np.int64]]


@dataclass(frozen=True)
class Moments:
    """What (QR2) and (QQ1) need of a layer's inputs, for each of its G groups of K inputs.

    mean        (G, K) E x, of the float network
    seen        (G, K) E x̃, of the quantized one
    covariance  (G, K, K) Cov(x̃)
    cross       (G, K, K) Cov(x, x̃)
    """

    mean: Real
    seen: Real
    covariance: Real
    cross: Real

    def rows(self, w: Array) -> Real:
        """The weights (F, …) of the layer as the rows of each of its groups, (G, F/G, K)."""
        return w.reshape(len(self.mean), -1, self.mean.shape[1]).astype(np.float64)


def patches(layer: Conv2d | Linear, x: Array) -> Array:
    """What each output of a layer is a product with: (G, K, P), from the layer's input (…, N)."""
    if isinstance(layer, Linear):
        return x[None]
    padded = pad(x, layer.padding, 0)
    columns = im2col(padded, layer.kernel, layer.stride)
    return columns.reshape(layer.groups, len(columns) // layer.groups, -1)


def moments(layer: Conv2d | Linear, pairs: Iterator[tuple[Array, Array]]) -> Moments:
    """The moments of a layer's inputs over a stream of (x in float, x̃ as quantized), each (…, N).

    Summed in float64: a covariance is a difference, and float32 would leave little of a small one.
    """
    count, totals = 0, [np.zeros(())] * 4
    for exact, seen in pairs:
        a, b = (patches(layer, x).astype(np.float64) for x in (exact, seen))
        parts = a.sum(axis=2), b.sum(axis=2), b @ b.swapaxes(1, 2), a @ b.swapaxes(1, 2)
        totals = [total + part for total, part in zip(totals, parts, strict=True)]
        count += a.shape[2]
    if not count:
        refuse("moments: pairs", "none", "at least one")
    mean, other, square, product = (total / count for total in totals)
    covariance = square - other[:, :, None] * other[:, None, :]
    cross = product - mean[:, :, None] * other[:, None, :]
    still = np.trace(covariance, axis1=1, axis2=2) <= 2.0**-40 * np.trace(square, axis1=1, axis2=2)
    covariance[still] = cross[still] = 0  # rounding has left what is there
    return Moments(mean, other, covariance, cross)


def correct_bias(model: AnyInspected, grids: Mapping[str, Grid], images: Array) -> AnyInspected:
    """The model with each bias shifted by (QR2), so that every block's mean output is the float network's.

    model    float, batch norms folded
    grids    of `calibrate`
    images   (N, H, W) or (N, C, H, W), a few hundred; labels are not needed
    returns  the same weights, other biases. Layers without a bias are left as they are. On the images given,
             the mean output of each block's layer in the simulation (`fake`) is off by s_x·s_w/2 at most, the
             rounding of the bias, and float rounding
    """
    return _layer_by_layer(model, grids, images, None)


def adaround(
    model: AnyInspected, grids: Mapping[str, Grid], images: Array, iterations: int = 1000
) -> AnyInspected:
    """The model with every weight on its grid, rounded by `best_codes`, and biases corrected by (QR2).

    Its weights are grid values already, so whatever rounds them to nearest later leaves them alone. Layers at
    one bit keep their nearest signs: a sign leaves nothing to choose. Arguments as in `correct_bias`.
    """
    whole(iterations, "adaround: iterations", 1)
    return _layer_by_layer(model, grids, images, partial(best_codes, iterations=iterations))


def surgeon(model: AnyInspected, grids: Mapping[str, Grid], images: Array) -> AnyInspected:
    """As `adaround`, but rounded by `surgeon_codes`: a tenth of the time."""
    return _layer_by_layer(model, grids, images, surgeon_codes)


def _layer_by_layer(
    model: AnyInspected, grids: Mapping[str, Grid], images: Array, choose: Choose | None
) -> AnyInspected:
    """Walk the blocks in order; choose the codes of weights, unless by no way, and correct each bias."""
    check_network(model, "model")
    check_shape(model, images, "images")
    check_model_range(model, images, "images")
    params = dict(model.params)
    with Workers():
        for block in blocks_of(model):
            w, b = f"{block.name}.w", f"{block.name}.b"
            fake = FakeQuantized.create(model.with_params(params), grids, rule="straight-through")
            seen = moments(block.layer, input_pairs(model, fake, fake.network, block.name, images))
            if choose and not isinstance(grids[w], Signs):
                params[w] = _rounded(model.params[w], grids[w], seen, choose)
            if b in params:
                rounded = grids[w].round_trip(params[w])
                params[b] = corrected_bias(model.params[b], model.params[w], rounded, seen)
    return model.with_params(params)


def input_pairs(
    model: Inspected, other: Inspected | FakeQuantized, named: Inspected, name: str, images: Array
) -> Iterator[tuple[Array, Array]]:
    """The input of layer `name`, a shard at a time: in a float network, and in another that has the layers
    of `named`."""
    before, after = (network.every_layer[name].reads for network in (model, named))
    for x in inputs(model, images):
        exact, seen = {"input": x} | model.activations(x), {"input": x} | other.activations(x)
        yield exact[before], seen[after]


def corrected_bias(b: Array, w: Array, other: Array, seen: Moments) -> Array:
    """The bias (F,) that a layer needs by (QR2), where weights w (F, …) became others."""
    return np.asarray((b + (_mean(w, seen.mean) - _mean(other, seen.seen))).astype(b.dtype))


def _mean(w: Array, x: Real) -> Real:
    """The mean output of each row, (F,), for weights w (F, …) and the mean of their inputs x (G, K)."""
    G, K = x.shape
    return np.asarray(np.einsum("gfk,gk->gf", w.reshape(G, -1, K).astype(np.float64), x).reshape(-1))


def _rounded(w: Array, grid: Grid, seen: Moments, choose: Choose) -> Array:
    """The weights of a layer (F, …) on their grid, rounded group by group."""
    rows, G = seen.rows(w), len(seen.mean)
    steps = np.broadcast_to(grid.scale, len(w)).reshape(G, -1)
    codes = [
        choose(Rows(rows[g], steps[g], grid.lo, grid.hi, seen.covariance[g], seen.cross[g])) for g in range(G)
    ]
    return grid.dequantize(np.stack(codes).reshape(w.shape)).astype(w.dtype)
