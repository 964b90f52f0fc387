"""What is saved comes back whole, or is refused by saying what it is."""

import json
import pickle
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.base import arrays as files
from tinyzip.base.kinds import CHECKPOINT, MODEL, kind_of
from tinyzip.distill.guides import Guide
from tinyzip.distill.student import train
from tinyzip.nn import models
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import grids_for
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.saved import load, save
from tinyzip.train.evaluate import logits
from tinyzip.train.fit import fit

SHAPE = (1, 8, 9)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 9), np.uint8)
LABELS = np.arange(12) % 3


def network(bias=True, dtype=np.float32):
    layers = {
        "conv1": Conv2d(1, 4, (3, 2), stride=(1, 2), padding=((1, 0), (0, 1)), bias=bias),
        "norm1": BatchNorm(4, eps=1e-3, momentum=0.25),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2, stride=1),
        "deep": Conv2d(4, 8, 3, padding=1, groups=4),
        "block1": Residual({"conv": Conv2d(8, 8, 1), "norm": BatchNorm(8)}),
        "block2": Residual({"conv": Conv2d(8, 8, 3, padding=1)}, {"conv": Conv2d(8, 8, 1, bias=bias)}),
        "average": GlobalAvgPool(),
        "flatten": Flatten(),
        "fc": Linear(8, 3),
    }
    return Sequential.create(layers, SHAPE, np.random.default_rng(1), dtype)


def assert_same(found, expected):
    assert type(found) is type(expected)
    assert found.params.keys() == expected.params.keys()
    for name, array in expected.params.items():
        assert found.params[name].dtype == array.dtype
        np.testing.assert_array_equal(found.params[name], array)
    np.testing.assert_array_equal(logits(found, IMAGES), logits(expected, IMAGES))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_with_layers_sizes_and_arrays(bias, dtype, tmp_path):
    model = network(bias, dtype)
    save(model, tmp_path / "a.net")
    found = load(tmp_path / "a.net")
    assert_same(found, model)
    assert (found.layers, found.shape) == (model.layers, model.shape)


def test_every_named_network_comes_back(tmp_path):
    for name in ("seed_net", "student_net", "lenet5", "vgg_net", "separable_net"):
        model = getattr(models, name)()
        save(model, tmp_path / "a.net")
        assert load(tmp_path / "a.net").layers == model.layers


@pytest.mark.parametrize("weights", [1, 2, 4, 8])
def test_a_fake_quantized_network_and_its_grids_come_back_to_the_bit(weights, tmp_path):
    model = fold_batch_norm(network())
    grids = grids_for(model, IMAGES, weights, 8)
    fake = FakeQuantized.create(model, grids)
    trained, _ = fit(
        fake, IMAGES, LABELS, rng=np.random.default_rng(0), epochs=1, batch=4, progress=False, threads=1
    )
    save(trained, tmp_path / "a.net")
    assert_same(load(tmp_path / "a.net"), trained)
    save(trained.grids(), tmp_path / "a.grids")
    found = load(tmp_path / "a.grids")
    assert found.keys() == trained.grids().keys()
    for name, grid in trained.grids().items():
        assert type(found[name]) is type(grid) and (found[name].lo, found[name].hi) == (grid.lo, grid.hi)
        np.testing.assert_array_equal(found[name].scale, grid.scale)
        np.testing.assert_array_equal(found[name].zero, grid.zero)


def test_a_checkpoint_gives_the_model_of_its_run_in_one_call(tmp_path):
    options = dict(epochs=2, batch=4, progress=False, checkpoint=tmp_path / "run", threads=1)
    trained, _ = fit(network(), IMAGES, LABELS, rng=np.random.default_rng(0), **options)
    assert_same(load(tmp_path / "run"), trained)


def test_a_checkpoint_gives_the_network_without_what_its_objective_has_learned(tmp_path):
    """Such as the regressor of a hint."""
    options = {"epochs": 1, "batch": 4, "progress": False, "threads": 1, "checkpoint": tmp_path / "run"}
    name = next(iter(network().layers))
    how = {"rng": np.random.default_rng(0), "guides": [Guide("hint", name, name)], **options}
    taught, _ = train(network(), network(), IMAGES, LABELS, **how)
    kept = [key for key in files.read(tmp_path / "run", CHECKPOINT)[2] if key.startswith("params/")]
    assert len(kept) == len(taught.params) + 2
    assert_same(load(tmp_path / "run"), taught)


class Own(Layer):
    """A layer that no file could describe."""

    def output_shape(self, shape):
        return shape

    def forward(self, p, x, *, train=False, rng=None):
        return x, None

    def backward(self, p, dy, cache):
        return dy, {}


def test_layers_of_ones_own_are_refused_by_name_and_still_train_and_resume(tmp_path):
    layers = {"own": Own(), "flatten": Flatten(), "fc": Linear(72, 3)}
    model = Sequential.create(layers, SHAPE, np.random.default_rng(0))
    with pytest.raises(TypeError, match="layer 'own': found a Own of your own, needed a layer of"):
        save(model, tmp_path / "a.net")
    assert not (tmp_path / "a.net").exists()
    fit(
        model,
        IMAGES,
        LABELS,
        rng=np.random.default_rng(0),
        epochs=1,
        progress=False,
        checkpoint=tmp_path / "run",
    )
    with pytest.raises(ValueError, match="run: found a checkpoint of a model that cannot be described"):
        load(tmp_path / "run")


