"""Calibration: which grids come out, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import networks, pictures, randomized, small_network, squared_error

from tinyzip.nn.layers import BatchNorm, Flatten, Linear, MaxPool2d
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import activation_grids, calibrate, fit_biases, weight_grids
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.ranges import METHODS, MovingAverage
from tinyzip.train.data import to_input


@settings(max_examples=25)
@given(networks(), st.integers(2, 8))
def test_min_max_grids_cover_what_each_block_gave(model_and_images, bits):
    model, images = model_and_images
    grids = calibrate(model, images, activations=bits)
    folded = fold_batch_norm(model)
    blocks = list(blocks_of(folded))
    assert set(grids) == {"input", *(b.name for b in blocks), *(f"{b.name}.w" for b in blocks)}
    outputs = folded.activations(to_input(images))
    for block in blocks:
        y, grid = outputs[block.output], grids[block.name]
        y = block.clamped(y)
        count = 8 if block is blocks[-1] else bits  # no layer reads the logits
        assert (grid.lo, grid.hi, grid.scale.ndim) == (0, 2**count - 1, 0)
        assert grid.scale == pytest.approx((max(y.max(), 0) - min(y.min(), 0)) / grid.hi or 1, rel=1e-5)
        assert np.abs(grid.round_trip(y) - y).max() <= grid.scale * 1.001
        if block.clamp[0] == 0:
            assert grid.zero == 0


def test_bytes_are_codes_already():
    grid = calibrate(small_network(), pictures())["input"]
    everything = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert (grid.quantize(to_input(everything))[0, :, :, 0] == everything[0]).all()
    assert grid.scale == 1 / 255 and grid.zero == 0
    dim = calibrate(small_network(), pictures() // 2)["input"]
    assert (dim.scale, dim.zero, dim.lo, dim.hi) == (1 / 255, 0, 0, 255)
    for images, bits in ((pictures() // 2, 7), (pictures() / 510, 8)):  # fewer codes, or numbers of their own
        activations = {"input": bits, "conv": 8, "out": 8}
        own = calibrate(small_network(), images, activations=activations)["input"]
        assert own.scale == pytest.approx(images.max() / (255 if bits == 7 else 1) / (2**bits - 1))


def test_images_of_floats_get_their_own_range():
    images = pictures().astype(np.float32) / 255 * 3 - 1
    grid = calibrate(small_network(), images)["input"]
    assert grid.low == pytest.approx(images.min(), abs=grid.scale / 2)
    assert grid.high == pytest.approx(images.max(), abs=grid.scale / 2)


def test_a_folded_model_has_the_same_grids():
    model = small_network()
    conv, *rest = model.layers.items()
    layers = dict([conv, ("norm", BatchNorm(4)), *rest])
    model = randomized(layers, (1, 8, 8), np.random.default_rng(5))
    one, other = calibrate(model, pictures()), calibrate(fold_batch_norm(model), pictures())
    assert one.keys() == other.keys()
    for name in one:
        assert (one[name].scale == other[name].scale).all()


def test_images_are_seen_in_shards_and_none_is_left_out():
    model, images = small_network(), pictures(100)
    images[-1] = 255
    images[:-1] //= 2
    whole, last = activation_grids(model, images), activation_grids(model, images[-1:])
    assert whole["input"].scale == last["input"].scale


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_are_symmetric_and_each_channel_uses_its_last_code(bits):
    model = small_network()
    for name, grid in weight_grids(model, bits).items():
        w = model.params[name]
        codes = grid.quantize(w).reshape(len(w), -1).astype(int)
        assert (grid.zero == 0).all() and grid.lo == -grid.hi and grid.scale.shape == (len(w),)
        assert (np.abs(codes).max(axis=1) == grid.hi).all()
    for grid in weight_grids(model, bits, per_channel=False).values():
        assert grid.scale.shape == ()


@settings(max_examples=25)
@given(st.integers(2, 8), st.integers(0, 1000))
def test_least_squares_weights_are_never_worse_than_min_max_nor_per_tensor(bits, seed):
    rng = np.random.default_rng(seed)
    model = randomized({"flat": Flatten(), "out": Linear(12, 5)}, (1, 3, 4), rng)
    w = (rng.standard_t(2, (5, 12)) * 10 ** rng.uniform(-2, 1, (5, 1))).astype(np.float32)
    w[0, 0] *= 1000 if seed % 4 == 0 else 1  # so far apart that it is best cut to a hundredth
    model = model.with_params({**model.params, "out.w": w})

    def error(**options):
        return squared_error(w, weight_grids(model, bits, **options)["out.w"])

    best = error(method="mse")
    slack = 1 + 1e-9
    shares = np.arange(1, 101) / 100
    most = np.abs(w.astype(np.float64)).max()
    tried = [squared_error(w, Grid.symmetric(most * share, bits)) for share in shares]
    assert error(method="mse", per_channel=False) == pytest.approx(min(tried), rel=1e-6)
    assert best <= error(method="minmax") * slack
    assert best <= error(method="mse", per_channel=False) * slack
    assert error(method="mse", per_channel=False) <= error(method="minmax", per_channel=False) * slack


def test_least_squares_may_cut_weights_to_a_hundredth_of_the_largest():
    """One in 20,000 is cut off, so that all others are exact: 0.99² is less than 20,000·0.01²."""
    w = np.full((1, 20_000), 0.01, np.float32)
    w[0, 7] = 1
    model = randomized({"flat": Flatten(), "out": Linear(20_000, 1)}, (1, 100, 200), np.random.default_rng(0))
    grids = weight_grids(model.with_params({**model.params, "out.w": w}), 2, "mse")
    assert grids["out.w"].scale == pytest.approx(0.01)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_calibrates(method):
    grids = calibrate(small_network(), pictures(), weights=4, activations=4, method=method)
    widest = calibrate(small_network(), pictures(), activations=4)
    assert all(grids[name].scale <= widest[name].scale * 1.001 for name in ("conv", "out"))


def test_bits_can_differ_by_layer():
    weights, activations = {"conv": 8, "out": 3}, {"input": 8, "conv": 4, "out": 6}
    grids = calibrate(small_network(), pictures(), weights, activations)
    found = {name: grid.bits for name, grid in grids.items()}
    assert found == {"input": 8, "conv": 4, "out": 6, "conv.w": 8, "out.w": 3}


def test_a_channel_with_a_large_bias_and_tiny_or_no_weights_gets_room_for_it():
    """(QC1)"""
    model = small_network()
    params = {name: value.copy() for name, value in model.params.items()}
    params["conv.w"][0] = 0
    params["conv.w"][1] *= 1e-12
    params["conv.b"][:] = 0.7
    model = model.with_params(params)
    grids = calibrate(model, pictures())
    unit = grids["input"].scale * grids["conv.w"].scale
    assert (np.abs(0.7 / unit[:2]) <= 2**30 * 1.001).all() and (0.7 / unit[:2] > 2**29).all()
    plain = activation_grids(model, pictures()) | weight_grids(model)
    assert (grids["conv.w"].scale[2:] == plain["conv.w"].scale[2:]).all()
    tensor = calibrate(model, pictures(), per_channel=False)["conv.w"]
    assert tensor.scale == weight_grids(model, per_channel=False)["conv.w"].scale
    tiny = {"conv.w": params["conv.w"] * 1e-12, "conv.b": np.float32([0.7, -0.6, 0.5, 0.4])}  # by the largest
    tensor = calibrate(model.with_params(params | tiny), pictures(), per_channel=False)
    assert 2**30 * 0.999 <= 0.7 / (tensor["input"].scale * tensor["conv.w"].scale) <= 2**30 * 1.001


def test_a_dead_layer_has_a_grid_of_scale_one():
    model = small_network()
    params = {name: np.zeros_like(value) for name, value in model.params.items()}
    grids = calibrate(model.with_params(params), pictures())
    assert grids["conv"].scale == 1 and (grids["conv.w"].scale == 1).all()


def test_calibration_needs_images():
    for nothing in (np.zeros((0, 8, 8), np.uint8), np.zeros((8, 8), np.uint8)):
        with pytest.raises(ValueError, match="images: found shape"):
            calibrate(small_network(), nothing)
    for other in (None, np.zeros((3, 8, 8), np.int64)):
        with pytest.raises(TypeError, match="images: found"):
            calibrate(small_network(), other)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_by_the_name_of_where_they_are(bad):
    images = np.zeros((3, 8, 8), np.float32)
    images[1, 2, 3] = bad
    with pytest.raises(ValueError, match="images: found 1 NaN or infinite of 192"):
        calibrate(small_network(), images)
    for name in ("out.w", "out.b"):
        model = small_network()
        value = model.params[name].copy()
        value.flat[0] = bad
        with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=r"out(\.w|\.b)?: found .* NaN"):
            calibrate(model.with_params({**model.params, name: value}), pictures())


def test_weights_that_overflow_are_refused_by_the_name_of_their_layer():
    params = {key: a * np.float32(1e38) for key, a in small_network().params.items()}
    with pytest.raises(ValueError, match=r"output of out: found .* NaN or infinite"):
        calibrate(small_network().with_params(params), pictures())


def test_wrong_settings_are_refused():
    model, images = small_network(), pictures()
    for bits in (1, 9, 2.5, True):
        with pytest.raises(ValueError, match="weights: found"):
            calibrate(model, images, weights=bits)
        with pytest.raises(ValueError, match="activations: found"):
            calibrate(model, images, activations=bits)
    with pytest.raises(ValueError, match="activations of out: found 9"):
        calibrate(model, images, activations={"input": 8, "conv": 8, "out": 9})
    with pytest.raises(ValueError, match="weights: found bits for"):
        calibrate(model, images, weights={"conv": 8})
    with pytest.raises(ValueError, match="method: found 'best'"):
        calibrate(model, images, method="best")
    with pytest.raises(ValueError, match="weight_method: found 'best'"):
        calibrate(model, images, weight_method="best")
    with pytest.raises(ValueError, match=r"shape"):
        calibrate(model, pictures(3, 9))


def test_a_network_without_weights_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least one convolution or linear"):
        calibrate(randomized({"pool": MaxPool2d(2)}, (1, 8, 8), rng), pictures())


def test_fitting_biases_leaves_the_given_grids_alone():
    model = small_network()
    grids = {"input": Grid(1 / 255, 0, 0, 255), "conv": Grid(1.0, 0, 0, 255), "out": Grid(1.0, 0, 0, 255)}
    grids |= {"conv.w": Grid(1e-15, 0, -127, 127), "out.w": Grid(1e-3, 0, -127, 127)}
    fitted = fit_biases(model, grids)
    assert grids["conv.w"].scale == 1e-15 and fitted["conv.w"].scale > 1e-9
    assert fitted["out.w"].scale == 1e-3


@pytest.mark.parametrize("bits", [2, 4, 7])
def test_images_of_bytes_get_as_few_codes_as_asked_for(bits):
    grid = calibrate(small_network(), pictures(), activations={"input": bits, "conv": 8, "out": 8})["input"]
    assert (grid.lo, grid.hi) == (0, 2**bits - 1)


def test_a_moving_average_takes_64_images_at_a_time():
    images, watching = pictures(150).astype(np.float32) / 255, MovingAverage()
    for start in (0, 64, 128):
        watching.observe(images[start : start + 64])
    wanted = Grid.affine(*watching.range(), 8)
    assert activation_grids(small_network(), images, method="average")["input"].scale == wanted.scale


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda model: calibrate({}, pictures()), TypeError, "calibrate: model: found a dict"),
        (
            lambda model: calibrate(model, pictures(3, 9)),
            ValueError,
            "calibrate: images: found examples of shape",
        ),
        (
            lambda model: calibrate(model, np.full((3, 8, 8), 255.0)),
            ValueError,
            "calibrate: images: found fl",
        ),
        (
            lambda model: activation_grids(model, pictures(3, 9)),
            ValueError,
            "images: found examples of shape",
        ),
        (
            lambda model: activation_grids(model, np.full((1, 8, 8), np.nan)),
            ValueError,
            "images: found 64 NaN",
        ),
    ],
)
def test_what_is_refused_is_named(ask, error, said):
    with pytest.raises(error, match=f"^{said}"):
        ask(small_network().with_input_range((0.0, 1.0), 0.5))


@pytest.mark.parametrize("per_channel", [True, False])
def test_weights_of_0_beside_others_leave_the_scale_as_it_is(per_channel):
    model = small_network()
    w = model.params["conv.w"].copy()
    w[:, 0, 1, 1] = 0
    model = model.with_params(model.params | {"conv.w": w})
    found = calibrate(model, pictures(), per_channel=per_channel)["conv.w"]
    np.testing.assert_array_equal(found.scale, weight_grids(model, per_channel=per_channel)["conv.w"].scale)
