"""The study of trellises with training: with one state it is the usual training, and prices pull by (QN3)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trellis_trained
from hypothesis import given
from hypothesis import strategies as st
from trellis import TRELLISES, grids_of, multiples

from tinyzip.nn.models import student_net
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.rate import rate

SEEDS = st.integers(0, 2**32 - 1)
M = trellis_trained.M


@pytest.fixture(scope="module")
def fake() -> FakeQuantized:
    """A network that has not been trained, on grids of seven codes for its weights."""
    rng = np.random.default_rng(0)
    net, images = student_net(rng), rng.integers(0, 256, (40, 28, 28), np.uint8)
    return FakeQuantized.create(net, calibrate(net, images, 3, 6, per_channel=False))


def images(N: int) -> Any:
    return np.random.default_rng(1).uniform(0, 1, (1, 28, 28, N)).astype(np.float32)


def test_one_state_rounds_to_one_grid_and_has_its_gradients(fake: FakeQuantized) -> None:
    """Those of `FakeQuantized`, of the weights and of each step's logarithm."""
    wide = {name: value * (2 if name.endswith(".w") else 1) for name, value in fake.params.items()}
    fake = fake.with_params(wide)  # so that some are beyond the last code
    led = trellis_trained.begun(fake, 1, 0.0).with_params(
        {k: v - np.log(2).astype(v.dtype) * k.endswith("w.log_step") for k, v in fake.params.items()}
    )
    for name, y in led.arrays().items():
        np.testing.assert_allclose(y, fake.arrays()[name], rtol=1e-5, atol=1e-7)
    z, caches = led.forward(images(5), train=True)
    expected, others = fake.forward(images(5), train=True)
    np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-4)
    dz = np.random.default_rng(2).normal(0, 1, z.shape).astype(z.dtype)
    grads, wanted = led.backward(dz, caches), fake.backward(dz, others)
    assert grads.keys() == wanted.keys() and not led.statistics(caches)
    for name, dw in wanted.items():
        np.testing.assert_allclose(grads[name], dw, rtol=2e-3, atol=1e-4 * np.abs(dw).max(), err_msg=name)


@pytest.mark.parametrize("states", [1, 8])
def test_each_layer_is_on_a_path_from_the_first_state_on(fake: FakeQuantized, states: int) -> None:
    led = trellis_trained.begun(fake, states, 0.0)
    y, paths = led.led()
    assert list(y) == [name for name in fake.params if name.endswith(".w")]
    for name, (codes, grids) in paths.items():
        np.testing.assert_array_equal(grids, grids_of(codes, TRELLISES[states]))
        w, step = fake.params[name].ravel(), led.network.step(name)
        assert np.abs(codes).max() <= M
        np.testing.assert_allclose(y[name].ravel(), step * multiples(codes, grids), rtol=1e-6)
        near = np.abs(w) < (2 * M - 1) * step
        assert np.abs(y[name].ravel() - w)[near].max() <= 2 * step * (1 + 1e-5)


def test_between_two_passes_a_weight_keeps_its_error_in_steps(fake: FakeQuantized) -> None:
    led = trellis_trained.begun(fake, 8, 0.0)
    kept = led.keeping()
    for name, y in led.arrays().items():
        np.testing.assert_allclose(kept.arrays()[name], y, rtol=1e-5, atol=1e-7)
    moved = kept.with_params({name: value + np.float32(0.01) for name, value in kept.params.items()})
    for name, y in kept.arrays().items():
        error = (y - kept.params[name]) * np.exp(np.float32(0.01))  # the logarithm of the step has moved, too
        np.testing.assert_allclose(moved.arrays()[name], moved.params[name] + error, rtol=1e-4, atol=1e-6)
    for name, y in moved.keeping().arrays().items():
        np.testing.assert_allclose(y, replace(moved, kept=None).arrays()[name], rtol=1e-5, atol=1e-7)


def test_on_one_grid_a_weight_moves_alone_and_on_a_path_others_with_it(
    fake: FakeQuantized, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trellis_trained, "MOVES", 5)
    one, other = (trellis_trained.moved(trellis_trained.begun(fake, states, 0.0)) for states in (1, 8))
    assert one <= 1 < other


def charged(u: Any, grids: Any, prices: Any) -> float:
    """Σ n_c·price_c for weights between two points of their grids, one at a time."""
    total = 0.0
    for value, grid in zip(u, grids, strict=True):
        points = [2 * k - (np.sign(k) if grid else 0) for k in range(-M, M + 1)]
        value = min(max(value, points[0]), points[-1])
        k = min(max(np.searchsorted(points, value, "right") - 1, 0), 2 * M - 1)
        a = (value - points[k]) / (points[k + 1] - points[k])
        total += (1 - a) * prices[grid][k] + a * prices[grid][k + 1]
    return float(total)


@given(SEEDS, st.integers(1, 40))
def test_a_price_pulls_each_weight_by_the_tables_of_its_own_grid(seed: int, N: int) -> None:
    """(QN3) in two grids: the derivative of the charge, the tables as they are."""
    rng = np.random.default_rng(seed)
    u, grids = rng.normal(0, 3, N), rng.integers(0, 2, N)
    slope = trellis_trained.slope_of_rate(u, grids)
    counts = np.zeros((2, 2 * M + 1))
    for c in range(2 * M + 1):
        unit = np.eye(2 * M + 1)[c]
        for grid in (0, 1):
            own = grids == grid
            counts[grid, c] = charged(u[own], grids[own], [unit, unit])
    prices = -np.log2(np.maximum(counts / np.maximum(counts.sum(1, keepdims=True), 1), 1e-6))
    for i in range(N):
        edge = np.abs(u[i] - np.rint(u[i])) < 1e-4
        if not edge:
            up, down = (charged([u[i] + d], grids[i : i + 1], prices) for d in (1e-6, -1e-6))
            assert slope[i] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-4)


@given(SEEDS)
def test_on_one_grid_the_pull_is_that_of_the_rate(seed: int) -> None:
    u = np.random.default_rng(seed).normal(0, 3, (4, 5))
    slope = trellis_trained.slope_of_rate(u, np.zeros(u.shape, int))
    np.testing.assert_allclose(slope, rate(u, np.array(2.0), -M, M)[1], rtol=1e-9)


@pytest.mark.long
def test_each_way_and_price_gives_a_row(quick: Any) -> None:
    rows, _ = quick(trellis_trained.main)
    prices = trellis_trained.PRICES["digits1d"][::3]
    expected = [(*way, price) for way in trellis_trained.WAYS for price in prices]
    assert [(row["states"], row["anew"], row["price"]) for row in rows] == expected
    for cheap, dear in zip(rows[::2], rows[1::2], strict=True):
        assert dear["bits"] < cheap["bits"] and 0 <= dear["errors"] <= 100
