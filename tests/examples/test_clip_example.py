"""The study of clips: the law for a bell curve, the choice of steps, and the error that it is judged by."""

import importlib
import json
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from idx_folders import write_folder
from scipy.stats import norm

from tinyzip.nn.models import seed_net

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def clip() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        yield importlib.import_module("clip")


@pytest.fixture(scope="module")
def found(clip: ModuleType) -> tuple[Any, Any, Any]:
    """A network that has not been trained, its layers, and images."""
    rng = np.random.default_rng(0)
    net, images = seed_net(rng), rng.integers(0, 256, (40, 28, 28), np.uint8)
    grids = clip.grids_for(net, images, 8, 8)
    return net, clip.layers_of(net, clip.lower(net, grids), images), images


def drawn(clip: ModuleType, weights: Any) -> Any:
    """A layer with these weights, of which nothing else is known."""
    return clip.Layer("drawn", weights.shape, (50, weights.size // 50, 1, 1), weights, 1.0, None, None, None)


@pytest.mark.parametrize(("b", "k"), [(4, 4), (5, 8), (4, 8), (5, 16), (6, 8)])
def test_the_coder_takes_what_the_law_says_for_a_bell_curve(clip: ModuleType, b: int, k: float) -> None:
    """Of any σ: the law is the entropy of the codes up to a step of σ, and the coder has little to learn."""
    layer, most = drawn(clip, np.random.default_rng(0).normal(0, 0.3, 20_000)), 2 ** (b - 1) - 1
    ends = 2 * k / 2**b * (np.arange(-most, most) + 0.5)
    p = np.diff(norm.cdf([-np.inf, *ends, np.inf]))
    assert clip.law(b, k) == pytest.approx(-(p * np.log2(p + 1e-300)).sum(), abs=0.06)
    codes = clip.rounded(layer, 2 * k / 2**b, most)
    assert np.abs(codes).max() <= most
    bits = clip.bits_as_it_is([(codes, layer.view)]) / codes.size
    assert bits == pytest.approx(clip.law(b, k), abs=0.07)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3), st.integers(1, 20))
def test_codes_are_the_nearest_but_for_those_beyond_the_clip(
    clip: ModuleType, seed: int, step: float, most: int
) -> None:
    layer = drawn(clip, np.random.default_rng(seed).normal(0, 2, 50))
    codes, width = clip.rounded(layer, step, most), step * layer.w.std()
    inside = np.abs(layer.w) <= most * width
    assert (np.abs(codes * width - layer.w)[inside] <= width / 2 * (1 + 1e-12)).all()
    np.testing.assert_array_equal(codes[~inside], most * np.sign(layer.w[~inside]))


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 10))
def test_at_one_price_no_other_steps_are_cheaper(clip: ModuleType, seed: int, price: float) -> None:
    rng, steps = np.random.default_rng(seed), len(clip.STEPS)
    bits, errors = rng.exponential(1, (2, 2, steps))
    chosen = [clip.STEPS.index(step) for step in clip.cheapest_steps(bits, errors, price)]

    def cost(places: Any) -> float:
        return sum(errors[i, j] + price * bits[i, j] for i, j in enumerate(places))

    assert cost(chosen) == pytest.approx(min(map(cost, product(range(steps), repeat=2))))


def test_an_error_of_one_is_that_of_a_network_that_knows_means_only(
    clip: ModuleType, found: tuple[Any, Any, Any]
) -> None:
    net, _, images = found
    last = max(name for name in net.params if name.endswith(".b")).removesuffix(".b")
    z = clip.logits(net, images)
    blind = net.with_params(
        dict(net.params)
        | {f"{last}.w": 0 * net.params[f"{last}.w"], f"{last}.b": z.mean(1).astype(np.float32)}
    )
    assert clip.error(net, net, images) == 0
    assert clip.error(net, blind, images) == pytest.approx(1, rel=1e-4)


