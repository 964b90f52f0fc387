"""A name that is not there is answered as Python does, and with what to write."""

import copy
import importlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tinyzip
from tinyzip.base.names import HIDDEN, Missing, homes, imports
from tinyzip.integer import Codes, Flatten, Program
from tinyzip.nn import layers
from tinyzip.nn.activations import Tanh
from tinyzip.nn.layers import Conv2d, Linear, ReLU
from tinyzip.nn.network import Network
from tinyzip.nn.sequential import Sequential

RNG = np.random.default_rng(0)
LAYERS = {"flat": layers.Flatten(), "fc": Linear(4, 3), "relu": ReLU()}
NET = Sequential.create(LAYERS, (1, 2, 2), RNG)
PROGRAM = Program((Flatten(),), (1, 2, 2), Codes(0, 255, 0))
PROBES = [
    "_repr_latex_",
    "_ipython_display_",
    "_ipython_canary_method_should_not_exist_",
    "__array__",
    "__len__",
]
PROBES += ["_repr_mimebundle_", "__wrapped__", "__iter__", "__fspath__", "fit", "predict", "shape_of"]
THINGS = [NET, NET.printed(), Network.create(LAYERS, (1, 2, 2), RNG), PROGRAM, tinyzip, layers]


@pytest.mark.parametrize("thing", THINGS, ids=str)
def test_who_asks_whether_a_name_is_there_is_told_no(thing):
    for probe in PROBES:
        assert not hasattr(thing, probe) and getattr(thing, probe, 5) == 5


@pytest.mark.parametrize("thing", THINGS[:4], ids=str)
def test_of_a_private_name_python_says_what_it_always_says(thing):
    with pytest.raises(AttributeError, match=r"object has no attribute '_kept'$"):
        thing._kept  # noqa: B018


