"""Depth: tinyzip quantize: the integer program of a float network, from images without labels."""

from argparse import ArgumentParser, Namespace

from tinyzip.archive.format import write
from tinyzip.base.files import check_writable
from tinyzip.base.kinds import PROGRAM
from tinyzip.base.refuse import refuse
from tinyzip.cli.pictures import add_images, read_images
from tinyzip.exchange import onnx
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import METHODS, quantize
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.grid import check_bits
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.saved import load

HELP = "write the integer program of a float network"
EXAMPLES = """\
tinyzip quantize digits.net --data examples/data/mnist --bits 4 --out digits.tz
tinyzip quantize digits.net --data examples/data/mnist --bits 4 --prune 0.5 --out half.tz
tinyzip quantize run.checkpoint --images photos.npy --out photos.tz"""
NETWORK_HELP = (
    "a network that quant.training.saved.save wrote, the checkpoint of a training, or a float .onnx file"
)
BITS = 8


def read_network(path: str) -> Sequential | FakeQuantized:
    """The network in the file `path`; one whose name ends in .onnx is read as such.

    raises  ValueError, naming the file, for one that holds no network; OSError where it cannot be read
    """
    model = onnx.read(path) if path.lower().endswith(".onnx") else load(path)
    if not isinstance(model, Sequential | FakeQuantized):
        refuse(path, "grids", "a network")
    return model


def options(parser: ArgumentParser) -> None:
    """MODEL --out FILE, images, bits, share."""
    parser.add_argument("model", metavar="MODEL", help=NETWORK_HELP)
    parser.add_argument("--out", required=True, metavar="FILE.tz", help="the program to write")
    add_images(parser, 1000, "training")
    parser.add_argument("--bits", type=int, metavar="B", help=f"of the weights, 1 to 8 ({BITS})")
    parser.add_argument("--activations", type=int, metavar="B", help=f"bits of the activations ({BITS})")
    parser.add_argument("--method", choices=(*METHODS, "auto"), default="auto", help="(%(default)s)")
    parser.add_argument("--prune", type=float, metavar="P", help="part of the weights to take away first (0)")


def run(options: Namespace) -> None:
    """Write the program, and say what was tried and how large it is."""
    check_writable(options.out, PROGRAM)
    for name, least in (("bits", 1), ("activations", 2)):
        if (bits := getattr(options, name)) is not None:
            check_bits(bits, f"--{name}", least)
    model = read_network(options.model)
    if isinstance(model, FakeQuantized):
        if options.bits is not None or options.activations is not None:
            refuse("--bits", "a network that has its grids already", "no bits: those it was trained with")
        if options.prune is not None:
            refuse("--prune", "a network that has its grids already", "a float network")
        program = lower(model.model(), model.grids())
    else:
        images = read_images(options, model.shape, "training")
        weights, activations = (BITS if b is None else b for b in (options.bits, options.activations))
        quantized = quantize(model, images.pixels, weights, activations, options.method, options.prune or 0.0)
        program = quantized.program
        print(quantized)
    size = write(program, options.out)
    floats = sum(array.size for name, array in model.params.items() if not name.endswith(".log_step"))
    print(f"{options.out}: {size:,} bytes; {4 * floats:,} in float")
