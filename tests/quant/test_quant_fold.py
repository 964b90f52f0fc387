"""Folding batch norms: the same function without them."""

import numpy as np
from hypothesis import given, settings
from quant_networks import assert_same, networks, randomized

from tinyzip.nn.layers import BatchNorm, Conv2d, ReLU
from tinyzip.quant.fold import fold_batch_norm
from tinyzip.train.evaluate import logits


@settings(max_examples=20)
@given(networks(np.float64))
def test_folding_leaves_the_logits_the_same(model_and_images):
    """(QF1)"""
    model, images = model_and_images
    folded = fold_batch_norm(model)
    assert not any(isinstance(layer, BatchNorm) for layer in folded.layers.values())
    assert_same(logits(model, images, threads=1), logits(folded, images, threads=1))


@settings(max_examples=10)
@given(networks(np.float64))
def test_folding_does_not_change_the_model_it_was_given(model_and_images):
    model, _ = model_and_images
    before = {name: value.copy() for name, value in model.params.items()}
    fold_batch_norm(model)
    for name, value in before.items():
        assert (model.params[name] == value).all()


def test_a_batch_norm_elsewhere_is_kept_by_folding():
    layers = {"c": Conv2d(1, 2, 2), "r": ReLU(), "n": BatchNorm(2)}
    model = randomized(layers, (1, 4, 4), np.random.default_rng(0))
    assert list(fold_batch_norm(model).layers) == ["c", "r", "n"]
