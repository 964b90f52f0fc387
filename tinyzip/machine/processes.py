"""Two cores without a common interpreter: copies of this process, made by fork.

Threads share Python's interpreter lock. NumPy's loops and products give it back, but a small network makes
a hundred short calls in two milliseconds, and at each of them one thread may have to wait for the other.
Processes have an interpreter each. `fork` makes a copy of this one with all its arrays, functions and
models as they stand; the system copies a page of memory only when one of the two writes to it. So nothing
has to be sent but questions and answers, and what both sides must see lies in memory that is `shared`.

What a copy writes elsewhere stays in the copy. Nothing in this package that may run there keeps a memory of
its calls. Of a caller's own function or layer one cannot know: what it notes must not get lost, so it stays
where it was made (`is_ours`).
"""

import mmap
import os
import select
import signal
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from math import prod
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any, Generic, NamedTuple, NoReturn, Self, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

AWAKE = 2e-3  # seconds to look out for a message before falling asleep: waking up costs 0.1 ms
SIGNALS = {signal.SIGINT, signal.SIGTERM}  # not to arrive while a copy is made; Ctrl-C is never for a copy

Item = TypeVar("Item")
Result = TypeVar("Result")


def shared(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros that this process and its later copies read and write together."""
    size = prod(shape)
    memory = mmap.mmap(-1, max(1, size * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, size).reshape(shape)


def is_shared(array: NDArray[Any]) -> bool:
    """Does the array lie in memory from `shared`?"""
    base: Any = array
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return isinstance(base, mmap.mmap)


def is_ours(part: object) -> bool:
    """Is it, with all that it is made of, of this package, or numbers, text, arrays?"""
    if isinstance(part, Mapping):
        return all(map(is_ours, part.values()))
    home = (getattr(part, "__module__", None) or type(part).__module__).partition(".")[0]
    if is_dataclass(part) and not isinstance(part, type):
        return home == "tinyzip" and all(is_ours(getattr(part, field.name)) for field in fields(part))
    return home == "tinyzip" or (home in ("builtins", "numpy", "_thread") and not callable(part))


class Processes(Generic[Item, Result]):
    """This process and `count` − 1 copies of it, which share out items to the same function.

    function  takes some of the items, and returns a result for each. A copy runs it as it was when the copy
              was made: later changes reach it in `shared` memory only
    count     processes, or fewer where the system has no room for so many

    Copies are made by the first `map` that has an item for them, wait for the next, and end at `close`, or
    with this process.
    """

    def __init__(self, function: Callable[[Sequence[Item]], Sequence[Result]], count: int) -> None:
        self._function = function
        self._count = count
        self._copies: list[Copy] = []

    def map(self, items: Sequence[Item]) -> list[Result]:
        """A result for each item, in order. Of T processes, number t gets items t, t + T, …; 0 is this one.

        raises  what the function raises, here or in a copy; RuntimeError when a copy has ended
        """
        results: list[Any] = [None] * len(items)
        self._start(len(items))
        copies = self._copies[: max(len(items) - 1, 0)]
        T = 1 + len(copies)
        try:
            for t, copy in enumerate(copies, 1):
                copy.ask(items[t::T])
            results[::T] = self._function(items[::T])
            for t, copy in enumerate(copies, 1):
                results[t::T] = copy.answer()
        except BaseException:
            self.close()  # questions and answers may be out of step
            raise
        return results

    def _start(self, items: int) -> None:
        """Make the copies that are missing for so many items, as far as the system has room for them."""
        with suppress(OSError):
            while len(self._copies) < min(self._count, items) - 1:
                self._copies.append(Copy.of_this_process(self._function))

    def close(self) -> None:
        """End the copies; the next `map` makes new ones."""
        copies, self._copies = self._copies, []
        for copy in copies:
            copy.connection.close()
            with suppress(ProcessLookupError):
                os.kill(copy.pid, signal.SIGKILL)  # it has nothing to lose
        for copy in copies:
            with suppress(ChildProcessError):  # where SIGCHLD is ignored, the system has noted its end itself
                os.waitpid(copy.pid, 0)


class Copy(NamedTuple):
    """A process that answers, and the line to it."""

    pid: int
    connection: Connection

    @classmethod
    def of_this_process(cls, function: Callable[[Any], Any]) -> Self:
        ours, theirs = Pipe()
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            with warnings.catch_warnings():
                # Python warns of locks that other threads may hold. A copy asks for none but NumPy's own.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                ours.close()  # or it would never see the line end; older copies end after it, one by one
                _serve(function, theirs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        theirs.close()
        return cls(pid, ours)

    def ask(self, items: Any) -> None:
        try:
            self.connection.send(items)
        except ConnectionError:
            self._is_missing()

    def answer(self) -> Any:
        _look_out(self.connection)
        try:
            answer = self.connection.recv()
        except (EOFError, ConnectionError):
            self._is_missing()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _is_missing(self) -> NoReturn:
        raise RuntimeError(f"process {self.pid}, a copy of this one, has ended before its answer") from None


def _serve(function: Callable[[Any], Any], connection: Connection) -> NoReturn:
    """The life of a copy: answer until the other end of the line is closed."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        while True:
            _look_out(connection)
            items = connection.recv()
            try:
                connection.send(function(items))
            except Exception as error:
                connection.send(error)
    finally:
        os._exit(0)


def _look_out(connection: Connection) -> None:
    """Stay awake until a message is there, or it is better to fall asleep over the reading."""
    incoming = select.poll()
    incoming.register(connection, select.POLLIN)
    stop = perf_counter() + AWAKE
    while not incoming.poll(0) and perf_counter() < stop:
        os.sched_yield()