def test_a_layer_is_replaced_by_its_codes_and_nothing_else_changes_but_its_bias(
    clip: ModuleType, found: tuple[Any, Any, Any]
) -> None:
    net, layers, _ = found
    for layer in layers:
        other, w, b = clip.replaced(net, [layer], [0.7]), f"{layer.name}.w", f"{layer.name}.b"
        assert {name for name in net.params if (net.params[name] != other.params[name]).any()} == {w, b}
        codes = other.params[w].ravel() / (0.7 * net.params[w].std())
        np.testing.assert_allclose(codes, clip.rounded(layer, 0.7), atol=1e-4)


def test_rounding_leaves_the_mean_of_the_logits_and_loses_less_with_short_steps(
    clip: ModuleType, found: tuple[Any, Any, Any]
) -> None:
    net, layers, images = found
    means = [clip.logits(one, images).mean(1) for one in (net, clip.replaced(net, layers[-1:], [0.7]))]
    np.testing.assert_allclose(*means, atol=1e-4)
    coarse, fine = (
        clip.error(net, clip.replaced(net, layers, [step] * len(layers)), images) for step in (0.5, 0.05)
    )
    assert 0 < fine < 0.03 * coarse  # by (1/10)², but for what is not small


def test_the_table_has_what_is_beyond_the_law_and_what_one_price_saves(clip: ModuleType) -> None:
    """Two seeds, whose coder takes 0.1 and 0.3 bits more; 5 % fewer bytes at one loss, 10 at one price."""
    rows: list[Any] = []
    for seed, more in enumerate((0.1, 0.3)):
        common = {"network": "net", "seed": seed, "weights": 100}
        for b, k in clip.CLIPS:
            told = {"way": "law", "layer": "all", "clip": [b, k], "bits": 100 * (clip.law(b, k) + more)}
            rows.append(common | told)
        for way, factor in (("one k", 1.0), ("one loss", 0.95), ("one price", 0.9)):
            told = {"way": way, "knows": False, "float_errors": 7, "errors": 9}
            points = ({"bits": 100 * factor * bits, "loss": 4.0**-bits} for bits in (1, 1.5, 2, 3, 4, 5))
            rows += [common | told | point for point in points]
    table = clip.as_table(rows)
    lines = {line.split("  ")[0].strip(): line.split() for line in table.splitlines()}
    assert lines["the law, bits a weight"][-6:] == ["4.05", "3.05", "3.05", "2.05", "2.05", "1.05"]
    assert table.count("+0.20 ± 0.14") == len(clip.CLIPS)
    assert table.count("10.0 ± 0.0") == table.count(" 5.0 ± 0.0") == 4
    assert "net, 7 ± 0 errors in float" in table
    assert "-9.0 ± 0.0" in table and "9 ± 0 at 1.50" in table and "9 ± 0 at 1.35" in table


@pytest.mark.long
@pytest.mark.parametrize("on", ["mnist", "digits1d"])
def test_each_clip_layer_and_way_gives_a_row(
    clip: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], on: str
) -> None:
    data, path = tmp_path / "data", tmp_path / "rows.json"
    write_folder(data, shape=(28, 28), classes=10)
    words = ["--quick", "--on", on, "--data", str(data), "--out", str(tmp_path / "out"), "--json", str(path)]
    clip.main(words)
    rows = json.loads(path.read_text(encoding="utf-8"))
    for network, layers in (("seed net", 4), ("deep net", 5)):
        own = [row for row in rows if row["network"] == network]
        counts = {way: sum(row["way"] == way for row in own) for way in ("law", *clip.WAYS)}
        assert counts == {
            "law": len(clip.CLIPS) * (layers + 1),
            "one k": len(clip.STEPS),
            "one loss": len(clip.STEPS),
            "one price": len(clip.ERRORS),
        }
        for row in own:
            if row["way"] == "one k":
                assert len(set(row["steps"])) == 1 and len(row["steps"]) == layers
    assert any(len(set(row["steps"])) > 1 for row in rows if row["way"] == "one price")
    printed = capsys.readouterr().out
    assert printed.count("\n\n") == 3
    clip.main(words)
    assert printed.endswith(capsys.readouterr().out)
