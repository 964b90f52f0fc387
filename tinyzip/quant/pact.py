"""PACT: let the network choose where its activations are clipped.

A ReLU has no upper end, a grid has. Where to cut is a trade: a high end wastes codes on rare values, a low
one cuts them off. PACT makes the end α a parameter that the loss itself moves:

    c = clip(x, 0, α)          y = round(c·(2ᵇ − 1)/α)·α/(2ᵇ − 1)          [Choi et al. 2018, eq. 1, 2]
    ∂y/∂x = 1 where 0 < x < α, else 0
    ∂y/∂α = 1 where x ≥ α, else 0                                          [Choi et al. 2018, eq. 3]

Only clipped values move α, and always to reduce their own loss; a small L2 penalty on α (their section
3) pulls it back down. LSQ (`lsq.py`) sees the rounding as well and needs no penalty; it replaced PACT. With
α = hi·s, PACT is the rule "pact" there, and a test holds the two together.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.quant.lsq import fake_quantize, fake_quantize_backward


def _codes(alpha: Any, bits: int) -> int:
    if np.ndim(alpha) != 0 or not alpha > 0:
        refuse("pact: alpha", alpha, "one number above zero")
    if isinstance(bits, bool) or bits not in range(1, 9):
        refuse("pact: bits", bits, "1 to 8")
    return int(2**bits - 1)


def pact(x: NDArray[Any], alpha: Any, bits: int) -> NDArray[Any]:
    """y = round(clip(x, 0, α)/s)·s with s = α/(2ᵇ − 1): eq. 1 and 2 of the paper.

    x        (…) float, before the ReLU: clipping at 0 is the ReLU
    returns  like x, in [0, α]
    """
    hi = _codes(alpha, bits)
    return fake_quantize(x, alpha / hi, 0, hi)


def pact_backward(
    dy: NDArray[Any], x: NDArray[Any], y: NDArray[Any], alpha: Any, bits: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(dx, dα), eq. 3: dα = Σ dy over x ≥ α. dα is (), in dy's unit per x's."""
    hi = _codes(alpha, bits)
    dx, dstep = fake_quantize_backward(dy, x, y, alpha / hi, 0, hi, rule="pact")
    return dx, np.asarray(dstep / hi, x.dtype)
