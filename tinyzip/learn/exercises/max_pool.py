"""Max pooling, and its winners.

What a kernel looks for may stand a pixel to the left or to the right; which, matters little. So an image is
made smaller by keeping, of each window of k × k, the largest number, channel by channel:

    y[c, oh, ow, n] = max x[c, oh·s + i, ow·s + j, n] over all i, j

On the way back, y changes with the pixel that won and with no other. So forward also says who won, by the
place i·k + j in the window; of equals, the first:

    dx = dy at the winner of each window, 0 elsewhere, added up where one pixel wins in several windows

which is col2im of patches that are dy in the winner's row and 0 in all others.
"""

import numpy as np

from tinyzip.learn.earlier import col2im, im2col, window_count


def max_pool(x: np.ndarray, k: int, s: int) -> tuple[np.ndarray, np.ndarray]:
    """y (C, OH, OW, N) of x (C, H, W, N), and the winners, whole numbers of y's shape from 0 to k·k − 1."""
    C, H, W, N = x.shape
    seen = im2col(x, k, k, s).reshape(C, k * k, window_count(H, k, s), window_count(W, k, s), N)
    return seen.max(axis=1), seen.argmax(axis=1)


def max_pool_backward(
    dy: np.ndarray, winner: np.ndarray, shape: tuple[int, ...], k: int, s: int
) -> np.ndarray:
    """dx of `shape` (C, H, W, N), from dy (C, OH, OW, N) and the winners of `max_pool`."""
    place = np.arange(k * k).reshape(1, k * k, 1, 1, 1)
    dseen = dy[:, None] * (winner[:, None] == place)
    dx: np.ndarray = col2im(dseen.reshape(-1, dy[0].size), shape, k, k, s)
    return dx


if __name__ == "__main__":
    image = np.array([[1, 5, 2, 0], [3, 4, 8, 1], [0, 0, 6, 6], [9, 0, 6, 6]]).reshape(1, 4, 4, 1)
    y, winner = max_pool(image, 2, 2)
    back = max_pool_backward(y, winner, image.shape, 2, 2)
    print("an image, its pooled one, and the winners alone:")
    print(image[0, :, :, 0], y[0, :, :, 0], back[0, :, :, 0], sep="\n\n")
