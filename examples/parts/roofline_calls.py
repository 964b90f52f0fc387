"""What a NumPy call does, counted from its arguments alone: multiply-accumulates, and bytes of memory.

`tinyzip.machine.recorder` writes calls down. Here they are read: a matrix product has as many terms as
its result has entries, times the length of the sums; and whatever the call, it reads or writes each byte of
its arrays once, those that a view skips not at all, and those that it shows several times once.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.machine.recorder import Call

Array = NDArray[Any]


def arrays_of(value: Any) -> Iterator[Array]:
    """All arrays in a nest of arguments."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from arrays_of(part)


def seen(call: Call) -> list[Array]:
    """The arrays that a call reads or writes, an array that it changes in place once."""
    function, arguments, options = call
    if function is np.ndarray.__setitem__:
        array, index, value = arguments
        arguments = array[index], value
    cells = getattr(function, "__closure__", None) or ()  # where a copy keeps what it copies
    arrays = arrays_of([arguments, options, *(cell.cell_contents for cell in cells)])
    return list({(a.ctypes.data, a.shape, a.strides): a for a in arrays}.values())


def touched(array: Array) -> int:
    """The bytes of memory that an array stands on."""
    steps = [abs(step) // array.itemsize for step in array.strides]
    if array.size == 0:
        return 0
    span = np.zeros(1 + sum((n - 1) * step for n, step in zip(array.shape, steps, strict=True)), np.bool_)
    np.lib.stride_tricks.as_strided(span, array.shape, steps)[...] = True
    return int(span.sum()) * array.itemsize


def union(arrays: Iterable[Array]) -> int:
    """The bytes from the first to the last of each array, where several lie counted once."""
    total, reached = 0, 0
    for low, high in sorted(ends(array) for array in arrays if array.size):
        total += max(0, high - max(low, reached))
        reached = max(reached, high)
    return total


def ends(array: Array) -> tuple[int, int]:
    """The address of its first byte, and the one after its last."""
    steps = [(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)]
    first = array.ctypes.data + sum(step for step in steps if step < 0)
    return first, first + sum(map(abs, steps)) + array.itemsize


def macs(call: Call) -> int:
    """Multiply-accumulates of a matrix product w (…, M, K) · x (…, K, P); 0 for any other call."""
    function, arguments, options = call
    if getattr(function, "__self__", function) not in (np.matmul, np.einsum):
        return 0
    left, out = next(arrays_of(arguments)), next(arrays_of(options["out"]))
    return int(out.size * left.shape[-1])


def replaced(call: Call, numbers: Callable[[tuple[int, ...], Any], Array]) -> Callable[[], Any]:
    """The call on other arrays, made of `numbers`, that lie as its own do."""

    def other(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            reach = sum((n - 1) * step for n, step in zip(value.shape, value.strides, strict=True))
            memory = numbers((reach // value.itemsize + 1,), value.dtype)
            return np.ndarray(value.shape, value.dtype, memory, 0, value.strides)
        return tuple(map(other, value)) if isinstance(value, tuple) else value

    function, arguments, options = call
    arguments, options = other(arguments), {name: other(value) for name, value in options.items()}
    return lambda: function(*arguments, **options)
