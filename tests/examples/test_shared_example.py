"""shared.py: layers that have the same weights are trained as one, and counted once."""

import json

import numpy as np
import pytest
import shared
from shared import Tied, counted

from tinyzip.nn.layers import Conv2d, Flatten, GlobalAvgPool, Linear, ReLU
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.sequential import Sequential


def tied():
    layers = {
        "conv1": Conv2d(1, 3, 3),
        "conv2": Conv2d(3, 3, 2),
        "relu": ReLU(),
        "conv3": Conv2d(3, 3, 2),
        "average": GlobalAvgPool(),
        "flatten": Flatten(),
        "classes": Linear(3, 4),
    }
    made = Sequential.create(layers, (1, 7, 7), np.random.default_rng(0), np.float64)
    model = Tied(made, {"conv3.w": "conv2.w"})
    return model.with_params(model.params)


def test_the_gradient_of_shared_weights_is_the_difference_quotient():
    model, rng = tied(), np.random.default_rng(1)
    x, labels = rng.normal(size=(1, 7, 7, 5)), rng.integers(0, 4, 5)

    def loss(params):
        return cross_entropy(model.with_params(params).forward(x)[0], labels)

    z, caches = model.forward(x, train=True, rng=rng)
    grads = model.backward(cross_entropy(z, labels)[1], caches)
    assert set(grads) == set(model.trainable()) == set(model.params)
    for place in np.ndindex(3, 3, 2, 2):
        up, down = model.params["conv2.w"].copy(), model.params["conv2.w"].copy()
        up[place] += 1e-5
        down[place] -= 1e-5
        quotient = (
            loss({**model.params, "conv2.w": up})[0] - loss({**model.params, "conv2.w": down})[0]
        ) / 2e-5
        assert grads["conv2.w"][place] == pytest.approx(quotient, abs=1e-8)


def test_shared_weights_are_counted_once_and_biases_of_each_use():
    model = tied()
    assert counted(model) == (27 + 36 + 12, 3 + 3 + 3 + 4)
    assert counted(model.network) == (27 + 36 + 36 + 12, 3 + 3 + 3 + 4)


@pytest.mark.long
def test_all_networks_of_a_budget_have_about_as_many_weights_and_rows_say_so(tmp_path, capsys):
    rows = tmp_path / "rows.json"
    shared.main(["--quick", "--on", "digits1d", "--out", str(tmp_path), "--json", str(rows)])
    printed = capsys.readouterr().out
    found = json.loads(rows.read_text(encoding="utf-8"))
    assert [row["net"] for row in found] == [*shared.NETS] * 2
    for budget in (256, 512):
        sizes = [row["weights"] for row in found if row["budget"] == budget]
        assert max(sizes) < 1.05 * min(sizes)
        assert f"{min(sizes):,}" in printed
