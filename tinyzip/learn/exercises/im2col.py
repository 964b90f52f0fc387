"""Patches: what all windows see, as a matrix.

A convolution takes the same weighted sum of what each window sees. If what they see stands in a matrix, one
window a column, then all these sums are one matrix product. Images are (C, H, W, N): channel, row, column,
example. The window at (oh, ow) sees, of channel c, the kh × kw numbers from row oh·s and column ow·s on:

    patches[c, i, j, oh, ow, n] = x[c, oh·s + i, ow·s + j, n]

with the first three axes as one, the rows of the matrix, and the last three as one, its columns. So no
number is computed here; it is all about where each goes.
"""

import numpy as np

from tinyzip.learn.earlier import window_count


def im2col(x: np.ndarray, kh: int, kw: int, s: int = 1) -> np.ndarray:
    """The patches of x (C, H, W, N), a matrix (C·kh·kw, OH·OW·N) of x's dtype."""
    C, H, W, N = x.shape
    OH, OW = window_count(H, kh, s), window_count(W, kw, s)
    patches = np.empty((C, kh, kw, OH, OW, N), x.dtype)
    for i in range(kh):
        for j in range(kw):
            patches[:, i, j] = x[:, i : i + s * OH : s, j : j + s * OW : s]
    return patches.reshape(C * kh * kw, OH * OW * N)


if __name__ == "__main__":
    image = np.arange(12).reshape(1, 3, 4, 1)
    print(image[0, :, :, 0], im2col(image, 2, 2), sep="\n\n")
