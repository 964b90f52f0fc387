"""Backward ends where nothing before can learn, and asks nobody for a gradient that nobody needs."""

import numpy as np
import pytest

from tinyzip.nn.layers import Flatten, Linear, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential


class Untouched(ReLU):
    """A layer without arrays and without a way back."""

    def backward(self, p, dy, cache):
        raise AssertionError("asked for a gradient that nobody needs")


class First(Linear):
    """Fully connected, and without dx."""

    def backward(self, p, dy, cache):
        return None, super().backward(p, dy, cache)[1]


@pytest.mark.parametrize("before", [{}, {"relu": Untouched()}, {"flatten": Flatten(), "relu": Untouched()}])
@pytest.mark.parametrize("inside", [False, True])
def test_the_first_layer_that_learns_is_the_last_that_is_asked_and_not_for_dx(before, inside):
    layers = {**before, "first": First(4, 4), "last": Linear(4, 4)}
    if inside:
        layers = {"block": Residual(layers, {"relu": Untouched(), "same": First(4, 4)}), "out": Linear(4, 4)}
    net = Sequential.create(layers, (4,), np.random.default_rng(0))
    z, caches = net.forward(np.ones((4, 3), np.float32), train=True)
    assert net.backward(z, caches).keys() == set(net.trainable())
    if before:
        with pytest.raises((AssertionError, TypeError), match=r"nobody needs|First.backward: dx: found None"):
            net.image_gradient(z, caches)
