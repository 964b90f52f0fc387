"""Functions that become tables of codes: exact, and through every method of this room."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import pictures, randomized

from tinyzip import archive, integer
from tinyzip.nn.activations import GELU, ByPoints, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.layers import AvgPool2d, BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.quant.choose.auto import METHODS, quantize
from tinyzip.quant.choose.explain import explain
from tinyzip.quant.door.lower import codes_of, lower, table_of
from tinyzip.quant.door.twin import float_twin
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.equalize import equalize
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.powers import power_of_two_grids
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.saved import load, save
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import logits
from tinyzip.train.fit import fit

FUNCTIONS = {  # by the names that tests/reference.py gives them
    "clip": Clip(-0.4, 1.2),
    "leaky relu": LeakyReLU(0.2),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "silu": SiLU(),
    "hard swish": HardSwish(),
    "gelu": GELU(),
    "by points": ByPoints((-1, 1, 3), (-2, 1, 0)),
}
ANY = st.sampled_from(list(FUNCTIONS))


@st.composite
def grids(draw):
    """Grids of 2 to 8 bits over any range, of uint8 and of int8."""
    low, high = draw(st.floats(-20, 0)), draw(st.floats(0, 20))
    grid = Grid.affine(low, high, draw(st.integers(2, 8)))
    return grid if draw(st.booleans()) or grid.hi < 255 else Grid(grid.scale, grid.zero - 128, -128, 127)


@given(ANY, grids(), grids())
def test_a_table_holds_the_nearest_code_to_the_function_of_each_code(name, source, target):
    """(QD5), against the naive function"""
    table = table_of(FUNCTIONS[name], source, target)
    for code in range(source.lo, source.hi + 1):
        y = reference.ACTIVATIONS[name](float(source.scale) * (code - int(source.zero)))
        inside = min(max(y, float(target.low)), float(target.high))
        means = float(target.scale) * (int(table[code % 256]) - int(target.zero))
        assert abs(means - inside) <= float(target.scale) / 2 * (1 + 1e-9)
    assert table.min() >= target.lo and table.max() <= target.hi


@given(st.floats(-5, 0), st.floats(0.1, 5), grids(), st.lists(st.floats(-30, 30), min_size=1))
def test_a_clip_is_a_clamp_of_codes(low, high, grid, x):
    """(QD3), unless the grid is so coarse that both ends mean 0"""
    codes = codes_of(grid, (low, high))
    if grid.quantize(low) < grid.quantize(high):
        clamped = np.clip(grid.quantize(x), codes.lo, codes.hi)
        np.testing.assert_array_equal(grid.quantize(np.clip(x, low, high)), clamped)


def test_where_only_zero_is_left_a_clamp_has_two_codes():
    for zero in (0, 3, 255):
        codes = codes_of(Grid(1.0, zero, 0, 255), (-0.2, 0.3))
        assert codes.lo <= zero <= codes.hi and codes.hi == codes.lo + 1


def network(*functions, dtype=np.float32):
    """Tables on the input, after a convolution, a pool, an average, another table, and a linear layer."""
    f = [FUNCTIONS[name] for name in functions]
    layers = {
        "start": f[0],
        "conv1": Conv2d(1, 4, 3, padding=1),
        "norm1": BatchNorm(4),
        "act1": f[1],
        "pool1": MaxPool2d(2),
        "conv2": Conv2d(4, 6, 3),
        "pool2": MaxPool2d(2, 1),
        "act2": f[2],
        "mean": AvgPool2d(2),
        "act3": f[3],
        "act4": f[4],
        "flat": Flatten(),
        "fc1": Linear(6, 5),
        "act5": f[5],
        "fc2": Linear(5, 3),
    }
    return randomized(layers, (1, 12, 12), np.random.default_rng(3), dtype)


NETWORKS = st.tuples(*[ANY] * 6).map(lambda names: network(*names, dtype=np.float64))
IMAGES = pictures(40, 12)


@settings(max_examples=30)
@given(NETWORKS, st.integers(4, 8), st.integers(4, 8))
def test_each_operator_gives_the_code_nearest_to_its_function_of_the_codes_it_reads(model, bits, activations):
    """(QD5)"""
    grids = calibrate(model, IMAGES, bits, activations)
    program = lower(model, grids)
    x = grids["input"].quantize(to_input(IMAGES))
    trace = [x, *integer.run(program, x, trace=True)]
    tables = 0
    steps = zip(trace, program.operators, trace[1:], program.codes, strict=False)
    for before, operator, after, reads in steps:
        if not isinstance(operator, integer.Table):
            continue
        source, target = (grids[name] for name in _grids_around(model, operator.name))
        assert codes_of(source).scale == reads.scale and codes_of(target) == operator.y
        real = float(source.scale) * (before.astype(np.float64) - int(source.zero))
        y = model.layers[operator.name].of(real)
        ideal = np.clip(y / target.scale + target.zero, target.lo, target.hi)
        assert np.abs(after - ideal).max() <= 0.5 + 1e-9
        tables += 1
    assert tables == len(blocks_of(fold_batch_norm(model)).tables) >= 1
    assert archive.unpack(archive.pack(program)) == program


def _grids_around(model, name):
    """The grid before a table and its own."""
    order = blocks_of(fold_batch_norm(model)).grids
    return order[order.index(name) - 1], name


def test_clips_are_fused_where_they_hold_zero_and_commute_and_are_tables_elsewhere():
    layers = {
        "conv": Conv2d(1, 2, 3),
        "six": Clip(0, 6),
        "relu": ReLU(),  # nothing left to do
        "pool": MaxPool2d(2),
        "four": Clip(-9, 4),
        "mean": AvgPool2d(2),
        "again": Clip(-1, 4),  # nothing left to do
        "late": Clip(0, 3),
        "flat": Flatten(),
        "fc1": Linear(8, 4),
        "off": Clip(1, 2),
        "fc2": Linear(4, 4),
        "tanh": Tanh(),
        "relu2": ReLU(),
    }
    blocks = blocks_of(randomized(layers, (1, 10, 10), np.random.default_rng(0)))
    assert [block.clamp for block in blocks] == [(0, 4), (-np.inf, np.inf), (-np.inf, np.inf)]
    assert blocks.tables == ("late", "off", "tanh", "relu2")
    assert blocks.grids == ("input", "conv", "late", "fc1", "off", "fc2", "tanh", "relu2")
    assert blocks.sources == {"conv": "input", "fc1": "late", "fc2": "off"}
    assert blocks.parts[0].output == "six"


def test_a_clip_after_a_table_is_kept_whatever_was_clipped_before_it():
    layers = {
        "conv": Conv2d(1, 2, 3),
        "relu": ReLU(),
        "falls": FUNCTIONS["by points"],  # −½ at 0
        "again": ReLU(),
        "flat": Flatten(),
        "out": Linear(200, 3),
    }
    model = randomized(layers, (1, 12, 12), np.random.default_rng(0))
    assert blocks_of(model).tables == ("falls", "again")
    grids = calibrate(model, IMAGES)
    assert grids["falls"].low < 0 == grids["again"].low
    program = lower(model, grids)
    trace = integer.run(program, grids["input"].quantize(to_input(IMAGES)), trace=True)
    assert (trace[1] < int(grids["falls"].zero)).any() and trace[2].min() == grids["again"].zero


def test_a_bias_fits_its_unit_after_a_table():
    """(QC1)"""
    model = network("gelu", "silu", "tanh", "sigmoid", "leaky relu", "hard swish")
    tiny = {"fc2.w": model.params["fc2.w"] * np.float32(1e-15)}
    model = model.with_params(model.params | tiny)
    grids = calibrate(model, IMAGES)
    assert grids["act5"].scale != grids["fc1"].scale != grids["input"].scale
    bias = lower(model, grids).operators[-1].bias
    assert np.abs(np.abs(bias) / 2.0**30 - 1).max() < 1e-6


def test_one_number_of_bits_leaves_8_to_what_only_tables_or_nobody_reads():
    model = network("gelu", "silu", "tanh", "sigmoid", "leaky relu", "hard swish")
    grids = calibrate(model, IMAGES, activations=4)
    few = {name for name, grid in grids.items() if grid.bits == 4}
    assert few == {"input", "start", "act1", "act4", "act5"}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_tables_and_stays_near_the_float_network(method):
    model = network("leaky relu", "gelu", "silu", "tanh", "hard swish", "sigmoid")
    found = quantize(model, IMAGES, method=method)
    exact = logits(model, IMAGES)
    codes = integer.run(found.program, found.grids["input"].quantize(to_input(IMAGES)))
    far = np.abs(found.grids["fc2"].dequantize(codes) - exact).max()
    assert far <= 0.1 * np.ptp(exact)


def test_programs_with_tables_are_explained_with_and_without_their_network():
    model = network("leaky relu", "gelu", "silu", "tanh", "hard swish", "sigmoid")
    program = lower(model, calibrate(model, IMAGES))
    for network_or_none in (model, None):
        report = explain(network_or_none, program, IMAGES)
        assert [layer.name for layer in report.layers] == ["conv1", "conv2", "fc1", "fc2"]
        assert min(layer.signal_to_noise for layer in report.layers) > 20


def test_the_twin_of_a_table_goes_through_what_its_codes_mean():
    """(A8) at its points, which are those of (QD5)"""
    model = network("gelu", "silu", "tanh", "sigmoid", "leaky relu", "hard swish")
    grids = calibrate(model, IMAGES)
    twin = float_twin(lower(model, grids))
    source, target = grids["conv2"], grids["act2"]
    every = np.arange(source.lo, source.hi + 1)
    table = table_of(Tanh(), source, target)[every % 256]
    y = twin.layers["act2"].of(source.dequantize(every)[:, None])[:, 0]
    np.testing.assert_array_equal(y, target.dequantize(table))


def test_equalization_passes_leaky_rectifiers_and_nothing_else():
    passes = network(
        "leaky relu", "leaky relu", "leaky relu", "leaky relu", "leaky relu", "leaky relu", dtype=float
    )
    equal = equalize(passes)
    assert np.abs(logits(equal, IMAGES) - logits(passes, IMAGES)).max() < 1e-9
    assert any(
        (equal.params[f"{name}.w"] != passes.params.get(f"{name}.w")).any() for name in ("conv2", "fc1")
    )
    clipped = {"conv1": Conv2d(1, 3, 3), "six": Clip(0, 0.5), "conv2": Conv2d(3, 2, 3), "flat": Flatten()}
    clipped = randomized(clipped | {"out": Linear(128, 3)}, (1, 12, 12), np.random.default_rng(0), np.float64)
    assert np.abs(logits(equalize(clipped), IMAGES) - logits(clipped, IMAGES)).max() < 1e-9
    stays = network("gelu", "silu", "tanh", "sigmoid", "clip", "hard swish", dtype=float)
    assert np.abs(logits(equalize(stays), IMAGES) - logits(stays, IMAGES)).max() < 1e-9


def test_tables_can_be_lowered_to_shifts():
    model = network("gelu", "silu", "tanh", "sigmoid", "leaky relu", "hard swish")
    grids = power_of_two_grids(model, calibrate(model, IMAGES))
    program = lower(model, grids, "shift")
    codes = integer.run(program, grids["input"].quantize(to_input(IMAGES)))
    assert np.abs(grids["fc2"].dequantize(codes) - logits(model, IMAGES)).max() < 0.2 * np.ptp(codes)


def test_networks_with_activations_are_saved_trained_through_their_grids_and_saved_again(tmp_path):
    model = network("gelu", "silu", "tanh", "sigmoid", "clip", "hard swish")
    save(model, tmp_path / "a.net")
    again = load(tmp_path / "a.net")
    assert again.layers == model.layers
    folded = float_twin(lower(again, calibrate(again, IMAGES)))
    save(folded, tmp_path / "twin.net")
    assert load(tmp_path / "twin.net").layers == folded.layers

    labels = (IMAGES.mean(axis=(1, 2)) > 127).astype(np.int64)
    flat = {name: layer for name, layer in model.layers.items() if name != "norm1"}
    plain = randomized(flat, model.shape, np.random.default_rng(1))
    fake = FakeQuantized.create(plain, calibrate(plain, IMAGES, 3, 4))
    trained, history = fit(
        fake, IMAGES, labels, rng=np.random.default_rng(0), epochs=6, batch=8, progress=False
    )
    assert history.loss[-1] < history.loss[0]
    moved = [name for name in fake.params if (trained.params[name] != fake.params[name]).any()]
    assert {f"{name}.log_step" for name in blocks_of(plain).grids[1:]} <= set(moved)
    save(trained, tmp_path / "b.net")
    other = load(tmp_path / "b.net")
    assert lower(other.model(), other.grids()) == lower(trained.model(), trained.grids())


def test_a_grid_that_a_table_needs_is_asked_for_by_name():
    model = network("gelu", "silu", "tanh", "sigmoid", "leaky relu", "hard swish")
    grids = calibrate(model, IMAGES)
    del grids["act2"]
    with pytest.raises(ValueError, match=r"grids\['act2'\]"):
        lower(model, grids)
