"""Is a gradient right? Ask the function, by differences.

A backward that is wrong often trains nevertheless, only worse, and nobody notices. But a derivative is how
much a function changes, and that can be measured. Move one number x[k] up by h and down by h, all others
where they were:

    ∂f/∂x[k] ≈ (f(x + h·e) − f(x − h·e)) / 2h        e is 1 at k and 0 elsewhere

Both sides are needed: the error of (f(x + h·e) − f(x)) / h is about h·f″/2, that of the two-sided quotient
h²·f‴/6. A smaller h is not always better: f is rounded to ε·|f|, which the quotient divides by h. In float64,
ε = 10⁻¹⁶, h = 10⁻⁴ makes both errors about 10⁻⁹ or less; float32 is too coarse for this.

Two calls of f for each number: much too slow for training, and just right for a test of what is fast. Where f
has a kink, as a rectifier at 0, the two sides differ and so do the answers.
"""

from collections.abc import Callable

import numpy as np


def differences(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-4) -> np.ndarray:
    """The gradient of f, which gives one number, at x, an array of float64: an array of x's shape.

    x stays as it is, f gets copies.
    """
    gradient = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[place] += h
        below[place] -= h
        gradient[place] = (f(above) - f(below)) / (2 * h)
    return gradient


if __name__ == "__main__":
    from tinyzip.learn.earlier import cross_entropy

    z, labels = np.array([[2.0, -1.0], [0.0, 1.0], [1.0, 0.0]]), np.array([2, 0])
    dz = cross_entropy(z, labels)[1]
    print("dz of cross entropy:", dz.round(6), sep="\n")
    for h in (1e-1, 1e-4, 1e-8, 1e-12):
        error = np.abs(differences(lambda z: cross_entropy(z, labels)[0], z, h) - dz).max()
        print(f"h = {h:5.0e}: differences are off by {error:.0e}")
