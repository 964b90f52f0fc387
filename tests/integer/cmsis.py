"""CMSIS-NN's own unit tests [Arm, github.com/ARM-software/CMSIS-NN], as programs.

    python tests/integer/cmsis.py CMSIS-NN/Tests/UnitTest/TestCases/TestData
    python tests/integer/cmsis.py FOLDER --record tests/data/cmsis-nn.zip

Each case is a folder of C headers: sizes as #define, arrays as initializers, written from what TensorFlow's
interpreters answered. Arrays are (N, H, W, C) there, kernels (F, kh, kw, C) or, if depthwise, (1, kh, kw, F);
a multiplier is m0·2^(shift − 31). What a program of this library cannot say (codes of 16 bits, floats, a
zero point of weights, transposed convolutions, LSTM, …) is left out, and counted.
"""

import argparse
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import Padding
from tinyzip.integer import (
    Add,
    AvgPool2d,
    Codes,
    Conv2d,
    Linear,
    MaxPool2d,
    Operator,
    Pad,
    Product,
    Program,
    Recall,
    Softmax,
    Table,
    Transpose,
    run,
)

Array = NDArray[Any]
Folder = Path | zipfile.Path
DEFINE = re.compile(r"^#define (\w+)\s+(-?\w+|\{[^}]*\})$", re.MULTILINE)
ARRAY = re.compile(r"\bconst (int8_t|int32_t) (\w+)\[\d+\] =\s*\{([^}]*)\}")
ALIAS = re.compile(r"\bconst int(?:8|32)_t \*const (\w+) = (\w+);")
INCLUDE = re.compile(r'#include "(\w+\.h)"')
INT8 = Codes(-128, 127, 0)
MOST = 20_000  # letters of a case that is kept


class Case(NamedTuple):
    """One of their tests: a program, the codes (…, N) that come in, and those that have to come out."""

    name: str
    program: Program
    codes: Array
    expected: Array


class Unsaid(Exception):
    """What a program of this library cannot say."""


