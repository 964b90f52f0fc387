"""Residual blocks on their way to integers: every step of this room, on drawn networks of them."""

import numpy as np
import pytest
import reference
from code_bound import code_bound
from error_bound import logits_and_bound
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import assert_same, pictures, randomized
from residual_networks import SMALL, residual_networks, small

from tinyzip import archive, integer
from tinyzip.nn.joins import Product
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.choose.explain import explain
from tinyzip.quant.door.lower import codes_of, lower, sum_multipliers
from tinyzip.quant.door.twin import float_twin, named
from tinyzip.quant.grids.blocks import Sum, blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.equalize import equalize
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.powers import power_of_two_grids
from tinyzip.quant.rounding.layers import adaround, correct_bias
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.fake_layer import FakeQuantize
from tinyzip.quant.training.saved import load, save
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import logits
from tinyzip.train.fit import fit

ROUNDINGS = st.sampled_from(["single", "double", None])


@st.composite
def quantized(draw, dtype=np.float64):
    """(folded model, images, grids, rounding) of all bits, per tensor and per channel."""
    model, images = draw(residual_networks(dtype))
    bits = {"weights": draw(st.integers(2, 8)), "activations": draw(st.integers(3, 8))}
    grids = calibrate(model, images, per_channel=draw(st.booleans()), **bits)
    return fold_batch_norm(model), images, grids, draw(ROUNDINGS)


@settings(max_examples=40)
@given(quantized())
def test_logits_are_as_near_to_the_float_model_as_the_derived_bound_says(case):
    """(QD4), and (QD8) for the sums"""
    model, images, grids, rounding = case
    program = lower(model, grids, rounding)
    codes = integer.run(program, grids["input"].quantize(to_input(images)))
    exact, bound = logits_and_bound(model, grids, images, program)
    assert np.abs(exact - logits(model, images, threads=1)).max() <= 2.0**-40 * max(1, np.abs(exact).max())
    last = grids[blocks_of(model).grids[-1]]
    assert (np.abs(last.scale * (codes.astype(np.float64) - last.zero) - exact) <= bound).all()


@settings(max_examples=15)
@given(quantized(np.float32))
def test_the_codes_of_every_operator_are_the_oracles(case):
    model, images, grids, rounding = case
    program = lower(model, grids, rounding)
    x = grids["input"].quantize(to_input(images[:2]))
    outputs = integer.run(program, x, trace=True)
    for n in range(x.shape[-1]):
        for output, expected in zip(outputs, reference.run(program, x[..., n].tolist()), strict=True):
            assert output[..., n].tolist() == expected
    for product in ("integer", "blas"):
        np.testing.assert_array_equal(integer.run(program, x, product), outputs[-1])


@settings(max_examples=25)
@given(quantized())
def test_simulation_and_engine_differ_by_no_more_codes_than_the_bound(case):
    """(QA1), and (QA3) for the sums, (QA4) for the products"""
    model, images, grids, rounding = case
    fake = FakeQuantized.create(model, grids)
    program = lower(fake.model(), fake.grids(), rounding)
    x = to_input(images).astype(np.float64)  # in which a pixel between two codes is so for both
    outputs = integer.run(program, fake.grids()["input"].quantize(x), trace=True)
    codes = {operator.name: y for operator, y in zip(program.operators, outputs, strict=True)}
    seen, bound = fake.activations(x), code_bound(fake, rounding)
    for part in blocks_of(model).every_part():
        name = f"{part.name}.round"
        if name not in seen or seen[name].shape != codes[part.name].shape:  # rounded after a max pool
            continue
        differ = np.abs(codes[part.name].astype(int) - grids[part.name].quantize(seen[name]).astype(int))
        assert differ.max() <= bound[part.name]


