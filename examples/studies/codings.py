"""How short do weights become, and by which coding? Against zlib and lzma on the same codes.

    python examples/studies/codings.py                      a small network, and other people's models
    python examples/studies/codings.py --json codings.json  and keep the numbers

The seed's network is trained and quantized to 8, 4, 2 bits and one; its 8-bit weights are also made to
share 16 values (k-means), and pruned but for one in ten. Beside these stand the int8 models of
tests/data/tflite, if the package tflite is installed. Of all weights of a network, and of nothing else, the
table says how many bytes they take:

    plain bits    as many for each as its layer has
    entropy       N·H of each tensor, as if its histogram were known and cost nothing
    zlib, lzma    at their best, of the codes as bytes or packed to bits, whichever is shorter
    NNCodec       DeepCABAC of ISO/IEC 15938-17 by `pip install --no-deps nncodec`, its parameters for each
                  tensor optimized, at the best length of its unary codes; "-" where it is not installed
    mixed, …      all tensors in one coding of `archive.weights`, as they are; "-" where that would take more
                  decisions than a writer allows
    chosen        the best coding for each tensor, in its best form: what a .tz file holds
"""

import argparse
import json
import lzma
import sys
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.archive import weights
from tinyzip.archive.coder import Writer
from tinyzip.archive.neighbours import View
from tinyzip.archive.records import image_before
from tinyzip.base.files import write_atomically
from tinyzip.base.table import aligned
from tinyzip.integer import Conv2d, Linear, Program
from tinyzip.nn.models import seed_net
from tinyzip.quant.choose.auto import quantize
from tinyzip.train.data import mnist
from tinyzip.train.fit import fit

ROOT = Path(__file__).parents[1]
MNIST, MODELS = ROOT / "data" / "mnist", ROOT.parent / "tests" / "data" / "tflite"
Array = NDArray[Any]
Tensor = tuple[Array, int, View]  # codes (F, …), their bits, and how they stand
Row = dict[str, Any]


