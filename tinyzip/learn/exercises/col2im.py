"""The adjoint of patches: what goes back to each pixel.

Taking patches is a linear map: each number of the matrix is one number of the image. Its derivative on the
way back is its adjoint, the map A* with ⟨A x, p⟩ = ⟨x, A* p⟩ for all x and p. A pixel that several windows
saw went to several places; so what comes back from all of these is added up:

    dx[c, h, w, n] = Σ dpatches[c, i, j, oh, ow, n] over all i, j, oh, ow with oh·s + i = h and ow·s + j = w

A pixel that no window saw gets 0. The gradient of a convolution by its image will need nothing else.
"""

import numpy as np

from tinyzip.learn.earlier import window_count


def col2im(dpatches: np.ndarray, shape: tuple[int, ...], kh: int, kw: int, s: int = 1) -> np.ndarray:
    """dpatches (C·kh·kw, OH·OW·N) added up where each was read: an image of `shape` (C, H, W, N)."""
    C, H, W, N = shape
    OH, OW = window_count(H, kh, s), window_count(W, kw, s)
    parts = dpatches.reshape(C, kh, kw, OH, OW, N)
    dx = np.zeros(shape, dpatches.dtype)
    for i in range(kh):
        for j in range(kw):
            dx[:, i : i + s * OH : s, j : j + s * OW : s] += parts[:, i, j]
    return dx


if __name__ == "__main__":
    print("how many windows of 2x2 see each pixel of 3x4:")
    print(col2im(np.ones((4, 6)), (1, 3, 4, 1), 2, 2)[0, :, :, 0])
