"""The study of clips: the law for a bell curve, the choice of steps, and the error that it is judged by."""

from itertools import product
from typing import Any

import clip
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tinyzip.nn.models import student_net


@pytest.fixture(scope="module")
def found() -> tuple[Any, Any, Any]:
    """A network that has not been trained, its layers, and images."""
    rng = np.random.default_rng(0)
    net, images = student_net(rng), rng.integers(0, 256, (40, 28, 28), np.uint8)
    grids = clip.grids_for(net, images, 8, 8)
    return net, clip.layers_of(net, clip.lower(net, grids), images), images


def drawn(weights: Any) -> Any:
    """A layer with these weights, of which nothing else is known."""
    return clip.Layer("drawn", weights.shape, (50, weights.size // 50, 1, 1), weights, 1.0, None, None, None)


@pytest.mark.parametrize(("b", "k"), [(4, 4), (5, 8), (4, 8), (5, 16), (6, 8)])
def test_the_coder_takes_what_the_law_says_for_a_bell_curve(b: int, k: float) -> None:
    """Of any σ: the law is the entropy of the codes up to a step of σ, and the coder has little to learn."""
    layer, most = drawn(np.random.default_rng(0).normal(0, 0.3, 20_000)), 2 ** (b - 1) - 1
    ends = 2 * k / 2**b * (np.arange(-most, most) + 0.5)
    p = np.diff(norm.cdf([-np.inf, *ends, np.inf]))
    assert clip.law(b, k) == pytest.approx(-(p * np.log2(p + 1e-300)).sum(), abs=0.06)
    choice = clip.rounded(layer, 2 * k / 2**b, most)
    assert np.abs(choice.codes).max() <= most
    bits = clip.bits_of([layer], [choice]) / layer.w.size
    assert bits == pytest.approx(clip.law(b, k), abs=0.07)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3), st.integers(1, 20))
def test_codes_are_the_nearest_but_for_those_beyond_the_clip(seed: int, step: float, most: int) -> None:
    layer = drawn(np.random.default_rng(seed).normal(0, 2, 50))
    codes, half, states = clip.rounded(layer, step, most)
    width = step * layer.w.std()
    assert states == 1 and half == pytest.approx(width / 2)
    inside = np.abs(layer.w) <= most * width
    assert (np.abs(codes * width - layer.w)[inside] <= width / 2 * (1 + 1e-12)).all()
    np.testing.assert_array_equal(codes[~inside], most * np.sign(layer.w[~inside]))


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 10))
def test_at_one_price_no_other_choices_are_cheaper(seed: int, price: float) -> None:
    rng = np.random.default_rng(seed)
    bits, errors = rng.exponential(1, (2, 3, 6))

    def cost(places: Any) -> float:
        return sum(errors[i, j] + price * bits[i, j] for i, j in enumerate(places))

    found = cost(clip.at_one_price(bits, errors, price))
    assert found == pytest.approx(min(map(cost, product(range(6), repeat=3))))


def test_an_error_of_one_is_that_of_a_network_that_knows_means_only(found: tuple[Any, Any, Any]) -> None:
    net, _, images = found
    last = max(name for name in net.params if name.endswith(".b")).removesuffix(".b")
    z = clip.logits(net, images)
    blind = net.with_params(
        dict(net.params)
        | {f"{last}.w": 0 * net.params[f"{last}.w"], f"{last}.b": z.mean(1).astype(np.float32)}
    )
    assert clip.error(net, net, images) == 0
    assert clip.error(net, blind, images) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("states", [1, 8])
def test_a_layer_is_replaced_by_what_its_codes_mean_and_nothing_else_changes_but_its_bias(
    found: tuple[Any, Any, Any], states: int
) -> None:
    net, layers, images = found
    rng = np.random.default_rng(1)
    for layer in layers:
        w, b, codes = f"{layer.name}.w", f"{layer.name}.b", rng.integers(-3, 4, layer.w.size)
        other = clip.replaced(net, [layer], [clip.Choice(codes, 0.25, states)])
        assert {name for name in net.params if (net.params[name] != other.params[name]).any()} == {w, b}
        whole = 2 * codes - clip.grids_of(codes, clip.TRELLISES[states]) * np.sign(codes)
        np.testing.assert_allclose(other.params[w].ravel(), 0.25 * whole * layer.unit, rtol=1e-5)
    means = [clip.logits(one, images).mean(1) for one in (net, other)]  # of the last layer
    np.testing.assert_allclose(*means, atol=1e-4)