def tensors_of(program: Program) -> list[Tensor]:
    """The weights of a program."""
    found: list[Tensor] = []
    for i, operator in enumerate(program.operators):
        if isinstance(operator, Conv2d):
            F, C, kh, kw = operator.w.shape
            found.append((operator.w, operator.weight_bits, (F, C, kh, kw)))
        elif isinstance(operator, Linear):
            H, W = image_before(program, i)
            F, C = operator.w.shape
            found.append((operator.w, operator.weight_bits, (F, C // (H * W), H, W)))
    return found


def shared(w: Array, count: int) -> Array:
    """Weights that share `count` values, by k-means from their quantiles on [Han et al. 2016]."""
    values = np.quantile(w, (np.arange(count) + 0.5) / count)
    for _ in range(30):
        nearest = np.abs(w[..., None] - values).argmin(-1)
        values = np.array(
            [w[nearest == k].mean() if (nearest == k).any() else values[k] for k in range(count)]
        )
    return np.rint(values).astype(w.dtype)[np.abs(w[..., None] - values).argmin(-1)]


def pruned(w: Array, share: float) -> Array:
    """Weights of which the smallest are 0."""
    return np.where(np.abs(w) > np.quantile(np.abs(w), share), w, 0)


def networks(epochs: int) -> Iterator[tuple[str, list[Tensor]]]:
    """Every network by name, with its weights."""
    train = mnist(MNIST)[0]
    model, _ = fit(
        seed_net(), train.images, train.labels, rng=np.random.default_rng(0), epochs=epochs, progress=False
    )
    for bits in (8, 4, 2, 1):
        program = quantize(model, train.images[:500], weights=bits, method="mse").program
        tensors = tensors_of(program)
        yield f"seed net, {bits} bit{'s'[: bits - 1]}", tensors
        if bits == 8:
            yield "seed net, 16 shared values", [(shared(w, 16), b, view) for w, b, view in tensors]
            yield "seed net, 90 % pruned", [(pruned(w, 0.9), b, view) for w, b, view in tensors]
    try:
        from tinyzip.exchange import tflite

        for path in sorted(MODELS.glob("*.tflite")):
            yield path.stem, tensors_of(tflite.read(path))
    except ImportError as error:
        print(f"without other people's models: {error}", file=sys.stderr)


def entropy(w: Array) -> float:
    """N·H in bytes."""
    counts = np.unique(w, return_counts=True)[1]
    return float(-(counts * np.log2(counts / counts.sum())).sum()) / 8


def bit_packed(w: Array, bits: int) -> bytes:
    """The codes in as many bits each, in two's complement; a sign for one bit."""
    unsigned = (w.ravel() > 0 if bits == 1 else w.ravel()).astype(np.uint8)
    return np.packbits((unsigned[:, None] >> np.arange(bits)) & 1).tobytes()


def squeezed(data: bytes) -> dict[str, int]:
    """What zlib and lzma, without its container, make of some bytes."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    return {
        "zlib": len(zlib.compress(data, 9)),
        "lzma": len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)),
    }


def nncodec(tensors: list[Tensor]) -> int | None:
    """The bytes of NNCodec's coder, of codes alone without a tensor's header; None where it is missing."""
    if not find_spec("nncodec"):
        return None
    from nncodec.extensions import deepCABAC

    sizes = []
    for unary in range(1, 12):
        encoder = deepCABAC.Encoder()
        for w, _, _ in tensors:
            encoder.initCtxModels(unary, 1)
            rows = w.reshape(len(w), -1).astype(np.int32)
            off = deepCABAC.HdspMode.AlwaysOff, np.zeros(2, np.int8)
            encoder.encodeLayer(rows, 0, 0, 0, 0, 0, np.zeros(len(w), np.int32), *off, 0, 0)
        sizes.append(len(encoder.finish()))
    return min(sizes)


def in_one_coding(tensors: list[Tensor], coding: str) -> int | None:
    """The bytes of all tensors in one coding; None where it would take too many decisions."""
    writer = Writer("codings")
    for w, _, view in tensors:
        found = {plan.coding: plan for plan in weights.plans(writer, w.ravel().astype(np.int64), view)}
        if coding not in found:
            return None
        weights.carry_out(writer, found[coding])
    return -(-writer.cost // (8 << 16))


def measure(name: str, tensors: list[Tensor]) -> Row:
    """A row of the table."""
    codes = b"".join(w.astype(np.int8).tobytes() for w, _, _ in tensors)
    packed = b"".join(bit_packed(w, bits) for w, bits, _ in tensors)
    general = [squeezed(codes), squeezed(packed)]
    writer = Writer("codings")
    for w, _, view in tensors:
        weights.put(writer, w.ravel().astype(np.int64), view)
    return {
        "network": name,
        "weights": len(codes),
        "plain bits": len(packed),
        "entropy": round(sum(entropy(w) for w, _, _ in tensors)),
        **{method: min(sizes[method] for sizes in general) for method in ("zlib", "lzma")},
        "NNCodec": nncodec(tensors),
        **{coding: in_one_coding(tensors, coding) for coding in weights.CODINGS},
        "chosen": len(writer.finish()),
    }


def as_table(rows: list[Row]) -> str:
    def cell(value: Any) -> str:
        return "-" if value is None else f"{value:,}" if isinstance(value, int) else value

    return aligned([list(rows[0]), *([cell(value) for value in row.values()] for row in rows)])


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--epochs", type=int, default=10, help="how long the small net is trained (%(default)s)"
    )
    parser.add_argument("--json", type=Path, help="where to write the table for machines")
    args = parser.parse_args(words)
    rows = [measure(name, tensors) for name, tensors in networks(args.epochs)]
    print(as_table(rows))
    if args.json:
        write_atomically(args.json, [(json.dumps(rows, indent=1) + "\n").encode()])


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"codings: {error}")
    except KeyboardInterrupt:
        sys.exit("\ncodings: stopped")
