"""Depth: two cores without a common interpreter: copies of this process, made by fork.

Threads share Python's interpreter lock. NumPy's loops and products give it back, but a small network makes
a hundred short calls in two milliseconds, and at each of them one thread may have to wait for the other.
Processes have an interpreter each. `fork` makes a copy of this one with all its arrays, functions and
models as they stand; the system copies a page of memory only when one of the two writes to it. So nothing
has to be sent but questions and answers, and what both sides must see lies in memory that is `shared`.

`multiprocessing` starts the copies, carries the messages, and ends the copies with this process. Its pools
would give each item to the process that is free, and send it the function each time. Here both sides look out
for messages awake, since being woken costs more than many of the questions, and where a core is taken by
another program, so that two processes are slower than one, this is noticed (`Balance`).

What a copy writes elsewhere stays in the copy. Nothing in this package that may run there keeps a memory of
its calls. Of a caller's own function or layer one cannot know: what it notes must not get lost, so it stays
where it was made (`is_ours`).
"""

import mmap
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from math import prod
from multiprocessing import get_context
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    from multiprocessing.connection import Connection  # no browser has it
    from multiprocessing.process import BaseProcess

AWAKE = 2e-3  # seconds to look out for a message before falling asleep: waking up costs 0.1 ms
LOSSES, LONGEST = 3, 64  # in a row, before copies are left out; the most questions without them
SIGNALS = {signal.SIGINT, signal.SIGTERM}  # not to arrive while a copy is made
NEEDED = (
    *((os, name) for name in ("fork", "sched_yield")),
    *((signal, name) for name in ("pthread_sigmask", "SIGCHLD")),
    (select, "poll"),
)

Item = TypeVar("Item")
Result = TypeVar("Result")


def can_copy() -> bool:
    """Has the system all that making, asking and ending a copy takes? Windows has none of it."""
    return all(hasattr(module, name) for module, name in NEEDED)


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
    if isinstance(part, Mapping | tuple | list):
        return all(map(is_ours, part.values() if isinstance(part, Mapping) else part))
    home = (getattr(part, "__module__", None) or type(part).__module__).partition(".")[0]
    if is_dataclass(part) and not isinstance(part, type):
        return home == "tinyzip" and all(is_ours(getattr(part, field.name)) for field in fields(part))
    return home == "tinyzip" or (home in ("builtins", "numpy", "_thread") and not callable(part))


class Balance:
    """Does it pay, just now, to share the work out?

    A process that works for w seconds of its core on k of n items would do all of them in w·n/k, on a core of
    its own. If the answer of all comes later than that, sharing has lost. It may be a moment's bad luck; but
    after three losses in a row some other program wants a core, and 8 questions are answered alone, then 16
    after one more loss, and 64 at most: one of 65 is the price of noticing that the core is free again.
    """

    def __init__(self) -> None:
        self._losses = self._alone = 0

    def share(self) -> bool:
        """Shall the next question be shared out?"""
        if self._alone == 0:
            return True
        self._alone -= 1
        return False

    def note(self, together: float, alone: float) -> None:
        """A question that was shared out took so many seconds, and would have taken so many alone."""
        self._losses = self._losses + 1 if together > alone else 0
        if self._losses >= LOSSES:
            self._alone = min(2**self._losses, LONGEST)


class Processes(Generic[Item, Result]):
    """This process and up to `count` − 1 copies of it, which share out items to the same function.

    function  takes some of the items, and returns a result for each. A copy runs it as it was when the copy
              was made: later changes reach it in `shared` memory only
    count     processes, or fewer where the system has no room for so many; 1 unless `can_copy`

    Copies are made by the first `map` with an item for them, wait for the next, and end at `close`.
    """

    def __init__(self, function: Callable[[Sequence[Item]], Sequence[Result]], count: int) -> None:
        self._function = function
        self._count = count if can_copy() else 1
        self._copies: list[Copy] = []
        self._balance = Balance()

    def map(self, items: Sequence[Item]) -> list[Result]:
        """A result for each item, in order. Of T processes, number t gets items t, t + T, …; 0 is this one.

        T is 1 for a while where sharing has lost, see `Balance`.

        raises  what the function raises, here or in a copy; RuntimeError when a copy has ended
        """
        results: list[Any] = [None] * len(items)
        self._start(len(items))
        copies = self._copies[: max(len(items) - 1, 0)] if self._balance.share() else []
        T = 1 + len(copies)
        start = perf_counter()
        try:
            for t, copy in enumerate(copies, 1):
                copy.ask(items[t::T])
            worked = thread_time()
            results[::T] = self._function(items[::T])
            worked = thread_time() - worked
            for t, copy in enumerate(copies, 1):
                results[t::T] = copy.answer()
        except BaseException:
            self.close()  # questions and answers may be out of step
            raise
        if copies:
            self._balance.note(perf_counter() - start, worked * len(items) / len(items[::T]))
        return results

    def _start(self, items: int) -> None:
        """Make the copies that are missing for so many items."""
        while len(self._copies) < min(self._count, items) - 1:
            try:
                self._copies.append(Copy(self._function))
            except OSError:
                self._count = 1 + len(self._copies)  # no room for more, and no use in asking again

    def close(self) -> None:
        """End the copies; the next `map` makes new ones."""
        copies, self._copies = self._copies, []
        if not copies:
            return
        with _children_are_kept():
            for copy in copies:
                copy.process.kill()  # it has nothing to lose
            for copy in copies:
                copy.process.join()


class Copy:
    """A process that answers, and the line to it."""

    connection: "Connection"
    process: "BaseProcess"

    def __init__(self, function: Callable[[Any], Any]) -> None:
        if sys.platform == "win32":  # see `can_copy`
            raise NotImplementedError
        context = get_context("fork")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(function, theirs, self.connection), daemon=True)
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            with warnings.catch_warnings():
                # Python warns of locks that other threads may hold. A copy asks for none but NumPy's own.
                warnings.simplefilter("ignore", DeprecationWarning)
                self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        theirs.close()

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
        found = f"process {self.process.pid}, a copy of this one, has ended before its answer"
        raise RuntimeError(found) from None


def _serve(function: Callable[[Any], Any], connection: "Connection", other_end: "Connection") -> None:
    """The life of a copy: answer until the other end of the line is closed."""
    if sys.platform == "win32":
        raise NotImplementedError
    other_end.close()  # or it would stay open; younger copies hold it too, and end before this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with suppress(EOFError, ConnectionError):
        while True:
            _look_out(connection)
            items = connection.recv()
            try:
                connection.send(function(items))
            except Exception as error:
                connection.send(error)


def _look_out(connection: "Connection") -> None:
    """Stay awake until a message is there, or it is better to fall asleep over the reading."""
    if sys.platform == "win32":
        raise NotImplementedError
    incoming = select.poll()
    incoming.register(connection, select.POLLIN)
    stop = perf_counter() + AWAKE
    while not incoming.poll(0) and perf_counter() < stop:
        os.sched_yield()


@contextmanager
def _children_are_kept() -> Iterator[None]:
    """What has ended is kept by the system until it is asked after, as `multiprocessing` expects it.

    Where SIGCHLD is ignored it is not. Only the main thread can change that.
    """
    if sys.platform == "win32":
        raise NotImplementedError
    in_main_thread = threading.current_thread() is threading.main_thread()
    ignored = in_main_thread and signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        if ignored:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
