"""What one core allows, measured: products, passes over memory, and calls."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from parts.roofline_calls import Array

SIZES = tuple(2**bits for bits in range(16, 27, 2))  # bytes of all arrays of a pass
SHAPES = (768, 768, 768), (64, 256, 2048), (16, 256, 256), (20, 250, 192)  # M, K, P: large, and in cache
RNG = np.random.default_rng(0)


class Machine(NamedTuple):
    """What one core allows.

    peaks       multiply-accumulates a second, by kind of number
    bandwidths  bytes a second of a pass whose arrays have so many of `SIZES` altogether
    price       seconds that a call takes
    """

    peaks: dict[str, float]
    bandwidths: tuple[float, ...]
    price: float

    def moving(self, size: int) -> float:
        """Seconds to move so many bytes once."""
        return float(size / np.interp(np.log2(max(size, 1)), np.log2(SIZES), self.bandwidths))


def machine_of(patience: float) -> Machine:
    """Measure this core, for so many seconds each."""
    few = numbers((3, 16), np.float32)
    price = seconds(partial(np.add, few[0], few[1], out=few[2]), patience)
    kinds = {"float32": np.matmul, "int32": partial(np.einsum, "fk,kp->fp")}
    kinds["int16"] = kinds["int32"]
    peaks = {name: max(products(name, product, patience)) for name, product in kinds.items()}
    return Machine(peaks, tuple(bandwidth(size, price, patience) for size in SIZES), price)


def products(name: str, product: Callable[..., Any], patience: float) -> list[float]:
    """Multiply-accumulates a second of products of one kind of number."""
    rates = []
    for M, K, P in SHAPES:
        w, x, y = (numbers(shape, name) for shape in ((M, K), (K, P), (M, P)))
        rates.append(M * K * P / seconds(partial(product, w, x, out=y), patience))
    return rates


def bandwidth(size: int, price: float, patience: float) -> float:
    """Bytes a second of an addition, without the price of the call."""
    x, y, z = numbers((3, size // 12), np.float32)
    return size / (seconds(partial(np.add, x, y, out=z), patience) - price)


def seconds(work: Callable[[], Any], patience: float) -> float:
    """The processor's time for some work: the least of many, as nothing makes it too short."""
    work()
    found: list[float] = []
    until = time.process_time() + patience
    while time.process_time() < until or not found:
        repeat = 1 if not found else max(1, int(2e-4 / found[-1]))
        start = time.process_time()
        for _ in range(repeat):
            work()
        found.append((time.process_time() - start) / repeat)
    return min(found)


def numbers(shape: tuple[int, ...], dtype: Any) -> Array:
    """Some that are neither large nor very small."""
    return RNG.integers(1, 5, shape).astype(dtype)
