"""The two roundings of gemmlowp.

Not every processor has products of 64 bits for many numbers at once, but many have an instruction that keeps
only the upper half of one. gemmlowp, which LiteRT's convolutions follow code for code, therefore multiplies
by m0·2⁻ⁿ in two steps, and each of them rounds. With n = 31 + e:

    high(a, b)    ⌊(a·b + 2³⁰) / 2³¹⌋        the product without its lower 31 bits; a half goes up
    divide(x, e)  x / 2ᵉ to the nearest       a half goes away from zero

The first is called the saturating rounding doubling high multiply: of the 64 bits of 2·a·b it is the upper
32. One product of two int32 does not fit into them, −2³¹·−2³¹: it would be 2³¹, and becomes 2³¹ − 1.

The second is a shift to the right, which rounds down. Half of 2ᵉ added before makes it round to the nearest,
but then −½ would go up to 0. Away from zero it has to go down: below zero one adds half of 2ᵉ less one. For
e = 0 nothing is divided, and there is no half to add.

Rounded twice, a number may end one off from where one rounding would have taken it. Who wants the same codes
as another engine has to round as it does.
"""

import numpy as np


def high(a: np.ndarray, b: int | np.ndarray) -> np.ndarray:
    """The upper half of a·b, rounded, saturating. a, b: int32, or int64 with the values of int32."""
    product = a.astype(np.int64) * b
    upper: np.ndarray = np.minimum((product + 2**30) >> 31, 2**31 - 1)
    return upper


def divide(x: np.ndarray, e: int | np.ndarray) -> np.ndarray:
    """x / 2ᵉ to the nearest, half away from zero. x as a above; 0 ≤ e ≤ 31, a number or int64."""
    half = (np.int64(1) << e) >> 1
    down = (x < 0) & (np.asarray(e) > 0)
    return (x.astype(np.int64) + half - down) >> e


if __name__ == "__main__":
    x = np.array([-6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6])
    print("x               ", x)
    print("x / 4, in shifts", x >> 2)
    print("divide(x, 2)    ", divide(x, 2))
    least = np.array([-(2**31)])
    print("-2^31*-2^31 saturates:", *high(least, least))
