"""How this library says no.

A wrong shape that NumPy happens to broadcast does not crash: it trains for an hour and gives a bad
model. So every public function checks what it is handed and refuses in one line that has three
parts: the argument, what was found, and what was needed. This is the one place that builds the line.

Where what was found is strange, but could be meant, the same line is a warning.
"""

import sys
import warnings
from numbers import Integral, Real
from typing import Any, NoReturn

LONGEST = 300  # characters of what was found


def refuse(argument: str, found: object, needed: str, error: type[Exception] = ValueError) -> NoReturn:
    """Raise `error` with the line "argument: found …, needed …".

    argument  the argument's name, with the function or layer before it where that helps: "conv1.w"
    found     the offending value, shape or dtype, as short as it can be and still be recognised; of a value
              of many lines, the beginning is said
    needed    what would have been accepted
    """
    words = " ".join(str(found).split())
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]} …"
    raise error(printable(f"{argument}: found {words}, needed {needed}"))


def printable(text: str) -> str:
    """The text on one line that does nothing but stand there: what cannot be printed becomes its code.

    Names come from files, too, and a file may hold line ends and what a terminal takes for orders.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def warn(argument: str, found: object, needed: str) -> None:
    """Say the same line as a UserWarning, at the caller's line of code; Python shows it once for each."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "tinyzip":
        level, frame = level + 1, frame.f_back
    warnings.warn(printable(f"{argument}: found {found}, needed {needed}"), UserWarning, level)


def is_number(value: object) -> bool:
    """Whether `value` is one real number, of Python or of NumPy: what can be compared with a bound."""
    return isinstance(value, Real)


def whole(value: Any, argument: str, least: int, most: int | None = None) -> int:
    """`value` as a Python int from `least` to `most`; refuses all else, booleans and floats included."""
    counts = isinstance(value, Integral) and not isinstance(value, bool)
    if not counts or value < least or (most is not None and value > most):
        refuse(argument, said(value), f"a whole number from {least} {'up' if most is None else f'to {most}'}")
    return int(value)


def flag(value: Any, argument: str) -> bool:
    """`value` as a Python bool; refuses all else, which Python would take for true or false: "no" is true."""
    if type(value).__name__ not in ("bool", "bool_"):
        refuse(argument, said(value), "True or False", TypeError)
    return bool(value)


def is_masked(array: object) -> bool:
    """Whether it is an array that hides some of its values, which all functions but its own see."""
    return type(array).__name__ == "MaskedArray"


def said(value: object) -> str:
    """What an error calls a value that is not of the kind that was needed: short, and with what it is."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str | Real | None):
        return repr(value)
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    home = type(value).__module__.partition(".")[0]
    name = type(value).__name__ if home in ("builtins", "tinyzip") else f"{home}.{type(value).__name__}"
    shape = getattr(value, "shape", None)
    return f"a {name}" if shape is None else f"a {name} of shape {tuple(shape)}"
