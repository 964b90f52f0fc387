import json
from dataclasses import replace

import numpy as np
import pytest
from gradcheck import assert_gradients
from shapes import distinct, normal

from tinyzip.machine.recorder import repeated
from tinyzip.machine.workspace import Workspace
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
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.training.fake_layer import FakeQuantize
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import MOST, logits, predict
from tinyzip.train.run.checkpoint import describe

SHAPE = (2, 14, 12)


def everything(dtype=np.float32):
    """A network with each kind of layer, and with a part that is run fused."""
    layers = {
        "conv1": Conv2d(2, 3, 5, padding=1),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "depthwise": Conv2d(3, 3, 3, padding=1, groups=3, bias=False),
        "norm": BatchNorm(3, eps=1e-2),
        "average": AvgPool2d(2, 1),
        "pointwise": Conv2d(3, 4, 1),
        "pool2": MaxPool2d(3, 2, 1),
        "global": GlobalAvgPool(),
        "flatten": Flatten(),
        "dropout": Dropout(0.25),
        "fc": Linear(4, 3),
    }
    return Sequential.create(layers, SHAPE, np.random.default_rng(0), dtype)


@pytest.mark.parametrize("train", [False, True])
def test_backward_is_the_gradient_of_the_whole_network(train):
    net = everything(np.float64)
    for key, array in net.params.items():
        array += 0.5 * (key == "conv1.b")  # away from where rectifiers and maxima have their kinks
    x = distinct(1, *SHAPE, 3) / 100

    def forward():
        return net.forward(x, train=train, rng=np.random.default_rng(2))

    z, caches = forward()
    dz = normal(3, *z.shape)
    grads = net.backward(dz, caches)
    assert tuple(grads) == net.trainable()
    arrays = {key: net.params[key] for key in grads}
    assert_gradients(lambda: forward()[0], arrays, grads, dz)


def test_a_layout_knows_of_batch_norms_also_in_blocks_and_of_stages_of_others():
    norm, linear = BatchNorm(4), Linear(4, 4)
    for layers, wanted in (
        ({"fc": linear, "norm": norm}, True),
        ({"block": Residual({"norm": norm}), "fc": linear}, True),
        ({"fc": linear}, False),
    ):
        net = Sequential.create(layers, (4,), np.random.default_rng(0))
        assert net.layout.has_norms == wanted and net.layout.repeats
    rounded = {"fc": linear, "round": FakeQuantize(-3, 3, "lsq", average=False)}
    assert not Sequential.create(rounded, (4,), np.random.default_rng(0)).layout.repeats


def test_answers_that_are_repeated_see_the_arrays_of_now():
    net, workspace = everything(), Workspace()

    def forward(x, workspace):
        workspace.reset()
        return net.forward(x, workspace=workspace)[0]

    for seed in range(4):
        for array in net.params.values():
            array += 0.1 * np.abs(normal(seed, *array.shape))
        x = normal(seed, *SHAPE, 3).astype(np.float32)
        np.testing.assert_array_equal(repeated(forward, "net", x, workspace), net.forward(x)[0])


@pytest.mark.parametrize("kind", [Sequential, Inspected])
@pytest.mark.parametrize("train", [False, True])
def test_the_gradient_of_the_images_is_that_of_the_whole_network(train, kind):
    net = everything(np.float64)
    for key, array in net.params.items():
        array += 0.5 * (key == "conv1.b")
    net = kind(net.layers, net.params, net.shape)
    x = distinct(1, *SHAPE, 2) / 100

    def forward():
        return net.forward(x, train=train, rng=np.random.default_rng(2))

    z, caches = forward()
    dz = normal(3, *z.shape)
    assert_gradients(lambda: forward()[0], {"x": x}, {"x": net.image_gradient(dz, caches)}, dz)


def test_layers_without_arrays_before_the_first_that_learns_pass_the_gradient_on():
    layers = {"pool": AvgPool2d(2), "relu": ReLU(), "flatten": Flatten(), "fc": Linear(2 * 7 * 6, 3)}
    net = Sequential.create(layers, SHAPE, np.random.default_rng(0), np.float64)
    x = normal(1, *SHAPE, 2)
    z, caches = net.forward(x)
    dz = normal(3, *z.shape)
    assert_gradients(lambda: net.forward(x)[0], {"x": x}, {"x": net.image_gradient(dz, caches)}, dz)


def test_trainable_are_all_entries_but_running_statistics():
    net = everything()
    assert set(net.params) - set(net.trainable()) == {"norm.mean", "norm.var"}


