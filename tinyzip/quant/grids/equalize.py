"""Cross-layer equalization: the same function, with no channel small beside its neighbours.

A ReLU, a leaky one, a pooling and a flatten let a positive factor through, f(s·x) = s·f(x). So a channel may
leave one layer divided by s, and the next layer may multiply what it reads from it by s [Nagel et al. 2019,
section 4.1]:

w₁[c] ← w₁[c]/s        b₁[c] ← b₁[c]/s        w₂[:, c] ← w₂[:, c]·s                        (QE1)

With r₁ = max |w₁[c]| and r₂ = max |w₂[:, c]|, the choice

s = √(r₁/r₂)                                                           [their eq. 11]      (QE2)

makes both ranges √(r₁·r₂). Then no channel is small beside its neighbours for no other reason than that its
reader is large, and one scale for the whole tensor does well. Pairs of layers overlap, so they are
equalized in turn until no factor differs from 1 by more than a thousandth.

Scales for each output channel do the same for weights without any of this. They cannot do it for what
flows between two layers: in an integer sum over channels all terms have one unit, so activations have one
scale. Where channels of activations differ a hundredfold, QE1 is what helps, since it divides them too.
"""

from math import inf

import numpy as np

from tinyzip.nn.activations import LeakyReLU
from tinyzip.nn.inspected import AnyInspected
from tinyzip.nn.layers import Activation, Conv2d, ReLU
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.blocks import Block, blocks_of
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import by_channel

SWEEPS = 100
CLOSE = 1e-3


def equalize(model: AnyInspected) -> AnyInspected:
    """The same function with the ranges of each channel's two ends made equal (QE1, QE2), batch norm folded.

    Channels that are all zero on one of the ends are left alone, and so are layers with a function between
    them that lets no factor through, such as a sigmoid or a clip at 6. So are the ends of a residual block:
    its sum would have to be given the same factor on both ways. Logits change by float rounding only, since
    all is computed in float64 and rounded to the model's dtype once.

    raises  ValueError, with the layer's name, for a model that is no chain of blocks (see `blocks`)
    """
    model = fold_batch_norm(model)
    params = {name: value.astype(np.float64) for name, value in model.params.items()}
    pairs = [pair for pair in blocks_of(model).pairs if _lets_factors_through(pair[0])]
    for _ in range(SWEEPS):
        furthest = 1.0
        for writer, reader in pairs:
            w1 = params[f"{writer.name}.w"]
            w2 = _by_input(params[f"{reader.name}.w"], reader, len(w1))
            r1 = np.abs(w1).reshape(len(w1), -1).max(axis=1)
            r2 = np.abs(w2).max(axis=(1, 3)).reshape(-1)
            s = np.sqrt(np.divide(r1, r2, out=np.ones_like(r1), where=(r1 > 0) & (r2 > 0)))
            w1 /= by_channel(s, w1)
            w2 *= s.reshape(len(w2), 1, -1, 1)
            if writer.layer.bias:
                params[f"{writer.name}.b"] /= s
            furthest = max(furthest, s.max(), 1 / s.min())
        if furthest < 1 + CLOSE:
            break
    return model.with_params({name: params[name].astype(value.dtype) for name, value in model.params.items()})


def _lets_factors_through(block: Block) -> bool:
    """Is f(s·x) = s·f(x) for all between this block's sums and the next block?"""
    tables = [layer for _, layer in block.after if isinstance(layer, Activation)]
    return set(block.clamp) <= {-inf, 0.0, inf} and all(isinstance(f, ReLU | LeakyReLU) for f in tables)


def _by_input(w: Array, block: Block, C: int) -> Array:
    """A view of w as (group, output in it, input channel in it, the rest), for an input of C channels.

    A linear layer after a flatten reads C channels of several pixels each.
    """
    groups = block.layer.groups if isinstance(block.layer, Conv2d) else 1
    return w.reshape(groups, len(w) // groups, C // groups, -1)
