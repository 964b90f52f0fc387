"""The study of trellises: what a path is worth, by all paths; what a reader gets; and what a coder takes."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import trellis
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyzip.archive import weights
from tinyzip.archive.coder import Writer
from tinyzip.nn.models import student_net
from tinyzip.quant.classify import outputs
from tinyzip.quant.rounding import patches
from tinyzip.train.evaluate import logits

TRELLISES = pytest.mark.parametrize("states", [1, 4, 8])
SEEDS = st.integers(0, 2**32 - 1)


def decoded(table: Any, codes: Any, delta: float) -> list[float]:
    """Weights by the definition, a code at a time."""
    state, w = 0, []
    for k in codes:
        odd = state in (1, 3, 5, 7)
        w.append(delta * ((2 * k - (k > 0) + (k < 0)) if odd else 2 * k))
        state = table[state][1 if k % 2 else 0]
    return w


def least(states: int, w: Any, importance: Any, delta: float, prices: Any) -> Any:
    """The best path's codes, grids and cost, as the study finds them for one row."""
    costs, codes = trellis.cheapest(w, importance, delta, prices)
    (taken,), (cost,) = trellis.best_path(costs[None], trellis.TRELLISES[states])
    return codes[taken, np.arange(w.size)], taken // 2, cost


def row(seed: int, N: int, spread: float = 2.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, spread, N), rng.uniform(0, 2, N)


@TRELLISES
@settings(max_examples=15)
@given(SEEDS, st.integers(1, 5), st.sampled_from([0.0, 0.3, 3.0]))
def test_no_path_is_cheaper(states: int, seed: int, N: int, price: float) -> None:
    w, importance = row(seed, N)
    prices = price * np.random.default_rng(seed).exponential(1, (2, 5))
    table = trellis.TRELLISES[states]

    def cost(codes: Any) -> float:
        grids = trellis.grids_of(np.array(codes), table)
        error = np.array(decoded(table, codes, 0.7)) - w
        return float(importance @ error**2 + sum(prices[g, k + 2] for g, k in zip(grids, codes, strict=True)))

    codes, _, found = least(states, w, importance, 0.7, prices)
    assert np.isclose(found, cost(codes.tolist()))
    assert np.isclose(found, min(map(cost, product(range(-2, 3), repeat=N))))


@TRELLISES
@given(SEEDS, st.integers(1, 40))
def test_a_reader_gets_the_weights_that_the_writer_meant(states: int, seed: int, N: int) -> None:
    w, importance = row(seed, N)
    codes, grids, _ = least(states, w, importance, 0.5, np.zeros((2, 41)))
    np.testing.assert_array_equal(trellis.grids_of(codes, trellis.TRELLISES[states]), grids)
    found = 0.5 * trellis.multiples(codes, grids)
    np.testing.assert_array_equal(found, decoded(trellis.TRELLISES[states], codes.tolist(), 0.5))
    if states == 1:
        np.testing.assert_array_equal(found, np.rint(w))


@pytest.mark.parametrize("states", [4, 8])
@given(SEEDS, st.integers(1, 60))
def test_without_a_price_the_loss_lies_between_those_of_one_grid_of_step_1_and_of_step_4(
    states: int, seed: int, N: int
) -> None:
    """Even codes lead from the first state to itself: a path has all multiples of 4. And no error has to be
    more than 1, the most that is ever missing to a number of either grid. (Not so step 2: of three weights 2
    one is missed.)"""
    w, importance = row(seed, N, 6.0)
    _, _, cost = least(states, w, importance, 1.0, np.zeros((2, 101)))
    fine, coarse = (float(importance @ (step * np.rint(w / step) - w) ** 2) for step in (1, 4))
    assert fine - 1e-9 <= cost <= min(coarse, importance.sum()) + 1e-9
    assert least(states, np.full(3, 2.0), np.ones(3), 1.0, np.zeros((2, 9)))[2] == 1


