"""What each layer could do without: each number is enough, and the next is not, by its own outputs."""

import numpy as np
import pytest
from quant_networks import grouped_network, pictures, randomized

from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.lowbit import best_weight_grids
from tinyzip.quant.rounding.lowrank import low_rank
from tinyzip.quant.rounding.redundancy import redundancy
from tinyzip.train.data import to_input

LAYERS = {"conv1": 4, "conv2": 2, "fc1": 5}  # and their full ranks


def outputs(model, images, name):
    y = model.activations(to_input(images).astype(model.dtype))[name]
    return y.reshape(len(y), -1)


def error(model, arrays, images, name):
    """(RD1), of outputs: the variance of what is lost, in parts of that of what the layer says."""
    exact, found = (outputs(one, images, name) for one in (model, model.with_params(model.params | arrays)))
    return (found - exact).var(axis=1).sum() / exact.var(axis=1).sum()


@pytest.mark.parametrize("allowed", [0.002, 0.03, 0.2, 0.7])
@pytest.mark.parametrize("name", LAYERS)
def test_each_number_is_enough_and_the_next_is_not(name, allowed):
    """(RD1), (LR2)"""
    model, images = grouped_network(np.float64)
    key = f"{name}.w"
    w = model.params[key]
    rank, pruned, bits = redundancy(model, images, allowed)[name]

    def by_rank(r):
        exact, found = (outputs(one, images, name) for one in (model, low_rank(model, images, {name: r})))
        return ((found - exact) ** 2).mean(axis=1).sum() / exact.var(axis=1).sum()

    assert by_rank(rank) <= allowed * (1 + 1e-9) and (rank == 1 or by_rank(rank - 1) > allowed)

    x = {"conv1": "input", "conv2": "pool1", "fc1": "flatten"}[name]
    given = to_input(images) if x == "input" else model.activations(to_input(images).astype(np.float64))[x]
    if name == "fc1":
        variance = given.var(axis=1)[None]
    else:
        layer, (kh, kw) = model.layers[name], model.layers[name].kernel
        OH, OW = model.every_layer[name].output[1:]
        window = [given[:, i : i + OH, j : j + OW] for i in range(kh) for j in range(kw)]
        each = np.stack(window, axis=1).reshape(len(given), kh * kw, -1).var(axis=2)
        C = layer.C // layer.groups
        variance = np.repeat(each.reshape(layer.groups, C, kh, kw), layer.F // layer.groups, axis=0)
    order = np.argsort((w**2 * variance).ravel(), kind="stable")

    def by_share(share):
        count = np.ceil(share * w.size - 1e-9).astype(int)
        thin = w.copy()
        thin.ravel()[order[:count]] = 0
        return error(model, {key: thin}, images, name)

    assert by_share(pruned) <= allowed and (pruned == 0.99 or by_share(pruned + 0.01) > allowed)

    def by_bits(b):
        grid = best_weight_grids(model, b)[key]
        return error(model, {key: grid.round_trip(w).astype(np.float64)}, images, name)

    assert bits == 9 or by_bits(bits) <= allowed
    assert all(by_bits(b) > allowed for b in range(1, bits))


def test_where_eight_bits_are_too_few_they_are_nine():
    model, images = grouped_network(np.float64)
    assert [bits for *_, bits in redundancy(model, images, 1e-9).values()] == [9, 9, 9]


def test_a_smaller_error_needs_more_of_everything():
    model, images = grouped_network(np.float64)
    strict, loose = (redundancy(model, images, allowed) for allowed in (0.001, 0.1))
    assert list(strict) == list(loose) == list(LAYERS) and redundancy(model, images) == redundancy(
        model, images, 0.01
    )
    for more, less in zip(strict.values(), loose.values(), strict=True):
        assert more[0] >= less[0] and more[1] <= less[1] and more[2] >= less[2] and more != less


def test_batch_norms_are_folded_and_images_that_are_alike_need_least():
    layers = {"conv": Conv2d(1, 4, 3), "norm": BatchNorm(4), "flat": Flatten(), "out": Linear(144, 3)}
    model = randomized(layers, (1, 8, 8), np.random.default_rng(2), np.float64)
    images = pictures(40)
    assert redundancy(model, images) == redundancy(fold_batch_norm(model), images)
    for _, pruned, bits in redundancy(model, np.full_like(images, 7)).values():
        assert (pruned, bits) == (0.99, 1)


def test_a_layer_whose_weights_are_all_0_needs_a_rank_of_1_and_codes_that_mean_0():
    model, images = grouped_network(np.float64)
    model = model.with_params(model.params | {"conv1.w": 0 * model.params["conv1.w"]})
    assert redundancy(model, images)["conv1"] == (1, 0.99, 2)


@pytest.mark.parametrize("allowed", [0, 1, -0.1, float("nan"), "0.1", None])
def test_errors_that_are_none_are_refused(allowed):
    model, images = grouped_network(np.float64)
    with pytest.raises(
        ValueError, match=r"^redundancy: error: found .*, needed a number above 0 and below 1"
    ):
        redundancy(model, images, allowed)
    with pytest.raises(ValueError, match=r"^redundancy: images: found"):
        redundancy(model, images[:, :5])
