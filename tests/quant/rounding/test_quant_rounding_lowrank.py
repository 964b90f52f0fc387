"""A layer as two: what is lost is known beforehand, and no two layers of that rank lose less."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_networks import grouped_network, networks, pictures, randomized, small_network
from residual_networks import small as residual_network

from tinyzip import archive
from tinyzip.nn.layers import Conv2d, Flatten, Linear
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.door.classify import classify
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.rounding.layers import moments
from tinyzip.quant.rounding.lowrank import directions, low_rank
from tinyzip.quant.rounding.surgeon import damped
from tinyzip.quant.training.saved import load, save
from tinyzip.train.data import to_input
from tinyzip.train.fit import fit

seeds = st.integers(0, 10**6)
LAYERS = {"conv1": 4, "conv2": 2, "fc1": 5}  # and their full ranks


def outputs(model, images, name):
    """What a layer says, a column for each place of each image."""
    y = model.activations(to_input(images).astype(model.dtype))[name]
    return y.reshape(len(y), -1)


def lost(model, other, images, name):
    """E|ỹ − y|², all outputs together."""
    return ((outputs(other, images, name) - outputs(model, images, name)) ** 2).mean(axis=1).sum()


def variances(model, images, name):
    """The eigenvalues of the covariance of a layer's outputs, for each group, falling; summed over groups."""
    G = getattr(model.layers[name], "groups", 1)
    parts = np.split(outputs(model, images, name), G)
    return sum(np.linalg.eigvalsh(np.cov(part, bias=True).reshape(len(part), -1))[::-1] for part in parts)


@pytest.mark.parametrize(("name", "r"), [(name, r) for name, full in LAYERS.items() for r in range(1, full)])
def test_what_a_layer_loses_is_the_tail_of_its_singular_values(name, r):
    """(LR2)"""
    model, images = grouped_network(np.float64)
    thin = low_rank(model, images, {name: r})
    assert lost(model, thin, images, name) == pytest.approx(
        variances(model, images, name)[r:].sum(), rel=1e-9
    )
    mean, wanted = (outputs(one, images, name).mean(axis=1) for one in (thin, model))
    np.testing.assert_allclose(mean, wanted, atol=1e-9)


@given(seeds, st.integers(1, 5), st.integers(1, 7), st.integers(1, 7), st.data())
def test_no_matrix_of_the_same_rank_loses_less(seed, F, K, inputs, data):
    """(LR1), (LR2): not the plain decomposition nor any other; and where inputs depend on each other."""
    rng, r = np.random.default_rng(seed), data.draw(st.integers(1, F))
    w, x = rng.normal(size=(F, K)), rng.normal(size=(K, inputs)) @ rng.normal(size=(inputs, 50))
    covariance = np.cov(x, bias=True).reshape(K, K)
    U, s = (part[0] for part in directions(w[None], covariance[None]))
    mw = U[:, :r] @ U[:, :r].T @ w

    def loss(other):
        return np.trace((other - w) @ covariance @ (other - w).T)

    scale = np.trace(w @ covariance @ w.T)
    assert loss(mw) == pytest.approx((s[r:] ** 2).sum(), abs=1e-9 * scale)
    left, values, right = np.linalg.svd(w)
    size = min(r, K)
    plain = left[:, :size] * values[:size] @ right[:size]
    near = mw + 1e-3 * rng.normal(size=(F, 1)) * mw[:1]  # whose rows are among those of MW
    for other in (plain, near, rng.normal(size=(F, r)) @ rng.normal(size=(r, K))):
        assert loss(mw) <= loss(other) + 1e-9 * scale
    np.testing.assert_allclose(U.T @ U, np.eye(F), atol=1e-9)
    assert (np.diff(s) <= 0).all() and (s >= 0).all()


