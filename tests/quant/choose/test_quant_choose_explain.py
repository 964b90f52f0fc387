"""Where the accuracy went: every column against its definition."""

import sys
from dataclasses import replace
from functools import cache
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import networks, pictures, random_student, randomized

from tinyzip import integer
from tinyzip.integer import Argmax, Program
from tinyzip.nn.activations import Clip
from tinyzip.nn.layers import Conv2d, Flatten, Linear
from tinyzip.nn.models import separable_net
from tinyzip.nn.residual import Residual
from tinyzip.quant.choose.drawn import draw
from tinyzip.quant.choose.explain import Explanation, LayerReport, explain
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.rounding.redundancy import redundancy
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import predict


def images(count=60, seed=0):
    """Mostly dark, as digits are."""
    return ((pictures(count, 28, seed) / 255.0) ** 3 * 255).astype(np.uint8)


@cache
def calibrated(weights, activations):
    return calibrate(random_student(), images(), weights, activations)


def quantized(grids, x):
    return grids["input"].quantize(to_input(x))


def explained(weights=8, activations=8, change=None, labels=None):
    model, x = random_student(), images()
    grids = calibrated(weights, activations)
    if change:
        grids = grids | change(grids)
    return explain(model, lower(model, grids), x, labels)


def test_codes_are_counted_from_the_least_that_there_can_be():
    """A clamp leaves codes that begin at 103 and end at 228 of a wider grid."""
    layers = {"conv": Conv2d(1, 2, 3), "clip": Clip(-1.0, 4.0), "flat": Flatten(), "out": Linear(72, 3)}
    model = randomized(layers, (1, 8, 8), np.random.default_rng(0), np.float32)
    x = pictures(30, 8)
    grids = calibrate(model, x) | {"conv": Grid(0.04, 128, 0, 255)}
    program = lower(model, grids)
    codes = integer.run(program, quantized(grids, x), trace=True)[0]
    first = explain(model, program, x).layers[0]
    assert (program.codes[1].lo, program.codes[1].hi) == (103, 228)
    assert first.unused == pytest.approx(1 - np.unique(codes).size / 126)
    assert first.saturated == np.isin(codes, (103, 228)).mean() > 0


def test_a_layer_that_says_nothing_in_float_has_noise_alone():
    model, x = random_student(), images()
    program = lower(model, calibrated(8, 8))
    name = next(iter(blocks_of(model))).name
    silent = model.with_params(model.params | {f"{name}.b": model.params[f"{name}.b"] - 1e4})
    assert explain(silent, program, x).layers[0].signal_to_noise == -np.inf


@settings(max_examples=12)
@given(networks(), st.integers(2, 4), st.integers(3, 4))
def test_every_column_is_what_its_text_says(model_and_images, bits, activations):
    model, x = fold_batch_norm(model_and_images[0]), model_and_images[1]
    grids = calibrate(model, x, bits, activations)
    program = lower(model, grids)
    report, blocks = explain(model, program, x), list(blocks_of(model))
    outputs = model.activations(to_input(x))
    codes = [grids["input"].quantize(to_input(x))]
    codes += integer.run(program, codes[0], trace=True)
    exact, found = outputs[list(outputs)[-1]].argmax(axis=0), codes[-1].argmax(axis=0)
    assert (report.changed, report.images) == ((exact != found).sum(), len(x))
    assert report.changed == sum(layer.first_changes for layer in report.layers)
    before = exact == found  # images whose class has changed, or never will
    for block, layer in zip(blocks, report.layers, strict=True):
        place = [operator.name for operator in program.operators].index(block.name)
        operator, given, grid = program.operators[place], codes[place + 1], grids[block.name]
        y = block.clamped(outputs[block.output])
        lost = grid.dequantize(given) - y
        assert layer.name == block.name
        # float32, subtracted and added up in another order: some 1e-6 decibels
        assert min(layer.signal_to_noise, 90) == pytest.approx(in_decibels(y, lost), abs=1e-4)
        w = model.params[f"{block.name}.w"]
        rounded = grids[f"{block.name}.w"].round_trip(w)
        assert min(layer.weights_signal_to_noise, 90) == pytest.approx(in_decibels(w, rounded - w), abs=1e-4)
        assert layer.saturated == np.isin(given, clipped_at(operator.y)).mean()
        possible = range(operator.y.lo, operator.y.hi + 1)
        assert layer.unused == pytest.approx(np.mean([code not in given for code in possible]))
        after = list(model.layers)[list(model.layers).index(block.output) + 1 :]
        z = grid.dequantize(given)
        for name in after:
            p = {k.rpartition(".")[2]: a for k, a in model.params.items() if k.rpartition(".")[0] == name}
            z = model.layers[name].forward(p, z)[0]
        changed = (z.argmax(axis=0) != exact) & ~before
        assert layer.first_changes == changed.sum()
        before |= changed
        p = {k: model.params[f"{block.name}.{k}"] for k in block.layer.parameter_shapes()}
        source = grids["input" if block is blocks[0] else blocks[blocks.index(block) - 1].name]
        alone = block.layer.forward(p, source.dequantize(codes[place]))[0]
        y = grid.quantize(block.clamped(alone))
        for rest in program.operators[place + 1 :]:
            y = integer.run(Program((rest,), y.shape[:-1], program.codes[place + 1]), y)
            place += 1
        assert layer.recovered == (found != exact).sum() - (y.argmax(axis=0) != exact).sum()


