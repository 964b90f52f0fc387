"""Models of all kinds of operators on drawn shapes and grids, wide enough to meet clamps and ties.

The same seed draws the same model on every machine: bytes of a hash, and no more arithmetic than every
processor rounds alike. So what LiteRT made of a model can be recorded once.
"""

from collections.abc import Sequence
from hashlib import shake_128
from math import ldexp, prod, sqrt
from typing import Any, TypeVar

import numpy as np
import tflite
from tflite_builder import Model

SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)
Shape = tuple[int, ...]
T = TypeVar("T")


class Dice:
    """Draws from the bytes of a hash."""

    def __init__(self, seed: str) -> None:
        self.seed, self.count = seed, 0

    def bytes(self, count: int) -> bytes:
        self.count += 1
        return shake_128(f"{self.seed} {self.count}".encode()).digest(count)

    def uniform(self, least: float, most: float) -> float:
        return least + (most - least) * int.from_bytes(self.bytes(6), "little") / 2**48

    def integer(self, least: int, most: int) -> int:
        """From least to most."""
        return least + int.from_bytes(self.bytes(8), "little") % (most - least + 1)

    def chance(self, p: float) -> bool:
        return self.uniform(0, 1) < p

    def choice(self, values: Sequence[T]) -> T:
        return values[self.integer(0, len(values) - 1)]

    def scale(self, least: int, most: int) -> np.float32:
        """Between 2^least and 2^most, as likely in each octave."""
        return np.float32(ldexp(self.uniform(1, 2), self.integer(least, most - 1)))

    def codes(self, *shape: int) -> Any:
        return np.frombuffer(self.bytes(prod(shape)), np.int8).reshape(shape)

    def zero(self) -> int:
        return self.choice([-128, 127, self.integer(-128, 127), self.integer(-20, 20)])


