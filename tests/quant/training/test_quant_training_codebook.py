"""Weights that share a few values: k-means, its starts, and values that learn."""

from unittest.mock import patch

import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from quant_networks import pictures, small_network

from tinyzip.distill import student
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.training.codebook import STARTS, Shared, first_values, k_means
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.pruned import Pruned
from tinyzip.train.data import to_input
from tinyzip.train.fit import fit

seeds = st.integers(0, 10**6)
IMAGES, LABELS = pictures(60), np.arange(60) % 3


def lost(w, values, index):
    return ((w - values[index]) ** 2).sum()


@given(seeds, st.integers(1, 60), st.integers(2, 9), st.sampled_from(STARTS))
def test_k_means_ends_where_each_weight_has_the_nearest_value_and_each_value_the_mean_of_its_weights(
    seed, M, K, start
):
    """(CB1)"""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=M)
    first = first_values(w, K, start, rng)
    values, index = k_means(w, first)
    assert values.shape == (K,) and index.shape == (M,)
    apart = np.abs(w[:, None] - values)
    np.testing.assert_allclose(apart[np.arange(M), index], apart.min(axis=1), rtol=0, atol=1e-12)
    for k in range(K):
        if (index == k).any():
            assert values[k] == pytest.approx(w[index == k].mean())
    nearest = np.abs(w[:, None] - first).argmin(axis=1)
    assert lost(w, values, index) <= lost(w, first, nearest) + 1e-12


@pytest.mark.parametrize("first", [[-99, 0, 99], [0, 10, 99], [-99, -98, 0]])
def test_k_means_learns_from_a_start_at_which_all_weights_take_one_value(first):
    """(CB1): a value that no weight takes stays."""
    w = np.array([0.5, 1.0, 3.0])
    values, index = k_means(w, np.array(first))
    taken = int(np.abs(np.array(first)).argmin())
    wanted = np.array(first, float)
    wanted[taken] = 1.5
    assert values.tolist() == wanted.tolist() and index.tolist() == [taken] * 3


@given(seeds, st.integers(2, 4))
def test_of_no_more_different_weights_than_values_nothing_is_lost_by_an_even_start(seed, K):
    w = np.random.default_rng(seed).choice(np.linspace(-1, 1, K), 40)
    w[:K] = np.linspace(-1, 1, K)
    values, index = k_means(w, first_values(w, K, "linear", np.random.default_rng(0)))
    np.testing.assert_allclose(values[index], w, atol=1e-12)


def test_starts_are_even_or_as_dense_as_the_weights_or_some_of_them():
    w = np.random.default_rng(1).normal(size=999)
    rng = np.random.default_rng(0)
    linear, density, random = (first_values(w, 5, start, rng) for start in STARTS)
    np.testing.assert_allclose(linear, np.linspace(w.min(), w.max(), 5))
    counts = [(w < value).sum() for value in density]
    np.testing.assert_allclose(counts, [100, 300, 500, 700, 900], atol=1)
    assert set(random) <= set(w) and (np.diff(random) >= 0).all()


def test_each_layer_has_a_few_values_and_zeros_stay():
    net = small_network()
    thin = net.with_params(net.params | {"out.w": net.params["out.w"] * (np.abs(net.params["out.w"]) > 0.05)})
    shared = Shared.create(thin, {"conv.w": 2, "out.w": 4})
    found = shared.applied().params
    assert len(np.unique(found["conv.w"])) == 2
    zero = thin.params["out.w"] == 0
    assert zero.any() and not found["out.w"][zero].any()
    assert len(np.unique(found["out.w"][~zero])) == 4
    np.testing.assert_array_equal(found["out.b"], net.params["out.b"])
    values, index = k_means(
        net.params["conv.w"].ravel(), np.linspace(*np.sort(net.params["conv.w"], None)[[0, -1]], 2)
    )
    np.testing.assert_allclose(found["conv.w"].ravel(), values[index], rtol=1e-6)


def test_a_random_start_without_a_generator_is_that_of_seed_0():
    told = Shared.create(small_network(), 4, "random", np.random.default_rng(0))
    for name, values in Shared.create(small_network(), 4, "random").values.items():
        np.testing.assert_array_equal(values, told.values[name])


def test_the_gradient_of_a_value_is_the_sum_of_its_weights():
    """(CB2), against differences; with a layer that has zeros."""
    rng = np.random.default_rng(2)
    net = small_network(np.float64)
    thin = net.with_params(net.params | {"out.w": net.params["out.w"] * (np.abs(net.params["out.w"]) > 0.05)})
    shared = Shared.create(thin, 4)
    x = to_input(IMAGES[:4]).astype(np.float64)
    z, caches = shared.forward(x)
    dz = rng.normal(size=z.shape)
    grads = shared.backward(dz, caches)
    trained = {name: shared.params[name] for name in shared.trainable()}
    assert grads.keys() == trained.keys() == {"conv.b", "out.b", "conv.w.values", "out.w.values"}
    assert_gradients(lambda: shared.with_params(shared.params).forward(x)[0], trained, grads, dz)


