"""Batch norm folded into the layer in front of it: fewer layers, and the function stays as it is.

Batch norm at inference is an affine map with fixed numbers, and mostly it stands after another affine map. So
the two are one [Jacob et al. 2018, eq. 14]:

w ← w·γ/√(v + ε)        b ← (b − m)·γ/√(v + ε) + β                                         (QF1)

Elsewhere, first or after a ReLU, it becomes such a layer by itself, with w = 1 and b = 0 to begin with: a
depthwise convolution of one pixel for images, a diagonal matrix for features. It could go into the layer
after it only where that adds no border of zeros, and even there should not: a channel that hardly ever
differs from its mean has a factor a hundred times that of its neighbours, and weights of one output share a
scale. By itself it has a scale for each channel, which holds its one weight without an error.

The integer engine has no batch norm, so every method of this room folds first: only then are the weights
those that will be quantized. QF1 is computed in float64 and rounded to the model's dtype once.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyzip.nn.calls import check_network
from tinyzip.nn.inspected import AnyInspected, Inspected
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.residual import Residual
from tinyzip.quant.grid import by_channel
from tinyzip.train.data import check_shape
from tinyzip.train.pixels import check_model_range


def fold_batch_norm(model: AnyInspected) -> AnyInspected:
    """The same function without batch norms: those after a convolution or linear layer are part of it (QF1).

    The layer in front gets a bias if it had none, and a batch norm elsewhere is a layer of the same name.
    Logits change by float rounding only (≤ 1e-5 relative to their size in float32).
    """
    check_network(model, "fold_batch_norm: model")
    params = dict(model.params)
    layers = _folded(model, model.layers, params, "")
    return replace(model, layers=layers, params=params)


def checked_and_folded(model: AnyInspected, images: Array, caller: str) -> AnyInspected:
    """The model without batch norms, if it is one, and sees images like these; `caller` begins a refusal."""
    check_network(model, f"{caller}: model")
    check_shape(model, images, f"{caller}: images")
    check_model_range(model, images, f"{caller}: images")
    return fold_batch_norm(model)


def _folded(model: Inspected, chain: Mapping[str, Layer], params: Arrays, way: str) -> dict[str, Layer]:
    """The chain without batch norms, and `params` changed likewise; `way` stands before its names."""
    layers: dict[str, Layer] = {}
    before = ""
    for name, layer in chain.items():
        if isinstance(layer, BatchNorm):
            arrays = (params.pop(f"{way}{name}.{part}") for part in ("gamma", "beta", "mean", "var"))
            gamma, beta, mean, var = (array.astype(np.float64) for array in arrays)
            factor = gamma / np.sqrt(var + layer.eps)
            front = layers.get(before)
            if not isinstance(front, Conv2d | Linear):
                before, C = name, layer.C
                image = len(model.every_layer[way + name].given) == 3
                front = Conv2d(C, C, 1, groups=C) if image else Linear(C, C)
                ones = np.ones((C, 1, 1, 1)) if image else np.eye(C)
                params[f"{way}{name}.w"] = ones.astype(model.dtype)
            w = params[f"{way}{before}.w"]
            b = params.get(f"{way}{before}.b", np.zeros(len(w)))
            params[f"{way}{before}.w"] = (w * by_channel(factor, w)).astype(w.dtype)
            params[f"{way}{before}.b"] = ((b - mean) * factor + beta).astype(w.dtype)
            layers[before] = replace(front, bias=True)
            continue
        layers[name] = layer
        if isinstance(layer, Residual):
            body = _folded(model, layer.body, params, f"{way}{name}.body.")
            shortcut = _folded(model, layer.shortcut, params, f"{way}{name}.shortcut.")
            layers[name] = replace(layer, body=body, shortcut=shortcut)
        before = name
    return layers