def test_short_steps_lose_less_and_a_trellis_loses_less_for_as_many_bits(
    found: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the measure that the search goes by, the error of a layer's outputs by the diagonal. Half the step
    is a bit more and 6 dB less; of a trellis the sum of both is less by 0.05 bits or more."""
    _, layers, _ = found
    monkeypatch.setattr(clip, "STEPS", (1.0, 0.5))
    monkeypatch.setattr(clip, "PRICES", (0.12,))
    layer = layers[1]
    one, trellis = (clip.searched(layer, states) for states in (1, 8))
    assert [choice.delta for choice in trellis] == [clip.WIDER * choice.delta for choice in one]

    def told(choice: Any) -> tuple[float, float]:
        loss = layer.losses(choice.delta * clip.multiples(choice.codes, choice.grids))[0]
        return clip.bits_of([layer], [choice]) / layer.w.size, np.log2(loss) / 2

    bits, losses = np.transpose([told(choice) for choice in one])
    assert 0.7 < bits[1] - bits[0] < 1.2 and 0.7 < losses[0] - losses[1] < 1.2
    for choice in trellis:
        assert sum(told(choice)) < np.min(bits + losses) - 0.05


def test_each_way_has_its_choices_for_all_layers(
    found: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    net, (first, *_, last), images = found
    layers = [first, last]
    monkeypatch.setattr(clip, "STEPS", (2.0, 1.0))
    monkeypatch.setattr(clip, "ERRORS", (1.0, 0.001))
    ways: dict[str, Any] = {}
    for way, choices in clip.chosen(net, layers, images):
        ways.setdefault(way, []).append(choices)
    assert [*ways] == [*clip.WAYS] and all(len(points) == 2 for points in ways.values())
    for way, sigmas in (("one k", [layer.w.std() for layer in layers]), ("one loss", [1.0] * len(layers))):
        for step, choices in zip(clip.STEPS, ways[way], strict=True):
            widths = [2 * one.delta for one in choices]
            np.testing.assert_allclose(widths, np.multiply(step, sigmas))
    for way, states in (("one price", 1), ("one price, trellis", 8)):
        assert {one.states for choices in ways[way] for one in choices} == {states}
        costs = [clip.bits_of(layers, choices) for choices in ways[way]]
        assert costs[0] < costs[1]


def test_the_table_has_what_is_beyond_the_law_and_what_one_price_saves() -> None:
    """Two seeds, whose coder takes 0.1 and 0.3 bits more; 5 % fewer bytes at one loss, 10 at one price."""
    rows: list[Any] = []
    for seed, more in enumerate((0.1, 0.3)):
        common = {"network": "net", "seed": seed, "weights": 100}
        for b, k in clip.CLIPS:
            told = {"way": "law", "layer": "all", "clip": [b, k], "bits": 100 * (clip.law(b, k) + more)}
            rows.append(common | told)
        for way, factor in zip(clip.WAYS, (1.0, 0.95, 0.9, 0.81), strict=True):
            told = {"way": way, "knows": False, "float_errors": 7, "errors": 9}
            points = ({"bits": 100 * factor * bits, "loss": 4.0**-bits} for bits in (1, 1.5, 2, 3, 4, 5))
            rows += [common | told | point for point in points]
    table = clip.as_table(rows)
    lines = {line.split("  ")[0].strip(): line.split() for line in table.splitlines()}
    assert lines["the law, bits a weight"][-6:] == ["4.05", "3.05", "3.05", "2.05", "2.05", "1.05"]
    assert table.count("+0.20 ± 0.14") == len(clip.CLIPS)
    assert table.count(" 5.0 ± 0.0") == table.count("19.0 ± 0.0") == 4
    assert lines["saved by a trellis, of so many bits of one price, %"].count("10.0") == 4
    assert "net, 7 ± 0 errors in float" in table
    assert "-9.0 ± 0.0" in table and "9 ± 0 at 1.50" in table and "9 ± 0 at 1.35" in table


@pytest.mark.long
def test_each_clip_layer_and_way_gives_a_row(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "STEPS", clip.STEPS[::4])
    monkeypatch.setattr(clip, "ERRORS", clip.ERRORS[::4])
    rows, printed = quick(clip.main)
    for network, layers in (("seed net", 4), ("deep net", 5)):
        own = [row for row in rows if row["network"] == network]
        counts = {way: sum(row["way"] == way for row in own) for way in ("law", *clip.WAYS)}
        assert counts == {
            "law": len(clip.CLIPS) * (layers + 1),
            "one k": len(clip.STEPS),
            "one loss": len(clip.STEPS),
            **{way: len(clip.ERRORS) for way in clip.WAYS[2:]},
        }
        for row in own:
            if row["way"] == "one k":
                assert np.ptp(row["steps"]) < 1e-9 and len(row["steps"]) == layers
    assert any(np.ptp(row["steps"]) > 0.1 for row in rows if row["way"] == "one price")
    assert printed.count("\n\n") == 3
