"""Freehand is not MNIST: how well a student reads digits that look as if they had been drawn on a page.

The page of a program (`tinyzip.exchange.page`) hands the network what a finger has drawn, prepared as MNIST's
digits were. But a finger's lines are thicker than a pen's, lean otherwise, and are not those of MNIST's 500
writers. So digits that look drawn are made out of MNIST's images, each with a draw of its own:

1. an affine map turns the image by up to 15°, makes each side up to 20 % longer or shorter, shears it by up
   to a quarter, and enlarges it four times;
2. all that is darker than half of the darkest is ink. Its edge moves outwards by up to 1 pixel of 28, or
   inwards by up to ½: lines get thicker by up to 2 pixels, or thinner by up to 1;
3. and the page's own preparation makes 28×28 pixels of it.

One student learns from the training images as they are, another in as many steps from these and from
drawn-like ones. Both are lowered to int8 and packed, and the second goes into a page. The test images are
read once, at the end, as they are and drawn-like. With seed 0 (two cores) this prints

    student of           bytes  errors, test images  errors, drawn-like
    images as they are   5,537          85 (99.15%)        254 (97.46%)
    and drawn-like ones  5,516          65 (99.35%)        154 (98.46%)

and writes drawn.tz as it stands in examples/models. Who has seen drawn-like digits reads them better, and
those of MNIST no worse. Drawn-like is not drawn: fingers may do what this recipe does not.
"""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts.sets import seed_of
from scipy import ndimage

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.exchange import page
from tinyzip.integer import Program
from tinyzip.nn.models import student_net
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.door.twin import grid_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset, mnist, to_input
from tinyzip.train.fit import fit
from tinyzip.train.optim import one_cycle

DATA = Path(__file__).parents[1] / "data" / "mnist"
SIDE, BOX, MIDDLE = 28, 20, 14
FINE, CANVAS = 4, 160  # pixels of a drawing for one of the image, and for its sides
TURN, STRETCH, SHEAR = 15.0, 0.2, 0.25
THINNER, THICKER = 0.5, 1.0
EPOCHS = 12
TRAINING, TEST = 1, 2  # whose draws

Images = NDArray[np.uint8]


def prepare(ink: Images) -> Images:
    """A drawing as MNIST's digits were made: (H, W) ink from 0 to 255 to (28, 28), zeros where there is none.

    The square around the ink becomes 20×20 pixels, each the mean of what it covers, and moves by whole pixels
    until its centre of mass is nearest to the middle. All in whole numbers: prepare.js gives the same pixels.
    """
    out = np.zeros((SIDE, SIDE), np.uint8)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size:
        return out
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    L = max(height, width)
    top, left = (L - height) // 2, (L - width) // 2
    square = np.zeros((L, L), np.int64)
    square[top : top + height, left : left + width] = ink[
        rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1
    ]
    pixels, places = np.arange(BOX)[:, None] * L, np.arange(L) * BOX
    shared = np.clip(np.minimum(pixels + L, places + BOX) - np.maximum(pixels, places), 0, None)
    small = (shared @ square @ shared.T + L * L // 2) // (L * L)
    mass, place = max(int(small.sum()), 1), np.arange(BOX)
    down, right = (
        int(np.clip((2 * (MIDDLE * mass - moment) + mass) // (2 * mass), 0, SIDE - BOX))
        for moment in (place @ small.sum(1), place @ small.sum(0))
    )
    out[down : down + BOX, right : right + BOX] = small
    return out


def drawn_like(image: Images, rng: np.random.Generator) -> Images:
    """One of MNIST's images as if somebody had drawn it: (28, 28) to (28, 28), by the recipe above."""
    turn = np.deg2rad(rng.uniform(-TURN, TURN))
    tall, wide = rng.uniform(1 - STRETCH, 1 + STRETCH, 2)
    shear, outwards = rng.uniform(-SHEAR, SHEAR), rng.uniform(-THINNER, THICKER)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    back = np.linalg.inv(FINE * rotation @ [[tall, 0], [shear, wide]])
    corner = (SIDE - 1) / 2 - back @ np.full(2, (CANVAS - 1) / 2)
    large = ndimage.affine_transform(image.astype(np.float32), back, corner, (CANVAS, CANVAS), order=1)
    large = ndimage.gaussian_filter(large, FINE / 3)
    dark = large > large.max() / 2
    depth = ndimage.distance_transform_edt(dark) - ndimage.distance_transform_edt(~dark)
    ink = dark.any() & (depth > min(-outwards * FINE, depth.max() / 2))
    return prepare(ink.astype(np.uint8) * 255)


def all_drawn_like(images: Images, seed: int, part: int) -> Images:
    """Each image by its own draw, whatever stands beside it."""
    draws = (np.random.default_rng([seed, part, i]) for i in range(len(images)))
    return np.stack([drawn_like(image, rng) for image, rng in zip(images, draws, strict=True)])


def train(images: Images, labels: NDArray[np.uint8], epochs: int, seed: int) -> Program:
    """A student of these images, in int8."""
    student = student_net(np.random.default_rng([seed, 0]))
    trained, _ = fit(
        student,
        images,
        labels,
        rng=np.random.default_rng([seed, 1]),
        epochs=epochs,
        schedule=one_cycle(0.015),
        augment=Augment(shift=1, rotation=5, scale=0.05),
    )
    few = np.random.default_rng([seed, 2]).choice(len(images), min(1000, len(images)), replace=False)
    return lower(trained, calibrate(trained, images[few], weights=8, activations=8))


def errors(program: Program, test: Dataset, images: Images) -> str:
    """How many test images it reads wrongly, and how many rightly in percent."""
    wrong = (classify(program, images) != test.labels).sum()
    return f"{wrong:,} ({1 - wrong / len(test):.2%})"


def codes_of(program: Program, images: Images) -> NDArray[np.uint8]:
    """Pixels of 0 to 255 as the program's input codes."""
    return grid_of(program.input).quantize(to_input(images))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files")
    parser.add_argument("--seed", type=seed_of, default=0, help="decides all that is drawn")
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, help="of all images and as many drawn-like ones"
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="where drawn.tz and drawn.html go")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data, test = mnist(args.data)
    print(f"{len(data):,} training images are drawn anew", flush=True)
    both = np.concatenate([data.images, all_drawn_like(data.images, args.seed, TRAINING)])
    programs = {
        "images as they are": train(data.images, data.labels, 2 * args.epochs, args.seed),
        "and drawn-like ones": train(both, np.concatenate([data.labels] * 2), args.epochs, args.seed),
    }
    archive.write(programs["and drawn-like ones"], args.out / "drawn.tz")
    page.write(args.out / "drawn.tz", args.out / "drawn.html")
    drawn = all_drawn_like(test.images, args.seed, TEST)
    rows = [("student of", "bytes", "errors, test images", "errors, drawn-like")]
    for name, program in programs.items():
        size = len(archive.pack(program))
        rows.append((name, f"{size:,}", errors(program, test, test.images), errors(program, test, drawn)))
    print(aligned(rows))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"drawn: {error}")
