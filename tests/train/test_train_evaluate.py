"""A network that is asked again and again gives the answers of one that is asked once."""

import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import IMAGES, network

from tinyzip.nn.layers import Flatten
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.fake import FakeQuantized
from tinyzip.train.evaluate import SHARD, Inference, logits

NET = network()
ENOUGH = np.random.default_rng(1).integers(0, 256, (2 * SHARD + 9, 6, 6), dtype=np.uint8)


@given(st.lists(st.integers(1, len(ENOUGH)), min_size=1, max_size=6), st.integers(1, 3))
def test_any_sequence_of_questions_gets_the_logits_of_each_alone(sizes, threads):
    with Inference(NET, threads) as inference:
        for N in sizes:
            np.testing.assert_array_equal(inference.logits(ENOUGH[:N]), logits(NET, ENOUGH[:N], threads=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_second_question_makes_copies_and_the_parameters_reach_them_whenever_they_change(forks, dtype):
    model = network(dtype)
    with Inference(model, 2) as inference:
        for step in range(4):
            np.testing.assert_array_equal(inference.logits(ENOUGH), logits(model, ENOUGH, threads=1))
            assert len(forks) == min(step, 1)
            for array in model.params.values():
                array *= 1.25
    with pytest.raises(ProcessLookupError):
        os.kill(forks[0], 0)
    with inference:
        for _ in range(2):
            np.testing.assert_array_equal(inference.logits(ENOUGH), logits(model, ENOUGH, threads=1))
    assert len(forks) == 2


def test_questions_of_one_size_allocate_memory_once():
    with Inference(seed_net(), 1) as inference:
        images = np.zeros((2 * SHARD, 28, 28), np.uint8)
        inference.logits(images)
        tracemalloc.start()
        try:
            for _ in range(3):
                inference.logits(images)
                assert tracemalloc.get_traced_memory()[1] < 1 << 18
        finally:
            tracemalloc.stop()


def test_a_fake_quantized_network_is_asked_in_the_same_way(forks):
    net = network(noisy=False)
    fake = FakeQuantized.create(net, calibrate(net, IMAGES))
    with Inference(fake, 2) as inference:
        first, second = inference.logits(IMAGES), inference.logits(IMAGES)
    np.testing.assert_array_equal(first, second)
    assert len(forks) == 1


def test_a_few_images_a_large_network_and_a_callers_own_layer_stay_in_this_process(forks, monkeypatch):
    class Noting(Flatten):
        def forward(self, p, x, **options):
            met.append(x.shape[-1])
            return super().forward(p, x, **options)

    met = []
    model = Sequential(NET.layers | {"flatten": Noting()}, NET.params, NET.shape)
    with Inference(model, 2) as inference:
        for _ in range(3):
            inference.logits(IMAGES)
    assert sum(met) == 3 * len(IMAGES)
    with Inference(NET, 2) as inference:
        for _ in range(3):
            inference.logits(IMAGES[:9])
    monkeypatch.setattr("tinyzip.train.evaluate.MANY", NET.parameter_count)
    with Inference(NET, 2) as inference:
        for _ in range(3):
            inference.logits(IMAGES)
    assert not forks


def test_images_that_do_not_fit_are_refused_in_every_process(forks):
    with Inference(NET, 2) as inference:
        for _ in range(2):
            with pytest.raises(ValueError, match="forward: x: found shape"):
                inference.logits(ENOUGH[:, :5])
            inference.logits(ENOUGH)
    with pytest.raises(ValueError, match="logits: images"), Inference(NET, 1) as inference:
        inference.logits(ENOUGH[:0])
    with pytest.raises(ValueError, match="threads"):
        Inference(NET, 0)
