"""The simulation: what it computes, how far the engine may differ from it, and its gradients."""

import numpy as np
import pytest
from code_bound import code_bound
from error_bound import second_rounding
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from quant_networks import randomized

from tinyzip import integer
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.activations import Clip, SiLU, Tanh
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    ReLU,
)
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.models import separable_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.door.lower import lower
from tinyzip.quant.door.twin import grid_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid, by_channel
from tinyzip.quant.grids.lowbit import Signs, lowest_grid
from tinyzip.quant.grids.powers import power_of_two_grids
from tinyzip.quant.training import lsq, lsq_fast
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.fake_layer import FakeQuantize
from tinyzip.quant.training.lsq import RULES, gradient_scale
from tinyzip.train.data import to_input
from tinyzip.train.fit import fit
from tinyzip.train.run.checkpoint import describe

SHAPE = (2, 9, 9)
LAYERS = {
    "conv1": Conv2d(2, 4, 3, padding=1),
    "relu1": ReLU(),
    "pool1": MaxPool2d(2),
    "conv2": Conv2d(4, 4, 3, groups=2),
    "pool2": MaxPool2d(2, 1),
    "relu2": ReLU(),
    "flatten": Flatten(),
    "fc1": Linear(4, 6),
    "relu3": ReLU(),
    "fc2": Linear(6, 3),
}
AVERAGING = {
    "conv1": Conv2d(2, 4, 3, padding=1),
    "relu1": ReLU(),
    "pool1": AvgPool2d(2),
    "conv2": Conv2d(4, 6, 3, bias=False),
    "pool2": GlobalAvgPool(),
    "flatten": Flatten(),
    "fc1": Linear(6, 3),
}

TABLES = {
    "conv1": Conv2d(2, 4, 3, padding=1),
    "pool1": MaxPool2d(2),
    "act1": SiLU(),
    "conv2": Conv2d(4, 6, 3, bias=False),
    "six": Clip(-1, 6),
    "pool2": GlobalAvgPool(),
    "act2": Tanh(),
    "flatten": Flatten(),
    "fc1": Linear(6, 3),
}
NORMS = {
    "norm1": BatchNorm(2),
    "conv1": Conv2d(2, 4, 3, padding=1),
    "relu1": ReLU(),
    "norm2": BatchNorm(4),
    "pool1": MaxPool2d(4),
    "flatten": Flatten(),
    "norm3": BatchNorm(16),
    "relu2": ReLU(),
    "norm4": BatchNorm(16),
    "fc1": Linear(16, 3),
}


def made(seed, layers=LAYERS, bits=4, activations=8, dtype=np.float32):
    """(model, grids, images)"""
    rng = np.random.default_rng(seed)
    model = fold_batch_norm(randomized(layers, SHAPE, rng, dtype))
    images = rng.integers(0, 256, (40, *SHAPE)).astype(np.uint8)
    grids = calibrate(model, images, max(bits, 2), activations)
    if bits == 1:
        grids |= {k: lowest_grid(p, 1) for k, p in model.params.items() if k.endswith(".w")}
    return model, grids, images


def read(model, images):
    return to_input(images).astype(model.dtype)


def engine_and_simulation(fake, images, rounding):
    """Of each weighted operator, average and table: its index, that of the last max pool after it, the
    operator, and the codes there, of the engine and of the simulation.
    """
    grids = fake.grids()
    program = lower(fake.model(), grids, rounding)
    trace = integer.run(program, grids["input"].quantize(to_input(images)), trace=True)
    simulated = fake.activations(read(fake.source, images))
    for i, operator in enumerate(program.operators):
        name, after = f"{operator.name}.round", i
        if name in simulated:
            if not isinstance(operator, integer.AvgPool2d | integer.GlobalAvgPool):
                while isinstance(program.operators[(after + 1) % len(trace)], integer.MaxPool2d):
                    after += 1
            found = trace[after].astype(int)
            codes = grids[fake.rounds[name]].quantize(simulated[name]).reshape(found.shape).astype(int)
            yield i, after, operator, found, codes


KINDS = st.sampled_from([(8, 8), (4, 8), (3, 5), (2, 8), (1, 8), (4, 4)])
ROUNDINGS = st.sampled_from(["single", "double", None])
NETWORKS = st.sampled_from([LAYERS, AVERAGING, TABLES, NORMS])