def test_statistics_blend_those_of_the_batch_into_the_kept_ones():
    net = everything()
    net.params["norm.mean"] += 3
    x = normal(1, *SHAPE, 5, dtype=np.float32)
    _, caches = net.forward(x, train=True, rng=np.random.default_rng(2))
    seen = net.activations(x)["depthwise"]
    statistics = net.statistics(caches)
    mean, var = seen.mean(axis=(1, 2, 3)), seen.var(axis=(1, 2, 3), ddof=1)
    np.testing.assert_allclose(statistics["norm.mean"], 0.9 * 3 + 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(statistics["norm.var"], 0.9 * 1 + 0.1 * var, rtol=1e-5)
    assert not (net.params["norm.mean"] - 3).any()
    assert net.statistics(net.forward(x)[1]) == {}


def test_activations_name_every_layer_and_end_in_the_logits():
    net = everything()
    x = normal(1, *SHAPE, 5, dtype=np.float32)
    outputs = net.activations(x)
    assert list(outputs) == list(net.layers)
    for name, shape in net.output_shapes().items():
        assert outputs[name].shape == (*shape, 5)
    np.testing.assert_allclose(outputs["fc"], net.forward(x)[0], rtol=1e-5, atol=1e-6)


def test_with_params_is_the_same_network_on_other_arrays():
    net = everything()
    other = net.with_params({key: array * 2 for key, array in net.params.items()})
    assert other.layers is net.layers and other.shape == net.shape
    np.testing.assert_array_equal(other.params["fc.w"], 2 * net.params["fc.w"])


def test_stages_are_chosen_once_for_all_networks_of_the_same_layers():
    net = everything()
    for same in (net.with_params(dict(net.params)), net.with_input_range((0, 1))):
        assert same.steps is net.steps and same.every_layer is net.every_layer
    layers = dict(net.layers) | {"pool2": MaxPool2d(2)}
    for other in (replace(net, layers=layers), replace(net, shape=(2, 16, 12))):
        assert other.steps is not net.steps
        assert (
            other.every_layer["conv1"].given == other.shape
            and other.every_layer["pool2"].layer == (other.layers["pool2"])
        )


def test_changing_a_parameter_in_place_changes_the_network():
    net = everything()
    x = normal(1, *SHAPE, 2, dtype=np.float32)
    before = net.forward(x)[0]
    net.params["fc.b"] += 1
    np.testing.assert_allclose(net.forward(x)[0], before + 1, rtol=1e-5)


def test_the_same_generator_makes_the_same_network():
    for key, array in everything().params.items():
        np.testing.assert_array_equal(array, everything().params[key])


@pytest.mark.parametrize("N", [1, 16, 50, 64, 129])
def test_logits_have_the_same_bits_for_any_number_of_threads(N):
    images = np.random.default_rng(1).integers(0, 256, (N, *SHAPE), dtype=np.uint8)
    once = logits(NET, images, 1).tobytes()
    assert all(logits(NET, images, threads).tobytes() == once for threads in (2, 3, None))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_logits_in_shards_on_threads_are_those_of_one_forward(threads):
    net = everything()
    images = np.random.default_rng(0).integers(0, 256, (2 * MOST + 7, *SHAPE)).astype(np.uint8)
    z = logits(net, images, threads)
    np.testing.assert_allclose(z, net.forward(to_input(images))[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(z, logits(net, images, 1))
    np.testing.assert_array_equal(predict(net, images, threads), z.argmax(axis=0))


def test_images_come_as_bytes_or_floats_with_or_without_a_channel_axis():
    layers = {"flatten": Flatten(), "fc": Linear(12, 3)}
    net = Sequential.create(layers, (1, 3, 4), np.random.default_rng(0), np.float64)
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4)).astype(np.uint8)
    z = logits(net, images)
    assert z.shape == (3, 5) and z.dtype == np.float64
    for same in (images[:, None], images / np.float32(255)):
        np.testing.assert_allclose(logits(net, same), z, rtol=1e-6)


def test_summary_counts_parameters_and_multiplications():
    lines = everything().summary().splitlines()
    assert [line.split()[0] for line in lines] == ["layer", *everything().layers, "total"]
    conv1 = lines[1].split()
    assert conv1[1:] == ["Conv2d", "3×12×10", "153", "18,000"]
    total = sum(array.size for array in everything().params.values())
    assert lines[-1].split()[1] == f"{total:,}"
    assert len({len(line) for line in lines}) == 1


def test_a_network_is_what_its_structure_says_on_its_arrays():
    plain = everything()
    for net in (plain, plain.with_input_range((-0.5, 2.0)), plain.with_input_range((0, 1), 0.25)):
        structure = json.loads(json.dumps(net.structure()))
        again = Sequential.of_structure(structure, net.params)
        assert again == net and json.loads(json.dumps(again.structure())) == structure
        assert (again.input_range, again.input_mean) == (net.input_range, net.input_mean)


def test_how_it_runs_is_no_part_of_what_a_network_is():
    net = everything()
    told = describe(net.with_input_range((0, 1), 0.25), values=False)
    assert told.startswith("Sequential(layers={conv1: ") and told.endswith(
        "shape=(2, 14, 12), input_range=(0, 1))"
    )
    with pytest.raises(TypeError, match="positional arguments"):
        Sequential(net.layers, net.params, net.shape, None, None, net.layout)


def test_networks_are_equal_that_have_equal_layers_in_order_on_equal_arrays():
    net = everything()
    same = net.with_params({key: array.copy() for key, array in net.params.items()})
    assert net == same and net == net.with_input_range((0, 1)) and net != "net"
    for key in net.params:
        assert net != net.with_params(net.params | {key: net.params[key] + 1})
    two, turned = {"a": ReLU(), "b": Dropout(0.5)}, {"b": Dropout(0.5), "a": ReLU()}
    assert Sequential(two, {}, (3,)) != Sequential(turned, {}, (3,)) != Sequential(turned, {}, (4,))
    assert Sequential({"a": ReLU()}, {}, (3,)) != Sequential({"a": Dropout(0.5)}, {}, (3,))


def test_a_network_says_its_size_in_one_line_and_all_of_it_in_a_table():
    net = everything()
    count = sum(array.size for array in net.params.values())
    assert repr(net) == f"Sequential(12 layers, {count} parameters, (2, 14, 12) to (3,))"
    assert net.parameter_count == count and net._repr_html_().count("\n") == len(net.layers) + 1


NET = everything()
X = np.zeros((*SHAPE, 1), np.float32)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("error", "line", "call"),
    [
        (ValueError, "layers: found none", lambda: Sequential({}, {}, SHAPE)),
        (ValueError, "fc2: Linear", lambda: Sequential.create({"fc2": Linear(9, 1)}, (8,), RNG)),
        (ValueError, "conv: Conv2d", lambda: Sequential.create({"conv": Conv2d(1, 1, 9)}, (1, 8, 8), RNG)),
        (ValueError, r"^c\\n: Conv2d", lambda: Sequential.create({"c\n": Conv2d(1, 1, 9)}, (1, 8, 8), RNG)),
        (TypeError, "create: rng", lambda: Sequential.create({"relu": ReLU()}, (8,), 0)),
        (ValueError, r"keys that differ in \['fc.b'\]", lambda: changed("fc.b", None)),
        (ValueError, r"params\['fc.w'\]", lambda: changed("fc.w", np.zeros((3, 5), np.float32))),
        (TypeError, r"params\['fc.w'\]", lambda: changed("fc.w", np.zeros((3, 4)))),
        (ValueError, "forward: x", lambda: NET.forward(X[:, :-1])),
        (ValueError, "forward: x", lambda: NET.forward(X[..., :0])),
        (TypeError, "forward: x", lambda: NET.forward(X.astype(np.float64))),
        (TypeError, "forward: x", lambda: NET.activations(X.astype(np.uint8))),
        (TypeError, "forward: trian: found True, needed train=, rng=", lambda: NET.forward(X, trian=True)),
        (ValueError, "logits: images", lambda: logits(NET, np.zeros((0, *SHAPE), np.uint8))),
        (ValueError, "logits: images", lambda: logits(NET, np.zeros((2, 14, 12), np.uint8))),
        (ValueError, "threads", lambda: logits(NET, np.zeros((2, *SHAPE), np.uint8), -1)),
        (ValueError, "threads", lambda: logits(NET, np.zeros((2, *SHAPE), np.uint8), 0)),
        (ValueError, "layers: found", lambda: Sequential.create([ReLU()], (8,), RNG)),
        (TypeError, r"layers\['fc'\]", lambda: Sequential.create({"fc": Linear}, (8,), RNG)),
        (TypeError, r"layers\[1\]", lambda: Sequential.create({1: ReLU()}, (8,), RNG)),
        (ValueError, "Sequential: shape", lambda: Sequential.create({"relu": ReLU()}, [8], RNG)),
        (ValueError, "Sequential: shape", lambda: Sequential.create({"relu": ReLU()}, (1, 0, 8), RNG)),
        (
            TypeError,
            "params: found dtype int64",
            lambda: Sequential.create({"fc": Linear(8, 1)}, (8,), RNG, np.int64),
        ),
        (TypeError, "params: found list", lambda: NET.with_params([])),
        (TypeError, "params", lambda: NET.with_params({key: a.tolist() for key, a in NET.params.items()})),
        (TypeError, "backward: dz", lambda: NET.backward(None, NET.forward(X)[1])),
        (ValueError, "backward: dz", lambda: NET.backward(X, NET.forward(X)[1])),
        (ValueError, "image_gradient: dz", lambda: NET.image_gradient(X, NET.forward(X)[1])),
        (TypeError, "image_gradient: caches", lambda: NET.image_gradient(NET.forward(X)[0], {})),
        (TypeError, "backward: caches", lambda: NET.backward(NET.forward(X)[0], {})),
    ],
)
def test_what_does_not_fit_is_refused(error, line, call):
    with pytest.raises(error, match=line):
        call()


def changed(key, array):
    params = {k: a for k, a in NET.params.items() if k != key}
    return NET.with_params(params if array is None else params | {key: array})


def test_a_line_of_a_block_counts_nothing_since_its_layers_have_lines_of_their_own():
    block, rng = Residual({"conv": Conv2d(2, 2, 1)}), np.random.default_rng(0)
    net = Sequential.create({"block": block, "flat": Flatten(), "fc": Linear(8, 3)}, (2, 2, 2), rng)
    lines = [line.split() for line in net.summary().splitlines()]
    assert ["block", "Residual", "2×2×2", "0", "0"] in lines
    assert sum(int(line[-1]) for line in lines[1:-1]) == int(lines[-1][-1])
