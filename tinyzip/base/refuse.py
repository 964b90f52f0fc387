"""How this library says no.

A wrong shape that NumPy happens to broadcast does not crash: it trains for an hour and gives a bad
model. So every public function checks what it is handed and refuses in one line that has three
parts: the argument, what was found, and what was needed. This is the one place that builds the line.
"""

from numbers import Real
from typing import NoReturn


def refuse(argument: str, found: object, needed: str, error: type[Exception] = ValueError) -> NoReturn:
    """Raise `error` with the line "argument: found …, needed …".

    argument  the argument's name, with the function or layer before it where that helps: "conv1.w"
    found     the offending value, shape or dtype, as short as it can be and still be recognised
    needed    what would have been accepted
    """
    raise error(f"{argument}: found {found}, needed {needed}")


def is_number(value: object) -> bool:
    """Whether `value` is one real number, of Python or of NumPy: what can be compared with a bound."""
    return isinstance(value, Real)
