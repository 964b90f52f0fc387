"""A whole network with fewer weights: which ones go, and how well the others make up for them."""

import numpy as np
import pytest
from quant_networks import grouped_network, randomized, small_network

from tinyzip.integer import Conv2d as ConvOperator
from tinyzip.integer import Linear as LinearOperator
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear
from tinyzip.quant.choose.auto import METHODS, post_train, quantize
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.rounding.layers import correct_bias, moments, surgeon
from tinyzip.quant.rounding.prune import curvature, prune, pruned_alone
from tinyzip.quant.rounding.quadratic import Rows
from tinyzip.quant.rounding.surgeon import damped
from tinyzip.quant.rounding.surgeon_fast import kept, refit, removals, surgeon_codes
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.masks import keep
from tinyzip.train.data import to_input

WEIGHTS = "conv1.w", "conv2.w", "fc1.w"
SOURCES = {"conv1": "input", "conv2": "pool1", "fc1": "flatten"}


def outputs(model, images):
    x = to_input(images).astype(model.dtype)
    return {"input": x} | model.activations(x)


def seen_by(model, pruned, name, images):
    source = SOURCES[name]
    pair = outputs(model, images)[source], outputs(pruned, images)[source]
    return moments(model.layers[name], iter([pair]))


def groups(model, name, seen):
    return model.params[f"{name}.w"].reshape(len(seen.mean), -1, seen.mean.shape[1])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_one_greedy_order_of_all_layers_says_which_weights_go(share):
    """(SG8): the rises of each layer in parts of the variance of what it says in the whole network."""
    model, images = grouped_network(np.float64)
    pruned = prune(model, images, share)
    found = []
    for name in SOURCES:
        seen = seen_by(model, model, name, images)
        parts = groups(model, name, seen)
        x = outputs(model, images)[name]
        rows = x.reshape(len(x), -1)
        variance = rows.var(axis=1).sum()
        for g, w in enumerate(parts):
            order, rises = removals(*damped(w, seen.covariance[g], seen.covariance[g]))
            found.append((order, rises / variance))
    count = round(share * sum(model.params[w].size for w in WEIGHTS))
    masks = kept(found, count)
    wanted = np.concatenate([mask.ravel() for mask in masks])
    np.testing.assert_array_equal(np.concatenate([pruned.params[w].ravel() for w in WEIGHTS]) != 0, wanted)
    assert (~wanted).sum() == count


@pytest.mark.parametrize("name", ["conv1", "conv2", "fc1"])
def test_what_is_left_is_refitted_to_the_whole_networks_output_group_by_group(name):
    """(SG6) and (QR2), of what the pruned layers before give."""
    model, images = grouped_network(np.float64)
    pruned = prune(model, images, 0.5)
    seen = seen_by(model, pruned, name, images)
    for g, w in enumerate(groups(model, name, seen)):
        found = groups(pruned, name, seen)[g]
        best, H = damped(w, seen.covariance[g], seen.cross[g])
        np.testing.assert_allclose(found, refit(best, H, found != 0), atol=1e-9)
    exact, other = outputs(model, images)[name], outputs(pruned, images)[name]
    axes = tuple(range(1, exact.ndim))
    np.testing.assert_allclose(other.mean(axis=axes), exact.mean(axis=axes), atol=1e-9)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_outputs_are_nearer_than_by_plain_removal_of_the_same_weights_and_of_the_smallest(share):
    model, images = grouped_network(np.float64)
    pruned = prune(model, images, share)
    plain = model.params | {w: model.params[w] * (pruned.params[w] != 0) for w in WEIGHTS}
    sizes = np.abs(np.concatenate([model.params[w].ravel() for w in WEIGHTS]))
    least = np.sort(sizes)[round(share * sizes.size)]
    smallest = {w: model.params[w] * (np.abs(model.params[w]) >= least) for w in WEIGHTS}
    exact = outputs(model, images)["fc1"]
    errors = [
        ((outputs(model.with_params(model.params | params), images)["fc1"] - exact) ** 2).mean()
        for params in (pruned.params, plain, smallest)
    ]
    assert errors[0] < min(errors[1:])