def test_of_a_block_that_comes_first_the_branch_that_has_not_run_yet_is_float():
    """It starts from what the codes of the images mean."""
    branches = Residual({"conv": Conv2d(1, 1, 3, padding=1)}, {"side": Conv2d(1, 1, 1)})
    layers = {"block": branches, "flat": Flatten(), "out": Linear(64, 4)}
    model, x = randomized(layers, (1, 8, 8), np.random.default_rng(0)), pictures(60)
    grids = calibrate(model, x, 2, 3)
    program = lower(model, grids)
    codes = grids["input"].quantize(to_input(x))
    seen, p = grids["input"].dequantize(codes), model.params
    trace = integer.run(program, codes, trace=True)
    place = [operator.name for operator in program.operators].index("block.body.conv")
    body = grids["block.body.conv"].dequantize(trace[place])
    whole = body + p["block.shortcut.side.w"][0] * seen + p["block.shortcut.side.b"][0]
    z = p["out.w"] @ whole.reshape(64, -1) + p["out.b"][:, None]
    exact = predict(model, x)
    wanted = (z.argmax(axis=0) != exact) & (trace[-1].argmax(axis=0) != exact)
    layer = explain(model, program, x).layers[0]
    assert layer.name == "block.body.conv" and layer.first_changes == wanted.sum() > 0


def in_decibels(signal, noise):
    """−inf without signal; 90 where there is less noise than that, as float32 rounds it into it."""
    signal, noise = ((x.astype(np.float64) ** 2).sum() for x in (signal, noise))
    if noise <= 1e-9 * signal:
        return 90
    return 10 * np.log10(signal / noise) if signal else -np.inf


def clipped_at(codes):
    """The last code, and the first unless it means zero."""
    return [codes.hi] if codes.lo == codes.zero else [codes.lo, codes.hi]


def test_a_bit_less_costs_the_ratio_of_the_steps_about_six_decibels():
    """Squared errors of n weights add up to their expectation ± √(4/5n), here five times that."""
    ratios = [explained(bits).layers[2].weights_signal_to_noise for bits in (8, 7, 6, 5)]
    steps = [20 * np.log10((2 ** (b - 1) - 1) / (2 ** (b - 2) - 1)) for b in (8, 7, 6)]
    n = random_student().params["fc1.w"].size
    slack = 5 * 10 / np.log(10) * np.sqrt(2 * 4 / 5 / n)
    assert -np.diff(ratios) == pytest.approx(steps, abs=slack)


def test_the_ruined_layer_is_where_classes_change_and_what_float_recovers():
    def ruin(grids):
        return {"conv2.w": Grid(grids["conv2.w"].scale * 127, 0, -1, 1)}

    report = explained(change=ruin)
    assert report.changed > 0
    for most in ("first_changes", "recovered"):
        assert max(report.layers, key=lambda layer: getattr(layer, most)).name == "conv2"
    for least in ("signal_to_noise", "weights_signal_to_noise"):
        assert min(report.layers[:2], key=lambda layer: getattr(layer, least)).name == "conv2"


def test_a_narrow_range_saturates_and_a_wide_one_wastes_codes():
    """A range ten times as wide leaves 27 of 256 codes for what fitted before, or fewer."""
    narrow, whole, wide = (
        explained(change=lambda g, f=factor: {"conv1": Grid(g["conv1"].scale * f, 0, 0, 255)}).layers[0]
        for factor in (0.1, 1, 10)
    )
    assert narrow.saturated > whole.saturated > 0 == wide.saturated
    assert wide.unused >= 1 - 27 / 256


def test_errors_are_counted_where_labels_are_known():
    model, x = random_student(), images()
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


