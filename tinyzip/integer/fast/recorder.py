"""Depth: an array that writes down what NumPy is asked to do with it.

A run of a program is a list of calls on arrays that stay where they are. With an array of this kind as its
input, a run leaves that list, since every array of a run is of the kind of its input
(`memory.take`). Views need no call: they stay views. Copies, which some slices and reshapes are, are calls.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Array

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
LOOKED = "prepare: program", "a value that Python looks at", "calls on whole arrays only: run it"


class Recorder(np.ndarray[Any, np.dtype[Any]]):
    """An array that writes down the calls it takes part in; `recorder` makes a class for each list."""

    calls: ClassVar[list[Call]]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return self.noted(getattr(ufunc, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function is np.clip:  # which asks for a ufunc of its own in the end: that one is written down
            x, least, most = args
            return x.clip(least, most, **options)
        return self.noted(function, args, options)

    def __getitem__(self, index: Any) -> Any:
        return self.copied(lambda x: x[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.noted(np.ndarray.__setitem__, (self, index, value), {})

    def reshape(self, *shape: Any, **options: Any) -> Any:
        return self.copied(lambda x: x.reshape(*shape, **options))

    def astype(self, *args: Any, **options: Any) -> Any:
        return self.copied(lambda x: x.astype(*args, **options))

    def copy(self, *args: Any) -> Any:
        return self.copied(lambda x: x.copy(*args))

    def copied(self, view: Callable[[Array], Any]) -> Any:
        """A view of this array; or a copy, which is a call then."""
        mine = self.view(np.ndarray)
        result = view(mine)
        if not isinstance(result, np.ndarray):
            refuse(*LOOKED)
        if not np.may_share_memory(result, mine):
            self.calls.append((lambda: np.copyto(result, view(mine)), (), {}))
        return result.view(type(self))

    def noted(self, function: Any, args: Any, options: dict[str, Any]) -> Any:
        """Make the call, and write it down unless it only gives a view."""
        args, options = plain(args), plain(options)
        result = function(*args, **options)
        if result is None or options.get("out") is not None:
            self.calls.append((function, args, options))
        elif not isinstance(result, np.ndarray):
            refuse(*LOOKED)
        elif isinstance(getattr(function, "__self__", None), np.ufunc):
            self.calls.append((function, args, options | {"out": result}))
        elif not any(isinstance(a, np.ndarray) and np.may_share_memory(result, a) for a in args):
            self.calls.append((lambda: np.copyto(result, function(*args, **options)), (), {}))
        return result.view(type(self)) if isinstance(result, np.ndarray) else result


def recorder() -> type[Recorder]:
    """A class of arrays with a list of its own."""
    return type("Writing", (Recorder,), {"calls": []})


def plain(value: Any) -> Any:
    """The same nest of containers without recorders."""
    if isinstance(value, Recorder):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(map(plain, value))
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value
