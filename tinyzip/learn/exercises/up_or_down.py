"""Rounding up or down, with the output in view.

Each weight by itself is best rounded to its nearest code. But what counts is the output, a sum over all
weights of a row, and there errors can cancel: if two inputs rise and fall together, one weight may go up as
the other went down. With w̃ = step · q, the mean squared error of the output is a quadratic of the codes,

    L(q) = E ((w̃ − w)·x)² = (w̃ − w) Σ (w̃ − w)ᵀ                       [Nagel et al. 2020, eq. 20, 21]

with the covariance Σ (K, K) of the K inputs; their mean goes into the bias. So the images are looked at once,
and all that is kept of them is Σ. If one code changes by δ = ±1, w̃ does at one place by δ·step, and L by

    2 δ step · ((w̃ − w) Σ)ⱼ + step² Σⱼⱼ

Begin with the nearest codes, and as long as changing one code by one makes L smaller, make the change that
lowers it most. Codes stay in lo … hi. L falls each time, so it ends, and never worse than nearest. (AdaRound
finds another place to begin: it learns, for each weight, whether it goes up.)
"""

import numpy as np


def output_error(w: np.ndarray, q: np.ndarray, step: float, covariance: np.ndarray) -> float:
    """L(q), one number, for a row of weights w (K,), codes q (K,) and Σ (K, K)."""
    error = step * q - w
    return float(error @ covariance @ error)


def changes(
    w: np.ndarray, q: np.ndarray, step: float, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """By how much L changes if code j alone is raised by one, (K,), and if it is lowered by one, (K,)."""
    slope = 2 * step * ((step * q - w) @ covariance)
    curvature = step**2 * np.diag(covariance)
    return curvature + slope, curvature - slope


def best_codes(w: np.ndarray, step: float, lo: int, hi: int, covariance: np.ndarray) -> np.ndarray:
    """Codes (K,) in lo … hi, whole numbers: from the nearest on, until no change of one code by one lowers L.

    Each time the one that lowers L most is made. There are K·(hi − lo) rounds at most, so that neither float
    rounding nor a mistake in `changes` makes a loop without end.
    """
    q = np.clip(np.rint(w / step), lo, hi).astype(np.int64)
    for _ in range(len(w) * (hi - lo)):
        up, down = changes(w, q, step, covariance)
        up, down = np.where(q < hi, up, np.inf), np.where(q > lo, down, np.inf)
        gain = np.minimum(up, down)
        j = gain.argmin()
        if gain[j] >= 0:
            break
        q[j] += 1 if up[j] < down[j] else -1
    return q


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 12)) + 0.3 * rng.normal(size=(500, 12))
    w, covariance = rng.normal(size=12), np.cov(x.T)
    print("twelve inputs that rise and fall together, and a row of weights on the codes -3 .. 3:")
    for name, q in (
        ("nearest", np.clip(np.rint(w / 0.7), -3, 3).astype(int)),
        ("output in view", best_codes(w, 0.7, -3, 3, covariance)),
    ):
        weights, output = np.square(0.7 * q - w).sum(), output_error(w, q, 0.7, covariance)
        print(f"{name:15}", q, f"sum of (w~ - w)^2 = {weights:.2f}, output's error {output:.3f}")
