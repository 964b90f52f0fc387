"""Depth: networks and programs for other runtimes, in the one format that all of them read: .onnx files.

    model = onnx.read("model.onnx")                          # float, as PyTorch writes it
    onnx.write_network(model, "digits.onnx")                 # float: images in, logits out
    onnx.write_program(program, "digits.onnx")               # codes in, and those of `integer.run` out
    onnx.write_program(program, "digits.onnx", exact=False)  # near them, as fast as the runtime can

What is read is a network of this library like any other: it can be trained on, distilled, and quantized to
eight bits or fewer, `quant.choose.auto.quantize(model, images)`.

ONNX's arrays have examples first: (N, C, H, W) where a network here has (C, H, W, N).
"""

from tinyzip.base.files import PathLike, check_path
from tinyzip.exchange.onnx.chain import Translation
from tinyzip.exchange.onnx.file import read_graph
from tinyzip.exchange.onnx.network import network_graph
from tinyzip.exchange.onnx.program import program_graph
from tinyzip.integer.program import Program
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.sequential import Sequential


def read(path: PathLike) -> Sequential:
    """The network in a float .onnx file, such as PyTorch's exporters write; no package is needed.

    returns  a network for images (C, H, W), whether the file has channels first, (N, C, H, W), or last and
             turns them; or for features (C,). Its answers are the file's, but for the order of sums. A
             softmax at the end is left out, and so is an argmax: a network gives logits, and the class is
             that of the greatest. Dropout does nothing here either. Branches that meet at a sum, a product
             or a concatenation are blocks: `nn.residual`, `nn.joins`

    Raises ValueError, naming the file, the node's number in it, its kind, its name and why, for all that
    cannot be read; OSError where the file, or the one of large constants beside it, cannot be. Takes no more
    memory than 64 times the file and 72 MB, of which 68 are for weights that dilated windows make.
    """
    check_path(path, "onnx.read: path")
    return Translation(read_graph(path)).network()


def write_network(network: Inspected, path: PathLike) -> None:
    """Write a float network to the file `path`, whole or not at all.

    The graph reads `images` (N, C, H, W) or (N, C) float32 and writes `logits` (N, K): those of
    `Network.forward`, but for the order of sums.

    Raises TypeError for what is no network and for layers of your own, ValueError for arrays that are not
    finite in float32, ImportError where the package `onnx` is missing, OSError as `base.files`; all that
    before a byte is written.
    """
    graph, model = network_graph(network, path)
    graph.write(model)


def write_program(program: Program, path: PathLike, exact: bool = True) -> None:
    """Write an integer program to the file `path`, whole or not at all.

    The graph reads `codes` (N, C, H, W) or (N, C), of the dtype and within the range of program.input, and
    writes `output`: the codes of the last operator, of their dtype, or int64 classes (N,) of an Argmax. (In
    ONNX every tensor has a name of its own, so the two cannot both be called `codes`.)

    exact  with integer operators only: the codes of `integer.run`, to the last one. If False, in QDQ form,
           float operators between quantizers, for which runtimes have their fastest integer kernels: each
           operator's codes are one off at most if those that it reads are not. From layer to layer that adds
           up: the deeper a program, the more of its codes differ, and the further

    Raises TypeError for what is no Program, ValueError where ONNX cannot hold it; else as `write_network`.
    """
    graph, model = program_graph(program, path, exact)
    graph.write(model)
