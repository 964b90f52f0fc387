from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip import integer
from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.layers import AvgPool2d, Conv2d, Dropout, Flatten, GlobalAvgPool, Linear, MaxPool2d, ReLU
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.models import seed_net, separable_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.agreement import code_bound
from tinyzip.quant.auto import grids_for
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.grid import Grid
from tinyzip.quant.lowbit import lowest_grid
from tinyzip.quant.lower import lower
from tinyzip.train.data import mnist, to_input
from tinyzip.train.fit import fit

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


def made(seed, layers=LAYERS, bits=4, activations=8, dtype=np.float32):
    rng = np.random.default_rng(seed)
    model = Sequential.create(layers, SHAPE, rng, dtype)
    params = {k: p + rng.normal(scale=0.2, size=p.shape).astype(dtype) for k, p in model.params.items()}
    model = model.with_params(params)
    images = rng.integers(0, 256, (40, *SHAPE)).astype(np.uint8)
    if bits > 1:
        return model, calibrate(model, images, bits, activations), images
    grids = calibrate(model, images, 8, activations)
    return model, grids | {k: lowest_grid(params[k], bits) for k in params if k.endswith(".w")}, images


def engine_and_simulation(fake, images, rounding):
    """Codes of every weighted operator, from the integer engine and from the simulation."""
    grids = fake.grids()
    program = lower(fake.model(), grids, rounding)
    trace = integer.run(program, grids["input"].quantize(to_input(images)), trace=True)
    simulated = fake.activations(to_input(images))
    for behind, operator in enumerate(program.operators):
        while behind + 1 < len(trace) and isinstance(
            program.operators[behind + 1], integer.MaxPool2d | integer.Flatten
        ):
            behind += 1
        name = f"{operator.name}.round"
        if name in simulated:
            grid = grids[fake.rounds[name]]
            found = trace[behind].astype(int)
            yield operator.name, found, grid.quantize(simulated[name]).reshape(found.shape).astype(int)


@given(
    st.integers(0, 10**6),
    st.sampled_from([LAYERS, AVERAGING]),
    st.sampled_from([(8, 8), (4, 8), (3, 5), (2, 8), (1, 8), (4, 4)]),
    st.sampled_from(["single", "double"]),
)
def test_codes_of_simulation_and_engine_part_by_no_more_than_the_bound(seed, layers, bits, rounding):
    model, grids, images = made(seed, layers, *bits)
    fake = FakeQuantized.create(model, grids)
    bound = code_bound(fake, rounding)
    seen = list(engine_and_simulation(fake, images, rounding))
    assert [name for name, *_ in seen] == list(bound)
    for name, engine, simulation in seen:
        assert np.abs(engine - simulation).max() <= bound[name]


@pytest.mark.parametrize("layers", [LAYERS, AVERAGING])
def test_simulation_and_engine_almost_always_agree_to_the_code(layers):
    model, grids, images = made(3, layers)
    fake = FakeQuantized.create(model, grids)
    for _, engine, simulation in engine_and_simulation(fake, images, "single"):
        assert np.mean(engine != simulation) < 0.01


@cache
def digits():
    """A seed net after one short training on real digits, and all test images."""
    train, test = mnist(Path(__file__).parents[2] / "examples" / "data" / "mnist")
    images, labels = train.images[:4000], train.labels[:4000]
    model, _ = fit(seed_net(), images, labels, rng=np.random.default_rng(0), epochs=1, progress=False)
    return model, images[:300], test.images


@pytest.mark.parametrize(("weights", "activations"), [(4, 4), (2, 8)])
def test_all_test_images_but_a_counted_few_get_the_same_class(weights, activations):
    model, seen, images = digits()
    fake = FakeQuantized.create(model, grids_for(model, seen, weights, activations))
    program, grid = lower(fake.model(), fake.grids(), "single"), fake.grids()["input"]
    other = 0
    with Workers(1):
        for start in range(0, len(images), 200):
            x = to_input(images[start : start + 200])
            z = integer.run(program, grid.quantize(x))
            other += int((z.argmax(axis=0) != fake.forward(x)[0].argmax(axis=0)).sum())
    assert len(images) == 10_000 and other <= 5


