import sys
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from tinyzip import integer
from tinyzip.integer import Argmax, Program
from tinyzip.nn.models import separable_net, student_net
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.explain import explain
from tinyzip.quant.fold import fold_batch_norm
from tinyzip.quant.grid import Grid
from tinyzip.quant.lower import lower
from tinyzip.quant.twin import float_twin
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import logits, predict


def images(count=60, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((count, 28, 28)) ** 3 * 255).astype(np.uint8)


def network(seed=0):
    rng = np.random.default_rng(seed)
    model = student_net(rng)
    return model.with_params(
        {k: p + rng.normal(scale=0.05, size=p.shape).astype(p.dtype) for k, p in model.params.items()}
    )


@cache
def calibrated(weights, activations):
    return calibrate(network(), images(), weights, activations)


def explained(weights=8, activations=8, change=None, labels=None):
    model, x = network(), images()
    grids = calibrated(weights, activations)
    if change:
        grids = grids | change(grids)
    return explain(model, lower(model, grids), x, labels)


def test_at_eight_bits_nothing_is_wrong():
    report = explained()
    assert [layer.name for layer in report.layers] == ["conv1", "conv2", "fc1", "fc2"]
    assert all(layer.signal_to_noise > 20 and layer.weights_signal_to_noise > 35 for layer in report.layers)
    assert all(layer.saturated < 0.005 for layer in report.layers)
    assert report.changed == sum(layer.first_changes for layer in report.layers) <= 3


def test_a_bit_less_costs_about_six_decibels():
    ratios = [explained(bits).layers[2].weights_signal_to_noise for bits in (8, 7, 6, 5)]
    assert all(abs(high - low - 6) < 1 for high, low in pairwise(ratios))


def test_the_ruined_layer_is_where_classes_change_and_what_float_recovers():
    def ruin(grids):
        return {"conv2.w": Grid(grids["conv2.w"].scale * 127, 0, -1, 1)}

    report = explained(change=ruin)
    assert report.changed > 10
    by_name = {layer.name: layer for layer in report.layers}
    assert report.first == next(layer.name for layer in report.layers if layer.first_changes)
    assert by_name["conv2"].first_changes > 0.6 * report.changed
    assert by_name["conv2"].recovered > 0.8 * report.changed
    assert max(by_name[name].recovered for name in ("conv1", "fc1", "fc2")) < by_name["conv2"].recovered
    assert by_name["conv2"].weights_signal_to_noise < 10


def test_a_narrow_range_saturates_and_a_wide_one_wastes_codes():
    narrow = explained(change=lambda g: {"conv1": Grid(g["conv1"].scale / 10, 0, 0, 255)}).layers[0]
    wide = explained(change=lambda g: {"conv1": Grid(g["conv1"].scale * 10, 0, 0, 255)}).layers[0]
    assert narrow.saturated > 0.05
    assert wide.saturated == 0
    assert wide.unused > 0.85


def test_errors_are_counted_where_labels_are_known():
    model, x = network(), images()
    exact = predict(model, x)
    labels = exact.copy()
    labels[:7] = (labels[:7] + 1) % 10
    grids = calibrated(3, 4)
    program = lower(model, grids)
    report = explain(model, program, x, labels)
    found = integer.run(program, grids["input"].quantize(to_input(x))).argmax(0)
    assert report.float_errors == 7
    assert report.errors == (found != labels).sum()
    assert report.changed == (found != exact).sum()
    with_argmax = Program((*program.operators, Argmax()), program.shape, program.input)
    assert explain(model, with_argmax, x, labels) == report


def test_the_float_twin_computes_what_the_codes_mean():
    model, x = network(), images()
    grids = calibrated(8, 8)
    program = lower(model, grids)
    twin = float_twin(program)
    rounded = {k: grids[k].round_trip(p) if k.endswith(".w") else p for k, p in model.params.items()}
    expected = logits(model.with_params(rounded), x)
    assert np.abs(logits(twin, x) - expected).max() < 1e-3 * np.abs(expected).max()
    report = explain(None, program, x)
    assert all(layer.weights_signal_to_noise > 100 for layer in report.layers)


def test_a_program_whose_operators_have_no_name_is_explained_by_kind_and_place():
    program = lower(network(), calibrated(8, 8))
    nameless = Program(
        tuple(replace(operator, name="") for operator in program.operators), program.shape, program.input
    )
    one, other = explain(None, program, images()), explain(None, nameless, images())
    assert [layer.name for layer in other.layers] == ["conv2d0", "conv2d2", "linear5", "linear6"]
    assert [replace(layer, name="") for layer in one.layers] == [
        replace(layer, name="") for layer in other.layers
    ]


def test_the_float_twin_of_a_separable_network_keeps_groups_strides_and_averages():
    model, x = fold_batch_norm(separable_net()), images(20)
    grids = calibrate(model, x)
    twin = float_twin(lower(model, grids))
    expected = logits(model, x)
    assert np.abs(logits(twin, x) - expected).max() < 0.1 * np.abs(expected).max()
    assert explain(None, lower(model, grids), x).images == 20


def test_the_table_has_a_line_a_layer_and_says_how_many_changed():
    report = explained(3, 4, labels=np.zeros(60, np.int64))
    lines = str(report).splitlines()
    assert len(lines) == 6
    assert lines[0].split()[0] == "layer"
    assert "images change their class" in lines[-1] and "errors in float" in lines[-1]


def test_the_plot_is_a_picture(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    explained(4).plot(tmp_path / "layers.png")
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_only_the_plot_fails(tmp_path, monkeypatch):
    report = explained(4)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError):
        report.plot(tmp_path / "layers.png")
    assert str(report)


def test_what_cannot_be_explained_is_refused():
    model, x = network(), images(5)
    program = lower(model, calibrate(model, x))
    with pytest.raises(ValueError, match="images"):
        explain(model, program, x[:0])
    with pytest.raises(ValueError, match="labels"):
        explain(model, program, x, np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="blocks"):
        explain(separable_net(), program, x)
