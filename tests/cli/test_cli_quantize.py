"""The command `quantize`: networks and checkpoints in, programs out."""

from pathlib import Path

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip import archive
from tinyzip.cli import quantize as command
from tinyzip.cli.main import main
from tinyzip.exchange import onnx
from tinyzip.nn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.saved import save
from tinyzip.train.data import Dataset
from tinyzip.train.fit import fit


@pytest.fixture
def images(tmp_path):
    pixels = np.random.default_rng(4).integers(0, 256, (40, 8, 8), np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    return pixels


def network():
    layers = {
        "conv": Conv2d(1, 3, 3),
        "relu": ReLU(),
        "pool": MaxPool2d(2),
        "flat": Flatten(),
        "out": Linear(27, 3),
    }
    return Sequential.create(layers, (1, 8, 8), np.random.default_rng(1))


def run(tmp_path, *words):
    return main(["quantize", *words, "--out", str(tmp_path / "y.tz")])


def test_a_saved_network_becomes_what_quantize_makes_of_it(images, tmp_path, capsys):
    save(network(), tmp_path / "small.net")
    words = [str(tmp_path / "small.net"), "--images", str(tmp_path / "x.npy"), "--bits", "4"]
    assert run(tmp_path, *words) == 0
    needed = quantize(network(), images, weights=4)
    assert archive.read(tmp_path / "y.tz") == needed.program
    size = (tmp_path / "y.tz").stat().st_size
    assert capsys.readouterr().out == f"{needed}\n{tmp_path / 'y.tz'}: {size:,} bytes; 456 in float\n"


def test_part_of_the_weights_is_taken_away_first(images, tmp_path):
    save(network(), tmp_path / "small.net")
    words = [str(tmp_path / "small.net"), "--images", str(tmp_path / "x.npy"), "--prune", "0.5"]
    assert run(tmp_path, *words) == 0
    assert archive.read(tmp_path / "y.tz") == quantize(network(), images, prune=0.5).program
    assert archive.read(tmp_path / "y.tz") != quantize(network(), images).program


def test_so_does_a_float_model_that_others_exported(images, tmp_path, capsys):
    path = Path(__file__).parents[1] / "data" / "onnx" / "mobilenet-dynamo-open.onnx"
    pixels = np.random.default_rng(0).integers(0, 256, (24, 3, 32, 32), np.uint8)
    np.save(tmp_path / "photos.npy", pixels)
    words = ["--images", str(tmp_path / "photos.npy"), "--method", "minmax"]
    assert run(tmp_path, str(path), *words) == 0
    assert archive.read(tmp_path / "y.tz") == quantize(onnx.read(path), pixels, method="minmax").program
    assert run(tmp_path, str(tmp_path / "none.onnx"), *words) != 0
    (tmp_path / "broken.onnx").write_bytes(b"TFL3" * 30)
    assert run(tmp_path, str(tmp_path / "broken.onnx"), *words) != 0
    assert (
        "broken.onnx: found a TensorFlow Lite model (.tflite), needed an ONNX model"
        in capsys.readouterr().err
    )


def test_so_does_the_model_of_a_checkpoint(images, tmp_path):
    labels = np.arange(40) % 3
    options = {"rng": np.random.default_rng(2), "epochs": 1, "progress": False, "threads": 1}
    model, _ = fit(network(), images, labels, checkpoint=tmp_path / "run.ckpt", **options)
    words = ["--images", str(tmp_path / "x.npy"), "--method", "minmax", "--activations", "6"]
    assert run(tmp_path, str(tmp_path / "run.ckpt"), *words) == 0
    program = quantize(model, images, activations=6, method="minmax").program
    assert archive.read(tmp_path / "y.tz") == program


def test_a_network_that_was_trained_with_its_grids_keeps_them(images, tmp_path, capsys):
    grids = calibrate(network(), images, 3)
    fake = FakeQuantized.create(network(), grids)
    save(fake, tmp_path / "fake.net")
    assert run(tmp_path, str(tmp_path / "fake.net")) == 0
    assert archive.read(tmp_path / "y.tz") == lower(fake.model(), fake.grids())
    assert "bytes; 456 in float" in capsys.readouterr().out
    assert run(tmp_path, str(tmp_path / "fake.net"), "--bits", "4") == 2
    assert "needed no bits" in capsys.readouterr().err
    assert run(tmp_path, str(tmp_path / "fake.net"), "--activations", "4") == 2
    assert "needed no bits" in capsys.readouterr().err
    assert run(tmp_path, str(tmp_path / "fake.net"), "--prune", "0.5") == 2
    assert "--prune: found a network that has its grids already" in capsys.readouterr().err


def test_the_fewest_bits_are_one_of_weights_and_two_of_activations(images, tmp_path):
    save(network(), tmp_path / "small.net")
    words = ["--images", str(tmp_path / "x.npy"), "--method", "minmax", "--bits", "1", "--activations", "2"]
    assert run(tmp_path, str(tmp_path / "small.net"), *words) == 0
    needed = quantize(network(), images, weights=1, activations=2, method="minmax").program
    assert archive.read(tmp_path / "y.tz") == needed


def test_the_training_images_of_a_folder_are_looked_at_and_a_thousand_at_most(images, tmp_path, monkeypatch):
    files = write_folder(tmp_path / "data", shape=(8, 8))
    save(network(), tmp_path / "small.net")
    assert run(tmp_path, str(tmp_path / "small.net"), "--data", str(tmp_path / "data")) == 0
    assert archive.read(tmp_path / "y.tz") == quantize(network(), files["train-images"]).program
    many = np.concatenate([images] * 30)
    few = Dataset(many, np.zeros(len(many), int))
    monkeypatch.setattr("tinyzip.cli.pictures.mnist", lambda folder: (few, few))
    seen = []
    monkeypatch.setattr(command, "quantize", lambda model, x, *more: seen.append((len(x), *more)))
    with pytest.raises(AttributeError):
        run(tmp_path, str(tmp_path / "small.net"), "--data", str(tmp_path / "data"))
    assert seen == [(1000, 8, 8, "auto", 0.0)]


def test_a_network_is_read_by_its_name_in_capitals_too(tmp_path):
    path = Path(__file__).parents[1] / "data" / "onnx" / "mobilenet-script-open.onnx"
    (tmp_path / "A.ONNX").write_bytes(path.read_bytes())
    assert command.read_network(str(tmp_path / "A.ONNX")).shape == (3, 32, 32)


def test_the_program_to_write_has_to_be_named(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["quantize", "small.net"])
    assert ended.value.code == 2 and "--out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x.npy", "--images", "x.npy"], "x.npy: found a NumPy array (.npy), needed "),
        (["nowhere.net"], "nowhere.net: No such file"),
        (["grids.net"], "grids.net: found grids, needed a network"),
        (["small.net", "--images", "x.npy", "--bits", "9"], "--bits: found 9"),
        (
            ["small.net", "--images", "x.npy", "--bits", "0"],
            "--bits: found 0, needed a whole number from 1 to 8",
        ),
        (["small.net", "--images", "x.npy", "--activations", "1"], "--activations: found 1, needed a whole "),
        (["small.net", "--images", "x.npy", "--prune", "1"], "prune: share: found 1.0"),
        (["small.net", "--images", "x.npy", "--out", "nowhere/y.tz"], "nowhere/y.tz: found no folder"),
        (["absent.net", "--images", "x.npy", "--out", "nowhere/y.tz"], "nowhere/y.tz: found no folder"),
        (["small.net", "--images", "x.npy", "--out", "."], "Is a directory"),
        (["small.net", "--data", "nowhere"], "--data nowhere: found no such folder"),
    ],
)
def test_what_cannot_be_quantized_is_one_line(words, said, images, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(network(), "small.net")
    save(calibrate(network(), images), "grids.net")
    words = words if "--out" in words else [*words, "--out", "y.tz"]
    assert main(["quantize", *words]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (tmp_path / "y.tz").exists()
