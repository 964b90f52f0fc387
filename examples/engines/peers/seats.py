"""Each engine in a process of its own, and only one of them awake.

Engines in one process leave threads behind that spin for a while, in case more work comes, and take a core
from the engine that has the next turn. So each sits in a copy of this process, and is imported there only.
Whenever a copy has nothing to answer, the system stops it, with all its threads.
"""

import os
import signal
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from peers import Batch, Entry, Run
from tinyzip.machine import blas


class Seat:
    """The process of one engine; `ask` calls a method of the `Sitter` in it.

    Raises ImportError if the engine is not installed.
    """

    def __init__(self, engine: str) -> None:
        context = get_context("fork")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=sit, args=(engine, theirs))
        self.process.start()
        theirs.close()
        try:
            self.version: str = self.heard()
        except ImportError:
            self.close()
            raise

    def ask(self, method: str, *arguments: Any) -> Any:
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGCONT)
        self.connection.send((method, arguments))
        return self.heard()

    def heard(self) -> Any:
        """The answer, after which the process is stopped."""
        assert self.process.pid is not None
        answer = self.connection.recv()
        os.kill(self.process.pid, signal.SIGSTOP)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def jobs(self, builder: str, *arguments: Any) -> "list[Job]":
        """What the engine's module offers under this name."""
        return [Job(self, *found) for found in self.ask("build", builder, *arguments)]

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class Job:
    """An `Entry` in its seat."""

    def __init__(self, seat: Seat, number: int, engine: str, work: str, variant: str) -> None:
        self.seat, self.number = seat, number
        self.engine, self.work, self.variant = engine, work, variant

    def answers(self, batch: Batch) -> Any:
        """The losses of three training steps, else logits (N, K)."""
        return self.seat.ask("answers", self.number, batch)

    def start(self, batch: Batch, threads: int) -> None:
        """Get ready for turns."""
        self.seat.ask("start", self.number, batch, threads)

    def turn(self, seconds: float, wall: bool) -> float:
        """Runs per second, over at least `seconds` of the wall's or the processor's, after a warm-up."""
        return float(self.seat.ask("turn", self.number, seconds, wall))


class Sitter:
    """What answers in the process."""

    def __init__(self, engine: str) -> None:
        before = libraries()
        self.module = import_module(f"peers.with_{engine}")
        own = before if engine == "tinyzip" else libraries() - before
        self.version = "; ".join([self.module.VERSION, *sorted(own)])
        self.entries: list[Entry] = []
        self.runs: dict[int, Run] = {}

    def build(self, builder: str, *arguments: Any) -> list[tuple[int, str, str, str]]:
        start, made = len(self.entries), getattr(self.module, builder)(*arguments)
        self.entries += made
        return [(start + i, entry.engine, entry.work, entry.variant) for i, entry in enumerate(made)]

    def answers(self, number: int, batch: Batch) -> Any:
        entry = self.entries[number]
        run = entry.start(batch, 1)
        with run.around():
            return (
                [float(run.once()) for _ in range(3)]
                if entry.work == "train"
                else np.array(run.once(), float)
            )

    def start(self, number: int, batch: Batch, threads: int) -> None:
        self.runs[number] = self.entries[number].start(batch, threads)

    def turn(self, number: int, seconds: float, wall: bool) -> float:
        return self.runs[number].rate(seconds, wall)


def libraries() -> set[str]:
    """The BLAS libraries in this process, with the kernels that each chose; none without threadpoolctl."""
    blas.controller.cache_clear()
    found = blas.controller()
    rows = [row for row in (found.info() if found else ()) if row["user_api"] == "blas"]
    return {
        f"{Path(row['filepath']).parent.name}: {row['internal_api']} {row['version']}, "
        f"kernels {row.get('architecture', 'unnamed')}"
        for row in rows
    }


def sit(engine: str, connection: Connection) -> None:
    """The life of a seat: answer until it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        sitter = Sitter(engine)
    except ImportError as error:
        connection.send(ImportError(str(error)))
        return
    connection.send(sitter.version)
    with suppress(EOFError, ConnectionError):
        while True:
            method, arguments = connection.recv()
            try:
                connection.send(getattr(sitter, method)(*arguments))
            except Exception as error:
                connection.send(RuntimeError(f"{engine}: {type(error).__name__}: {error}"))