@given(st.integers(0, 10**6), NETWORKS, KINDS, ROUNDINGS)
def test_codes_of_simulation_and_engine_differ_by_no_more_than_the_bound(seed, layers, bits, rounding):
    model, grids, images = made(seed, layers, *bits)
    fake = FakeQuantized.create(model, grids)
    bound = code_bound(fake, rounding)
    seen = list(engine_and_simulation(fake, images, rounding))
    assert [operator.name for _, _, operator, *_ in seen] == list(bound)
    for *_, operator, engine, simulation in seen:
        assert np.abs(engine - simulation).max() <= bound[operator.name]


@settings(max_examples=80)
@given(st.integers(0, 10**6), NETWORKS, KINDS, ROUNDINGS, st.sampled_from([np.float32, np.float64]))
def test_where_equal_codes_come_in_they_differ_only_where_the_sum_is_near_a_half(
    seed, layers, bits, rounding, dtype
):
    """Within η + 2ε, the slack of (QA1) for D = 0, by one code; and after averages not at all. After tables
    by (QA2) for D = 0, by one code where float32 misses a half.

    v is the exact sum times m0·2⁻ⁿ. In float64 2ε is a ten-millionth of a code at most.
    """
    model, grids, images = made(seed, layers, *bits, dtype)
    fake = FakeQuantized.create(model, grids)
    program = lower(fake.model(), fake.grids(), rounding)
    x = fake.grids()["input"].quantize(to_input(images))
    trace = [x, *integer.run(program, x, trace=True)]
    alike = np.ones(len(images), bool)  # examples of which all codes so far are equal
    for i, after, operator, engine, simulation in engine_and_simulation(fake, images, rounding):
        if not alike.any():
            break
        other = np.abs(engine - simulation)[..., alike]
        if isinstance(operator, integer.Conv2d | integer.Linear):
            reads = program.codes[i]
            centred = trace[i][..., alike].astype(np.float64) - reads.zero
            layer, K = fake.source.layers[operator.name], operator.w[0].size
            p = {"w": operator.w.astype(np.float64)}
            p |= {"b": operator.bias.astype(np.float64)} if layer.bias else {}
            v = layer.forward(p, centred)[0]
            v *= by_channel(operator.m0 * 2.0**-operator.n, v)
            for pool in program.operators[i + 1 : after + 1]:
                v = MaxPool2d(pool.kernel, pool.steps, pool.padding).forward({}, v)[0]
            bounds = integer.bounds.channel_bounds(operator, reads) * operator.m0 * 2.0**-operator.n
            epsilon = (K + 8) * (2.0**-24 if dtype is np.float32 else 2.0**-53) * bounds
            slack = by_channel(second_rounding(operator) + 2 * epsilon + bounds * 2.0**-30, v)
            assert other.max(initial=0) <= 1
            assert (np.abs(v - np.floor(v) - 0.5) <= slack)[other > 0].all()
        elif isinstance(operator, integer.Table):
            reads = grid_of(program.codes[i])
            real = reads.scale * (trace[i][..., alike].astype(np.float64) - reads.zero)
            v = fake.source.layers[operator.name].of(real) / fake.grids()[operator.name].scale
            assert other.max(initial=0) <= 1
            near = 1e-3 if dtype is np.float32 else 1e-9
            assert (np.abs(v - np.floor(v) - 0.5) <= near)[other > 0].all()
        else:
            assert not other.any()
        alike[alike] = ~other.reshape(-1, alike.sum()).any(axis=0)


def wide():
    """A layer of so many inputs on both sides of zero that 2ε is several codes."""
    rng = np.random.default_rng(0)
    layers = {"flatten": Flatten(), "wide": Linear(20_000, 3), "out": Linear(3, 2)}
    model = randomized(layers, (1, 100, 200), rng)
    images = rng.uniform(-1, 1, (4, 100, 200)).astype(np.float32)
    return model, calibrate(model, images), images


def signed():
    """Codes from −128 up."""
    model, grids, images = made(0, AVERAGING)
    lower_half = {k: Grid(g.scale, g.zero - 128, -128, 127) for k, g in grids.items() if k in AVERAGING}
    return model, grids | lower_half, images


