"""After its first steps a run lives in the memory it has, in every process that makes its shards."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tinyzip.machine.processes import shared
from tinyzip.machine.workers import Workers
from tinyzip.nn.layers import Flatten, Linear, ReLU
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.train.augment import Augment
from tinyzip.train.fit import hard_labels
from tinyzip.train.optim import AdamW, one_cycle
from tinyzip.train.run.recipe import Recipe
from tinyzip.train.run.shards import Shards
from tinyzip.train.run.state import TrainingState

BATCH = 256  # two shards of 128 examples


def wide():
    """A network of so many parameters that its shards are made by threads."""
    layers = {"flatten": Flatten(), "a": Linear(784, 900), "relu": ReLU(), "b": Linear(900, 10)}
    return Sequential.create(layers, (1, 28, 28), np.random.default_rng(0))


MODELS = pytest.mark.parametrize(
    ("make", "processes"), [(seed_net, 2), (wide, 1)], ids=["processes", "threads"]
)


def steps_of(model, workers, augment=None, dtype=np.uint8):
    """A function that takes one step of a run on 28×28 images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1000, 28, 28), dtype=np.uint8).astype(dtype)
    labels = rng.integers(0, 10, 1000)
    recipe = Recipe(100, BATCH, AdamW(), one_cycle(1e-3), hard_labels, augment)
    state = TrainingState(model, images, labels, recipe, rng, workers)

    def step():
        state.advance()
        if state.step == state.steps:
            state.end_epoch()

    return step


class Noted:
    """For each shard of the last step: the process that made it, and what that had allocated at most."""

    def __init__(self, monkeypatch):
        self.pids, self.peaks = shared((2,), np.int64), shared((2,), np.int64)
        make = Shards._shard

        def noted(shards, shard, workspace):
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            result = make(shards, shard, workspace)
            self.pids[shard.s], self.peaks[shard.s] = os.getpid(), tracemalloc.get_traced_memory()[1] - before
            return result

        monkeypatch.setattr(Shards, "_shard", noted)


@pytest.mark.parametrize("augment", [None, Augment(1, 8, 0.08), Augment(elastic=(34, 4))])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@MODELS
def test_after_the_first_steps_a_step_allocates_less_than_a_megabyte(
    forks, monkeypatch, make, processes, augment, dtype
):
    noted = Noted(monkeypatch)
    tracemalloc.start()  # before there are copies, so that they trace too
    try:
        with Workers(2) as workers:
            step = steps_of(make(), workers, augment, dtype)
            for number in range(6):
                before, _ = tracemalloc.get_traced_memory()
                tracemalloc.reset_peak()
                step()
                if number > 2:  # the third is written down
                    most = tracemalloc.get_traced_memory()[1] - before
                    assert most < 1 << 20
                    assert (noted.peaks > 0).all() and (noted.peaks < 1 << 20).all()
    finally:
        tracemalloc.stop()
    assert set(noted.pids) == {os.getpid(), *forks} and len(forks) == processes - 1


def page_faults(pid):
    """How often a process has met a page of memory that it had to be given, from `proc(5)`."""
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[7])


@MODELS
def test_page_faults_do_not_grow_with_steps(forks, make, processes):
    """A step works on ten megabytes, 2,500 pages; soon it meets hardly any for the first time.

    Soon: after three epochs, when shards of both sizes have come and been written down. As a copy of the
    process writes down, Python may look for garbage in it, once, and touches all that it was copied with.
    """
    with Workers(2) as workers:
        step = steps_of(make(), workers)
        for _ in range(12):
            step()
        everyone = [os.getpid(), *forks]
        assert len(everyone) == processes
        before = [page_faults(pid) for pid in everyone]
        for _ in range(10):
            step()
        for pid, faults in zip(everyone, before, strict=True):
            assert page_faults(pid) - faults < 10 * 100