@pytest.mark.parametrize("thing", THINGS[:4], ids=str)
def test_copies_and_pickles_are_made_as_before(thing):
    for other in (copy.copy(thing), copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
        assert type(other) is type(thing) and other.shape == thing.shape
        assert repr(vars(other).get("layers")) == repr(vars(thing).get("layers"))


def test_a_name_is_found_in_the_sources_and_only_when_the_error_is_printed(monkeypatch):
    monkeypatch.setattr("tinyzip.base.names.homes", lambda: pytest.fail("looked"))
    assert not hasattr(NET, "evaluate") and not hasattr(tinyzip, "fit")
    with pytest.raises(AttributeError) as caught:
        NET.evaluate  # noqa: B018
    assert isinstance(caught.value, Missing) and caught.value.name == "evaluate" and caught.value.obj is NET
    monkeypatch.undo()
    assert str(caught.value) == (
        "Sequential: found no 'evaluate', needed evaluate(…), from tinyzip.train.evaluate import evaluate"
    )
    for found in homes().values():
        for name, home in found:
            assert hasattr(importlib.import_module(home), name), (home, name)
            assert not HIDDEN.intersection(home.split(".")[1:-1])
    assert imports("FastConv2d") == imports("to_zip") == "" and imports("parameter_shapes") == ""
    assert imports("relu").startswith("relu(…)") and imports("sequential").startswith("Sequential(…), from")
    assert imports("quant") == "import tinyzip.quant" and imports("fitt") == ""
    thrice = [("One", "a"), ("one", "b"), ("one", "c"), ("one", "d")]
    monkeypatch.setattr("tinyzip.base.names.homes", lambda: {"one": thrice})
    assert imports("one") == "one(…), from b import one or one(…), from c import one"  # two of them at most
    assert imports("One") == "One(…), from a import One"


def test_a_room_lists_what_can_be_imported_from_it():
    rooms = [name for name in dir(tinyzip) if name != "__version__"]
    assert {"nn", "train", "distill", "quant", "integer", "archive", "exchange"} <= set(rooms)
    assert all(hasattr(importlib.import_module(f"tinyzip.{room}"), "__path__") for room in rooms)
    for room in ("tinyzip.nn", "tinyzip.train", "tinyzip.quant", "tinyzip.distill"):
        folder = importlib.import_module(room)
        assert {"fit", "loop", "run"} <= set(dir(folder)) or room != "tinyzip.train"
        for name in dir(folder):
            assert importlib.import_module(f"{room}.{name}").__name__ == f"{room}.{name}"


def test_a_file_that_is_called_for_a_function_of_its_name_says_what_to_import():
    for name in (
        "train.fit",
        "train.evaluate",
        "quant.choose.qat",
        "quant.grids.calibrate",
        "quant.choose.explain",
        "quant.choose.shrink",
    ):
        file = importlib.import_module(f"tinyzip.{name}")
        own = name.rpartition(".")[2]
        with pytest.raises(TypeError) as caught:
            file(NET, images=3)
        import_it = f"from tinyzip.{name} import {own}"
        assert str(caught.value) == f"tinyzip.{name}: found a call of the file, needed {own}(…), {import_it}"


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("from tinyzip import Sequential", "Sequential(…), from tinyzip.nn.sequential import Sequential"),
        ("from tinyzip import fit, quantize", "fit(…), from tinyzip.train.fit import fit"),
        ("from tinyzip.nn import Sequential", "Sequential(…), from tinyzip.nn.sequential import Sequential"),
        ("from tinyzip.quant import quantize", "quantize(…), from tinyzip.quant.choose.auto import quantize"),
        (
            "from tinyzip.distill import Ensemble",
            "Ensemble(…), from tinyzip.distill.teachers import Ensemble",
        ),
        ("from tinyzip.train import Dataset", "Dataset(…), from tinyzip.train.data import Dataset"),
        ("from tinyzip.nn.layers import Conv1d", "Conv2d(C, F, (1, k))"),
        ("import tinyzip.nn.layers as layers; layers.Softmax", "none: a network gives logits"),
        ("import tinyzip.nn.layers as layers; layers.ReLu", "ReLU(…), from tinyzip.nn.layers import ReLU"),
        ("import tinyzip; tinyzip.fit", "fit(…), from tinyzip.train.fit import fit"),
        ("import tinyzip; tinyzip.quant", "import tinyzip.quant"),
    ],
)
def test_a_script_that_takes_a_name_from_elsewhere_ends_with_what_to_write(words, needed):
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, encoding="utf-8")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ImportError: " if ";" not in words else "tinyzip.base.names.Missing: ")
    assert ": found no '" in last and f", needed {needed}" in last, last


def test_rooms_and_files_are_imported_as_before():
    words = "from tinyzip import nn, quant, archive; from tinyzip.train import fit, data"
    words += "; from tinyzip.nn import layers; from tinyzip.archive import *; import tinyzip"
    subprocess.run([sys.executable, "-c", words], check=True)


def test_a_property_that_fails_says_so_itself(monkeypatch):
    def fails(self):
        raise AttributeError("deep inside")

    monkeypatch.setattr(Sequential, "parameter_count", property(fails))
    with pytest.raises(AttributeError, match=r"^deep inside$"):
        NET.parameter_count  # noqa: B018


@pytest.mark.parametrize("thing", [NET, ReLU(), Conv2d(1, 2, 3), Tanh()], ids=str)
def test_a_call_is_answered_as_python_does(thing):
    with pytest.raises(TypeError, match=r": call: found a numpy.ndarray of shape \(2,\), needed "):
        thing(np.zeros(2))


def test_what_is_no_name_of_a_layer_is_answered_with_those_there_are():
    for key in (0, -1, "conv"):
        with pytest.raises(KeyError, match=r"layers: found .*, needed one of the names flat, fc, relu"):
            NET.layers[key]
        with pytest.raises(TypeError, match=r"Sequential: \[\]: found "):
            NET[key]
    assert NET.layers.get("conv") is None and "conv" not in NET.layers and NET.layers == LAYERS


def test_an_import_of_a_name_that_is_not_there_says_where_it_is():
    with pytest.raises(ImportError, match=r"needed fit\(…\), from tinyzip.train.fit import fit"):
        exec("from tinyzip.nn import fit")