def test_shares_by_name_are_kept_in_each_layer():
    model, images = grouped_network(np.float64)
    pruned = prune(model, images, {"conv1": 0.0, "conv2": 0.25, "fc1": 0.9})
    gone = [int((pruned.params[w] == 0).sum()) for w in WEIGHTS]
    assert gone == [0, 8, 72]


@pytest.mark.parametrize("name", ["conv1", "conv2", "fc1"])
def test_a_block_alone_loses_the_least_by_second_derivatives_and_the_rest_is_refitted(name):
    """(MK2), (SG6), (QR2): its own mean output stays, and no other weights bring it nearer."""
    model, images = grouped_network(np.float64)
    h, key = curvature(model, images)[f"{name}.w"], f"{name}.w"
    w, exact = model.params[key], outputs(model, images)[name]
    found = {
        share: arrays for one, share, arrays in pruned_alone(model, images, (0.0, 0.3, 0.8)) if one == name
    }
    assert list(found) == [0.0, 0.3, 0.8]
    for share, arrays in found.items():
        assert set(arrays) == {key, f"{name}.b"}
        np.testing.assert_array_equal(arrays[key] != 0, keep({key: h * w**2}, share)[key])
        seen = seen_by(model, model, name, images)
        thin = model.with_params(model.params | arrays)
        for g, rows in enumerate(groups(model, name, seen)):
            part = groups(thin, name, seen)[g]
            wanted = refit(*damped(rows, seen.covariance[g], seen.cross[g]), part != 0)
            np.testing.assert_allclose(part, wanted, atol=1e-9)
        other = outputs(thin, images)[name]
        axes = tuple(range(1, exact.ndim))
        np.testing.assert_allclose(other.mean(axis=axes), exact.mean(axis=axes), atol=1e-9)


def test_images_that_are_all_alike_leave_the_least_weights_to_go():
    """What varies nowhere has no variance that losses could be a part of."""
    model, images = grouped_network(np.float64)
    pruned = prune(model, np.full_like(images, 90), 0.5)
    found = np.concatenate([pruned.params[w].ravel() for w in WEIGHTS])
    assert np.isfinite(found).all() and (found == 0).sum() == round(0.5 * found.size)
    sizes = np.abs(np.concatenate([model.params[w].ravel() for w in WEIGHTS]))
    np.testing.assert_array_equal(found == 0, sizes < np.sort(sizes)[round(0.5 * sizes.size)])


def test_batch_norms_are_folded_on_the_way():
    layers = {"conv": Conv2d(1, 4, 3), "norm": BatchNorm(4), "flat": Flatten(), "out": Linear(144, 3)}
    rng = np.random.default_rng(2)
    model, images = randomized(layers, (1, 8, 8), rng), rng.integers(0, 256, (50, 8, 8), np.uint8)
    pruned = prune(model, images, 0.5)
    assert pruned.layers.keys() == fold_batch_norm(model).layers.keys() and pruned.dtype == np.float32


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (1.0, "share: found 1.0, needed a number from 0 to below 1"),
        (-0.1, "share"),
        (float("nan"), "share"),
        ("half", "share"),
        ({"conv1": 0.5}, "shares for .*, needed one for each of"),
        ({"conv1": 0.5, "conv2": 2, "fc1": 0}, "share: found 2"),
    ],
)
def test_shares_that_are_none_are_refused(share, said):
    model, images = grouped_network(np.float64)
    with pytest.raises(ValueError, match=said):
        prune(model, images, share)
    with pytest.raises(ValueError, match=said):
        quantize(model, images, prune=share)


