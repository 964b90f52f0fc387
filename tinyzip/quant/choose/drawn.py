"""Depth: the table of `explain` as a picture."""

from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np

from tinyzip.base.files import PathLike, check_path, write_atomically
from tinyzip.quant.choose.explain import Explanation


def draw(explanation: Explanation, path: PathLike) -> None:
    """Save it to a file. Raises ImportError, saying what to install, without matplotlib."""
    check_path(path, "draw: path")
    layers = explanation.layers
    pyplot = import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(1, 3, figsize=(11, 0.5 * len(layers) + 2), sharey=True)
    names = [layer.name for layer in layers]
    noise = [(layer.signal_to_noise, layer.weights_signal_to_noise) for layer in layers]
    for column, label in enumerate(("output", "weights")):
        values = [min(pair[column], 80.0) for pair in noise]
        axes[0].barh(np.arange(len(names)) + 0.4 * column, values, 0.38, label=label)
    axes[0].set(title="signal/noise (dB)", yticks=np.arange(len(names)) + 0.2, yticklabels=names)
    axes[0].legend()
    axes[1].barh(names, [100 * layer.saturated for layer in layers], 0.38)
    axes[1].set(title="saturated outputs (%)")
    axes[2].barh(names, [layer.first_changes for layer in layers], 0.38)
    axes[2].set(title="first changes (images)")
    axes[0].invert_yaxis()
    figure.tight_layout()
    picture = BytesIO()
    figure.savefig(picture, dpi=120, format=Path(path).suffix[1:] or None)
    pyplot.close(figure)
    write_atomically(path, [picture.getvalue()])
