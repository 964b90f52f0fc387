"""A program planned for so many examples: nothing is left to do but to compute.

For a single image the arithmetic takes less time than deciding on it: shapes, views and scratch memory are
worked out anew in every run, though they never change. So a program is run once while all that NumPy is asked
to do is written down, each call with the very arrays that it read and wrote. To run it again is to write
other codes into the first array and to make the same calls: no kernel knows of this, and the same arithmetic
is done in the same order.

    run(program, codes) = calls of one run, repeated where codes stand in the input's place        (PL1)

It holds since no kernel looks at a value to decide what to call. Planning runs the calls on other codes, too,
and compares.

Who writes is `Recorder`, an array that sees the functions it is given to, as every array of a run is of the
kind of its input (`memory.take`). Views need no call: they stay views. Copies, which some slices and reshapes
are, are calls.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import whole
from tinyzip.integer.gemm import PRODUCTS, Product
from tinyzip.integer.plan import plan
from tinyzip.integer.program import Program, check_program
from tinyzip.integer.run import check, run, scores, walk
from tinyzip.machine.workers import small_buffer
from tinyzip.machine.workspace import Workspace

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

    def copied(self, view: Callable[[NDArray[Any]], Any]) -> Any:
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

    class Writing(Recorder):
        calls: ClassVar[list[Call]] = []

    return Writing


def plain(value: Any) -> Any:
    """The same nest of containers without recorders."""
    if isinstance(value, Recorder):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(map(plain, value))
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


class Planned:
    """A program for N examples: `planned(codes)` is `run(program, codes)` for these many, sooner.

    It computes in memory of its own, `nbytes` of it, and so serves one thread at a time: each has its own.
    """

    def __init__(self, program: Program, count: int, product: Product) -> None:
        self.program, self.product = program, product
        steps, workspace, kind = plan(program, product, False), Workspace(), recorder()
        entry = np.full((*program.shape, count), program.input.zero, program.input.dtype)
        for _ in walk(steps, entry, workspace):  # which finds out how much memory is needed
            pass
        *_, (_, y) = walk(steps, entry.view(kind), workspace)
        self.entry, self.output, self.calls = entry, y.view(np.ndarray), tuple(kind.calls)
        self.nbytes = entry.nbytes + workspace.peak

    def __call__(self, codes: NDArray[Any]) -> NDArray[Any]:
        """codes (…, N) as for `run`, N as planned; returns what `run` returns, and refuses what it does."""
        check(self.program, codes)
        if codes.shape != self.entry.shape:
            refuse(
                "planned: codes", f"{codes.shape[-1]} examples", f"{self.entry.shape[-1]}, or another plan"
            )
        np.copyto(self.entry, codes)
        one = self.entry.shape[-1] == 1  # whose rows are too short to gain from it
        with nullcontext() if one else small_buffer():
            for call, args, options in self.calls:
                call(*args, **options)
        return scores(self.program, self.output.copy())


def prepare(program: Program, count: int = 1, product: Product = "integer") -> Planned:
    """Plan a program for `count` examples at a time.

    Memory is that of one run of a shard, and grows with `count`: `Planned.nbytes` says how much it is.
    Raises TypeError and ValueError for what is no program, count or product.
    """
    check_program(program, "prepare: program")
    count = whole(count, "prepare: count", 1, 2**20)
    if product not in PRODUCTS:
        refuse("prepare: product", repr(product), f"one of {', '.join(PRODUCTS)}")
    planned, x = Planned(program, count, product), program.input
    codes = np.resize(np.arange(x.lo, x.hi + 1, dtype=x.dtype), planned.entry.shape)
    if not np.array_equal(np.asarray(planned(codes)), np.asarray(run(program, codes, product))):
        refuse(*LOOKED)
    return planned
