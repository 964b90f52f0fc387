"""Depth: a network of floats from a file: what each command that reads one calls."""

from tinyzip.base.refuse import refuse
from tinyzip.exchange import onnx
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.saved import load

NETWORK_HELP = "a network that quant.saved.save wrote, the checkpoint of a training, or a float .onnx file"


def read_network(path: str) -> Sequential | FakeQuantized:
    """The network in the file `path`; one whose name ends in .onnx is read as such.

    raises  ValueError, naming the file, for one that holds no network; OSError where it cannot be read
    """
    model = onnx.read(path) if path.lower().endswith(".onnx") else load(path)
    if not isinstance(model, Sequential | FakeQuantized):
        refuse(path, "grids", "a network")
    return model