class Drawn:
    """A model that grows operator by operator; `last` is what was written last, `images` all of four axes."""

    def __init__(self, seed: str) -> None:
        self.dice, self.model = Dice(seed), Model()
        shape = (1, *(self.dice.integer(3, 8) for _ in range(3)))
        self.last = self.activation(shape, self.dice.scale(-7, -2))
        self.model.inputs, self.images = [self.last], [self.last]

    def activation(self, shape: Shape, scale: Any, zero: int | None = None) -> int:
        return self.model.tensor(shape, scale, self.dice.zero() if zero is None else zero)

    def shape(self, t: int) -> Shape:
        return tuple(self.model.tensors[t]["shape"])

    def grid(self, t: int) -> tuple[Any, int]:
        tensor = self.model.tensors[t]
        return tensor["scales"][0], int(tensor["zeros"][0])

    def fused(self, y: int) -> int:
        """A fused activation that leaves y more than one code."""
        (scale, zero), drawn = self.grid(y), self.dice.choice([NONE, NONE, RELU, RELU, RELU_N1_TO_1, RELU6])
        one = drawn in (RELU, RELU6) and zero == 127
        one |= (drawn == RELU6 and scale > 6) or (drawn == RELU_N1_TO_1 and scale > 1)
        return NONE if one else drawn

    def grow(self, kind: str) -> None:
        """Add an operator, on the tensor written last or on an earlier one."""
        if self.dice.chance(0.2):
            self.last = self.dice.choice(self.images)
        getattr(self, kind)(self.last)
        if len(self.shape(self.last)) == 4:
            self.images.append(self.last)

    def window(self, t: int, dilates: bool) -> tuple[list[int], dict[str, int], tuple[int, int]]:
        """The kernel, the options of a window, and the size of its output."""
        size = self.shape(t)[1:3]
        kernel = [self.dice.integer(1, min(n, 4)) for n in size]
        stride, dilation = [self.dice.integer(1, 3) for _ in size], [1, 1]
        if dilates and self.dice.chance(0.3):
            stride, dilation = [1, 1], [self.dice.integer(1, 3) for _ in size]
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        same = self.dice.chance(0.5) or any(r > n for r, n in zip(reach, size, strict=True))
        rows, columns = (
            -(-n // s) if same else (n - r) // s + 1 for n, r, s in zip(size, reach, stride, strict=True)
        )
        options = {"Padding": SAME if same else VALID, "StrideH": stride[0], "StrideW": stride[1]}
        if dilates:
            options |= {"DilationHFactor": dilation[0], "DilationWFactor": dilation[1]}
        return kernel, options, (rows, columns)

    def weights(self, t: int, w: Any, axis: int, F: int) -> tuple[list[int], np.float32]:
        """Inputs x, w and bias of a node, and a scale for its output."""
        s_x, middle = self.grid(t)[0], self.dice.scale(-10, -4)
        s_w = np.array([middle * np.float32(self.dice.uniform(0.3, 3)) for _ in range(F)])
        s_w = s_w if self.dice.chance(0.7) else s_w[:1]
        spread = int(sqrt(w.size // F) * 73 * 73) + 1
        inputs = [t, self.model.constant(w, s_w, 0, axis)]
        if w.ndim == 4 or self.dice.chance(0.8):
            bias = np.int32([self.dice.integer(-spread, spread) for _ in range(F)])
            inputs.append(self.model.constant(bias, s_x * s_w))
        return inputs, np.float32(s_x * middle * np.float32(spread / self.dice.uniform(12, 150)))

    def write(self, kind: str, inputs: list[int], y: int, **options: Any) -> None:
        self.last = self.model.node(kind, inputs, y, **options)

    def conv(self, t: int) -> None:
        kernel, options, size = self.window(t, True)
        F = self.dice.integer(1, 8)
        inputs, s_y = self.weights(t, self.dice.codes(F, *kernel, self.shape(t)[3]), 0, F)
        y = self.activation((1, *size, F), s_y)
        self.write("CONV_2D", inputs, y, FusedActivationFunction=self.fused(y), **options)

    def depthwise(self, t: int) -> None:
        kernel, options, size = self.window(t, True)
        multiplier = self.dice.integer(1, 3)
        F = self.shape(t)[3] * multiplier
        inputs, s_y = self.weights(t, self.dice.codes(1, *kernel, F), 3, F)
        y = self.activation((1, *size, F), s_y)
        options |= {"DepthMultiplier": multiplier, "FusedActivationFunction": self.fused(y)}
        self.write("DEPTHWISE_CONV_2D", inputs, y, **options)

    def pool(self, t: int) -> None:
        kernel, options, size = self.window(t, False)
        y = self.activation((1, *size, self.shape(t)[3]), *self.grid(t))
        options |= {"FilterHeight": kernel[0], "FilterWidth": kernel[1]}
        kind = self.dice.choice(["MAX_POOL_2D", "AVERAGE_POOL_2D"])
        self.write(kind, [t], y, FusedActivationFunction=self.fused(y), **options)

    def add(self, t: int) -> None:
        """To another image of the shape, or to what a 1×1 convolution makes of this one, or to a constant."""
        shape = self.shape(t)
        alike = [o for o in self.images if self.shape(o) == shape and o != t]
        if self.dice.chance(0.2):
            other = self.constant(shape)
        elif len(shape) < 4 or (alike and self.dice.chance(0.6)):
            other = self.dice.choice(alike) if alike else t
        else:
            inputs, s_y = self.weights(t, self.dice.codes(shape[3], 1, 1, shape[3]), 0, shape[3])
            other = self.activation(shape, s_y)
            self.write("CONV_2D", inputs, other, Padding=VALID, StrideH=1, StrideW=1)
        pair = self.dice.choice([[t, other], [other, t]])
        s_y = max(self.grid(t)[0], self.grid(other)[0]) * np.float32(self.dice.uniform(0.5, 2))
        y = self.activation(shape, s_y)
        self.write("ADD", pair, y, FusedActivationFunction=self.fused(y))

    def constant(self, shape: Shape) -> int:
        """One code, or one for each channel of a shape."""
        count = shape[-1] if self.dice.chance(0.7) else 1
        form = self.dice.choice([(count,), (*(1 for _ in shape[1:]), count)])
        return self.model.constant(self.dice.codes(*form), self.dice.scale(-10, -4), self.dice.zero())

    def mul(self, t: int) -> None:
        shape, w = self.shape(t), self.constant(self.shape(t))
        s_y = self.grid(t)[0] * self.grid(w)[0] * np.float32(self.dice.uniform(10, 200))
        y = self.activation(shape, s_y)
        self.write("MUL", self.dice.choice([[t, w], [w, t]]), y, FusedActivationFunction=self.fused(y))

    def pad(self, t: int) -> None:
        _, H, W, C = self.shape(t)
        (top, bottom), (left, right) = ([self.dice.integer(0, 2) for _ in range(2)] for _ in range(2))
        pairs = self.model.constant(np.int32([[0, 0], [top, bottom], [left, right], [0, 0]]))
        y = self.activation((1, H + top + bottom, W + left + right, C), *self.grid(t))
        self.write("PAD", [t, pairs], y)

    def transpose(self, t: int) -> None:
        order, left = [0], list(range(1, len(self.shape(t))))
        while left:
            order.append(left.pop(self.dice.integer(0, len(left) - 1)))
        y = self.activation(tuple(self.shape(t)[k] for k in order), *self.grid(t))
        self.write("TRANSPOSE", [t, self.model.constant(np.int32(order))], y)

    def reshape(self, t: int) -> None:
        _, H, W, C = self.shape(t)
        shape = self.dice.choice([(1, W, H, C), (1, H * W, 1, C), (1, 1, C, H * W), (1, C, H, W)])
        self.reshape_to(t, shape, -1 if self.dice.chance(0.5) else shape[1])

    def reshape_to(self, t: int, shape: Shape, first: int) -> None:
        y = self.activation(shape, *self.grid(t))
        self.write("RESHAPE", [t, self.model.constant(np.int32([1, first, *shape[2:]]))], y)

    def sequence(self, t: int) -> None:
        """Three axes, (1, A, C), some operators on them, and four axes again."""
        _, H, W, C = self.shape(t)
        self.reshape_to(t, (1, H * W, C), -1)
        for kind in [self.dice.choice(["transpose", "dense_places", "elementwise", "add"]) for _ in range(2)]:
            getattr(self, kind)(self.last)
        _, A, C = self.shape(self.last)
        self.reshape_to(self.last, (1, A, 1, C), A)

    def concat(self, t: int) -> None:
        """Images of one size and one grid; others come from a change of grid."""
        shape, grid = self.shape(t), self.grid(t)
        others = [o for o in self.images if self.shape(o)[:3] == shape[:3] and self.dice.chance(0.6)]
        same = []
        for part in [*others[:3], t]:
            if self.grid(part) != grid:
                part = self.model.node("QUANTIZE", [part], self.activation(self.shape(part), *grid))
            same.append(part)
        y = self.activation((*shape[:3], sum(self.shape(part)[3] for part in same)), *grid)
        self.write("CONCATENATION", same, y, Axis=self.dice.choice([3, -1]))

    def elementwise(self, t: int) -> None:
        kinds = ["RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE"]
        kind, options = self.dice.choice(kinds), {}
        s_y, zero = self.grid(t)[0] * np.float32(self.dice.uniform(0.4, 3)), self.dice.zero()
        if kind == "LOGISTIC":
            s_y, zero = 2.0**-8, -128
        elif kind == "TANH":
            s_y, zero = 2.0**-7, 0
        elif kind == "LEAKY_RELU":
            options["Alpha"] = self.dice.uniform(0.01, 1.2)
        elif kind in ("RELU", "RELU6"):
            s_y, zero = min(s_y, np.float32(3)), min(zero, 100)
        self.write(kind, [t], self.activation(self.shape(t), s_y, zero), **options)

    def mean(self, t: int) -> None:
        C, keep, (s_y, zero) = self.shape(t)[3], self.dice.chance(0.5), self.grid(t)
        if self.dice.chance(0.6):
            s_y, zero = s_y * np.float32(self.dice.uniform(0.3, 1.5)), self.dice.zero()
        y = self.activation((1, 1, 1, C) if keep else (1, C), s_y, zero)
        axes = self.model.constant(np.int32(self.dice.choice([[1, 2], [2, 1], [-3, -2], [1, -2]])))
        self.write("MEAN", [t, axes], y, KeepDims=keep)

    def dense(self, t: int) -> None:
        """A vector from whatever came before; sometimes a reshape says so first."""
        C, F = prod(self.shape(t)), self.dice.integer(1, 11)
        if self.dice.chance(0.5):
            self.reshape_to(t, (1, C), C)
            t = self.last
        inputs, s_y = self.weights(t, self.dice.codes(F, C), 0, F)
        y = self.activation((1, F), s_y)
        self.write("FULLY_CONNECTED", inputs, y, FusedActivationFunction=self.fused(y))

    def dense_places(self, t: int) -> None:
        """A fully connected layer at each place by itself."""
        (*places, C), F = self.shape(t), self.dice.integer(1, 8)
        inputs, s_y = self.weights(t, self.dice.codes(F, C), 0, F)
        y = self.activation((*places, F), s_y)
        self.write("FULLY_CONNECTED", inputs, y, KeepNumDims=True, FusedActivationFunction=self.fused(y))

    def softmax(self, t: int) -> None:
        y = self.activation(self.shape(t), 2.0**-8, -128)
        self.write("SOFTMAX", [t], y, Beta=self.dice.choice([1.0, 0.5, 2.0]))


IMAGES = (
    *("conv", "depthwise", "pool", "add", "mul", "pad", "transpose", "reshape", "sequence", "concat"),
    *("elementwise", "dense_places", "softmax"),
)


def drawn_model(seed: str, operators: int = 6) -> bytes:
    """A model of some operators on images, then perhaps a mean, a fully connected layer and a softmax."""
    made = Drawn(seed)
    for _ in range(operators):
        made.grow(made.dice.choice(IMAGES))
    if made.dice.chance(0.5):
        made.grow("mean")
    if made.dice.chance(0.5):
        made.dense(made.last)
        if made.dice.chance(0.5):
            made.softmax(made.last)
    made.model.outputs = [made.last]
    return made.model.build()


def single_model(kind: str, seed: str) -> bytes:
    """A model of one operator, so that the default kernels show what it writes."""
    made = Drawn(seed)
    getattr(made, kind)(made.last)
    made.model.outputs = [made.last]
    return made.model.build()


def halves_model(seed: str) -> bytes:
    """A fully connected layer of biases only, one for each code, whose scaled accumulators are near a half.

    The multiplier is small, so that some of them lie between what two ways to compute it make of them.
    """
    dice, model = Dice(seed), Model()
    s_x, s_w, s_y = dice.scale(-6, -4), dice.scale(-10, -8), dice.scale(-3, -1)
    bias = np.rint((np.arange(-127, 127) + 0.5) * float(s_y) / float(s_x) / float(s_w)).astype(np.int32)
    x = model.tensor((1, 1), s_x, 0)
    inputs = [x, model.constant(np.zeros((len(bias), 1), np.int8), s_w), model.constant(bias, s_x * s_w)]
    model.inputs, model.outputs = [x], [model.tensor((1, len(bias)), s_y, 0)]
    model.node("FULLY_CONNECTED", inputs, model.outputs[0])
    return model.build()
