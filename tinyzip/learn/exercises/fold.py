"""Folding a batch norm into the layer before it.

When the network is used, batch norm is one scale and one offset for each output, as μ and σ² are those that
training has kept. The layer before it is a sum and an offset. So the two are one layer: with

    y = w·x + b        z = γ (y − μ) / √(σ² + ε) + β

put the first into the second, and collect what multiplies x and what does not [Jacob et al. 2018, eq. 14]:

    factor = γ / √(σ² + ε)        w' = factor · w        b' = factor · (b − μ) + β

There is one factor for each output, axis 0 of w; that holds for a fully connected layer, w (F, C), as well as
for a convolution, w (F, C, kh, kw). Of a layer without a bias, b is 0.

The answers stay what they were, up to float rounding, and a layer is gone. Quantization begins with it: only
the folded weights are those that will be kept in codes. As factors differ from output to output, so do the
sizes of their rows then, which is what a scale for each channel is for.
"""

import numpy as np


def fold(
    w: np.ndarray,
    b: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray]:
    """w' in the shape of w (F, C) or (F, C, kh, kw), and b' (F,); b, γ, β, μ and σ² are (F,)."""
    factor = gamma / np.sqrt(var + eps)
    return w * factor.reshape(-1, *[1] * (w.ndim - 1)), factor * (b - mean) + beta


if __name__ == "__main__":
    from tinyzip.learn.earlier import batch_norm_kept, conv

    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 6, 6, 3)), rng.normal(size=(4, 2, 3, 3)), rng.normal(size=4)
    gamma, beta, mean, var = (
        rng.normal(size=4),
        rng.normal(size=4),
        rng.normal(size=4),
        10.0 ** np.arange(-2, 2),
    )
    two = batch_norm_kept(conv(x, w, b), gamma, beta, mean, var)
    folded_w, folded_b = fold(w, b, gamma, beta, mean, var)
    print(
        "two layers and one differ by",
        f"{np.abs(conv(x, folded_w, folded_b) - two).max():.0e}, where answers",
    )
    print("are as large as", np.abs(two).max().round(1))
    for name, array in (("before", w), ("after", folded_w)):
        print(f"largest |w| of each output {name}:", np.abs(array).max(axis=(1, 2, 3)).round(2))