@settings(max_examples=20)
@given(residual_networks(np.float64))
def test_folding_and_equalizing_leave_the_function_as_it_is(case):
    """(QF1), (QE1)"""
    model, images = case
    exact, folded = logits(model, images, threads=1), fold_batch_norm(model)
    assert not any(isinstance(placed.layer, BatchNorm) for placed in folded.every_layer.values())
    assert_same(logits(folded, images, threads=1), exact)
    equal = equalize(model)
    assert np.abs(logits(equal, images, threads=1) - exact).max() <= 1e-9 * max(np.abs(exact).max(), 1)


def test_layers_inside_a_block_are_equalized_and_its_ends_are_not():
    model = fold_batch_norm(small(np.float64))
    moved = {
        name
        for name, array in equalize(model).params.items()
        if not np.array_equal(array, model.params[name])
    }
    assert moved == {f"block1.body.{name}" for name in ("conv1.w", "conv1.b", "conv2.w")}


def test_parts_are_in_the_order_of_the_data_and_know_their_grids():
    blocks = blocks_of(fold_batch_norm(small()))
    assert blocks.grids == (
        *("input", "conv", "block1.body.conv1", "block1.body.conv2", "block1"),
        *("block2.body.conv", "block2.shortcut.conv", "block2", "out"),
    )
    assert blocks.sources["block1.body.conv1"] == blocks.sources["block2.body.conv"].replace("block1", "conv")
    assert blocks.sources["block2.shortcut.conv"] == "block1" and blocks.sources["out"] == "block2"
    sums = [part for part in blocks.every_part() if isinstance(part, Sum)]
    assert [(part.name, part.clamp, part.output) for part in sums] == [
        ("block1", (0, np.inf), "relu1"),
        ("block2", (0, np.inf), "relu2"),
    ]


def test_what_a_branch_begins_with_is_rounded_to_the_grid_that_both_read():
    model = fold_batch_norm(small())
    fake = FakeQuantized.create(model, calibrate(model, pictures()))
    assert fake.rounds["block2.shortcut.pool.round"] == "block1"
    assert fake.rounds["block2.body.conv.round"] == "block2.body.conv"
    assert list(fake.network.layers)[3:7] == ["block1", "relu1", "block1.round", "block2"]
    placed = {name for name, one in fake.network.every_layer.items() if isinstance(one.layer, FakeQuantize)}
    parts = ("body.conv1", "body.conv2"), ("body.conv", "shortcut.pool", "shortcut.conv")  # and nowhere else
    inside = {f"block{k}.{part}.round" for k, names in enumerate(parts, 1) for part in names}
    assert (
        placed
        == set(fake.rounds)
        == inside | {f"{name}.round" for name in ("conv", "block1", "block2", "average", "out")}
    )


def test_a_program_recalls_what_the_shortcut_reads_and_adds_it():
    """(QD6)"""
    model, images = small(), pictures()
    grids = calibrate(model, images)
    operators = lower(model, grids).operators
    assert [(operator.kind, operator.name) for operator in operators] == [
        ("Conv2d", "conv"),
        ("Conv2d", "block1.body.conv1"),
        ("Conv2d", "block1.body.conv2"),
        ("Add", "block1"),
        ("Conv2d", "block2.body.conv"),
        ("Recall", ""),
        ("AvgPool2d", "block2.shortcut.pool"),
        ("Conv2d", "block2.shortcut.conv"),
        ("Add", "block2"),
        ("GlobalAvgPool", "average"),
        ("Flatten", "flat"),
        ("Linear", "out"),
    ]
    assert (operators[3].other, operators[5].source, operators[8].other) == (0, 3, 4)
    assert operators[3].y == codes_of(grids["block1"], (0, np.inf)) and operators[3].y.lo == 0
    x, o, y = (float(grids[name].scale) for name in ("block1.body.conv2", "conv", "block1"))
    reals = operators[3].m0 * 2.0 ** -operators[3].n
    twice = 2 * max(x, o)
    assert reals == pytest.approx([x / twice, o / twice, twice / 2**20 / y], rel=1e-9)


