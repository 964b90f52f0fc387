"""Taking turns with the clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from peers import Batch
from peers.seats import Job


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


def measure(
    jobs: Sequence[Job], batch: Batch, threads: int, effort: Effort, wall: bool = False
) -> list[Speed]:
    """Every job in turn, `effort.turns` times over, so that a slow moment of the machine is everyone's.

    With one thread the processor's time counts: that of the wall where nothing else runs, and hardly more
    where something does. With more threads it is the wall's, or always if `wall` says so.
    """
    N = len(batch.labels)
    for job in jobs:
        job.start(batch, threads)
    rates: list[list[float]] = [[] for _ in jobs]
    for _ in range(effort.turns):
        for job, rate in zip(jobs, rates, strict=True):
            rate.append(N * job.turn(effort.seconds, wall or threads > 1))
    return [
        Speed(job.engine, job.work, job.variant, N, threads, median(rate), min(rate), max(rate))
        for job, rate in zip(jobs, rates, strict=True)
    ]
