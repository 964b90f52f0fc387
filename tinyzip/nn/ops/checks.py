"""What every operation asks of its arrays before it computes.

NumPy broadcasts what it can, so an array of the wrong shape seldom crashes: it gives a wrong number.
These checks cost about a microsecond each and look at shapes and dtypes only; values are looked at
once, where data enters the library.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import is_masked, refuse, said

Array = NDArray[Any]
Shape = tuple[int, ...]

AXES = {1: "(C,)", 2: "two axes (C, N)", 4: "four axes (C, H, W, N)"}


def check_activations(x: Array, axes: int | None, argument: str) -> None:
    """x is a floating-point array with so many axes (None: two or four), none of them of length 0."""
    if not isinstance(x, np.ndarray):
        refuse(argument, said(x), "a NumPy array", TypeError)
    if x.dtype.kind != "f":
        refuse(argument, f"dtype {x.dtype}", "a floating-point dtype", TypeError)
    if x.ndim != axes and not (axes is None and x.ndim in (2, 4)):
        refuse(argument, f"shape {x.shape}", f"{AXES[2]} or {AXES[4]}" if axes is None else AXES[axes])
    if x.size == 0:
        refuse(argument, f"shape {x.shape}", "at least one example, and no empty axis")


def check_array(a: Array | None, shape: Shape, dtype: np.dtype[Any], argument: str) -> None:
    """a has exactly this shape and dtype."""
    if not isinstance(a, np.ndarray) or is_masked(a):
        refuse(argument, said(a), "a NumPy array", TypeError)
    if a.dtype != dtype:
        refuse(argument, f"dtype {a.dtype}", f"{dtype}, as its partner has", TypeError)
    if a.shape != shape:
        refuse(argument, f"shape {a.shape}", f"shape {shape}")


def check_weights(w: Array, axes: str, argument: str) -> None:
    """w is an array that has as many axes as `axes` names, "(F, C)", none of them of length 0."""
    if not isinstance(w, np.ndarray) or w.ndim != len(axes.split(",")) or w.size == 0:
        found = f"shape {w.shape}" if isinstance(w, np.ndarray) else type(w).__name__
        refuse(argument, found, f"axes {axes}, none empty")


def check_lengths(shape: Shape, argument: str, count: int | None = None) -> Shape:
    """shape, which is a tuple of whole numbers from 1 up: one or more, or exactly `count`."""
    whole = isinstance(shape, tuple) and all(isinstance(length, int | np.integer) for length in shape)
    if not whole or not shape or min(shape) < 1 or (count is not None and len(shape) != count):
        refuse(argument, shape, f"a tuple of {count or 'some'} whole numbers from 1 up")
    return shape


def check_groups(groups: int, C: int, F: int, operation: str) -> None:
    """groups shares C and F evenly."""
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or C % groups or F % groups:
        refuse(f"{operation}: groups", groups, f"a divisor of C = {C} and of F = {F}")