def test_images_that_do_not_fit_are_refused():
    model, images = grouped_network(np.float64)
    for other in (images[:, :5], images * 1.0):
        with pytest.raises(ValueError, match=r"^prune: images: found"):
            prune(model.with_input_range((0.0, 1.0), 0.5), other, 0.5)
    with pytest.raises(TypeError, match=r"^prune: model: found a dict"):
        prune({}, images, 0.5)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_surgeon_puts_weights_on_their_grids_and_brings_outputs_nearer(bits):
    model, images = grouped_network(np.float64)
    grids = calibrate(model, images, bits, 8, weight_method="mse")
    exact = outputs(model, images)
    rounded = surgeon(model, grids, images)

    def error(kind, name):
        x = to_input(images).astype(model.dtype)
        found = FakeQuantized.create(kind, grids, "straight-through").activations(x)[name]
        return ((found - exact[name]) ** 2).mean()

    for name in ("conv1", "fc1"):
        assert error(rounded, name) < error(correct_bias(model, grids, images), name)
    for w in WEIGHTS:
        np.testing.assert_array_equal(grids[w].round_trip(rounded.params[w]), rounded.params[w])


def test_the_surgeon_is_a_method_of_quantize():
    model, images = grouped_network(np.float64)
    found, grids = post_train(model, images, 3, 8, "surgeon")
    wanted = surgeon(model, grids, images)
    assert all(np.array_equal(found.params[name], array) for name, array in wanted.params.items())
    assert not np.array_equal(wanted.params["fc1.w"], grids["fc1.w"].round_trip(model.params["fc1.w"]))


def test_the_surgeon_solves_each_layers_own_problem():
    model, images = grouped_network(np.float64)
    grids = calibrate(model, images, 3, 8)
    rounded = surgeon(model, grids, images)
    x = to_input(images).astype(model.dtype)
    simulated = FakeQuantized.create(rounded, grids, "straight-through").activations(x)
    exact = outputs(model, images)
    seen = moments(model.layers["conv2"], iter([(exact["pool1"], simulated["conv1.round"])]))
    grid = grids["conv2.w"]
    for g, w in enumerate(groups(model, "conv2", seen)):
        step = grid.scale.reshape(2, -1)[g]
        wanted = surgeon_codes(Rows(w, step, grid.lo, grid.hi, seen.covariance[g], seen.cross[g]))
        np.testing.assert_array_equal(grid.quantize(rounded.params["conv2.w"]).reshape(2, 2, -1)[g], wanted)


@pytest.mark.parametrize("method", METHODS)
def test_what_quantize_has_pruned_is_zero_in_the_program(method):
    model, images = small_network(), grouped_network(np.float64)[1]
    program = quantize(model, images, 4, 8, method, prune=0.5).program
    weights = [o.w for o in program.operators if isinstance(o, ConvOperator | LinearOperator)]
    total = sum(w.size for w in weights)
    assert sum(int((w == 0).sum()) for w in weights) >= round(0.5 * total)
    pruned = prune(model, images[:172], 0.5)
    for w, name in zip(weights, ("conv.w", "out.w"), strict=True):
        assert not w.reshape(pruned.params[name].shape)[pruned.params[name] == 0].any()
    whole = quantize(model, images, 4, 8, method).program
    assert whole == quantize(model, images, 4, 8, method, prune=0.0).program != program


def test_pruned_networks_are_judged_by_the_whole_one():
    """The distance says what pruning has cost, too."""
    model, images = small_network(), grouped_network(np.float64)[1]
    few, many = (quantize(model, images, method="mse", prune=share).trials[0].nats for share in (0.2, 0.8))
    assert few < many


def test_one_bit_has_no_zero_to_prune_with():
    model, images = grouped_network(np.float64)
    for weights in (1, {"conv1": 4, "conv2": 1, "fc1": 4}):
        with pytest.raises(ValueError, match="quantize: prune: found weights of 1 bit"):
            quantize(model, images, weights, prune=0.5)


def test_layers_without_biases_are_pruned_too():
    rng = np.random.default_rng(0)
    model = randomized({"flatten": Flatten(), "fc": Linear(16, 3, bias=False)}, (1, 4, 4), rng)
    pruned = prune(model, rng.integers(0, 256, (40, 4, 4), np.uint8), 0.5)
    assert list(pruned.params) == ["fc.w"] and (pruned.params["fc.w"] == 0).sum() == 24
