"""What people write in their first week: each call of `tries.txt` comes back with the line below it.

Each is a mistake that somebody makes: a class for an object, a file's name for what is in it, images that lie
otherwise, a file that would be written over another. None passes silently, and each is refused in one line
that has the argument, what was found, and what was needed, or is the system's own word on a file. What could
be meant, such as very dark images, is a warning in the same words.
"""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LINE = re.compile(r"(warning: )?[^\n]+: found [^\n]+, needed [^\n]+|\[Errno \d+\] [^\n]+")
BLOCKS = Path(__file__).with_name("tries.txt").read_text(encoding="utf-8").split("\n\n")
TRIES = [tuple(block.strip("\n").split("\n    ")) for block in BLOCKS if not block.startswith("## ")]
SETUP = """
from functools import partial
from pathlib import Path

from tinyzip import archive, integer
from tinyzip.distill import fidelity, student, transplant
from tinyzip.exchange import c, onnx, page, tflite
from tinyzip.integer import Codes, Program
from tinyzip.nn import layers, models
from tinyzip.nn.activations import GELU, LeakyReLU
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.allocate import allocate
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.grids.calibrate import calibrate, weight_grids
from tinyzip.quant.door.classify import classify, outputs
from tinyzip.quant.choose.explain import explain
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.door.lower import lower
from tinyzip.quant.choose.qat import qat
from tinyzip.quant.rounding.layers import adaround
from tinyzip.quant.training.saved import load, save
from tinyzip.quant.choose.shrink import shrink
from tinyzip.quant.door.twin import float_twin
from tinyzip.train.run import checkpoint
from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset, mnist, read_idx, split
from tinyzip.train.evaluate import evaluate, logits, predict
from tinyzip.train.fit import fit
from tinyzip.train.optim import SGD, AdamW, constant, cosine, one_cycle

def network(**layers):
    return Sequential.create(layers, (1, 8, 8), np.random.default_rng(1))

rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, (60, 8, 8), np.uint8), np.arange(60) % 3
dataset, tensor, label_tensor = Dataset(images, labels), Tensor(images), Tensor(labels)
conv, norm, out = Conv2d(1, 3, 3), BatchNorm(3), Linear(27, 3)
net = network(conv=conv, relu=ReLU(), pool=MaxPool2d(2), flat=Flatten(), out=out)
teacher = network(conv=conv, relu=ReLU(), pool=MaxPool2d(2), flat=Flatten(), out=out)
normed = network(conv=conv, norm=norm, relu=ReLU(), pool=MaxPool2d(2), flat=Flatten(), out=out)
other = network(first=conv, relu=ReLU(), flat=Flatten(), last=Linear(108, 3))
stranger = Sequential.create(net.layers, net.shape, np.random.default_rng(2))
wider = network(conv=Conv2d(1, 4, 3), relu=ReLU(), pool=MaxPool2d(2), flat=Flatten(), out=Linear(36, 3))
five_classes = network(flat=Flatten(), out=Linear(64, 5))
grids = calibrate(net, images)
fake, quantized = FakeQuantized.create(net, grids), quantize(net, images, method="minmax")
program, other_program = quantized.program, lower(other, calibrate(other, images))
codes = np.moveaxis(images[:, None], 0, -1).copy()
save(net, "small.net")
archive.write(program, "small.tz")
np.savez("arrays.npz", images)
fit = partial(fit, progress=False)
fit(net, images, labels, rng=rng, epochs=1, checkpoint="run.ckpt")
dark = np.where(rng.random(images.shape) < 0.8, 0, images)  # white ink on black
fitted, _ = fit(net, dark, labels, rng=rng, epochs=1)
of_dark, masked = quantize(fitted, dark, method="minmax").program, np.ma.masked_array
x = np.moveaxis(images[:, None] / np.float32(255), 0, -1).copy()
dropped = network(flat=Flatten(), drop=layers.Dropout(0.5), out=Linear(64, 3))
one_output = network(flat=Flatten(), out=Linear(64, 1))
"""


class Tensor:
    """What another library's tensor looks like from here."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape = array, array.shape

    def __array__(self, *dtype: Any, **copy: Any) -> Any:
        return self.array


Tensor.__module__ = "torch"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that the calls use; the files that they name are in a folder of their own."""
    names: dict[str, Any] = {"np": np, "Tensor": Tensor}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.chdir(tmp_path_factory.mktemp("tries"))
        exec(SETUP, names)
        yield names


def answer(call: str, known: dict[str, Any]) -> str:
    """What comes back: the error's line, or the warning's, or that there was none."""
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            eval(call, known)
    except Exception as error:
        return str(error).replace(str(Path.cwd()), "FOLDER")
    return f"warning: {seen[0].message}" if seen else "PASSED SILENTLY"


@pytest.mark.parametrize(("call", "line"), TRIES)
def test_a_mistake_of_the_first_week_is_answered_in_one_line(call, line, known):
    assert answer(call, known) == line
    assert LINE.fullmatch(line) and len(line) <= 500


def test_there_are_tries_for_every_public_way_in():
    for name in ("fit", "evaluate", "predict", "quantize", "calibrate", "lower", "explain", "classify"):
        assert sum(call.startswith(f"{name}(") for call, _ in TRIES) >= 4, name