def test_a_file_of_another_kind_is_refused_by_saying_what_it_is_and_left_alone(tmp_path):
    (tmp_path / "pickle").write_bytes(pickle.dumps({}))
    np.savez(tmp_path / "npz", a=1)
    np.save(tmp_path / "npy", np.zeros(3))
    (tmp_path / "text").write_text("weights", encoding="utf-8")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(20))
    said = {
        "pickle": "a pickle",
        "npz.npz": "a zip archive",
        "npy.npy": "a NumPy array",
        "text": "a text that begins with 'weights'",
        "empty": "an empty file",
        "tflite": "a TensorFlow Lite model",
    }
    for name, kind in said.items():
        before = (tmp_path / name).read_bytes()
        with pytest.raises(ValueError, match=f"{name}: found {kind}") as caught:
            load(tmp_path / name)
        assert "needed a saved network or its grids or a checkpoint" in str(caught.value)
        if before:  # an empty file has nothing to lose
            with pytest.raises(ValueError, match=f"{name}: found {kind}"):
                save(network(), tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    for thing in (None, {}, {"conv1": 3}, {"conv1": Grid(1, 0, 0, 9), "fc": 3}, network().params):
        with pytest.raises(TypeError, match="save: thing: found"):
            save(thing, tmp_path / "new")


@given(st.data())
def test_what_could_be_no_network_is_refused_in_one_line(tmp_path_factory, data):
    """The checksum is right, the content is not: any value of the description is replaced by another."""
    path = tmp_path_factory.mktemp("saved") / "a.net"
    model = network()
    meta = model.structure()
    grids = calibrate(fold_batch_norm(model), IMAGES)
    if data.draw(st.booleans()):
        meta = FakeQuantized.create(fold_batch_norm(model), grids).structure()
    node, key = meta, data.draw(st.sampled_from(sorted(meta)))
    while isinstance(node[key], dict) and node[key] and data.draw(st.booleans()):
        node, key = node[key], data.draw(st.sampled_from(sorted(node[key])))
    usual = node[key]
    junk = st.sampled_from([None, -1, 0, 2.5, "x", [], {}, [1, 2, 3], 10**30, True, {"kind": "Conv2d"}])
    node[key] = data.draw(junk.filter(lambda value: value != usual))
    files.write(path, MODEL, meta, model.params)
    try:
        load(path)
    except ValueError as error:
        assert "\n" not in str(error) and "a.net: found" in str(error)


def test_blocks_in_blocks_without_an_end_are_refused(tmp_path):
    layers = {"conv": {"kind": "ReLU"}}
    for _ in range(400):
        layers = {"block": {"kind": "Residual", "body": layers, "shortcut": {}}}
    structure = {"kind": "Sequential", "layers": layers, "shape": [1, 2, 2]}
    files.write(tmp_path / "deep.net", MODEL, structure, {})
    with pytest.raises(ValueError, match=r"deep\.net: found"):
        load(tmp_path / "deep.net")


def test_the_kind_of_a_file_is_known_by_its_first_bytes():
    assert kind_of(b"TZTRAIN\n...") == "a checkpoint of a training run"
    assert kind_of(b"\x89tz\x1a\x02") == "an integer program (.tz)"
    assert kind_of(b"\x89PNG\r\n") == "a PNG picture (.png)"


def raw(header):
    """A file of a network with the right checksum, and this header."""
    size = files.FIXED.size + len(header) + files.CHECKSUM
    body = files.FIXED.pack(MODEL, files.VERSION, len(header), size) + header
    return body + sha256(body).digest()


ODD = [
    None,
    True,
    -1,
    0,
    3,
    0.5,
    10**30,
    "",
    "Sequential",
    "conv1",
    [],
    [1],
    {},
    [[]],
    {"kind": "Sequential"},
]


@given(st.data())
def test_a_right_checksum_over_any_header_is_refused_in_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("raw") / "a.net"
    names = st.sampled_from(["conv.w", "", 5, None, ["conv.w"]])
    shapes = st.sampled_from([[0], [], [-1], "a", 0, [2**70]])
    row = st.tuples(names, st.sampled_from(["float32", "O", 4]), shapes)
    parts = ("kind", "layers", "shape", "grids", "source")
    structure = {key: data.draw(st.sampled_from(ODD)) for key in parts}
    meta = data.draw(st.sampled_from([structure, *ODD]))
    header = {"meta": meta, "arrays": data.draw(st.lists(row, max_size=2))}
    path.write_bytes(raw(json.dumps(header).encode()))
    with pytest.raises(ValueError, match=r"^[^\n]*a\.net: found .*, needed [^\n]*$"):
        load(path)


def test_two_arrays_of_one_name_are_refused(tmp_path):
    rows = [["a", "float32", [0]]] * 2
    (tmp_path / "a.net").write_bytes(raw(json.dumps({"meta": {}, "arrays": rows}).encode()))
    with pytest.raises(ValueError, match="'a' for another array's name"):
        load(tmp_path / "a.net")