@pytest.mark.parametrize(("states", "decibels"), [(1, 0.0), (4, 0.99), (8, 1.09)])
def test_far_from_zero_a_trellis_gains_what_is_published(states: int, decibels: float) -> None:
    """Over one grid of step 2 [Marcellin and Fischer 1990, for a uniform source]."""
    w = np.random.default_rng(0).uniform(20, 100, (20, 1500))
    costs = [trellis.cheapest(one, np.ones(one.size), 1.0, np.zeros((2, 127)))[0] for one in w]
    _, found = trellis.best_path(np.array(costs), trellis.TRELLISES[states])
    assert 10 * np.log10(4 / 12 / (found.sum() / w.size)) == pytest.approx(decibels, abs=0.03)


@TRELLISES
@given(SEEDS, st.integers(1, 40))
def test_a_higher_price_never_buys_more_bits_or_less_loss(states: int, seed: int, N: int) -> None:
    w, importance = row(seed, N)
    table = np.random.default_rng(seed).exponential(1, (2, 21))
    bits, losses = [], []
    for price in (0.0, 0.1, 0.5, 2.0):
        codes, grids, _ = least(states, w, importance, 0.6, price * table)
        bits.append(table[grids, codes + 10].sum())
        losses.append(importance @ (0.6 * trellis.multiples(codes, grids) - w) ** 2)
    assert (np.diff(losses) > -1e-9).all()
    assert (np.diff(bits[1:]) < 1e-9).all()  # at no price bits do not matter


def tensors(rng: Any) -> list[tuple[Any, Any]]:
    """A convolution's codes and a linear layer's."""
    views = (6, 4, 3, 3), (10, 30, 1, 1)
    return [(np.rint(rng.laplace(0, 1.5, np.prod(view))).astype(np.int64), view) for view in views]


def test_a_coder_that_has_one_grid_to_know_of_takes_what_the_archive_takes_for_decisions() -> None:
    found = tensors(np.random.default_rng(0))
    writer = Writer("decisions")
    for codes, view in found:
        plans = [plan for plan in weights.plans(writer, codes, view) if plan.asked is not None]
        plan = min(plans, key=lambda plan: plan.cost)
        weights.carry_out(writer, plan)
    ours = trellis.bits_known([(codes, view, np.zeros(codes.size, int)) for codes, view in found])
    assert 0 <= writer.cost / 2**16 - ours < 8  # which coding it is
    assert 0 <= trellis.bits_as_it_is(found) - ours < 24


def test_a_coder_that_knows_the_grid_takes_less_where_grids_differ() -> None:
    """Codes of Q0 are 0 or ±1, those of Q1 ±2 or ±3: one bit less for each, but for what is to be learned."""
    rng = np.random.default_rng(0)
    grids = rng.integers(0, 2, 2000)
    codes = (2 * grids + rng.integers(0, 2, 2000)) * rng.choice([-1, 1], 2000)
    view = (50, 40, 1, 1)
    both = trellis.bits_as_it_is([(codes, view)])
    known = trellis.bits_known([(codes, view, grids)])
    assert 1700 < both - known < 2000