MADE = [lambda: made(0), lambda: made(0, AVERAGING), lambda: made(0, TABLES), wide, signed]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("rounding", ["single", "double", None])
def test_the_bound_is_the_printed_one(make, rounding):
    """(QA1) and (QA2) in plain loops."""
    model, grids, _ = make()
    fake = FakeQuantized.create(model, grids)
    grids, D, source, wanted = fake.grids(), 0, "input", {}
    operators = {operator.name: operator for operator in lower(fake.model(), grids, rounding).operators}
    for name, layer in model.layers.items():
        if isinstance(layer, AvgPool2d | GlobalAvgPool):
            wanted[name] = D = D + 1
        elif isinstance(layer, SiLU | Tanh):
            x, most = grids[source], grids[name].hi - grids[name].lo
            codes = range(x.lo, x.hi + 1)
            t = {c: int(operators[name].table[c % 256]) for c in codes}
            wanted[name] = D = min(
                1 + max(abs(t[i] - t[j]) for i in codes for j in codes if abs(i - j) <= D), most
            )
            source = name
        elif isinstance(layer, Conv2d | Linear):
            operator, x, most = operators[name], grids[source], 0.0
            eta = second_rounding(operator)
            for f, row in enumerate(operator.w.reshape(len(operator.w), -1).astype(int).tolist()):
                M = x.scale * grids[f"{name}.w"].scale[f] / grids[name].scale
                total = sum(map(abs, row))
                largest = total * max(x.hi - x.zero, x.zero - x.lo) + abs(int(operator.bias[f]))
                epsilon = (len(row) + 8) * 2.0**-24 * M * largest
                most = max(most, eta[f] + 2 * epsilon + M * total * D)
            wanted[name] = D = min(int(1 + most), grids[name].hi - grids[name].lo)
            source = name
    assert code_bound(fake, rounding) == wanted
    assert wanted.get("conv1", 1) == 1 and wanted.get("wide", 2) > 1


def by_hand(raw, x, step, ends):
    """dx and the gradient of log step, (3) of `lsq` and (1) of `fake`, for one step and its values."""
    v = x / step
    inside = (ends[0] < v) & (v < ends[1])
    q = np.clip(np.rint(v), *ends)
    count = x.size * max(map(abs, ends))
    return raw * inside, step * (raw * np.where(inside, q - v, q)).sum() / np.sqrt(count)


@pytest.mark.parametrize("bits", [4, 2, 1])
@pytest.mark.parametrize("layers", [LAYERS, AVERAGING, TABLES])
def test_gradients_are_those_of_the_quantized_network_pulled_back_by_the_papers_formulas(layers, bits):
    """(QT1)"""
    model, grids, images = made(1, layers, bits, dtype=np.float64)
    fake = FakeQuantized.create(model, grids)
    fake = fake.with_params({k: p - 0.3 if "w.log_step" in k else p for k, p in fake.params.items()})
    x, labels = read(model, images[:6]), np.arange(6) % 3
    z, caches = fake.forward(x)
    dz = cross_entropy(z, labels)[1]
    grads, (network, inner) = fake.backward(dz, caches), caches
    raw = network.backward(dz, inner)
    assert grads.keys() == fake.params.keys()
    for name in (name for name, layer in layers.items() if isinstance(layer, Conv2d | Linear)):
        if f"{name}.b" in model.params:
            np.testing.assert_array_equal(grads[f"{name}.b"], raw[f"{name}.b"])
        hi = grids[f"{name}.w"].hi
        for f, w in enumerate(model.params[f"{name}.w"]):
            step, d = fake.step(f"{name}.w")[f], raw[f"{name}.w"][f]
            if bits > 1:
                dw, dlog = by_hand(d, w, step, (-hi, hi))
            else:
                dw = d * (np.abs(w) <= 2 * step)
                dlog = (d * np.where(w < 0, -step, step)).sum() / np.sqrt(w.size)
            np.testing.assert_array_equal(grads[f"{name}.w"][f], dw)
            assert grads[f"{name}.w.log_step"][f] == pytest.approx(dlog, rel=1e-9, abs=1e-15)
    shapes, steps = network.output_shapes(), dict.fromkeys(fake.rounds.values(), 0.0)
    for name, grid in fake.rounds.items():  # a block's rounding and those of its averages share a step
        furthest = max(grids[grid].hi - int(grids[grid].zero), int(grids[grid].zero) - grids[grid].lo)
        g = 1 / np.sqrt(np.prod(shapes[name]) * furthest)
        steps[grid] += raw[f"{name}.step"] * fake.step(grid) * g
    for grid, dlog in steps.items():
        assert abs(dlog) > 0
        assert grads[f"{grid}.log_step"] == pytest.approx(dlog, rel=1e-9)


