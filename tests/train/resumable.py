"""A run to be stopped and resumed, as a whole or step by step, and a Ctrl-C that comes when it is told to."""

import os
import signal

import numpy as np
import tiny
from tiny import IMAGES, LABELS, jitter, network

from tinyzip.train.fit import hard_labels
from tinyzip.train.optim import AdamW, one_cycle
from tinyzip.train.run.recipe import Recipe
from tinyzip.train.run.state import TrainingState

EPOCHS, STEPS = 3, 3


def train(**options):
    return tiny.train(**{"epochs": EPOCHS, "batch": 16, "augment": jitter} | options)


def start(workers, seed=3):
    recipe = Recipe(EPOCHS, 16, AdamW(), one_cycle(4e-3), hard_labels, jitter)
    return TrainingState(network(), IMAGES, LABELS, recipe, np.random.default_rng(seed), workers)


def step(state):
    state.advance()
    if state.step == state.steps:
        state.end_epoch()


class Interrupt:
    """An augmentation during which Ctrl-C is pressed `times` in the call number `at`."""

    def __init__(self, at, times=1):
        self.at, self.times = at, times

    def __call__(self, images, rng):
        self.at -= 1
        if self.at == 0:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)
        return jitter(images, rng)
