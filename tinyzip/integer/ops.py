"""The engine as printed: every operator on a batch of codes. Centre, gather, multiply, requantize.

An output of a layer is a sum of K products of real numbers. With real = s·(code − zero) for both factors, the
weights w of zero point z_w and the activations x of z_x, such a sum has four terms:

    Σ s_w·(w − z_w)·s_x·(x − z_x)
        = s_w·s_x·(Σ w·x − z_x·Σ w − z_w·Σ x + K·z_w·z_x)          (OP1)  [Jacob et al. 2018, eq. 7]

The first is a sum of products of codes, the second one number for each output, the fourth one for the layer.
The third is the expensive one: the sum of all codes that a window sees, anew for every window of every image.
It and the fourth vanish where z_w = 0, and that costs next to nothing: the weights of a layer reach about as
far below 0 as above it, so the best grid for them has its zero in the middle in any case. The zero point of
activations has to stay, since after a ReLU all of them lie on one side of 0. But the two terms that are left
are one sum:

    Σ w·x − z_x·Σ w = Σ w·(x − z_x)                                                        (OP2)

So every operator with weights takes four steps: x − z_x; the windows of that; their products with the
weights, added up, and the bias, in units of s_w·s_x; and the way back to codes (F8). A border of real zeros
has the codes z_x, of which the first step makes 0. (Kernels that multiply bytes cannot hold x − z_x, which
has nine bits. They put −z_x·Σ w into the bias: the same number.)

`run(program, codes, product="printed")` runs this page. By default `fast` runs, which computes the same in
other ways and writes the same codes. Here sums have 64 bits, so that nothing rests on the proofs of `bounds`:
`requantize` looks at every sum, and refuses one that does not fit into 32.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import pad, windows
from tinyzip.integer.bounds import term
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import M0_STEP, even, requantize, significant
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose, moved
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import (
    Argmax,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
    Pool,
    Weighted,
)
from tinyzip.integer.residuals import Add, Concat, Product, Recall
from tinyzip.integer.softmax import exponentials, softmax

Array = NDArray[Any]


def walk(operators: Sequence[Operator], codes: Sequence[Codes], x: Array) -> list[Array]:
    """The outputs of all operators of a program on a batch x, (C, H, W, N) or (C, N).

    codes  of the input and of each output (`Program.codes`): one longer than operators
    """
    outputs = [x]
    for i, operator in enumerate(operators):
        read = [k + 1 for k in operator.reads(i)]
        outputs.append(apply(operator, [outputs[k] for k in read], [codes[k] for k in read], codes[i + 1]))
    return outputs[1:]


def apply(operator: Operator, inputs: Sequence[Array], read: Sequence[Codes], y: Codes) -> Any:
    """What one operator makes of inputs of the codes `read`: codes y, or the classes (N,) of an Argmax."""
    x, zero = inputs[0], read[0].zero
    match operator:
        case Conv2d():
            bordered = pad(x, operator.padding, zero)
            return requantized(operator, convolved(operator, centred(bordered, zero)))
        case Linear():
            return requantized(operator, np.einsum("fc,cn->fn", operator.w, centred(x, zero)))
        case MaxPool2d():  # no code is below lo, so none of the border is the greatest
            return clamped(seen(operator, x, read[0].lo).max((1, 2)), y)
        case AvgPool2d():
            total = seen(operator, x, 0).sum((1, 2), np.int64)
            return clamped(mean(total, counts(operator, x.shape)), y)
        case GlobalAvgPool():
            total = x.sum((1, 2), np.int64, keepdims=True)
            return clamped(global_mean(operator, total, x[0, ..., 0].size, zero), y)
        case Add():
            one, other = (term(operator, k, centred(inputs[k], read[k].zero)) for k in range(2))
            m0, n, rounding = operator.of_sum
            return requantize(one + other, m0, n, y, rounding)
        case Product():
            acc = centred(x, zero) * centred(inputs[1], read[1].zero)
            return requantize(acc, operator.m0, operator.n, y, operator.rounding)
        case Multiply():
            acc = column(operator.w, x) * centred(x, zero)
            return requantize(acc, operator.m0, operator.n, y, operator.rounding)
        case Table():
            rows, byte = np.broadcast_to(operator.table, (len(x), 256)), x.reshape(len(x), -1) % np.int64(256)
            return clamped(np.take_along_axis(rows, byte, 1).reshape(x.shape), y)
        case Softmax():
            return softmax(exponentials(operator), x)
        case Concat():
            return np.concatenate(inputs).astype(y.dtype)
        case Pad():
            return pad(x, operator.padding, zero)
        case Flatten() | Reshape() | Transpose():
            return moved(operator, x)
        case Recall():
            return x
        case Argmax():
            return np.argmax(x, 0)
    refuse("apply: operator", type(operator).__name__, "an operator of this package", TypeError)


def centred(x: Array, zero: int) -> Any:
    """x − zero, of 64 bits: a byte would wrap around."""
    return x.astype(np.int64) - zero


def column(values: Array, like: Array) -> Any:
    """One number a channel, (F,), in a shape that broadcasts against a batch (F, …, N)."""
    return values.astype(np.int64).reshape(-1, *[1] * (like.ndim - 1))


def convolved(operator: Conv2d, x: Array) -> Any:
    """acc[f, oh, ow, n] = Σ w[f, c, i, j]·x[c, oh·sh + i·dh, ow·sw + j·dw, n] over the c of f's group.

    x  (C, H, W, N), centred and with its border
    """
    patches = windows(x, operator.kernel, operator.stride, operator.dilation)
    w, patches = (a.reshape(operator.groups, -1, *a.shape[1:]) for a in (operator.w, patches))
    acc = np.einsum("gfcij,gcijhwn->gfhwn", w, patches)
    return acc.reshape(-1, *acc.shape[2:])


def requantized(operator: Weighted, acc: Array) -> Any:
    """y = clamp(y.zero + round((acc + bias)·m0·2⁻ⁿ)), each output f by its own bias, m0 and n: (F8)."""
    bias, m0, n = (column(values, acc) for values in (operator.bias, operator.m0, operator.n))
    return requantize(acc + bias, m0, n, operator.y, operator.rounding)


def clamped(values: Array, y: Codes) -> Any:
    """The values, none below y.lo or above y.hi, in y's dtype."""
    return np.clip(values, y.lo, y.hi).astype(y.dtype)


