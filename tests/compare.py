"""Says in one line how arrays differ from what was needed, where NumPy and pytest take thirty.

    y is not reference.conv2d(x, w) at [1, 0, 2]: 3.5, not 2.5, off by 1; 4 of 12 differ
    error <= grid.scale / 2 fails at [7]: found 0.75, needed <= 0.5; 3 of 40 fail
    np.abs(dz - expected).max() <= bound fails at [0, 1]: found 0.1, needed <= 1e-06

The line replaces the message of every `np.testing.assert_array_equal` and `assert_allclose` that fails, and
that of an `assert` on `(… <= …).all()`, on the `.all()` of any array of truths, and on two numbers. So tests
go on writing these.
"""

import ast
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

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


SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="
}  # fmt: skip


def failing(assertion: ast.expr, look: Callable[[ast.expr], Any]) -> str | None:
    """Why an asserted expression is not true; None where pytest says it as well.

    look  gives the value of an expression in the test that has failed
    """
    match assertion:
        case ast.BoolOp(op=ast.And(), values=values):
            return next((failing(value, look) for value in values if not look(value)), None)
        case ast.Call(func=ast.Attribute(value=truth, attr="all"), args=[], keywords=[]):
            holds = np.asarray(look(truth))
            match truth:
                case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in SIGNS:
                    found, needed = np.broadcast_arrays(look(left), look(right))
                    if found.shape == holds.shape:
                        return f"{ast.unparse(truth)} {at_worst(~holds, found, SIGNS[type(sign)], needed)}"
                case ast.Call(args=[argument, *_]):
                    seen = look(argument)
                    if isinstance(seen, np.ndarray) and seen.shape == holds.shape:
                        return f"{ast.unparse(truth)} {at_worst(~holds, seen)}"
            return f"{ast.unparse(truth)} {at_worst(~holds)}"
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in SIGNS:
            found, needed = look(left), look(right)
            if not all(
                np.ndim(side) == 0 and np.asarray(side).dtype.kind in "biuf" for side in (found, needed)
            ):
                return None
            place = ""
            match left:
                case ast.Call(func=ast.Attribute(value=whole, attr="max" | "min" as end), args=[]):
                    place = of_end(np.asarray(look(whole)), end)
            sides = f"found {plain(found)}, needed {SIGNS[type(sign)]} {plain(needed)}"
            return f"{ast.unparse(assertion)} fails{place}: {sides}"
    return None


def of_end(array: Any, end: str) -> str:
    """Where the greatest or least number of an array stands."""
    first = np.argmax(array) if end == "max" else np.argmin(array)
    return f" at {list(map(int, np.unravel_index(first, array.shape)))}" if array.ndim else ""


def plain(number: Any) -> str:
    """A number as Python writes it, also one of NumPy's."""
    return repr(np.asarray(number).item())


def at_worst(wrong: Any, found: Any = None, sign: str = "", needed: Any = None) -> str:
    """Where a comparison of arrays fails most, what was found there and needed, and in how many places."""
    most = wrong.astype(np.float64)
    if needed is not None and found.dtype.kind in "iuf" and needed.dtype.kind in "iuf":
        with np.errstate(all="ignore"):
            most = np.where(wrong, np.nan_to_num(np.abs(found.astype(np.float64) - needed), nan=np.inf), -1.0)
    place = tuple(map(int, np.unravel_index(int(np.argmax(most)), wrong.shape)))
    where = f" at {list(place)}" if place else ""
    said = f": found {found[place].item()!r}" if found is not None else ""
    wanted = f", needed {sign} {needed[place].item()!r}" if needed is not None else ""
    return f"fails{where}{said}{wanted}; {wrong.sum()} of {wrong.size} fail"


def failed_assertion(frame: FrameType, line: int) -> str | None:
    """What the assert statement on a line of a test says, in its own words."""
    for node in ast.walk(ast.parse(Path(frame.f_code.co_filename).read_bytes())):
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or 0):

            def look(expression: ast.expr) -> Any:
                code = compile(ast.Expression(expression), frame.f_code.co_filename, "eval")
                return eval(code, frame.f_globals, frame.f_locals)

            said = failing(node.test, look)
            return f"{said} ({look(node.msg)})" if said and node.msg else said
    return None


def shorten(error: BaseException) -> None:
    """Put the one line in place of the message: in `error`, or in each error of a group.

    An assertion is looked at once more, in the frame that it failed in. Where that fails, because it draws or
    changes something, pytest's message stays.
    """
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
    if isinstance(error, AssertionError) and frames:
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        with suppress(Exception):
            if said := failed_assertion(frame, line):
                error.args = (said,)
