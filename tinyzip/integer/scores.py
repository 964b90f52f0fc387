"""Depth: what a program without Argmax writes: a code for each class, and no class yet.

Labels are (N,), codes are (K, N). NumPy would compare the two, row by row, and the count of errors would be
some number or other. So what `run` gives is an array like any other, but for one thing: it refuses to be
compared with one number an example.
"""

from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse


class Scores(np.ndarray[Any, np.dtype[Any]]):
    """Codes (…, N), N examples last. All that is computed from them is a plain array."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc in (np.equal, np.not_equal) and method == "__call__":
            shapes = [np.shape(x) for x in inputs]
            if min(map(len, shapes)) == 1 < max(map(len, shapes)):
                shorter, longer = sorted(shapes, key=len)
                found, needed = f"shapes {longer} and {shorter}", "classes: run(program, codes).argmax(0)"
                refuse("==, of codes and classes", found, needed)
        inputs = tuple(np.asarray(x) if isinstance(x, Scores) else x for x in inputs)
        if "out" in options:
            options["out"] = tuple(np.asarray(x) if isinstance(x, Scores) else x for x in options["out"])
        return getattr(ufunc, method)(*inputs, **options)

    def __eq__(self, other: Any) -> Any:  # what knows nothing of this class would answer for it
        return np.equal(self, np.asarray(other))

    def __ne__(self, other: Any) -> Any:
        return np.not_equal(self, np.asarray(other))

    def argmax(self, *axis: Any, **options: Any) -> Any:
        """The classes, (N,) for axis 0."""
        return np.asarray(self).argmax(*axis, **options)
