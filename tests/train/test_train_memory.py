"""After its first steps a training lives in the memory it has."""

import resource
import tracemalloc

import numpy as np
import pytest

from tinyzip.machine.workers import Workers
from tinyzip.nn.layers import Flatten, Linear, ReLU
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.train.augment import Augment
from tinyzip.train.fit import hard_labels
from tinyzip.train.optim import AdamW, one_cycle
from tinyzip.train.state import Recipe, Training


def wide():
    layers = {"flatten": Flatten(), "a": Linear(784, 900), "relu": ReLU(), "b": Linear(900, 10)}
    return Sequential.create(layers, (1, 28, 28), np.random.default_rng(0))


def steps_of(model, workers, augment=None, dtype=np.uint8):
    """A function that takes one step of a training on 28×28 images, batch 256."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1000, 28, 28), dtype=np.uint8).astype(dtype)
    labels = rng.integers(0, 10, 1000)
    recipe = Recipe(100, 256, AdamW(), one_cycle(1e-3), hard_labels, augment)
    training = Training(model, images, labels, recipe, rng, workers)

    def step():
        training.advance()
        if training.step == training.steps:
            training.close_epoch(None, None)

    return step


@pytest.mark.parametrize("augment", [None, Augment(1, 8, 0.08), Augment(elastic=(34, 4))])
@pytest.mark.parametrize("model", [seed_net(np.random.default_rng(0)), wide()], ids=["seed net", "wide"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_after_the_first_step_a_step_allocates_less_than_a_megabyte(model, augment, dtype):
    with Workers(2) as workers:
        step = steps_of(model, workers, augment, dtype)
        step()
        tracemalloc.start()
        try:
            for _ in range(3):
                before, _ = tracemalloc.get_traced_memory()
                tracemalloc.reset_peak()
                step()
                assert tracemalloc.get_traced_memory()[1] - before < 1 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("model", [seed_net(np.random.default_rng(0)), wide()], ids=["seed net", "wide"])
def test_page_faults_do_not_grow_with_steps(model):
    """A step works on ten megabytes, 2,500 pages; soon it meets hardly any for the first time."""
    with Workers(2) as workers:
        step = steps_of(model, workers)
        for _ in range(5):
            step()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(10):
            step()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 10 * 100
