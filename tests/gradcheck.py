"""Gradients by central differences, in float64.

    ∂L/∂a_k ≈ (L(a + h·e_k) − L(a − h·e_k)) / 2h,        error h²·L‴/6 + ε·|L|/h

With h = 1e-4 and arrays of order one, both parts are below 1e-8 for the functions here, so a correct
backward agrees to 1e-6 of the largest entry with room to spare.
"""

import numpy as np

STEP = 1e-4
TOLERANCE = 1e-6


def numerical_gradient(loss, array):
    """The gradient of loss() by each entry of `array`, which is moved in place and put back."""
    gradient = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + STEP
        above = loss()
        array[place] = kept - STEP
        below = loss()
        array[place] = kept
        gradient[place] = (above - below) / (2 * STEP)
    return gradient


def assert_gradients(forward, arrays, gradients, dy):
    """The loss is Σ dy·forward(), so its gradient by y is dy: compare a backward with differences.

    forward    () -> y, reading the arrays by name in `arrays`
    gradients  by the same names, as backward gave them
    """

    def loss():
        return float(np.sum(dy * forward()))

    for name, array in arrays.items():
        expected = numerical_gradient(loss, array)
        error = np.max(np.abs(gradients[name] - expected)) / max(1e-2, np.max(np.abs(expected)))
        assert error <= TOLERANCE, f"{name}: off by {error:.1e} of its largest entry"
