"""Batch norm folded into the layer in front of it: fewer layers, and the function stays as it is.

Batch norm at inference is an affine map with fixed numbers, and it stands behind another affine map. So
the two are one [Jacob et al. 2018, eq. 14]:

w ← w·γ/√(v + ε)        b ← (b − m)·γ/√(v + ε) + β                                         (QF1)

The integer engine has no batch norm, so every method of this room folds first: only then are the weights
those that will be quantized. QF1 is computed in float64 and rounded to the model's dtype once.
"""

from dataclasses import replace

import numpy as np

from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear
from tinyzip.nn.sequential import Sequential, check_sequential
from tinyzip.quant.grid import by_channel


def fold_batch_norm(model: Sequential) -> Sequential:
    """The same function without the batch norms that directly follow a convolution or linear layer (QF1).

    The layer in front gets a bias if it had none. Logits change by float rounding only (≤ 1e-5 relative to
    their size in float32). Batch norms elsewhere stay.
    """
    check_sequential(model, "fold_batch_norm: model")
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
            params[f"{before}.w"] = (w * by_channel(factor, w)).astype(w.dtype)
            params[f"{before}.b"] = ((b - mean) * factor + beta).astype(w.dtype)
            layers[before] = replace(front, bias=True)
        else:
            layers[name] = layer
            before = name
    return Sequential(layers, params, model.shape, model.input_range)
