"""Batch norm folded into the layer in front of it: fewer layers, and the function stays as it is.

Batch norm at inference is an affine map with fixed numbers, and it stands after another affine map. So
the two are one [Jacob et al. 2018, eq. 14]:

w ← w·γ/√(v + ε)        b ← (b − m)·γ/√(v + ε) + β                                         (QF1)

The integer engine has no batch norm, so every method of this room folds first: only then are the weights
those that will be quantized. QF1 is computed in float64 and rounded to the model's dtype once.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyzip.nn.calls import check_network
from tinyzip.nn.inspected import AnyInspected
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear
from tinyzip.nn.residual import Residual
from tinyzip.quant.grid import by_channel


def fold_batch_norm(model: AnyInspected) -> AnyInspected:
    """The same function without the batch norms that directly follow a convolution or linear layer (QF1).

    The layer in front gets a bias if it had none. Logits change by float rounding only (≤ 1e-5 relative to
    their size in float32). Batch norms elsewhere stay.
    """
    check_network(model, "fold_batch_norm: model")
    params = dict(model.params)
    layers = _folded(model.layers, params, "")
    return replace(model, layers=layers, params=params)


def _folded(chain: Mapping[str, Layer], params: Arrays, way: str) -> dict[str, Layer]:
    """The chain without such batch norms, and `params` changed likewise; `way` stands before its names."""
    layers: dict[str, Layer] = {}
    before = ""
    for name, layer in chain.items():
        front = layers.get(before)
        if isinstance(layer, BatchNorm) and isinstance(front, Conv2d | Linear):
            arrays = (params.pop(f"{way}{name}.{part}") for part in ("gamma", "beta", "mean", "var"))
            gamma, beta, mean, var = (array.astype(np.float64) for array in arrays)
            factor = gamma / np.sqrt(var + layer.eps)
            w = params[f"{way}{before}.w"]
            b = params.get(f"{way}{before}.b", np.zeros(front.F))
            params[f"{way}{before}.w"] = (w * by_channel(factor, w)).astype(w.dtype)
            params[f"{way}{before}.b"] = ((b - mean) * factor + beta).astype(w.dtype)
            layers[before] = replace(front, bias=True)
        else:
            layers[name] = layer
            before = name
            if isinstance(layer, Residual):
                body = _folded(layer.body, params, f"{way}{name}.body.")
                shortcut = _folded(layer.shortcut, params, f"{way}{name}.shortcut.")
                layers[name] = replace(layer, body=body, shortcut=shortcut)
    return layers
