"""Reads golden vectors of LiteRT (an .npz with a graph and every tensor) into an integer program.

The graph names tensors but neither strides, paddings, pooling windows nor fused activations. They are
found again: all windows, strides and paddings ('same' or 'valid') that lead from one shape to the next are
tried, the plainest first, and the first whose output is the recorded one is taken; if none is, the plainest
is, and the comparison fails as it should. LiteRT's arrays are (N, H, W, C); it flattens row by row, channels
last.

Which rounding LiteRT uses was found by recomputing: convolutions and MEAN round twice, fully connected layers
once, with one weight scale or one for each output.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import same_padding
from tinyzip.integer import (
    AvgPool2d,
    Codes,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Operator,
    Program,
    run,
)

Array = NDArray[Any]


@dataclass(frozen=True)
class Golden:
    """A program, its input codes (…, N), and what each operator must write, in this library's order."""

    program: Program
    codes: Array
    expected: list[Array]


def batch_last(tensor: Array) -> Array:
    """(N, H, W, C) to (C, H, W, N), (N, C) to (C, N)."""
    return np.ascontiguousarray(tensor.transpose(3, 1, 2, 0) if tensor.ndim == 4 else tensor.T)


def multipliers(x: Array, w: Array, y: Array) -> tuple[Array, Array]:
    """(m0, n) of s_x·s_w / s_y in float64 by frexp, rounded half away from zero, as LiteRT computes them."""
    real = np.float64(x) * np.float64(w) / np.float64(y)
    fraction, exponent = np.frexp(real)
    m0 = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    full = m0 == 2**31
    return np.where(full, 2**30, m0), 31 - exponent.astype(np.int64) - full


def mean_multiplier(x: Array, y: Array, count: int) -> tuple[int, int]:
    """(m0, n) of LiteRT's MEAN: m0·2^⌊log₂ count⌋ / count cut to an integer, the exponent paying for it."""
    m0, n = multipliers(x, np.float32(1), y)
    shift = min(count.bit_length() - 1, 32, 62 - int(n[0]))
    return (int(m0[0]) << shift) // count, int(n[0]) + shift


