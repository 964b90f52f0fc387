"""Two ways to rewrite a network that leave its function as it is.

Batch norm at inference is an affine map with fixed numbers, and it stands behind another affine map. So
the two are one [Jacob et al. 2018, eq. 14]:

w ← w·γ/√(v + ε)        b ← (b − m)·γ/√(v + ε) + β                                         (F1)

Cross-layer equalization [Nagel et al. 2019, section 4.1] uses that a ReLU, a pooling and a flatten let a
positive factor through, f(s·x) = s·f(x). A channel may leave one layer divided by s, and the next layer may
multiply what it reads from it by s:

w₁[c] ← w₁[c]/s        b₁[c] ← b₁[c]/s        w₂[:, c] ← w₂[:, c]·s                        (F2)

With r₁ = max |w₁[c]| and r₂ = max |w₂[:, c]|, the choice

s = √(r₁/r₂)                                                                 (F3, their eq. 11)

makes both ranges √(r₁·r₂). Then no channel is small beside its neighbours for no other reason than that its
reader is large, and one scale for the whole tensor does well. Pairs of layers overlap, so they are
equalized in turn until no factor differs from 1 by more than a thousandth.

Scales for each output channel do the same for weights without any of this. They cannot do it for what
flows between two layers: in an integer sum over channels all terms have one unit, so activations have one
scale. Where channels of activations differ a hundredfold, F2 is what helps, since it divides them too.

Both work in float64 and round to the model's dtype once: logits stay the same to float precision.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.blocks import Block, blocks_of

Array = NDArray[Any]
SWEEPS = 100
CLOSE = 1e-3


def fold_batch_norm(model: Sequential) -> Sequential:
    """The same function without the batch norms that directly follow a convolution or linear layer (F1).

    The layer in front gets a bias if it had none. Logits change by float rounding only (≤ 1e-5 relative to
    their size in float32). Batch norms elsewhere stay.
    """
    layers: dict[str, Layer] = {}
    params = dict(model.params)
    before = ""
    for name, layer in model.layers.items():
        front = layers.get(before)
        if isinstance(layer, BatchNorm) and isinstance(front, Conv2d | Linear):
            gamma, beta, mean, var = (
                params.pop(f"{name}.{part}").astype(np.float64) for part in ("gamma", "beta", "mean", "var")
            )
            factor = gamma / np.sqrt(var + layer.eps)
            w = params[f"{before}.w"]
            b = params.get(f"{before}.b", np.zeros(front.F))
            params[f"{before}.w"] = (w * _along(factor, w)).astype(w.dtype)
            params[f"{before}.b"] = ((b - mean) * factor + beta).astype(w.dtype)
            layers[before] = replace(front, bias=True)
        else:
            layers[name] = layer
            before = name
    return Sequential(layers, params, model.shape)


def equalize(model: Sequential) -> Sequential:
    """The same function with the ranges of each channel's two ends made equal (F2, F3), batch norm folded.

    Channels that are all zero on one of the ends are left alone.

    raises  ValueError, with the layer's name, for a model that is no chain of blocks (see `blocks`)
    """
    model = fold_batch_norm(model)
    params = {name: value.astype(np.float64) for name, value in model.params.items()}
    blocks = list(blocks_of(model))
    for _ in range(SWEEPS):
        furthest = 1.0
        for writer, reader in pairwise(blocks):
            w1 = params[f"{writer.name}.w"]
            w2 = _by_input(params[f"{reader.name}.w"], reader, len(w1))
            r1 = np.abs(w1).reshape(len(w1), -1).max(axis=1)
            r2 = np.abs(w2).max(axis=(1, 3)).reshape(-1)
            s = np.sqrt(np.divide(r1, r2, out=np.ones_like(r1), where=(r1 > 0) & (r2 > 0)))
            w1 /= _along(s, w1)
            w2 *= s.reshape(len(w2), 1, -1, 1)
            if writer.layer.bias:
                params[f"{writer.name}.b"] /= s
            furthest = max(furthest, s.max(), 1 / s.min())
        if furthest < 1 + CLOSE:
            break
    return model.with_params({name: params[name].astype(value.dtype) for name, value in model.params.items()})


def _along(values: Array, w: Array) -> Array:
    """One value for each output, in a shape that meets axis 0 of w."""
    return values.reshape(-1, *[1] * (w.ndim - 1))


def _by_input(w: Array, block: Block, C: int) -> Array:
    """A view of w as (group, output in it, input channel in it, the rest), for an input of C channels.

    A linear layer behind a flatten reads C channels of several pixels each.
    """
    groups = block.layer.groups if isinstance(block.layer, Conv2d) else 1
    return w.reshape(groups, len(w) // groups, C // groups, -1)
