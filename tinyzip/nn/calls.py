"""What to write instead: where a layer is built with the words of another library, or no network is given.

Other libraries have the same layers and other names for their sizes. Here every class of layers is given a
check of the calls that build its objects, see `base.calls`. Importing any file of `tinyzip.nn` does that, so
the layers themselves need not speak of it.
"""

import os
from typing import Any

from tinyzip.base.calls import built_by
from tinyzip.base.refuse import refuse, said
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.layers import AvgPool2d, BatchNorm, Conv2d, Dropout, Linear, MaxPool2d

SIZES = {
    "in_channels": "C=",
    "out_channels": "F=",
    "in_features": "C=",
    "out_features": "F=",
    "kernel_size": "kernel=",
    "filters": "F=",
    "units": "F=",
    "pool_size": "kernel=",
    "strides": "stride=",
}

for kind in (Conv2d, Linear, MaxPool2d, AvgPool2d):
    built_by(**SIZES)(kind)
built_by(num_features="C")(BatchNorm)
built_by(p="rate")(Dropout)


def check_network(model: Any, argument: str) -> None:
    """Refuse what is no network of layers, with what to write instead."""
    if isinstance(model, Inspected):
        return
    needed = "a Sequential"
    if callable(model):
        needed += f", which a call may give: {getattr(model, '__name__', 'it')}()"
    elif isinstance(model, str | os.PathLike):
        needed += ": tinyzip.quant.saved.load(path)"
    elif hasattr(model, "grids"):
        needed += ": its .model()" if callable(model.grids) else ": its .model"
    elif hasattr(model, "operators"):
        needed += ", a network of floats, which a program was made of"
    refuse(argument, said(model), needed, TypeError)