def axis_steps(length: int, k: int, outputs: int) -> Iterator[tuple[str, int]]:
    """(scheme, stride) that give `outputs` windows of k on an axis."""
    for stride in range(1, length + 1):
        if k <= length and (length - k) // stride + 1 == outputs:
            yield "VALID", stride
        if -(-length // stride) == outputs:
            yield "SAME", stride


def geometries(size: Any, out: Any, kernels: list[tuple[int, int]]) -> Iterator[dict[str, Any]]:
    """All kernel, stride, padding that lead from size to out, square and small ones first."""
    found = []
    for kh, kw in kernels:
        for scheme, sh in axis_steps(size[0], kh, out[0]):
            for other, sw in axis_steps(size[1], kw, out[1]):
                if scheme == other:
                    found.append((sh != sw, kh != kw, sh * sw, kh * kw, scheme == "SAME", kh, kw, sh, sw))
    for *_, same, kh, kw, sh, sw in sorted(found):
        padding = same_padding(size, (kh, kw), (sh, sw)) if same else ((0, 0), (0, 0))
        yield {"kernel": (kh, kw), "stride": (sh, sw), "padding": padding}


def clamps(codes: Codes, scale: float) -> list[Codes]:
    """No activation, ReLU, ReLU6, ReLU between −1 and 1: the codes that may come out."""

    def code(real: float) -> int:
        return codes.zero + math.floor(abs(real) / scale + 0.5) * (1 if real > 0 else -1)

    relu = max(-128, codes.zero)
    ranges = [(-128, 127), (relu, 127), (relu, min(127, code(6.0)))]
    ranges.append((max(-128, code(-1.0)), min(127, code(1.0))))
    return [replace(codes, lo=lo, hi=hi) for lo, hi in ranges if lo < hi]


def read_golden(path: Path | str) -> Golden:
    """The whole chain of operators; ValueError for one that this reader does not know."""
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    graph = json.loads(str(arrays["graph"]))
    zeros = {int(i): tensor["zeros"] for i, tensor in graph["tensors"].items()}

    def codes_of(i: int) -> Codes:
        m, d = float(arrays[f"scale{i}"].reshape(-1)[0]).as_integer_ratio()
        return Codes(-128, 127, zeros[i][0], (m, d.bit_length() - 1))

    current: int = graph["input"]
    x = arrays[f"t{current}"]
    if graph["ops"][0]["op"] == "RESHAPE":  # images that come in flat
        x = arrays[f"t{graph['ops'].pop(0)['outputs'][0]}"]
    operators: list[Operator] = []
    first = previous = batch_last(x)
    codes = start = codes_of(current)
    expected: list[Array] = []

    def accept(candidates: list[Operator], wanted: Array) -> None:
        nonlocal previous, codes
        for operator in candidates:
            try:
                program = Program((operator,), previous.shape[:-1], codes)
            except ValueError:
                continue
            if np.array_equal(run(program, previous.astype(codes.dtype)), wanted):
                break
        else:
            operator = candidates[0]
            program = Program((operator,), previous.shape[:-1], codes)
        operators.append(operator)
        expected.append(wanted)
        previous, codes = wanted, program.output

    spatial: tuple[int, ...] = ()  # (H, W, C) of what was flattened last
    for op in graph["ops"]:
        i, o = op["inputs"][0], op["outputs"][0]
        out = arrays[f"t{o}"]
        kind = op["op"]
        if kind == "RESHAPE":
            if out.ndim == 2 and previous.ndim == 4:
                spatial = tuple(previous.shape[k] for k in (1, 2, 0))
                accept([Flatten()], previous.reshape(-1, previous.shape[-1]))
            elif batch_last(out).shape != previous.shape:
                raise ValueError(f"cannot read a RESHAPE to {out.shape}")
            continue
        y = codes_of(o)
        outputs = clamps(y, float(arrays[f"scale{o}"].reshape(-1)[0]))
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            w = arrays[f"t{op['inputs'][1]}"]
            depthwise = kind == "DEPTHWISE_CONV_2D"
            w = w.transpose(3, 0, 1, 2) if depthwise else w.transpose(0, 3, 1, 2)
            m0, n = multipliers(*(arrays[f"scale{t}"] for t in (i, op["inputs"][1], o)))
            C, H, W, _ = previous.shape
            found = list(geometries((H, W), out.shape[1:3], [w.shape[2:]]))
            accept(
                [
                    Conv2d(w, bias_of(op, arrays), m0, n, y, g["stride"], g["padding"], C if depthwise else 1)
                    for y in outputs
                    for g in found
                ],
                batch_last(out),
            )
        elif kind == "FULLY_CONNECTED":
            w, bias = arrays[f"t{op['inputs'][1]}"], bias_of(op, arrays)
            scale = arrays[f"scale{op['inputs'][1]}"]
            m0, n = multipliers(arrays[f"scale{i}"], scale, arrays[f"scale{o}"])
            if out.ndim == 4:  # at each place by itself
                w = w[:, :, None, None]
                accept([Conv2d(w, bias, m0, n, y, rounding="single") for y in outputs], batch_last(out))
                continue
            if previous.ndim == 4:  # LiteRT flattens without saying so
                spatial = tuple(previous.shape[k] for k in (1, 2, 0))
                accept([Flatten()], previous.reshape(-1, previous.shape[-1]))
            if spatial:
                w = w.reshape(len(w), *spatial).transpose(0, 3, 1, 2).reshape(len(w), -1)
                spatial = ()
            accept([Linear(w, bias, m0, n, y) for y in outputs], batch_last(out))
        elif kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
            pool = AvgPool2d if kind == "AVERAGE_POOL_2D" else MaxPool2d
            size = previous.shape[1:3]
            kernels = [(kh, kw) for kh in range(1, size[0] + 1) for kw in range(1, size[1] + 1)]
            found = list(geometries(size, out.shape[1:3], kernels))
            fused = [replace(codes, lo=max(codes.lo, y.lo), hi=min(codes.hi, y.hi)) for y in outputs]
            accept([pool(y=y, **g) for y in fused for g in found], batch_last(out))
        elif kind == "MEAN":
            C, H, W, N = previous.shape
            m0, n = mean_multiplier(arrays[f"scale{i}"], arrays[f"scale{o}"], H * W)
            accept([GlobalAvgPool(m0, n, y)], batch_last(out).reshape(C, 1, 1, N))
            if out.ndim == 2:
                spatial = (1, 1, C)
                accept([Flatten()], batch_last(out))
        else:
            raise ValueError(f"cannot read {kind}")
    return Golden(Program(tuple(operators), first.shape[:-1], start), first, expected)


def bias_of(op: dict[str, Any], arrays: dict[str, Array]) -> Array | None:
    """The third input, where there is one."""
    inputs = op["inputs"]
    return arrays[f"t{inputs[2]}"] if len(inputs) > 2 and inputs[2] >= 0 else None