@given(SEEDS)
def test_a_code_costs_by_how_often_it_came_and_what_never_came_costs_most(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grids, codes = rng.integers(0, 2, 400), np.rint(rng.normal(0, 1.5, 400)).astype(int).clip(-4, 4)
    apart, together = (trellis.prices_of(codes, grids, 5, knows) for knows in (True, False))
    np.testing.assert_allclose((2**-apart).sum(1), 1)
    np.testing.assert_array_equal(together[0], together[1])
    for grid, prices in enumerate(apart):
        shares = np.bincount(codes[grids == grid] + 5, minlength=11) / (grids == grid).sum()
        np.testing.assert_allclose(2**-prices, shares, atol=0.005)
        assert min(prices[0], prices[-1]) == prices.max() > 10


@pytest.fixture(scope="module")
def found() -> tuple[Any, Any, Any, Any]:
    """A network that has not been trained, its grids, its layers, and images."""
    rng = np.random.default_rng(0)
    net, images = student_net(rng), rng.integers(0, 256, (40, 28, 28), np.uint8)
    grids = trellis.grids_for(net, images, 8, 8)
    return net, grids, trellis.layers_of(net, trellis.lower(net, grids), images), images


def test_the_loss_of_a_layer_is_the_variance_of_its_outputs_error(found: tuple[Any, Any, Any, Any]) -> None:
    """By the diagonal, as if inputs did not depend on each other; in parts of the outputs' own variance."""
    net, _, layers, images = found
    for block, layer in zip(trellis.blocks_of(net), layers, strict=True):
        pairs = trellis.input_pairs(net, net, net, block.name, images)
        x = np.concatenate([patches(block.layer, x)[0] for x, _ in pairs], 1).astype(float)
        w = net.params[f"{block.name}.w"].reshape(layer.shape[0], -1).astype(float)
        other = w + np.random.default_rng(1).normal(0, w.std(), w.shape)
        total, error = (w @ x).var(1).sum(), other - w
        diagonal, whole = layer.losses(other.ravel() / layer.unit)
        assert whole == pytest.approx((error @ x).var(1).sum() / total, rel=1e-6)
        assert diagonal == pytest.approx((error**2 @ x.var(1)).sum() / total, rel=1e-6)


@pytest.mark.parametrize("states", [1, 8])
def test_the_engine_gets_the_weights_that_the_codes_mean(
    found: tuple[Any, Any, Any, Any], states: int
) -> None:
    net, grids, layers, images = found
    deltas = [layer.w.std() * (0.05 if states > 1 else 0.025) for layer in layers]
    pairs = [*zip(layers, deltas, strict=True)]
    codes = [trellis.quantized(layer, [delta], [0.0], states, False)[0] for layer, delta in pairs]
    program = trellis.program_of(net, grids, layers, codes, deltas, states)
    ws = [operator.w for operator in program.operators if hasattr(operator, "w")]
    for w, own in zip(ws, codes, strict=True):
        whole = trellis.multiples(own, trellis.grids_of(own, trellis.TRELLISES[states]))
        np.testing.assert_array_equal(w.ravel(), whole if states > 1 else own)
    z = logits(net, images)
    assert np.abs(outputs(program, images, 1) - z).max() < 0.1 * np.abs(z).max()


@given(SEEDS, st.integers(1, 12))
def test_nothing_is_below_the_frontier_and_it_bends_upwards(seed: int, N: int) -> None:
    points = np.random.default_rng(seed).integers(0, 9, (N, 2)).astype(float)
    ends = points[trellis.frontier([tuple(point) for point in points])]
    for x, y in points:
        assert x >= ends[0, 0] and y >= np.interp(x, *ends.T)
    slopes = np.diff(ends[:, 1]) / np.diff(ends[:, 0])
    assert (slopes < 0).all() and (np.diff(slopes) > 0).all()


def test_what_is_saved_is_measured_at_the_same_loss() -> None:
    def rows(factor: float, knows: bool) -> list[dict[str, Any]]:
        bits = np.arange(1, 6)
        points = zip((factor * bits).tolist(), np.exp(-bits).tolist(), strict=True)
        return [{"bits": 8 * b, "known": 7 * b, "weights": 8, "loss": y, "knows": knows} for b, y in points]

    one = rows(1.0, False)
    assert trellis.saved(one, rows(0.9, False), 2.5, "loss") == pytest.approx(10)
    assert trellis.saved(one, rows(0.9, True), 2.5, "loss") == pytest.approx(10)
    assert np.isnan(trellis.saved(one, rows(0.9, False), 6, "loss"))


@pytest.mark.long
def test_each_way_step_and_price_gives_a_row(
    quick: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = []
    lower = trellis.lower
    monkeypatch.setattr(trellis, "lower", lambda *given: programs.append(lower(*given)) or programs[-1])
    monkeypatch.setattr(trellis, "STEPS", trellis.STEPS[::2])
    rows, printed = quick(trellis.main)
    steps = [(step, price) for step in trellis.STEPS[::2] for price in trellis.PRICES]
    assert [(row["network"], row["states"], row["knows"], row["step"], row["price"]) for row in rows] == [
        (network, *way, *point)
        for network in ("seed net", "deep net")
        for way in trellis.WAYS
        for point in steps
    ]
    errors = [row["errors"] for row in rows if "errors" in row]
    assert len(errors) >= len(trellis.WAYS) and all(0 <= count <= 1000 for count in errors)
    assert programs
    for program in programs:
        for operator in program.operators:
            assert getattr(operator, "w", np.int8(0)).dtype == np.int8
    assert printed.count("\n\n") == 1 and "seed net: " in printed