def test_a_sum_that_is_rounded_once_has_two_multipliers_of_one_shift():
    """(QD7)"""
    x, o, y = (Grid(scale, 0, 0, 255) for scale in (0.25, 3.0, 0.5))
    found = sum_multipliers(x, o, y, "single")
    assert found["n"] == 18 and found["m0"].tolist() == [2**17, 6 * 2**18]
    assert sum_multipliers(x, o, y, "float32")["rounding"] == "single"
    with pytest.raises(ValueError, match=r"multipliers: found 0\.5, 6, needed powers of two"):
        sum_multipliers(x, o, y, "shift")
    tiny = Grid(1e-12, 0, 0, 255)
    assert sum_multipliers(tiny, o, y, "single")["m0"].min() == 1
    with pytest.raises(ValueError, match=r"layer 'block1': multiplier: found .* needed less than 2\^20"):
        model, images = small(), pictures()
        lower(model, calibrate(model, images) | {"block1": Grid(1e-9, 0, 0, 255)}, "single")


def test_powers_of_two_need_no_multiplier():
    model, images = small(), pictures()
    program = lower(model, power_of_two_grids(model, calibrate(model, images)), "shift")
    sums = [operator for operator in program.operators if isinstance(operator, integer.Add)]
    assert all(int(m).bit_count() == 1 for operator in sums for m in operator.m0)
    x = np.zeros((1, 8, 8, 2), program.input.dtype)
    assert integer.run(program, x).shape == (3, 2)


@pytest.mark.parametrize("method", ["minmax", "mse", "bias", "adaround"])
def test_every_method_gives_a_program_whose_classes_are_nearly_the_float_networks(method):
    model, images = trained()
    found = quantize(model, images, weights=4, method=method)
    codes = integer.run(found.program, found.grids["input"].quantize(to_input(images)))
    agree = (codes.argmax(axis=0) == logits(model, images).argmax(axis=0)).mean()
    assert agree >= 0.9
    packed = archive.pack(found.program)
    assert archive.unpack(packed) == found.program


def test_rounding_with_the_output_in_view_loses_less_than_to_nearest():
    model, images = trained()
    model = fold_batch_norm(model)
    grids = calibrate(model, images, weights=3)
    exact = logits(model, images)

    def lost(changed):
        z = logits(FakeQuantized.create(changed, grids, "straight-through"), images)
        return float(((z - exact) ** 2).mean())

    corrected, rounded = (lost(method(model, grids, images)) for method in (correct_bias, adaround))
    assert rounded < corrected < lost(model)