@settings(max_examples=100)
@given(st.integers(0, 10**6))
def test_a_network_whose_numbers_all_lie_on_its_grids_is_simulated_without_a_difference(seed):
    """Whole numbers, and grids of step 1 that hold them: the outputs and all eight gradients, exactly."""
    rng = np.random.default_rng(seed)
    model = Sequential.create(LAYERS, SHAPE, rng, np.float64)
    sparse = {
        k: rng.integers(-2, 3, p.shape) * (rng.random(p.shape) < 0.2) * 1.0 for k, p in model.params.items()
    }
    model, x = model.with_params(sparse), rng.integers(0, 4, (*SHAPE, 5)) * 1.0
    grids = {name: Grid(1.0, 0, 0, 255) for name in ("input", "conv1", "conv2", "fc1")}
    grids |= {name: Grid(1.0, 0, -7, 7) for name in sparse if name.endswith(".w")}
    grids |= {"fc2": Grid(1.0, 128, 0, 255)}
    exact = model.activations(x)
    assume(all(np.abs(y).max() < 127 for y in exact.values()))
    fake = FakeQuantized.create(model, grids)
    (z, caches), (z_fake, fake_caches) = model.forward(x), fake.forward(x)
    np.testing.assert_array_equal(z_fake, z)
    dz = rng.integers(-9, 10, z.shape) * 1.0
    grads, found = model.backward(dz, caches), fake.backward(dz, fake_caches)
    assert len(grads) == 8
    for name, gradient in grads.items():
        np.testing.assert_array_equal(found[name], gradient, err_msg=name)


@pytest.mark.parametrize("rule", ["lsq", "straight-through"])
def test_it_trains_as_any_model_and_says_what_it_learned(rule):
    model, grids, images = made(5, bits=3)
    labels = images.reshape(40, -1).mean(axis=1)
    labels = (labels > np.median(labels)).astype(np.int64)
    fake = FakeQuantized.create(model, grids, rule)
    before = {k: p.copy() for k, p in fake.params.items()}
    trained, history = fit(
        fake, images, labels, rng=np.random.default_rng(0), epochs=8, batch=8, progress=False
    )
    assert history.loss[-1] < history.loss[0]
    assert all(np.array_equal(p, before[k]) for k, p in fake.params.items())
    learned = {k for k, p in trained.params.items() if not np.array_equal(p, before[k])}
    assert {k for k in learned if k.endswith("log_step")} == {k for k in before if k.endswith("log_step")}
    assert any(k.endswith("log_step") for k in before) == (rule == "lsq")
    assert learned >= set(model.params)
    assert all(np.all(grid.scale > 0) for grid in trained.grids().values())


def test_the_step_stays_positive_whatever_the_optimizer_does():
    model, grids, _ = made(2)
    fake = FakeQuantized.create(model, grids)
    for move in (-60.0, 30.0):
        params = {k: p + np.float32(move) if "log_step" in k else p for k, p in fake.params.items()}
        assert all(np.all(grid.scale > 0) for grid in fake.with_params(params).grids().values())


def test_grids_and_weights_come_back_as_they_went_in():
    model, grids, _ = made(4)
    fake = FakeQuantized.create(model, grids)
    assert all(np.array_equal(fake.model().params[k], p) for k, p in model.params.items())
    for name, grid in fake.grids().items():
        np.testing.assert_allclose(grid.scale, grids[name].scale, rtol=1e-5)
    assert fake.grids()["input"].scale == pytest.approx(1 / 255)