def test_a_program_whose_operators_have_no_name_is_explained_by_kind_and_place():
    program = lower(random_student(), calibrated(8, 8))
    nameless = Program(
        tuple(replace(operator, name="") for operator in program.operators), program.shape, program.input
    )
    one, other = explain(None, program, images()), explain(None, nameless, images())
    assert [layer.name for layer in other.layers] == ["conv2d0", "conv2d2", "linear5", "linear6"]
    assert [replace(layer, name="") for layer in one.layers] == [
        replace(layer, name="") for layer in other.layers
    ]


@settings(max_examples=12)
@given(networks(), st.integers(2, 8), st.booleans())
def test_the_network_that_was_lowered_is_never_taken_for_another(case, bits, per_channel):
    model, x = fold_batch_norm(case[0]), case[1]
    explain(model, lower(model, calibrate(model, x, bits, per_channel=per_channel)), x)


def test_another_network_of_the_same_layers_is_refused():
    model, x = random_student(), images()
    program = lower(model, calibrated(8, 8))
    other = {name: np.random.default_rng(1).permuted(w) for name, w in model.params.items()}
    with pytest.raises(
        ValueError, match=r"explain: model: .*\.w: found weights at a cosine of .* needed the net"
    ):
        explain(model.with_params(other), program, x)
    turned = model.with_params(model.params | {"conv1.w": -model.params["conv1.w"]})
    with pytest.raises(ValueError, match=r"explain: model: conv1.w: found weights at a cosine of -1.00"):
        explain(turned, program, x)


def test_a_network_of_tiny_weights_is_told_from_none():
    model, x = random_student(), images(5)
    tiny = {name: a * np.float32(1e-9) for name, a in model.params.items() if name.startswith("fc2")}
    model = model.with_params(model.params | tiny)
    assert explain(model, lower(model, calibrate(model, x)), x).layers[-1].weights_signal_to_noise > 30


def test_channels_count_alike_however_large_their_weights_are():
    """One is the program's, a hundred times as large as three, which are turned; in the last all is 0."""
    model, x = random_student(), images(5)
    w = model.params["conv1.w"] * np.array([1, 0.01, 0.01, 0.01, 0], np.float32)[:, None, None, None]
    w[:, 0, 0, 0] = 0
    model = model.with_params(model.params | {"conv1.w": w})
    program = lower(model, calibrate(model, x))
    turned = np.where(np.arange(5)[:, None, None, None] > 0, -w, w)
    with pytest.raises(ValueError, match=r"conv1.w: found weights at a cosine of -0\.[3-6]"):
        explain(model.with_params(model.params | {"conv1.w": turned}), program, x)


def test_the_table_has_a_line_a_layer_and_says_how_many_changed():
    report = explained(3, 4, labels=np.zeros(60, np.int64))
    lines = str(report).partition("\n\n")[0].splitlines()
    assert len(lines) == 6
    assert lines[0].split()[0] == "layer"
    assert "images change their class" in lines[-1] and "errors in float" in lines[-1]


def test_a_second_table_says_what_each_layer_could_do_without():
    report = explained()
    assert {layer.name: layer.enough for layer in report.layers} == redundancy(random_student(), images())
    words = [line.split() for line in str(report).splitlines()[6:]]
    assert words[:2] == [[], ["enough", "rank", "pruned", "bits"]]
    for layer, found in zip(report.layers, words[2:], strict=True):
        rank, pruned, bits = layer.enough
        assert found == [layer.name, f"{rank}", f"{100 * pruned:.0f}%", f"{bits}"]
    far = replace(report, layers=(replace(report.layers[0], enough=(4, 0.07, 9)),))
    assert str(far).splitlines()[-1].split() == ["conv1", "4", "7%", "over", "8"]


@pytest.mark.needs("matplotlib")
def test_the_plot_is_a_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    draw(explained(4), tmp_path / "layers.png")
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_only_the_plot_fails(tmp_path, monkeypatch):
    report = explained(4)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError):
        draw(report, tmp_path / "layers.png")
    assert str(report)


def test_what_cannot_be_explained_is_refused():
    model, x = random_student(), images(5)
    program = lower(model, calibrate(model, x))
    with pytest.raises(ValueError, match="images"):
        explain(model, program, x[:0])
    with pytest.raises(ValueError, match="labels"):
        explain(model, program, x, np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="blocks"):
        explain(separable_net(), program, x)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"program": "small.tz"}, TypeError, "program: found 'small.tz'"),
        ({"model": {}}, TypeError, "model: found a dict"),
        ({"images": images(3)[:, 1:]}, ValueError, "images: found examples of shape"),
        ({"images": images(3) * 1.0}, ValueError, "images: found float64 from 0"),
        ({"labels": np.zeros(4, int)}, ValueError, "labels: found"),
        ({"labels": np.array([0, -1, 9])}, ValueError, "labels: found -1 … 9, needed 0 … 9"),
        ({"labels": np.array([0, 1, 10])}, ValueError, "labels: found 0 … 10, needed 0 … 9"),
    ],
)
def test_what_is_refused_is_named(change, error, said):
    program = lower(random_student(), calibrated(8, 8))
    given = {
        "model": random_student(),
        "program": program,
        "images": images(3),
        "labels": np.array([0, 9, 9]),
    }
    explain(**given)
    with pytest.raises(error, match=rf"^explain: {said}"):
        explain(**given | change)


