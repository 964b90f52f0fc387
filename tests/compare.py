"""Says in one line how two arrays differ, where NumPy's comparisons take thirty.

    y is not reference.conv2d(x, w) at [1, 0, 2]: 3.5, not 2.5, off by 1; 4 of 12 differ

The line replaces the message of every `np.testing.assert_array_equal` and `assert_allclose` that fails, so
the tests go on calling these.
"""

import ast
import traceback
from pathlib import Path

import numpy as np

COMPARISONS = ("assert_array_equal", "assert_allclose")


def difference(found, expected, rtol=0.0, atol=0.0) -> str:
    """Where two arrays are furthest apart beyond atol + rtol·|expected|, and in how many places they are.

    NaN equals NaN, as in NumPy's comparisons.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape and found.shape and expected.shape:
        return f": shape {found.shape}, not {expected.shape}"
    found, expected = np.broadcast_arrays(found, expected)
    wrong = (found != expected) & ~((found != found) & (expected != expected))
    numbers = all(array.dtype.kind in "iufc" for array in (found, expected))
    beyond = wrong.astype(np.float64)
    if numbers:
        with np.errstate(all="ignore"):
            beyond = np.abs(found.astype(np.complex128) - expected) - (atol + rtol * np.abs(expected))
        if rtol or atol:
            wrong &= ~(beyond <= 0)
    if not wrong.any():
        return f": {found.dtype}, not {expected.dtype}"
    worst = int(np.argmax(np.where(wrong, np.nan_to_num(beyond, nan=np.inf), -1)))
    place = tuple(map(int, np.unravel_index(worst, wrong.shape)))
    one, other = found[place].item(), expected[place].item()
    where = f" at {list(place)}" if place else ""
    far = f", off by {abs(one - other):.4g}" if numbers else ""
    allowed = f" by more than {atol:g} + {rtol:g}·|expected|" if rtol or atol else ""
    return f"{where}: {one!r}, not {other!r}{far}; {wrong.sum()} of {wrong.size} differ{allowed}"


def arguments(call: traceback.FrameSummary) -> list[str]:
    """The expressions that a call compares, as the test writes them."""
    lines = Path(call.filename).read_bytes().splitlines()[call.lineno - 1 : call.end_lineno]
    lines[-1] = lines[-1][: call.end_colno]
    lines[0] = lines[0][call.colno :]
    expression = ast.parse(b"\n".join(lines).decode(), mode="eval").body
    return [ast.unparse(argument) for argument in expression.args[:2]]


def shorten(error: BaseException) -> None:
    """Put the one line in place of NumPy's message: in `error`, or in each error of a group."""
    for part in getattr(error, "exceptions", ()):
        shorten(part)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    calls = traceback.extract_tb(error.__traceback__)
    for call, frame in zip(calls, frames[1:], strict=False):
        if frame.f_code.co_name in COMPARISONS and frame.f_globals["__name__"].startswith("numpy.testing"):
            arrays = [frame.f_locals[name] for name in frame.f_code.co_varnames[:2]]
            bounds = {name: frame.f_locals.get(name, 0.0) for name in ("rtol", "atol")}
            found, expected = arguments(call)
            note = f" ({frame.f_locals['err_msg']})" if frame.f_locals["err_msg"] else ""
            error.args = (f"{found} is not {expected}{difference(*arrays, **bounds)}{note}",)
            return
