"""Depth: a program, asked with images: the way in for pixels, and the way out for classes and real numbers.

    program = archive.read("digits.tz")
    classify(program, test.images)          # (N,) classes
    outputs(program, test.images)           # (K, N) what the codes of the last operator mean

A program keeps what its codes stand for, so a file is all that is needed: images come as data sets hold them,
the grid of the program's input turns them into codes by (G2), and the grid of its output turns what comes out
into real numbers by (G1). Everything between runs in integers.

A byte k is read as k/255, as everywhere in this library. Whether that is what the program was made for shows
in its input's grid: images that fail (PX1) of `train.pixels` by its range are refused, or warned of.
"""

import numpy as np
from numpy.typing import NDArray

from tinyzip import integer
from tinyzip.base.refuse import refuse
from tinyzip.integer import Argmax, Program
from tinyzip.integer.fast.run import Way
from tinyzip.integer.program import check_program
from tinyzip.machine.workers import Workers, thread_count
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.door.twin import grid_of
from tinyzip.quant.grids.grid import Grid, check_finite
from tinyzip.train.data import turned
from tinyzip.train.images import check_images, to_input
from tinyzip.train.pixels import check_range

MOST = 1024  # images in a shard, so that memory does not grow with their number


def classify(
    program: Program, images: Array, threads: int | None = None, product: Way = "integer"
) -> NDArray[np.int64]:
    """The class of each image (N,): that of the greatest code, whether or not the program ends in Argmax.

    images   (N, H, W) or (N, C, H, W), uint8 or floats as the network saw them; (N, C) for vectors
    threads  None: one for each core, 8 at most; the same classes for any number
    product  how `integer.run` computes, "printed" for its page of `ops`; the same classes for each
    raises   TypeError or ValueError for another thing than a program, images of another shape, of numbers
             that are not finite or too large by (PX1), a program that does not write a vector
    """
    codes = _last_codes(program, images, threads, product, "classify")
    return np.asarray(codes.argmax(axis=0), np.int64)


def outputs(
    program: Program, images: Array, threads: int | None = None, product: Way = "integer"
) -> NDArray[np.float32]:
    """The real numbers (K, N) that the program's last codes mean, an Argmax left out: its logits.

    Arguments and errors as in `classify`.
    """
    return grid_of(program.output).dequantize(_last_codes(program, images, threads, product, "outputs"))


def _last_codes(program: Program, images: Array, threads: int | None, product: Way, argument: str) -> Array:
    """The codes (K, N) before an Argmax."""
    check_program(program, f"{argument}: program")
    without = program
    if isinstance(program.operators[-1], Argmax):
        if len(program.operators) == 1:
            refuse(f"{argument}: program", "nothing but an Argmax", "an operator before it")
        without = Program(program.operators[:-1], program.shape, program.input)
    shape = without.shapes[-1]
    if len(shape) == 3 and shape[1:] != (1, 1):
        refuse(f"{argument}: program", f"an output of shape {shape}", "one number for each class")
    pixels, grid = check_pixels(program, images, argument), grid_of(program.input)
    with Workers(thread_count(threads)) as workers:
        shards = (pixels[start : start + MOST] for start in range(0, len(pixels), MOST))
        parts = [
            np.asarray(integer.run(without, codes_of_pixels(grid, shard), product, threads=workers))
            for shard in shards
        ]
    return np.concatenate(parts, axis=-1).reshape(shape[0], len(pixels))


def codes_of_pixels(grid: Grid, pixels: Array) -> Array:
    """Codes, the batch last, of pixels (N, …): bytes, which are k/255, or floats."""
    last = np.moveaxis(pixels, 0, -1)
    if pixels.dtype != np.uint8:
        return np.ascontiguousarray(grid.quantize(last.astype(np.float32, copy=False)))
    bytes_of_all = np.arange(256, dtype=np.uint8).reshape(-1, 1, 1)
    return np.ascontiguousarray(grid.quantize(to_input(bytes_of_all).reshape(256))[last])


def check_pixels(program: Program, images: Array, argument: str) -> Array:
    """The images as (N, *program.shape); refuses what could not be what the program was made for.

    raises  TypeError or ValueError as `classify`
    """
    argument = f"{argument}: images"
    vectors = len(program.shape) == 1
    if isinstance(images, np.ndarray) and images.ndim == 2 and vectors:
        pixels = images
        check_images(images[:, None], argument)
    else:
        check_images(images, argument)
        pixels = images[:, None] if images.ndim == 3 and not vectors else images
    if pixels.shape[1:] != program.shape:
        refuse(argument, f"shape {images.shape}", f"{('N', *program.shape)}{turned(images, program.shape)}")
    check_finite(images, argument)
    grid = grid_of(program.input)
    mean = None if grid.low < 0 else 0.0
    check_range(images, (float(grid.low), float(grid.high)), argument, mean)
    return pixels