def test_values_learn_and_choices_stay():
    start = Shared.create(small_network(), 4)
    options = {"rng": np.random.default_rng(0), "epochs": 5, "batch": 20, "progress": False}
    end, history = fit(start, IMAGES, LABELS, **options)
    assert history.loss[-1] < history.loss[0]
    for name, index in start.index.items():
        np.testing.assert_array_equal(end.index[name], index)
        assert (end.values[name] != start.values[name]).all()
        assert len(np.unique(end.applied().params[name])) == 4


def test_a_wrapper_has_the_range_and_the_network_of_what_it_wraps():
    net = small_network()
    shared = Shared.create(net, 4)
    wider = shared.with_input_range((-1, 2), 0.3)
    assert (wider.input_range, wider.input_mean) == ((-1, 2), 0.3)
    assert wider.network == net.with_input_range((-1, 2), 0.3)
    with patch.object(type(net), "with_input_range", new=property()):  # a network that remembers none
        assert shared.with_input_range((-1, 2)) is shared
    assert type(shared.model()) is type(net)
    fake = FakeQuantized.create(net, calibrate(net, IMAGES, 8, 8, per_channel=False), "straight-through")
    for name, array in Shared.create(fake, 4).model().params.items():
        np.testing.assert_array_equal(array, shared.model().params[name])


def test_prune_share_and_simulate_end_as_a_program_of_few_codes():
    """As Deep Compression does, with one step for a layer: at most K codes and 0."""
    net = small_network()
    thin = Pruned.create(net, 0.5, end=3, every=1)
    thin, _ = fit(thin, IMAGES, LABELS, rng=np.random.default_rng(0), epochs=2, batch=20, progress=False)
    thin = thin.applied()
    fake = FakeQuantized.create(thin, calibrate(thin, IMAGES, 8, 8, per_channel=False), "straight-through")
    shared = Shared.create(fake, 4)
    options = {"rng": np.random.default_rng(1), "epochs": 2, "batch": 20, "progress": False}
    end = student.train(shared, net, IMAGES, LABELS, **options)[0].applied()
    program = lower(end.model(), end.grids())
    codes = [operator.w for operator in program.operators if hasattr(operator, "w")]
    assert all(len(np.unique(w)) <= 5 for w in codes)
    assert sum(int((w == 0).sum()) for w in codes) >= 72


@pytest.mark.parametrize(
    ("counts", "options", "said"),
    [
        (1, {}, r"counts\['conv.w'\]: found 1, needed 2 to 256"),
        (257, {}, "counts"),
        ({"conv.b": 4}, {}, "counts"),
        ({}, {}, "counts"),
        (4, {"start": "even"}, "start"),
    ],
)
def test_what_cannot_be_shared_is_refused(counts, options, said):
    net = small_network()
    with pytest.raises(ValueError, match="for weights that are not all 0"):
        Shared.create(net.with_params(net.params | {"conv.w": 0 * net.params["conv.w"]}), 4)
    with pytest.raises(ValueError, match=f"Shared: {said}"):
        Shared.create(small_network(), counts, **options)


def test_a_value_that_no_weight_takes_has_no_gradient():
    shared = Shared.create(small_network(), 4)
    index = {name: np.minimum(array, 2) for name, array in shared.index.items()}
    shared = Shared(shared.network, index, shared.values)
    z, caches = shared.forward(to_input(IMAGES[:4]))
    for name, gradient in shared.backward(np.ones_like(z), caches).items():
        if name.endswith(".values"):
            assert gradient.shape == (4,) and gradient[:2].all() and not gradient[2:].any()


def test_k_means_ends_after_its_rounds_in_any_case(monkeypatch):
    monkeypatch.setattr("tinyzip.quant.training.codebook.ROUNDS", 1)
    values, index = k_means(np.array([0.0, 1.0, 2.0, 9.0]), np.array([0.0, 1.0]))
    assert index.tolist() == [0, 1, 1, 1] and values.tolist() == [0.0, 4.0]


def test_a_value_that_no_weight_takes_stays_as_it_is():
    values, index = k_means(np.array([1.0, 2.0]), np.array([0.1, 1.0, 2.0, 5.3]))
    assert values.tolist() == [0.1, 1.0, 2.0, 5.3] and index.tolist() == [1, 2]
