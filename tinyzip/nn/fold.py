"""Batch norm folded into the layer in front of it: fewer layers, and the function stays as it is.

Batch norm at inference is an affine map with fixed numbers, and mostly it stands after another affine map. So
the two are one [Jacob et al. 2018, eq. 14]:

w ← w·γ/√(v + ε)        b ← (b − m)·γ/√(v + ε) + β                                         (QF1)

An answer then takes two passes over a layer's output less, and the integer engine, which has no batch norm,
is given none. Elsewhere, first or after a ReLU, it can become such a layer by itself, with w = 1 and b = 0 to
begin with: a depthwise convolution of one pixel for images, a diagonal matrix for features. It could go into
the layer after it only where that adds no border of zeros, and even there should not: a channel that hardly
ever differs from its mean has a factor a hundred times that of its neighbours, and weights of one output
share a scale when they are quantized. By itself it has a scale for each channel, which holds its one weight
without an error.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinyzip.nn.inspected import AnyInspected, check_network
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear
from tinyzip.nn.ops.norm import across
from tinyzip.nn.residual import Residual


def fold_batch_norm(model: AnyInspected) -> AnyInspected:
    """The same function without batch norms: those after a convolution or linear layer are part of it (QF1).

    The layer in front gets a bias if it had none, and a batch norm elsewhere is a layer of the same name.
    QF1 is computed in float64 and rounded to the model's dtype once: logits change by float rounding only
    (≤ 1e-5 relative to their size in float32).
    """
    check_network(model, "fold_batch_norm: model")
    return folded(model, dict(model.params), np.dtype(np.float64), True)


def folded(model: AnyInspected, params: Arrays, dtype: np.dtype[Any], everywhere: bool) -> AnyInspected:
    """The same on `params`, a dict to be changed, by QF1 in `dtype`; elsewhere norms go if `everywhere`."""

    def of(chain: Mapping[str, Layer], way: str) -> dict[str, Layer]:
        """A chain without batch norms, and `params` changed likewise; `way` stands before its names."""
        layers: dict[str, Layer] = {}
        before = ""
        for name, layer in chain.items():
            front = layers.get(before)
            if isinstance(layer, BatchNorm) and (everywhere or isinstance(front, Conv2d | Linear)):
                arrays = (params.pop(f"{way}{name}.{part}") for part in ("gamma", "beta", "mean", "var"))
                gamma, beta, mean, var = (array.astype(dtype, copy=False) for array in arrays)
                factor = gamma / np.sqrt(var + dtype.type(layer.eps))
                if not isinstance(front, Conv2d | Linear):
                    before, C = name, layer.C
                    image = len(model.every_layer[way + name].given) == 3
                    front = Conv2d(C, C, 1, groups=C) if image else Linear(C, C)
                    ones = np.ones((C, 1, 1, 1)) if image else np.eye(C)
                    params[f"{way}{name}.w"] = ones.astype(model.dtype)
                w = params[f"{way}{before}.w"]
                b = params.get(f"{way}{before}.b", np.zeros(len(w), dtype))
                params[f"{way}{before}.w"] = (w * across(factor, w)).astype(w.dtype, copy=False)
                params[f"{way}{before}.b"] = ((b - mean) * factor + beta).astype(w.dtype, copy=False)
                layers[before] = replace(front, bias=True)
                continue
            if isinstance(layer, Residual):
                body = of(layer.body, f"{way}{name}.body.")
                layer = replace(layer, body=body, shortcut=of(layer.shortcut, f"{way}{name}.shortcut."))
            layers[name], before = layer, name
        return layers

    layers = of(model.layers, "")
    return replace(model, layers=layers, params=params)
