"""Depth: an array that writes down what NumPy is asked to do with it, and a run that is repeated from that.

For few examples the arithmetic takes less time than deciding on it: shapes, views and scratch memory are
worked out anew in every run, though they never change. But a run that never looks at a value is a list of
calls on arrays that stay where they are. With an array of this kind as its input, a run leaves that list,
since every array of a run is of the kind of its input, or of that of its workspace. Views need no call: they
stay views. Copies, which some slices and reshapes are, are calls.

    f(x) = calls of one run of f, repeated where x stands in the input's place                      (PL1)

And a copy of short runs of numbers is sooner made as one of single elements, each as long as a run:

    copy of (…, n) numbers of s bytes, in runs of n = copy of (…) elements of n·s bytes             (PL2)

The same arithmetic is done in the same order. What a run reads beside its input, such as the parameters of a
network, it reads again each time, where it stands.
"""

from collections.abc import Callable, Hashable
from functools import partial
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.machine.workspace import Workspace

Array = NDArray[Any]
Function = Callable[[Array, Workspace], Any]
Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
LOOKED = "a value that Python looks at", "calls on whole arrays only: run it"
NOTES = 8  # runs of different functions and shapes that a workspace remembers
MOST = 2**24  # bytes that each of them may keep beside it


class Recorder(np.ndarray[Any, np.dtype[Any]]):
    """An array that writes down the calls it takes part in; `recorder` makes a class for each list."""

    calls: ClassVar[list[Call]]
    made: ClassVar[list[Array]]  # what calls write to and nobody had given them

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return self.noted(ufunc if method == "__call__" else getattr(ufunc, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if function is np.clip:  # which asks for a ufunc of its own in the end: that one is written down
            x, least, most = args
            return x.clip(least, most, **options)
        return self.noted(function, args, options)

    def __getitem__(self, index: Any) -> Any:
        return self.noted(lambda x: x[index], (self,), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self.noted(np.ndarray.__setitem__, (self, index, value), {})

    def reshape(self, *shape: Any, **options: Any) -> Any:
        return self.noted(lambda x: x.reshape(*shape, **options), (self,), {})

    def astype(self, *args: Any, **options: Any) -> Any:
        return self.noted(lambda x: x.astype(*args, **options), (self,), {})

    def copy(self, *args: Any) -> Any:
        return self.noted(lambda x: x.copy(*args), (self,), {})

    def noted(self, function: Any, args: Any, options: dict[str, Any]) -> Any:
        """Make the call, and write it down unless it only gives a view."""
        args, options = plain(args), plain(options)
        result = function(*args, **options)
        if result is None or options.get("out") is not None:
            self.calls.append((function, args, options))
        elif not isinstance(result, np.ndarray):
            refuse("recorder: function", *LOOKED)
        elif isinstance(getattr(function, "__self__", function), np.ufunc):
            self.calls.append((function, args, options | {"out": result}))
            self.made.append(result)
        elif not any(isinstance(a, np.ndarray) and np.may_share_memory(result, a) for a in args):
            self.calls.append((lambda: np.copyto(result, function(*args, **options)), (), {}))
            self.made.append(result)
        return result.view(type(self)) if isinstance(result, np.ndarray) else result


def recorder() -> type[Recorder]:
    """A class of arrays with a list of its own."""
    return type("Writing", (Recorder,), {"calls": [], "made": []})


def plain(value: Any) -> Any:
    """The same nest of containers without recorders."""
    if isinstance(value, Recorder):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        parts = map(plain, value)
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


class Recorded:
    """A function of an array and a workspace, as the list of its calls for arrays like `entry`.

    function  of what is written down, and returns an array of it, or a nest of some
    entry     what the function is given, and where later inputs are copied to
    kind      that of another's, where the function goes on with arrays of that one
    nbytes    of memory that it keeps beside the workspace
    """

    def __init__(
        self, function: Function, entry: Array, workspace: Workspace, kind: type[Recorder] | None = None
    ) -> None:
        kind = workspace.kind = recorder() if kind is None else kind
        kind.calls.clear()
        kind.made.clear()
        try:
            self.output = plain(function(entry.view(kind), workspace))
        finally:
            workspace.kind = np.ndarray
        self.function, self.entry, self.calls = function, entry, tuple(kind.calls)
        self.bound = tuple(bound(*call) for call in kind.calls)
        self.nbytes = entry.nbytes + sum(array.nbytes for array in kind.made)

    def __call__(self, x: Array) -> Any:
        """What the function makes of another x, valid until the workspace is used again."""
        self.entry[...] = x
        for call in self.bound:
            call()
        return self.output


def bound(function: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Callable[[], Any]:
    """A call with its arguments, in the form that takes least time: on few axes, and with few words."""
    target = None
    if function is np.copyto and options.keys() <= {"casting"}:
        target, value = args
    elif function is np.ndarray.__setitem__ and np.may_share_memory(args[0][args[1]], args[0]):
        target, value = args[0][args[1]], args[2]  # else the index picks entries one by one
    if target is not None:
        value, target = merged(np.asarray(value, None if hasattr(value, "dtype") else target.dtype), target)
        run = {value.strides[-1:], target.strides[-1:]} == {(target.itemsize,)}
        if run and target.size and value.dtype == target.dtype:
            length = f"V{target.shape[-1] * target.itemsize}"
            value, target = (array.view(length)[..., 0] for array in (value, target))
        return partial(target.__setitem__, ..., value)
    if isinstance(function, np.ufunc) and len(args) == function.nin and "out" in options:
        (out,) = options["out"] if isinstance(options["out"], tuple) else (options["out"],)
        if function.signature is None and function.nin > 1:  # the bits of an exp may depend on how arrays lie
            typed = [k for k, x in enumerate(args) if hasattr(x, "dtype")]  # Python's numbers take any dtype
            *given, out = merged(*(np.asarray(args[k]) for k in typed), out)
            args = tuple(given.pop(0) if k in typed else x for k, x in enumerate(args))
        if function is np.matmul and all(x.flags.forc and x.size == prod(x.shape[-2:]) for x in (*args, out)):
            w, x, y = (x.reshape(x.shape[-2:]) for x in (*args, out))
            if {a.ndim for a in (w, x, y)} == {2} and y.flags.c_contiguous and w.dtype == x.dtype == y.dtype:
                return partial(w.dot, x, y)  # which asks BLAS for the same
        if function not in (np.maximum, np.minimum) and options.keys() == {"out"}:
            return partial(function, *args, out)  # the others do not take it by its place
        options = options | {"out": out}
    return partial(function, *args, **options)


def merged(*arrays: Array) -> list[Array]:
    """Arrays of the last one's shape, or that are broadcast to it, in as few axes as hold their entries."""
    shape = arrays[-1].shape
    axes: list[list[int]] = []  # length, and the step of each array
    for n, *steps in zip(shape, *(np.broadcast_to(array, shape).strides for array in arrays), strict=True):
        if axes and [n * step for step in steps] == axes[-1][1:]:
            axes[-1] = [axes[-1][0] * n, *steps]
        elif n != 1:
            axes.append([n, *steps])
    lengths, *strides = zip(*axes, strict=True) if axes else ((), *(() for _ in arrays))
    return [as_strided(array, lengths, steps) for array, steps in zip(arrays, strides, strict=True)]


def repeated(function: Function, key: Hashable, x: Array, workspace: Workspace) -> Any:
    """function(x, workspace), valid until the workspace is used again.

    The first time it is called, the second time it is written down, by (PL1), and from then on repeated;
    unless that would keep more than MOST bytes.

    key  stands for the function, as long as this one is not gone
    """
    key = key, x.shape, x.dtype
    known = workspace.notes.get(key)
    if isinstance(known, Recorded):
        return known(x)
    if isinstance(known, tuple):
        recorded = Recorded(function, x.copy(), workspace)
        workspace.notes[key] = recorded if recorded.nbytes <= MOST else function
        return recorded.output
    y = function(x, workspace)
    if known is None:
        workspace.reset()  # which leaves it as large as it will be needed, and where it is
        note(workspace, key, (function,))
    return y


def note(workspace: Workspace, key: Hashable, value: object) -> None:
    """Let a workspace remember a value, which keeps what it is made of from giving its id to another."""
    if len(workspace.notes) >= NOTES:
        workspace.notes.clear()
    workspace.notes[key] = value