class Headers:
    """The sizes and arrays of a case, by how their names go on after that of the case."""

    def __init__(self, folder: Folder) -> None:
        self.name = folder.name
        first = (folder / "test_data.h").read_text(encoding="utf-8")
        self.text = text = INCLUDE.sub(lambda file: (folder / file[1]).read_text(encoding="utf-8"), first)
        start = len(self.name) + 1
        self.sizes = {
            name[start:].lower(): value for name, value in DEFINE.findall(re.sub(r"\s*\\\n\s*", " ", text))
        }
        self.arrays = {name[start:]: (kind, words) for kind, name, words in ARRAY.findall(text)}
        self.has_null = "= NULL;" in text
        for name, meant in ALIAS.findall(text):
            self.arrays[name[start:]] = self.arrays.get(meant[start:], ("", ""))

    def size(self, *names: str) -> int:
        """The first of these sizes that there is."""
        for name in names:
            if re.fullmatch(r"-?\d+", self.sizes.get(name, "")):
                return int(self.sizes[name])
        raise Unsaid(f"no size {names[0]}")

    def array(self, *names: str) -> Array:
        """The first of these arrays that there is."""
        for name in names:
            if self.arrays.get(name, ("", ""))[0]:
                kind, words = self.arrays[name]
                return np.array([int(word) for word in re.findall(r"-?\d+", words)]).astype(kind[:-2])
        raise Unsaid(f"no array {names[0]} of int8 or int32")

    def image(self) -> Array:
        """What comes in, (N, H, W, C)."""
        sizes = self.size("input_h"), self.size("input_w"), self.size("in_ch", "input_c")
        return self.array("input", "input_tensor").reshape(-1, *sizes)

    def output(self, N: int) -> Array:
        """What comes out, (N, OH, OW, F)."""
        sizes = self.size("output_h"), self.size("output_w"), self.size("out_ch", "output_c")
        return self.array("output_ref", "output").reshape(N, *sizes)

    def written(self) -> tuple[Codes, list[Operator]]:
        """The codes that come out; a clamp that leaves the zero point out is a table after the operator."""
        lo, hi = self.size("out_activation_min"), self.size("out_activation_max")
        zero = self.size("output_offset")
        if lo <= zero <= hi:
            return Codes(lo, hi, zero), []
        if not -128 <= zero <= 127:
            raise Unsaid("a zero point that is no code")
        y = Codes(-128, 127, zero)
        every = np.arange(256, dtype=np.uint8).astype(np.int8)
        return y, [Table(np.clip(every, lo, hi), y)]

    def multipliers(self) -> tuple[Any, Any]:
        """m0 and n of each output, or of all."""
        if "output_multiplier" in self.sizes:
            return self.size("output_multiplier"), 31 - self.size("output_shift")
        return self.array("output_mult", "output_multiplier").astype(np.int64), 31 - self.array(
            "output_shift"
        )

    def bias(self) -> Array | None:
        """The biases; None where they say NULL."""
        return None if self.has_null else self.array("biases", "bias")

    def weights(self, *shape: int) -> tuple[Array, int]:
        """Weights of this shape, and their bits: int4 where a byte holds two, the lower half first."""
        w, count = self.array("weights"), int(np.prod(shape))
        if w.size == count:
            return w.reshape(shape), 8
        if w.size != -(-count // 2):
            raise Unsaid(f"{w.size} weights for the shape {shape}")
        return np.stack([w << 4 >> 4, w >> 4], 1).astype(np.int8).ravel()[:count].reshape(shape), 4


def case(headers: Headers, operators: list[Operator], x: Codes, given: Array, expected: Array) -> Case:
    """The case of a program for inputs (N, H, W, C) or (N, C)."""
    codes, y = (np.ascontiguousarray(np.moveaxis(np.moveaxis(a, -1, 1), 0, -1)) for a in (given, expected))
    return Case(headers.name, Program(tuple(operators), codes.shape[:-1], x), codes, y)


def border(before: int, size: int, count: int, reach: int, stride: int) -> tuple[int, int]:
    """The border before and after an axis that gives so many windows."""
    return before, max((count - 1) * stride + reach - size - before, 0)


def convolution(headers: Headers) -> Case:
    given, F = headers.image(), headers.size("out_ch")
    N, H, W, C = given.shape
    kernel = headers.size("filter_y"), headers.size("filter_x")
    stride, dilation = (
        tuple(headers.size(f"{what}_{axis}") for axis in "yx") for what in ("stride", "dilation")
    )
    expected = headers.output(N)
    padding: Any = tuple(
        border(headers.size(f"pad_{axis}"), size, count, (k - 1) * d + 1, s)
        for axis, size, count, k, d, s in zip(
            "yx", (H, W), expected.shape[1:], kernel, dilation, stride, strict=False
        )
    )
    if "ch_mult" in headers.sizes:
        groups, (w, bits) = C, headers.weights(*kernel, F)
        w = w.transpose(2, 0, 1)[:, None]
    else:
        within = headers.size("filter_ch") if "filter_ch" in headers.sizes else C
        groups, (w, bits) = C // within, headers.weights(F, *kernel, within)
        w = w.transpose(0, 3, 1, 2)
    how: dict[str, Any] = {"stride": stride, "padding": padding, "groups": groups, "dilation": dilation}
    m0, n = headers.multipliers()
    y, after = headers.written()
    operator = Conv2d(w, headers.bias(), m0, n, y, weight_bits=bits, **how)
    x = Codes(-128, 127, -headers.size("input_offset"))
    return case(headers, [operator, *after], x, given, expected)


def fully_connected(headers: Headers) -> Case:
    if "filter_offset" in headers.sizes and headers.size("filter_offset"):
        raise Unsaid("a zero point of weights")
    N, F, C = headers.size("input_batches"), headers.size("out_ch"), headers.size("accumulation_depth")
    w, bits = headers.weights(F, C)
    m0, n = headers.multipliers()
    y, after = headers.written()
    operator = Linear(w, headers.bias(), m0, n, y, weight_bits=bits, rounding="double")
    x = Codes(-128, 127, -headers.size("input_offset"))
    expected = headers.array("output_ref", "output").reshape(N, F)
    return case(headers, [operator, *after], x, headers.array("input").reshape(N, C), expected)


def pool(headers: Headers) -> Case:
    given = headers.image()
    N, H, W, _ = given.shape
    expected = headers.output(N)
    kernel, stride = ((headers.size(f"{what}_h"), headers.size(f"{what}_w")) for what in ("filter", "stride"))
    padding: Any = tuple(
        border(headers.size(f"padding_{axis}"), size, count, k, s)
        for axis, size, count, k, s in zip("hw", (H, W), expected.shape[1:], kernel, stride, strict=False)
    )
    y = Codes(headers.size("activation_min"), headers.size("activation_max"), 0)
    kind = MaxPool2d if "max" in headers.name else AvgPool2d
    return case(headers, [kind(kernel, stride, padding, y)], INT8, given, expected)


def of_two(headers: Headers) -> Case:
    """Both inputs come as two channels of one; a convolution by 1 takes each."""
    count = headers.size("dst_size")
    y, after = headers.written()
    x, o = (Codes(-128, 127, -headers.size(f"input{k}_offset")) for k in (1, 2))
    if x.zero != o.zero:
        raise Unsaid("inputs of two zero points")
    one = {"m0": 2**30, "n": 30, "y": x}
    first, second = (Conv2d(np.array([[[[a]], [[1 - a]]]]), None, **one) for a in (1, 0))
    names = [f"{what}_mult" for what in ("input1", "input2", "output")]
    if headers.name.startswith("add"):
        m0 = [headers.size(name) for name in names]
        n = [31 - headers.size(name.replace("mult", "shift")) for name in names]
        join: Operator = Add(0, m0, n, y)
    else:
        join = Product(0, headers.size("output_mult"), 31 - headers.size("output_shift"), y)
    given = np.stack([headers.array(f"input{k}") for k in (1, 2)], -1).reshape(count, 1, 1, 2)
    expected = headers.array("output_ref").reshape(count, 1, 1, 1)
    return case(headers, [first, Recall(-1), second, join, *after], x, given, expected)


def softmax(headers: Headers) -> Case:
    rows = headers.size("num_rows"), headers.size("row_size")
    operator = Softmax(headers.size("input_mult"), 31 - headers.size("input_left_shift"))
    expected = headers.array("output_ref").reshape(rows)
    return case(headers, [operator], INT8, headers.array("input").reshape(rows), expected)


def pad(headers: Headers) -> Case:
    given = headers.image()
    before, after = ([headers.size(f"{end}_pad_{axis}") for axis in "nhwc"] for end in ("pre", "post"))
    if before[0] or after[0] or before[3] or after[3]:
        raise Unsaid("a border of examples or channels")
    padding: Padding = ((before[1], after[1]), (before[2], after[2]))
    shape = [size + first + last for size, first, last in zip(given.shape, before, after, strict=True)]
    x = Codes(-128, 127, headers.size("pad_value"))
    return case(headers, [Pad(padding)], x, given, headers.array("output").reshape(shape))


def transpose(headers: Headers) -> Case:
    sizes, order = ([int(w) for w in re.findall(r"\d+", headers.sizes[name])] for name in ("in_dim", "perm"))
    if len(order) == 3:  # one row of it
        sizes, order = [sizes[0], 1, *sizes[1:3]], [order[0], 1, *(axis + 1 for axis in order[1:])]
    if order[0] != 0:
        raise Unsaid("examples that change their place")
    ours = {1: 1, 2: 2, 3: 0}  # where each axis is of (C, H, W)
    axes: Any = tuple(ours[order[k]] for k in (3, 1, 2))
    given = headers.array("input_tensor").reshape(sizes)
    expected = headers.array("output").reshape([sizes[axis] for axis in order])
    return case(headers, [Transpose(axes)], INT8, given, expected)


def reader_of(headers: Headers) -> Callable[[Headers], Case]:
    """Which function reads a case: its sizes tell."""
    kinds = {"filter_x": convolution, "accumulation_depth": fully_connected, "filter_w": pool}
    kinds |= {"input1_offset": of_two, "row_size": softmax, "pad_value": pad, "perm": transpose}
    for name, kind in kinds.items():
        if name in headers.sizes:
            if any(word in headers.name for word in ("transpose_conv", "int16", "s16", "requantize")):
                break
            return kind
    raise Unsaid("another operator")


def cases(folder: Folder) -> Iterator[tuple[Headers, Case | str]]:
    """Each case of integers, or why it is left out, in the order of their names."""
    for inner in sorted(folder.iterdir(), key=lambda path: path.name):
        if inner.is_dir() and (inner / "test_data.h").is_file() and not re.search("_f(16|32)", inner.name):
            headers = Headers(inner)
            try:
                yield headers, reader_of(headers)(headers)
            except Unsaid as why:
                yield headers, str(why)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--record", type=Path, metavar="ZIP", help="keep what can be said, with its licence")
    args = parser.parse_args()
    kept: list[Headers] = []
    left_out: Counter[str] = Counter()
    codes = differ = 0
    for headers, found in cases(args.folder):
        if isinstance(found, str):
            left_out[found] += 1
            continue
        kept.append(headers)
        wrong = int((run(found.program, found.codes) != found.expected).sum())
        codes, differ = codes + found.expected.size, differ + wrong
        if wrong:
            print(f"{found.name}: {wrong} of {found.expected.size} codes differ")
    for why, count in left_out.most_common():
        print(f"left out: {count} with {why}")
    print(f"{len(kept)} of {len(kept) + sum(left_out.values())} cases, {differ} of {codes:,} codes differ")
    if args.record:
        licence = next(
            path / "LICENSE" for path in args.folder.resolve().parents if (path / "LICENSE").is_file()
        )
        texts = {"LICENSE": licence.read_text(encoding="utf-8")}
        texts |= {f"{headers.name}/test_data.h": headers.text for headers in kept if len(headers.text) < MOST}
        with zipfile.ZipFile(args.record, "w") as archive:
            for name, text in texts.items():
                archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED, 9)
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
