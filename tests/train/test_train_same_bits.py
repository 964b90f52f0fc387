"""The same seed trains the same bits, however the work is cut up and wherever it is kept."""

import numpy as np
import pytest
from tiny import IMAGES, LABELS, bytes_of, jitter, residual_network, train

from tinyzip.train.augment import Augment
from tinyzip.train.optim import SGD, AdamW


@pytest.mark.parametrize("optimizer", [SGD(0.9, True, 1e-4), AdamW()])
def test_same_seed_same_bits_for_any_number_of_threads(monkeypatch, optimizer):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 7)
    runs = [
        train(threads=threads, augment=jitter, optimizer=optimizer, validation=(IMAGES, LABELS))
        for threads in (1, 2, 2, 5)
    ]
    for model, history in runs[1:]:
        assert bytes_of(model) == bytes_of(runs[0][0])
        assert (history.loss, history.validation_loss) == (runs[0][1].loss, runs[0][1].validation_loss)
    assert bytes_of(train(seed=4, augment=jitter, optimizer=optimizer)[0]) != bytes_of(runs[0][0])


def test_residual_blocks_have_the_same_bits_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 7)
    one, two = (bytes_of(train(model=residual_network(), threads=threads)[0]) for threads in (1, 2))
    assert one == two


@pytest.mark.parametrize("size", [7, 20])
def test_gradients_that_stay_in_their_shards_workspaces_have_the_same_bits(monkeypatch, size):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: size)
    copied = train(augment=jitter)[0]
    monkeypatch.setattr("tinyzip.train.run.shards.MANY", 0)
    for threads in (1, 2):
        assert bytes_of(train(augment=jitter, threads=threads)[0]) == bytes_of(copied)


def test_an_augmentation_in_scratch_memory_gives_the_bits_of_one_that_makes_new_arrays():
    own = Augment(1, 8, 0.1, (5, 2))
    straight = bytes_of(train(augment=own)[0])
    assert bytes_of(train(augment=lambda images, rng: own(images, rng))[0]) == straight


def test_images_in_any_layout_give_the_same_bits():
    turned = np.ascontiguousarray(IMAGES.transpose(2, 0, 1)).transpose(1, 2, 0)
    assert not turned.flags.c_contiguous
    assert bytes_of(train(images=turned)[0]) == bytes_of(train()[0])