def seen(pool: Pool, x: Array, border: int) -> Any:
    """What each window of a pool sees, (C, kh, kw, OH, OW, N), in a border of these codes."""
    return windows(pad(x, pool.padding, border), pool.kernel, pool.steps)


def counts(pool: Pool, shape: Sequence[int]) -> Any:
    """How many places of an image (C, H, W, …) each window sees, (1, OH, OW, 1): a sum over ones."""
    return seen(pool, np.ones((1, *shape[1:3], 1), np.int64), 0).sum((1, 2))


def mean(total: Array, count: Any) -> Any:
    """total / count to nearest, half away from zero: ±⌊(|total| + ⌊count/2⌋) / count⌋.

    LiteRT's formula. For an odd count there is no half; for an even one ⌊count/2⌋ is the half exactly.
    `//` rounds down, hence the way over the magnitude.
    """
    return np.sign(total) * ((np.abs(total) + count // 2) // count)


def global_mean(operator: GlobalAvgPool, total: Array, count: int, zero: int) -> Any:
    """A `GlobalAvgPool` of sums of `count` codes whose zero point is `zero`, clamped or not."""
    m0, n, y = operator.m0, operator.n, operator.y
    if m0 is None or n is None or y is None:
        return mean(total, count)
    if operator.rounding != "float32":
        return requantize(total - count * zero, m0, n, y, operator.rounding)
    M, k = m0 // M0_STEP, n - 7  # (GA1), (GA2)
    z = significant((y.zero << k) - significant(significant(count * zero) * M))
    return even(significant(significant(significant(total) * M) + z), k)