@given(seeds, st.integers(1, 5), st.integers(1, 7), st.booleans(), st.data())
def test_where_inputs_are_alike_and_uncorrelated_it_is_the_plain_decomposition(seed, F, K, still, data):
    """(LR2) for Σ = I, and where no input varies."""
    w = np.random.default_rng(seed).normal(size=(2, F, K))
    U, s = directions(w, np.stack([np.zeros((K, K)) if still else np.eye(K)] * 2))
    r = data.draw(st.integers(1, min(F, K)))
    for part, u, values in zip(w, U, s, strict=True):
        left, wanted, right = np.linalg.svd(part, full_matrices=False)
        np.testing.assert_allclose(values[: len(wanted)], wanted, atol=1e-6)
        plain = left[:, :r] * wanted[:r] @ right[:r]
        np.testing.assert_allclose(u[:, :r] @ u[:, :r].T @ part, plain, atol=1e-6)


@given(networks(np.float64))
def test_at_full_rank_the_function_is_the_same(drawn):
    """(LR3) of whatever there is: windows, strides, borders, groups, layers without a bias."""
    model, images = drawn[0], drawn[1]
    whole = fold_batch_norm(model)
    full = {block.name: block.layer.F // getattr(block.layer, "groups", 1) for block in blocks_of(whole)}
    thin = low_rank(
        model, images, {name: r for name, r in full.items() if r <= whole.params[f"{name}.w"][0].size}
    )
    x = to_input(images).astype(np.float64)
    found, wanted = thin.forward(x)[0], model.forward(x)[0]
    assert np.abs(found - wanted).max() <= 1e-8 * max(np.abs(wanted).max(), 1)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_two_layers_have_the_weights_and_the_multiplications_that_are_told(r):
    """(LR3), (LR4)"""
    layers = {"conv": Conv2d(2, 6, 3, (1, 2), 1), "flat": Flatten(), "out": Linear(6 * 8 * 4, 5)}
    rng = np.random.default_rng(1)
    model, images = randomized(layers, (2, 8, 8), rng), rng.integers(0, 256, (60, 2, 8, 8), np.uint8)
    thin = low_rank(model, images, {"conv": r, "out": r})
    assert list(thin.layers) == ["conv_in", "conv", "flat", "out_in", "out"]
    assert thin.layers["conv_in"] == Conv2d(2, r, 3, (1, 2), 1, bias=False)
    assert thin.layers["conv"] == Conv2d(r, 6, 1) and thin.layers["out_in"] == Linear(192, r, bias=False)
    for name, F, K, places in (("conv", 6, 18, 32), ("out", 5, 192, 1)):
        parts = [thin.every_layer[part] for part in (f"{name}_in", name)]
        counted = sum(layer.multiplications(given) for layer, given, *_ in parts)
        sizes = sum(thin.params[f"{part}.w"].size for part in (f"{name}_in", name))
        assert counted == places * sizes and sizes == r * (K + F)
        assert (sizes < K * F) == (r < K * F / (K + F))
    assert {array.dtype for array in thin.params.values()} == {np.dtype(np.float32)}


def test_a_later_layer_makes_up_for_what_those_before_it_lost():
    """(SG1), (LR2): W* of the thinned network's inputs is decomposed, the bias takes up the mean."""
    model, images = grouped_network(np.float64)
    ranks = {"conv1": 2, "conv2": 1, "fc1": 3}
    thin, first = low_rank(model, images, ranks), low_rank(model, images, {"conv1": 2, "conv2": 1})
    exact, seen = (outputs(one, images, "flatten") for one in (model, first))
    found = moments(model.layers["fc1"], iter([(exact, seen)]))
    w, covariance = model.params["fc1.w"], found.covariance[0]
    best = damped(w, covariance, found.cross[0])[0]
    U = np.linalg.eigh(best @ covariance @ best.T)[1][:, -3:]
    product = thin.params["fc1.w"] @ thin.params["fc1_in.w"]
    np.testing.assert_allclose(product, U @ U.T @ best, atol=1e-9)
    alone = low_rank(model, images, {"fc1": 3}).params
    taken = {key: alone[key] for key in ("fc1_in.w", "fc1.w", "fc1.b")}
    assert lost(model, thin, images, "fc1") < 0.9 * lost(
        model, thin.with_params(thin.params | taken), images, "fc1"
    )


def test_layers_in_residual_blocks_are_named_by_the_way_to_them():
    model, images = residual_network(np.float64), pictures(40)
    whole = fold_batch_norm(model)
    thin = low_rank(model, images, {"block1.body.conv1": 3, "block2.shortcut.conv": 4})
    assert list(thin.layers["block1"].body) == ["conv1_in", "conv1", "relu", "conv2"]
    assert list(thin.layers["block2"].shortcut) == ["pool", "conv_in", "conv"]
    assert thin.layers["block2"].body == whole.layers["block2"].body
    assert thin.params["block1.body.conv1_in.w"].shape == (3, 4, 3, 3)
    x = to_input(images).astype(np.float64)
    full = low_rank(model, images, {"block1.body.conv1": 6, "block2.shortcut.conv": 4})
    np.testing.assert_allclose(full.forward(x)[0], whole.forward(x)[0], atol=1e-9)


def test_images_that_are_all_alike_leave_the_plain_decomposition_and_their_outputs():
    model, images = grouped_network(np.float64)
    still = np.full_like(images, 90)
    thin = low_rank(model, still, {"fc1": 2})
    np.testing.assert_allclose(outputs(thin, still, "fc1"), outputs(model, still, "fc1"), atol=1e-9)
    left, values, right = np.linalg.svd(model.params["fc1.w"])
    product = thin.params["fc1.w"] @ thin.params["fc1_in.w"]
    np.testing.assert_allclose(product, left[:, :2] * values[:2] @ right[:2], atol=1e-9)


def test_the_result_is_trained_saved_quantized_and_packed_as_any_network(tmp_path):
    model, images = small_network(), pictures(60)
    labels = np.arange(60) % 3
    thin = low_rank(model, images, {"conv": 2, "out": 2})
    trained, _ = fit(
        thin, images, labels, rng=np.random.default_rng(0), epochs=1, batch=20, progress=False, threads=1
    )
    assert not np.array_equal(trained.params["conv_in.w"], thin.params["conv_in.w"])
    save(thin, tmp_path / "thin.net")
    assert load(tmp_path / "thin.net") == thin
    small = quantize(trained, images, 4, 8)
    assert [o.name for o in small.program.operators if hasattr(o, "w")] == [
        "conv_in",
        "conv",
        "out_in",
        "out",
    ]
    read = archive.unpack(archive.pack(small.program))
    np.testing.assert_array_equal(classify(read, images), classify(small.program, images))


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ({"fc9": 1}, r"ranks: found \['fc9'\], needed a rank for some of \['conv1', 'conv2', 'fc1'\]"),
        (0.5, r"ranks: found 0.5, needed a rank for some of"),
        ({"fc1": 6}, r"ranks\['fc1'\]: found 6, needed a whole number from 1 to 5"),
        ({"conv2": 3}, r"ranks\['conv2'\]: found 3, needed a whole number from 1 to 2"),
        ({"fc1": 0}, r"ranks\['fc1'\]: found 0"),
        ({"fc1": 0.5}, r"ranks\['fc1'\]: found 0.5"),
        ({"fc1": True}, r"ranks\['fc1'\]: found True"),
    ],
)
def test_ranks_that_no_layer_has_are_refused(ranks, said):
    model, images = grouped_network(np.float64)
    with pytest.raises(ValueError, match=f"^low_rank: {said}"):
        low_rank(model, images, ranks)


def test_what_is_two_layers_already_is_refused_as_are_images_that_do_not_fit():
    model, images = grouped_network(np.float64)
    thin = low_rank(model, images, {"fc1": 2})
    with pytest.raises(ValueError, match=r"^low_rank: ranks: found \['fc1'\]"):
        low_rank(thin, images, {"fc1": 1})
    for other in (images[:, :5], images * 1.0):
        with pytest.raises(ValueError, match=r"^low_rank: images: found"):
            low_rank(model.with_input_range((0.0, 1.0), 0.5), other, {"fc1": 2})
    with pytest.raises(TypeError, match=r"^low_rank: model: found a dict"):
        low_rank({}, images, {"fc1": 2})
