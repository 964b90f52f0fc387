"""Depth: depthwise convolution, one channel a group: as a plain sum, and as matrix products.

The plain sum gives each place of the window one pass over the image: the weight there, times the image moved
to that place. It is kh·kw passes that only multiply and add, and the memory sets their speed.

On a narrow image there is something better. An output row sees kh input rows, which lie side by side in
memory as one matrix (kh·W, N); and which weight meets which pixel is the same for all rows and examples:

    y[oh] = T · x[oh·sh … oh·sh + kh − 1],   T[ow, i·W + ow·sw + j·dw] = w[i, j], else 0        (DW1)

T (OW, kh·W) is a band matrix for each channel, as (X8) of `nn.fast.bands`, where the same is done with real
numbers and for gradients. Most of it are zeros, and an output costs kh·W products
instead of kh·kw; but BLAS does ten in the time in which a pass over memory does one. Zeros add nothing, so
the sums are the same whole numbers, and as exact.
"""

import numpy as np

from tinyzip.base.windows import Pair, strided
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.memory import take
from tinyzip.machine.workspace import Workspace

MOST_ZEROS = 10  # products with zeros for one that counts, at most
LARGEST = 2**22  # bytes of all band matrices of a layer


def band_matrices(w: Array, width: int, stride: Pair, dilation: Pair) -> Array | None:
    """T of (DW1), (C, F/C, OW, kh·W), for padded images of this width; None where they would not pay.

    w  (C, F/C, kh, kw), of the product's dtype
    """
    C, M, kh, kw = w.shape
    OW = (width - (kw - 1) * dilation[1] - 1) // stride[1] + 1
    size = C * M * OW * kh * width
    if dilation[0] > 1 or width > MOST_ZEROS * kw * stride[1] or size * w.itemsize > LARGEST:
        return None
    T = np.zeros((C, M, OW, kh, width), w.dtype)
    for ow in range(OW):
        for j in range(kw):
            T[:, :, ow, :, ow * stride[1] + j * dilation[1]] = w[:, :, :, j]
    return T.reshape(C, M, OW, kh * width)


def banded(x: Array, T: Array, rows: int, step: int, acc: Array, workspace: Workspace) -> None:
    """(DW1): acc (F, OH, OW, N) from padded images x (C, H, W, N), windows of `rows` rows, `step` apart.

    For a single example the products would be with vectors, one for each row. There the rows are copied, and
    their transpose is one matrix: yᵀ = xᵀ·Tᵀ.
    """
    F, OH, OW, N = acc.shape
    C, _, W, _ = x.shape
    c, h, w, n = x.strides
    seen = strided(x, (C, OH, rows * W, N), (c, step * h, w, n))
    sums = acc.reshape(C, F // C, OH, OW, N)
    if N == 1:
        lines = take(x, (C, OH, rows * W), x.dtype, workspace)
        np.copyto(lines, seen[..., 0])
    for m in range(F // C):
        if N == 1:
            np.matmul(lines, T[:, m].transpose(0, 2, 1), out=sums[:, m, :, :, 0])
        else:
            np.matmul(T[:, m, None], seen, out=sums[:, m])


def summed(x: Array, w: Array, stride: Pair, dilation: Pair, acc: Array, workspace: Workspace) -> None:
    """The plain sum: acc (F, OH, OW, N) from padded images x (C, H, W, N); w (C, F/C, kh, kw)."""
    C, M, kh, kw = w.shape
    (sh, sw), (dh, dw) = stride, dilation
    _, OH, OW, N = acc.shape
    sums = acc.reshape(C, M, OH, OW, N)
    term = take(acc, sums.shape, acc.dtype, workspace)
    for i in range(kh):
        rows = slice(i * dh, i * dh + sh * (OH - 1) + 1, sh)
        for j in range(kw):
            seen = x[:, None, rows, j * dw : j * dw + sw * (OW - 1) + 1 : sw]
            np.multiply(seen, w[:, :, i, j, None, None, None], out=term if i or j else sums)
            if i or j:
                np.add(sums, term, out=sums)