def test_a_workspace_and_fresh_memory_give_the_same_bits():
    model, grids, images = made(7)
    fake, x, labels = FakeQuantized.create(model, grids), to_input(images), np.arange(40) % 3
    workspace = Workspace()
    results = []
    for _ in range(2):
        workspace.reset()
        z, caches = fake.forward(x, workspace=workspace)
        dz = cross_entropy(z, labels)[1]
        results.append({k: g.copy() for k, g in fake.backward(dz, caches, workspace=workspace).items()})
    z, caches = fake.forward(x)
    results.append(fake.backward(cross_entropy(z, labels)[1], caches))
    assert results[0].keys() == set(fake.trainable())
    for name in results[0]:
        assert np.array_equal(results[0][name], results[1][name])
        assert np.array_equal(results[0][name], results[2][name])


def test_dropout_stays_in_training_and_is_gone_in_the_engine():
    layers = dict(list(LAYERS.items())[:-1]) | {"drop": Dropout(0.5), "fc2": LAYERS["fc2"]}
    model, grids, images = made(8, layers)
    fake, x = FakeQuantized.create(model, grids), to_input(images)
    drawn = fake.forward(x, train=True, rng=np.random.default_rng(0))[0]
    assert not np.allclose(drawn, fake.forward(x)[0])
    assert list(code_bound(fake)) == ["conv1", "conv2", "fc1", "fc2"]


def test_what_cannot_be_simulated_is_refused_by_name():
    model, grids, _ = made(0)
    with pytest.raises(ValueError, match="rule"):
        FakeQuantized.create(model, grids, "lqs")
    with pytest.raises(ValueError, match=r"grids\['conv2.w'\]"):
        FakeQuantized.create(model, {k: g for k, g in grids.items() if k != "conv2.w"})
    with pytest.raises(ValueError, match=r"grids\['conv1.w'\]"):
        FakeQuantized.create(model, grids | {"conv1.w": grids["fc1.w"]})
    with pytest.raises(ValueError, match=r"grids\['fc1'\]"):
        FakeQuantized.create(model, grids | {"fc1": grids["fc1.w"]})
    with pytest.raises(ValueError, match="zeros that differ"):
        FakeQuantized.create(model, grids | {"fc2.w": Grid([1.0, 1, 1], [0, 1, 0], -7, 7)})
    with pytest.raises(TypeError, match=r"^FakeQuantized: model: found a dict"):
        FakeQuantized.create({}, grids)
    separable = separable_net()
    with pytest.raises(ValueError, match="batch norm"):
        FakeQuantized.create(separable, {})
    fake = FakeQuantized.create(model, grids)
    with pytest.raises(ValueError, match="names"):
        fake.with_params(model.params)
    with pytest.raises(ValueError, match=r"fc2.b"):
        fake.with_params(fake.params | {"fc2.b": np.zeros(4, np.float32)})


class OfTwo(FakeQuantized):
    """Whose steps are powers of two, which the exponential of a logarithm may miss by its last bit."""

    def step(self, name):
        return np.asarray(np.exp2(np.rint(np.log2(super().step(name)))))


@given(st.integers(0, 10**6), NETWORKS, KINDS, st.sampled_from(RULES))
def test_as_it_is_printed_it_gives_the_same_bits_where_sums_are_exact(seed, layers, bits, rule):
    """With steps that are powers of two float64 adds up whole multiples of these, exactly in any order. So
    both round the same numbers; and gradients are sums of real ones, which the order changes a little."""
    model, grids, images = made(seed, layers, *bits, np.float64)
    fake = OfTwo.create(model, power_of_two_grids(model, grids), rule)
    printed, x = fake.printed(), read(model, images)
    assert type(printed.network) is type(printed.source) is Inspected
    (z, caches), (plain, slow_caches) = (network.forward(x, train=True) for network in (fake, printed))
    np.testing.assert_array_equal(z, plain)
    outputs = printed.activations(x)
    for name, array in fake.activations(x).items():
        np.testing.assert_array_equal(array, outputs[name], err_msg=name)
    dz = np.random.default_rng(seed).normal(size=z.shape)
    grads, slow_grads = fake.backward(dz, caches), printed.backward(dz, slow_caches)
    assert grads.keys() == slow_grads.keys() == fake.params.keys()
    for name, array in grads.items():
        np.testing.assert_allclose(array, slow_grads[name], rtol=1e-9, atol=1e-9, err_msg=name)
    assert printed.structure() == fake.structure()


