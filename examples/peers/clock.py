"""Taking turns with the clock."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from peers import Batch, Entry, Run

REST = 0.25  # seconds: the threads of some engines go on spinning for 0.2 s, in case more work comes


@dataclass(frozen=True)
class Effort:
    """How often each entry takes its turn, and how many seconds a turn lasts."""

    turns: int
    seconds: float


@dataclass(frozen=True)
class Speed:
    """Images per second: the median over the turns, the lowest and the highest."""

    engine: str
    work: str
    variant: str
    batch: int
    threads: int
    images_per_s: float
    lowest: float
    highest: float


def turn(run: Run, seconds: float, clock: Callable[[], float]) -> float:
    """Runs per second, over at least `seconds`, after a warm-up of a quarter of that."""
    with run.around():
        for length in (seconds / 4, seconds):
            runs, start = 0, clock()
            while (spent := clock() - start) < length or not runs:
                run.once()
                runs += 1
    return runs / spent


def measure(entries: Sequence[Entry], batch: Batch, threads: int, effort: Effort) -> list[Speed]:
    """Every entry in turn, `effort.turns` times over, so that a slow moment of the machine is everyone's.

    With one thread the processor's time counts: that of the wall where nothing else runs, and hardly more
    where something does. With more threads it is the wall's, and there is a rest before each turn, or an
    entry would share its cores with the idle threads of the one before.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    N = len(batch.labels)
    runs = [entry.start(batch, threads) for entry in entries]
    rates: list[list[float]] = [[] for _ in entries]
    for _ in range(effort.turns):
        for run, rate in zip(runs, rates, strict=True):
            if threads > 1:
                time.sleep(REST)
            rate.append(N * turn(run, effort.seconds, clock))
    return [
        Speed(entry.engine, entry.work, entry.variant, N, threads, median(rate), min(rate), max(rate))
        for entry, rate in zip(entries, rates, strict=True)
    ]
