"""Windows, counted.

A convolution and a pooling look at an image through a small window, which moves in steps of a stride. How
often does a window of k numbers fit on a row of H, with `before` and `after` numbers of padding at its
ends, in steps of s? It fits at 0, s, 2s, … as long as its last number is still on the padded row:

    OH = ⌊(H + before + after − k) / s⌋ + 1

The division rounds down: numbers that no full window reaches are not read. A window that is longer than the
padded row fits nowhere, and the answer is 0.
"""


def window_count(H: int, k: int, s: int = 1, before: int = 0, after: int = 0) -> int:
    """How many windows of k fit on a row of H, in steps of s; 0 where none does."""
    room = H + before + after - k
    return room // s + 1 if room >= 0 else 0


if __name__ == "__main__":
    for H, k, s in ((28, 5, 1), (24, 2, 2), (7, 3, 2), (8, 3, 2), (2, 3, 1)):
        print(f"{H} numbers, windows of {k} in steps of {s}: {window_count(H, k, s)}")
