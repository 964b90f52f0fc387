"""Networks and programs for other runtimes, in the one format that all of them read: .onnx files.

    onnx.write_network(model, "digits.onnx")         # float: images in, logits out

ONNX's arrays have examples first: (N, C, H, W) where a network here has (C, H, W, N).
"""

from tinyzip.base.files import PathLike
from tinyzip.exchange.onnx_network import network_graph
from tinyzip.nn.sequential import Sequential


def write_network(network: Sequential, path: PathLike) -> None:
    """Write a float network to the file `path`, whole or not at all.

    The graph reads `images` (N, C, H, W) or (N, C) float32 and writes `logits` (N, K): those of
    `network.forward`, but for the order of sums.

    Raises TypeError for what is no Sequential and for layers of your own, ValueError for arrays that are not
    finite in float32, ImportError where the package `onnx` is missing, OSError as `base.files`; all that
    before a byte is written.
    """
    graph, model = network_graph(network, path)
    graph.write(model)