@pytest.mark.parametrize("names", [("conv1", "conv2", "fc1", "other"), ("conv1", "conv2", "fc1", "fc1")])
def test_a_program_of_other_names_is_refused(names):
    program, told = lower(random_student(), calibrated(8, 8)), iter(names)
    operators = [replace(o, name=next(told)) if hasattr(o, "w") else o for o in program.operators]
    last = next(o for o in reversed(program.operators) if hasattr(o, "w"))
    K = len(last.w)
    again = integer.Linear(np.eye(K, dtype=np.int8), None, last.m0[0], last.n[0], last.y, name=last.name)
    more = [o for o in program.operators if not isinstance(o, Argmax)] + [again]  # no name is new
    for wrong in (operators, more):
        with pytest.raises(ValueError, match=r"^explain: program: found weighted operators"):
            explain(random_student(), Program(tuple(wrong), program.shape, program.input), images(3))


def test_the_picture_shows_ratios_up_to_80_decibels_percents_and_counts_the_first_layer_on_top(
    tmp_path, monkeypatch
):
    enough = 3, 0.5, 9
    layers = (
        LayerReport("one", 20.5, np.inf, 0.25, 0, 3, 0, enough),
        LayerReport("two", 81.0, -4.0, 0.0, 0, 1, 0, enough),
    )
    pyplot = MagicMock()
    figure, axes = MagicMock(), [MagicMock() for _ in range(3)]
    pyplot.subplots.return_value = figure, axes
    figure.savefig.side_effect = lambda file, dpi, format: file.write(
        b"\x89PNG" + f"{format} of {dpi}".encode()
    )
    monkeypatch.setitem(sys.modules, "matplotlib", MagicMock(pyplot=pyplot))
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", pyplot)
    draw(Explanation(layers, 9, 4), tmp_path / "layers.png")
    assert (tmp_path / "layers.png").read_bytes() == b"\x89PNGpng of 120"
    (rows, columns), size = pyplot.subplots.call_args
    assert (rows, columns, size) == (1, 3, {"figsize": (11, 3.0), "sharey": True})
    bars = [
        [([np.ravel(part).tolist() for part in one.args], one.kwargs) for one in axis.barh.call_args_list]
        for axis in axes
    ]
    assert bars == [
        [
            ([[0.0, 1.0], [20.5, 80.0], [0.38]], {"label": "output"}),
            ([[0.4, 1.4], [80.0, -4.0], [0.38]], {"label": "weights"}),
        ],
        [([["one", "two"], [25.0, 0.0], [0.38]], {})],
        [([["one", "two"], [3, 1], [0.38]], {})],
    ]
    draw(Explanation(layers, 9, 4), tmp_path / "layers")
    assert (tmp_path / "layers").read_bytes() == b"\x89PNGNone of 120"
    told = [axis.set.call_args.kwargs for axis in axes]
    assert ["dB" in told[0]["title"], "%" in told[1]["title"], "changes" in told[2]["title"]] == [True] * 3
    assert (told[0]["yticks"].tolist(), told[0]["yticklabels"]) == ([0.2, 1.2], ["one", "two"])
    for twice in (axes[0].legend, axes[0].invert_yaxis, figure.tight_layout, pyplot.close):
        assert twice.call_count == 2
    pyplot.close.assert_called_with(figure)
    with pytest.raises(TypeError, match="draw: path"):
        draw(Explanation(layers, 9, 4), 3)


def test_weights_of_another_shape_are_refused_and_those_that_are_all_0_tell_nothing():
    model = random_student()
    program = lower(model, calibrated(8, 8))
    last = program.operators[-1]
    operators = program.operators[:-1]

    def with_last(w, bias):
        scales = {"m0": last.m0[: len(w)], "n": last.n[: len(w)]}
        return Program((*operators, replace(last, w=w, bias=bias, **scales)), program.shape, program.input)

    assert explain(model, with_last(0 * last.w, last.bias), images(3)).layers[-1].name == last.name
    with pytest.raises(ValueError, match=rf"^explain: model: {last.name}.w: found shape \(10, "):
        explain(model, with_last(last.w[:9], last.bias[:9]), images(3))