def test_the_bound_is_one_behind_the_first_block_and_grows_with_the_next():
    model, grids, _ = made(0)
    bound = code_bound(FakeQuantized.create(model, grids))
    assert bound["conv1"] == 1
    assert all(later >= 1 for later in bound.values())
    averaging = code_bound(FakeQuantized.create(*made(0, AVERAGING)[:2]))
    assert averaging["pool1"] == averaging["conv1"] + 1 == 2


def by_hand(raw, x, step, ends):
    """dx and the gradient of log step, (3) of `lsq` and (1) of `fake`, for one step and its values."""
    v = x / step
    inside = (ends[0] < v) & (v < ends[1])
    q = np.clip(np.rint(v), *ends)
    count = x.size * max(map(abs, ends))
    return raw * inside, step * (raw * np.where(inside, q - v, q)).sum() / np.sqrt(count)


@pytest.mark.parametrize("bits", [4, 2, 1])
def test_gradients_are_those_of_the_quantized_network_pulled_back_by_the_papers_formulas(bits):
    model, grids, images = made(1, bits=bits, dtype=np.float64)
    fake = FakeQuantized.create(model, grids)
    fake = fake.with_params({k: p - 0.3 if "w.log_step" in k else p for k, p in fake.params.items()})
    x, labels = to_input(images[:6]).astype(np.float64), np.arange(6) % 3
    z, caches = fake.forward(x)
    dz = cross_entropy(z, labels)[1]
    grads, (network, inner) = fake.backward(dz, caches), caches
    raw = network.backward(dz, inner)
    for name in ("conv1", "conv2", "fc1", "fc2"):
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
    for name, count in {"conv1": 4 * 4 * 4, "fc1": 6, "fc2": 3}.items():
        dlog = raw[f"{name}.round.step"] * fake.step(name) / np.sqrt(count * relative(grids[name]))
        assert abs(dlog) > 0
        assert grads[f"{name}.log_step"] == pytest.approx(dlog, rel=1e-9)


def relative(grid):
    """The largest code of a grid, counted from zero."""
    return max(grid.hi - int(grid.zero), int(grid.zero) - grid.lo)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("layers", [LAYERS, AVERAGING])
def test_on_fine_grids_it_is_the_float_network_forward_and_backward(seed, layers):
    model, grids, images = made(seed, layers, 8)
    x, labels = to_input(images[:6]), np.arange(6) % 3
    roomy = {
        k: Grid(g.scale if k == "input" else 1.2 * g.scale, g.zero, g.lo, g.hi) for k, g in grids.items()
    }
    fake = FakeQuantized.create(model, roomy)
    exact, caches = model.forward(x)
    z, fake_caches = fake.forward(x)
    assert np.abs(z - exact).max() < 0.05 * np.abs(exact).max() + 0.05
    dz = cross_entropy(exact, labels)[1]
    grads, fake_grads = model.backward(dz, caches), fake.backward(dz, fake_caches)
    ends = ["conv1.w", "fc1.w", "fc1.b"]
    one, other = (np.concatenate([g[k].reshape(-1) for k in ends]) for g in (grads, fake_grads))
    assert one @ other >= 0.95 * np.linalg.norm(one) * np.linalg.norm(other)


@pytest.mark.parametrize("rule", ["lsq", "pact", "straight-through"])
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
    steps = {k for k in learned if k.endswith("log_step")}
    assert (
        steps
        == {
            "lsq": {k for k in trained.params if k.endswith("log_step")},
            "pact": {"conv1.log_step", "conv2.log_step", "fc1.log_step", "fc2.log_step"} & steps,
            "straight-through": set(),
        }[rule]
    )
    assert all(np.all(grid.scale > 0) for grid in trained.grids().values())
    program = lower(trained.model(), trained.grids())
    z = integer.run(program, trained.grids()["input"].quantize(to_input(images)))
    assert np.array_equal(z.argmax(0), trained.forward(to_input(images))[0].argmax(0))


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
    separable = separable_net()
    with pytest.raises(ValueError, match="batch norm"):
        FakeQuantized.create(separable, {})
    fake = FakeQuantized.create(model, grids)
    with pytest.raises(ValueError, match="names"):
        fake.with_params(model.params)
    with pytest.raises(ValueError, match=r"fc2.b"):
        fake.with_params(fake.params | {"fc2.b": np.zeros(4, np.float32)})