def trained():
    """A small network of blocks that has learned which rows of an image are bright, and images."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    images = rng.integers(0, 120, (90, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 3] += 90
    layers = SMALL | {"pool": MaxPool2d(2), "flat": Flatten(), "out": Linear(20, 3)}
    del layers["average"]
    order = [*list(SMALL)[:-3], "pool", "flat", "out"]
    model = Sequential.create({name: layers[name] for name in order}, (1, 8, 8), rng)
    options = {"epochs": 12, "batch": 30, "progress": False, "threads": 1}
    return fit(model, images, labels, rng=rng, **options)[0], images


def test_training_goes_on_with_grids_in_place_and_is_saved(tmp_path):
    model, images = trained()
    labels = logits(model, images).argmax(axis=0)
    model = fold_batch_norm(model)
    fake = FakeQuantized.create(model, calibrate(model, images, weights=3, activations=4))
    options = {"epochs": 3, "batch": 30, "progress": False, "threads": 1}
    learned, history = fit(fake, images, labels, rng=np.random.default_rng(0), **options)
    assert history.loss[-1] < history.loss[0]
    assert all((array != fake.params[key]).any() for key, array in learned.params.items())
    save(learned, tmp_path / "a.net")
    found = load(tmp_path / "a.net")
    assert lower(found.model(), found.grids()) == lower(learned.model(), learned.grids())


@settings(max_examples=15)
@given(quantized(np.float32))
def test_the_twin_of_a_program_computes_what_its_codes_mean(case):
    """(QI1)"""
    model, images, grids, rounding = case
    fine = {name: grid for name, grid in grids.items() if not name.endswith(".w")}
    program = lower(model, grids | calibrate(model, images) | fine, rounding)
    twin = float_twin(program)
    weighted = [o.name for o in program.operators if isinstance(o, integer.Conv2d | integer.Linear)]
    assert sorted(weighted) == sorted(block.name for block in blocks_of(twin))
    assert [o.name for o in named(program).operators if o.name in weighted] == weighted
    for name in weighted:
        near = grids[f"{name}.w"].scale if f"{name}.w" in grids else 1
        assert np.abs(twin.params[f"{name}.w"] - model.params[f"{name}.w"]).max() <= np.max(near) * 1.01
    assert twin.every_layer.keys() >= {part.name for part in blocks_of(model).every_part()}


def test_names_lead_into_blocks_where_a_program_has_none():
    program = lower(small(), calibrate(small(), pictures()))
    nameless = integer.Program(
        tuple(type(o)(**vars(o) | {"name": ""}) for o in program.operators), program.shape, program.input
    )
    names = [operator.name for operator in named(nameless).operators]
    assert names[1:4] == ["add3.body.conv2d1", "add3.body.conv2d2", "add3"]
    assert float_twin(nameless).every_layer.keys() >= {name for name in names if "recall" not in name}
    z, again = (logits(float_twin(p), pictures()) for p in (program, nameless))
    np.testing.assert_array_equal(z, again)


@pytest.mark.parametrize("given", [True, False])
def test_the_accuracy_of_layers_inside_blocks_is_explained(given):
    model, images = trained()
    grids = calibrate(model, images, weights=3)
    program = lower(model, grids)
    found = explain(model if given else None, program, images)
    names = [o.name for o in program.operators if isinstance(o, integer.Conv2d | integer.Linear)]
    assert [layer.name for layer in found.layers] == names
    assert sum(layer.first_changes for layer in found.layers) == found.changed
    assert all(layer.signal_to_noise > 0 for layer in found.layers)


def test_a_batch_norm_at_the_start_of_a_branch_is_quantized_under_its_whole_name():
    layers = {"conv": Conv2d(1, 2, 1), "block": Residual({"norm": BatchNorm(2), "relu": ReLU()})}
    layers |= {"flat": Flatten(), "out": Linear(128, 2)}
    model = Sequential.create(layers, (1, 8, 8), np.random.default_rng(0))
    program = lower(model, calibrate(model, pictures()))
    assert [operator.name for operator in program.operators[:2]] == ["conv", "block.body.norm"]


@pytest.mark.parametrize("k", [-40, -12, -11, -1, 0, 1, 18])
@pytest.mark.parametrize("part", [1, 1.3, 1.99])
def test_the_shift_of_a_sum_that_is_rounded_once_leaves_the_larger_multiplier_21_bits(k, part):
    """(QD7): or is 31, the largest there is."""
    scales = part * 2.0**k, 0.3 * 2.0**k, 1.0
    found = sum_multipliers(*(Grid(scale, 0, 0, 255) for scale in scales), "single")
    n, m0 = found["n"], found["m0"].tolist()
    assert n == min(20 - k, 31) and (n == 31 or 2**20 <= max(m0) <= 2**21)
    for m, scale in zip(m0, scales, strict=False):
        assert m == max(1, round(scale * 2**n))


@pytest.mark.parametrize(
    ("rounding", "wanted"), [(None, "double"), ("single", "single"), ("float32", "float32")]
)
def test_a_product_is_rounded_as_all_others_are_where_that_is_said(rounding, wanted):
    layers = {"conv": Conv2d(1, 2, 1), "block": Product({"inner": Conv2d(2, 2, 1)}), "flat": Flatten()}
    model = randomized(layers | {"out": Linear(128, 2)}, (1, 8, 8), np.random.default_rng(0))
    grids = calibrate(model, pictures())
    if rounding == "float32":
        grids = power_of_two_grids(model, grids)  # whose multipliers a float32 has
    program = lower(model, grids, rounding)
    assert [o.rounding for o in program.operators if isinstance(o, integer.Product)] == [wanted]
