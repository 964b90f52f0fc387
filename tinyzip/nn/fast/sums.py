"""Depth: sums over the long axis, left to BLAS.

Σ_m a[…, m] = a·1,   Σ_m a[…, m]·b[…, m] = aᵀb                                                  (X1)

NumPy adds up a long row pairwise, which is precise and a third as fast as a product with a vector of ones;
its einsum is no faster and forgets a digit. BLAS keeps many partial sums at once, and so is near both. X1
applies wherever the axis is long: gradients of biases, the statistics of batch norm, a mean over the image.
"""

import numpy as np

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import Array


def total(a: Array, workspace: Workspace) -> Array:
    """Σ_m a[…, m], for a of at least two axes                                                  (X1)"""
    with workspace.scratch():
        ones = workspace.empty(a.shape[-1:], a.dtype)
        ones[...] = 1
        sums: Array = np.matmul(a, ones)
    return sums


def dot(a: Array, b: Array) -> Array:
    """Σ_m a[…, m]·b[…, m], for a and b of one shape                                            (X1)"""
    products: Array = np.matmul(a[..., None, :], b[..., :, None])[..., 0, 0]
    return products
