"""Grids of weights are lowered with the weights that they were made for, and with no others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import networks, pictures, small_network

from tinyzip.quant.choose.auto import METHODS, post_train
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.powers import power_of_two_grids
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.saved import load, save
from tinyzip.train.fit import fit

REFUSED = r"layer '\w+': weights' grid: found a grid for other weights, up to .*needed .*calibrate.*grids\(\)"
IMAGES = pictures(60)
LABELS = (IMAGES.mean(axis=(1, 2)) > 127).astype(np.int64)


def trained(bits, rule="lsq", epochs=1):
    """(grids before, network trained on them) at 1 to 8 bits."""
    model = small_network()
    _, grids = post_train(model, IMAGES, bits, 8, "mse")
    simulation = FakeQuantized.create(model, grids, rule)
    rng = np.random.default_rng(0)
    return grids, fit(simulation, IMAGES, LABELS, rng=rng, epochs=epochs, batch=10, progress=False)[0]


@settings(max_examples=40)
@given(networks(), st.integers(1, 8), st.sampled_from(METHODS[:3]))
def test_grids_of_every_method_are_taken_with_their_own_weights(model_and_images, bits, method):
    model = fold_batch_norm(model_and_images[0])
    fitted, grids = post_train(model, model_and_images[1], bits, 8, method)
    assert all((grid.made_for is None) == (not name.endswith(".w")) for name, grid in grids.items())
    lower(fitted, grids)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_grids_from_before_a_training_and_weights_from_after_it_are_refused_and_the_reverse(bits, tmp_path):
    before, simulation = trained(bits)
    lower(simulation.model(), simulation.grids())
    lower(simulation.source, before)
    save(before, tmp_path / "before")
    save(simulation, tmp_path / "after")
    for grids in (before, load(tmp_path / "before")):
        with pytest.raises(ValueError, match=REFUSED):
            lower(simulation.model(), grids)
    for other in (simulation, load(tmp_path / "after")):
        with pytest.raises(ValueError, match=REFUSED):
            lower(other.source.with_params(small_network().params), other.grids())
        lower(other.model(), other.grids())


@given(networks(), st.data())
@settings(max_examples=30)
def test_one_weight_that_moves_is_enough(model_and_images, data):
    model, images = fold_batch_norm(model_and_images[0]), model_and_images[1]
    grids = calibrate(model, images)
    name = data.draw(st.sampled_from([block.name for block in blocks_of(model)])) + ".w"
    w = model.params[name].copy()
    place = data.draw(st.integers(0, w.size - 1))
    w.flat[place] += np.abs(w).max() / 300
    with pytest.raises(ValueError, match=REFUSED):
        lower(model.with_params(model.params | {name: w}), grids)


def test_weights_that_lie_on_the_grid_and_grids_made_by_hand_are_taken():
    model = small_network()
    rounded, grids = post_train(model, IMAGES, 3, 8, "adaround")
    assert (rounded.params["conv.w"] != model.params["conv.w"]).any()
    lower(rounded, grids)
    lower(model.with_params({k: w.astype(np.float64) for k, w in model.params.items()}), grids)
    other = {k: w * np.float32(0.9) for k, w in model.params.items()}
    grid = grids["conv.w"]
    by_hand = Grid(grid.scale, grid.zero, grid.lo, grid.hi)
    assert by_hand.made_for is None and by_hand.fits(other["conv.w"]) and not grid.fits(other["conv.w"])
    assert grid.for_weights(other["conv.w"]).fits(other["conv.w"])


def test_other_scales_are_still_for_the_same_weights():
    model = small_network()
    grids = calibrate(model, IMAGES)
    for changed in (
        grids["conv.w"].with_scale(grids["conv.w"].scale * 2),
        power_of_two_grids(model, grids)["conv.w"],
    ):
        assert changed.made_for == grids["conv.w"].made_for is not None
