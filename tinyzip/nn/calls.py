"""What to write instead: where a layer is built with the words of another library, or no network is given.

Other libraries have the same layers and other names for their sizes. Here every class of layers is given a
check of the calls that build its objects, see `base.calls`, and networks and layers say what to write where
other libraries have a method. Importing any file of `tinyzip.nn` does that, so layers need not speak of it.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from tinyzip.base.calls import built_by, write_instead
from tinyzip.base.names import attributes_say, module_says
from tinyzip.base.refuse import refuse, said
from tinyzip.nn import layers
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.layer import Layer
from tinyzip.nn.network import Network

SIZES = {"in_channels": "C=", "out_channels": "F=", "in_features": "C=", "out_features": "F=",
         "kernel_size": "kernel=", "filters": "F=", "units": "F=", "pool_size": "kernel=",
         "strides": "stride="}  # fmt: skip

CREATE = "layers by name: Sequential.create({'conv1': Conv2d(1, 8, 3), …}, (1, 28, 28), rng)"
GIVES_LOGITS, ONE_ROW = "none: a network gives logits", "Conv2d(C, F, (1, k)) on images (C, 1, W)"
LAYERS = {"Softmax": GIVES_LOGITS, "LogSoftmax": GIVES_LOGITS, "Conv1d": ONE_ROW, "Conv1D": ONE_ROW}
LAYERS |= {"Dense": "Linear(C, F)", "ReLU6": "Clip(0, 6) of tinyzip.nn.activations"}
LAYERS |= {"MaxPooling2D": "MaxPool2d(2)", "AveragePooling2D": "AvgPool2d(2)"}
LAYERS |= dict.fromkeys(("AdaptiveAvgPool2d", "GlobalAveragePooling2D"), "GlobalAvgPool()")
LAYERS |= dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNormalization"), "BatchNorm(C)")
FORWARD = "its forward: z, caches = net.forward(x), or tinyzip.train.evaluate.logits(net, images)"
NETWORK = {
    "score": "evaluate(net, images, labels), from tinyzip.train.evaluate import evaluate",
    "load_state_dict": "net.with_params(arrays by name)",
    "train": "nothing: net.forward(x, train=True, rng=rng), and fit does it",
    "eval": "nothing: net.forward(x) infers unless train=True",
    "add": CREATE,
    "compile": "nothing: fit(net, …, optimizer=AdamW(), schedule=1e-3)",
} | dict.fromkeys(("parameters", "state_dict", "weights"), "net.params, arrays by name")


def refused(what: str, needed: str) -> Callable[[Any, Any], NoReturn]:
    """The method for what networks and layers do not do."""
    return lambda self, x: refuse(f"{type(self).__name__}: {what}", said(x), needed, TypeError)


def check_layers(layers: Any) -> None:
    """Refuse what a network cannot be built of."""
    found = f"{said(layers)} and what does not fit" if isinstance(layers, Mapping) else said(layers)
    refuse("Sequential: layers", found, CREATE, TypeError)


for kind in (layers.Conv2d, layers.Linear, layers.MaxPool2d, layers.AvgPool2d):
    built_by(**SIZES)(kind)
built_by(num_features="C")(layers.BatchNorm)
built_by(p="rate")(layers.Dropout)
built_by(inplace="ReLU(): a network decides itself where it may write")(layers.ReLU)
built_by(start_dim="Flatten(), of all axes of an example")(layers.Flatten)
built_by()(layers.GlobalAvgPool)
instead = write_instead(input_shape="shape=", seed="rng=np.random.default_rng(0)")
type.__setattr__(Network, "create", classmethod(instead(vars(Network)["create"].__func__)))
type.__setattr__(Layer, "__call__", refused("call", "it in a network: Sequential.create({'name': layer}, …)"))
type.__setattr__(Network, "__call__", refused("call", FORWARD))
type.__setattr__(Network, "__getitem__", refused("[]", "net.layers[…] or net.params[…], by name"))
attributes_say(Network, NETWORK)
module_says(layers.__name__, LAYERS)
module_says("tinyzip.nn")


def check_network(model: Any, argument: str) -> None:
    """Refuse what is no network of layers, with what to write instead."""
    if not isinstance(model, Inspected):
        refuse_network(model, argument, "a Sequential")


def refuse_network(model: Any, argument: str, needed: str) -> NoReturn:
    """Say what to write for what is no network."""
    if callable(model) and hasattr(model, "__name__"):
        needed += f", which a call may give: {model.__name__}()"
    elif isinstance(model, str | os.PathLike):
        needed += ": tinyzip.quant.training.saved.load(path)"
    elif hasattr(model, "grids"):
        needed += ": its .model()" if callable(model.grids) else ": its .model"
    elif hasattr(model, "operators"):
        needed += " of floats; a program's classes are tinyzip.quant.door.classify.classify(…)"
    refuse(argument, said(model), needed, TypeError)