@pytest.mark.parametrize("workspace", [None, Workspace()])
def test_halves_of_averages_are_rounded_up_and_those_of_sums_to_the_even_code(workspace):
    """And what float32 misses a half by, up to 2⁻¹⁰ of a step; windows of 511 have nothing so near to one."""
    x = np.float32([-1.5, -0.5, 0.5, 1.5, 2.5, 9, 0.5 - 0.75 * 2**-10, 0.5 - 1 / 1022]) / 4
    for average, codes in ((True, [-1, 0, 1, 2, 3, 4, 1, 0]), (False, [-2, 0, 0, 2, 2, 4, 0, 0])):
        layer = FakeQuantize(-4, 4, "lsq", average)
        y, _ = layer.forward({"step": np.float32(0.25)}, x, workspace=workspace)
        np.testing.assert_array_equal(y * 4, codes)


@pytest.mark.parametrize("printed", [False, True])
def test_as_it_is_printed_it_rounds_by_the_printed_functions_alone_and_else_by_the_fast_ones(
    printed, monkeypatch
):
    """So that each of the two gives the same bits again, in every place where it chooses."""
    model, grids, images = made(0)
    fake = FakeQuantized.create(model, grids)
    fake = fake.printed() if printed else fake
    for function in ("fake_quantize", "fake_quantize_backward"):
        monkeypatch.setattr(lsq_fast if printed else lsq, function, None)
    z, caches = fake.forward(read(model, images), train=True)
    assert fake.backward(z, caches).keys() == fake.params.keys()


def test_a_checkpoint_names_the_layers_that_round_as_always():
    """A run is resumed from a file that describes the same model in the same words."""
    fake = FakeQuantized.create(*made(0)[:2])
    words = describe(fake.network.layers["conv1.round"])
    assert words == "FakeQuantize(lo=0, hi=255, rule='lsq', average=False)"


@pytest.mark.parametrize("step", [0.5, [0.5, 0.25, 1.0]])
def test_signs_learn_up_to_two_steps_from_zero_and_their_step_from_all_that_share_it(step):
    """The derivative of ±s by log s is ±s, and the gradient of LSQ's scale."""
    model, grids, images = made(0)
    w = model.params["fc2.w"].copy()
    w[:, 0], w[:, 1] = 2 * np.asarray(step, np.float32), -2.001 * np.asarray(step, np.float32)
    model = model.with_params(model.params | {"fc2.w": w})
    fake = FakeQuantized.create(model, grids | {"fc2.w": Signs(step)})
    z, caches = fake.forward(read(model, images))
    dz = np.random.default_rng(1).normal(size=z.shape).astype(z.dtype)
    grads, (network, inner) = fake.backward(dz, caches), caches
    dy, y = network.backward(dz, inner)["fc2.w"], network.params["fc2.w"]
    np.testing.assert_array_equal(grads["fc2.w"][:, 0], dy[:, 0])
    assert not grads["fc2.w"][:, 1].any() and dy[:, 1].any()
    wanted = (dy * y).astype(np.float64)
    rows = wanted.sum(axis=1) if np.ndim(step) else wanted.sum()
    scale = gradient_scale(w.size // np.size(step), 1)
    np.testing.assert_allclose(grads["fc2.w.log_step"], rows * scale, rtol=1e-4, atol=1e-6)


def test_grids_that_are_no_dict_by_name_are_refused():
    model = separable_net()
    with pytest.raises(TypeError, match=r"^FakeQuantized: grids: found a list, needed grids by name"):
        FakeQuantized.create(model, [])


def test_a_simulation_remembers_the_range_of_the_network_or_else_that_of_its_grid():
    model = fold_batch_norm(separable_net())
    grids = calibrate(model, np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8))
    low, high = float(grids["input"].low), float(grids["input"].high)
    assert FakeQuantized.create(model, grids).input_range == (low, high)
    assert FakeQuantized.create(model.with_input_range((0.0, 0.5)), grids).input_range == (0.0, 0.5)
