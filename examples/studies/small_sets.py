"""Does the recipe of the main job do for one's own small images, of which there are few?

It was found on MNIST, 60,000 images of 28×28. Here the main job meets sets that are not like that, each in a
folder of four IDX files as one's own would be, for many seeds; the table is that of `seeds.py`:

digits   scikit-learn's, which has to be installed: 1,797 of 8×8. The last 397, which others have written, are
         the test images
halved   MNIST's at half the size, 14×14: a thousand training images, all test images
shapes   made here: discs, rings, squares and crosses in colour, 400 of 20×24, some rarer than others

With --validation the test images stay unread, and the last quarter of the training images is judged instead.
What the recipe does for few images was chosen so, on the first two.
"""

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
import seeds
from parts.sets import DATA, write
from parts.study import run_as_script

from tinyzip.base.refuse import refuse
from tinyzip.train.data import Dataset, mnist

Sets = tuple[Dataset, Dataset]


def digits() -> Sets:
    """1,400 and 397 images of 8×8, 17 greys."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        refuse("digits", "no module 'sklearn'", "scikit-learn: pip install scikit-learn", ImportError)
    found = load_digits()
    whole = Dataset(np.rint(found.images * (255 / 16)).astype(np.uint8), found.target)
    return whole[:1400], whole[1400:]


def halved() -> Sets:
    """1,000 and 10,000 images of 14×14: means of four pixels."""
    training, test = mnist(DATA)
    drawn = np.random.default_rng(0).permutation(len(training))[:1000]
    small = [
        Dataset(np.rint(part.images.reshape(-1, 14, 2, 14, 2).mean((2, 4))).astype(np.uint8), part.labels)
        for part in (training[drawn], test)
    ]
    return small[0], small[1]


def shapes() -> Sets:
    """400 and 2,000 images (3, 20, 24) of four shapes in noise, one of them in ten images of a hundred."""
    rng = np.random.default_rng(0)
    N, H, W = 2400, 20, 24
    labels = rng.choice(4, N, p=(0.4, 0.3, 0.2, 0.1))
    size = rng.uniform(4, 7, (N, 1, 1))
    y = np.arange(H)[:, None] - rng.uniform(6, H - 7, (N, 1, 1))
    x = np.arange(W) - rng.uniform(6, W - 7, (N, 1, 1))
    far, most, least = np.hypot(x, y), np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
    inside = far < size, (far < size) & (far > 0.6 * size), most < 0.85 * size, (most < size) & (least < 1.5)
    shown = np.choose(labels[:, None, None], inside)[:, None]
    colours = rng.uniform(0, 255, (2, N, 3, 1, 1))
    images = np.where(shown, *colours) + rng.normal(0, 25, (N, 3, H, W))
    whole = Dataset(np.rint(images.clip(0, 255)).astype(np.uint8), labels)
    return whole[:400], whole[400:]


SETS = {"digits": digits, "halved": halved, "shapes": shapes}


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", choices=SETS, help="which of them")
    parser.add_argument("--validation", action="store_true", help="judge by training images, unread for that")
    parser.add_argument("--out", type=Path, help="out/small-SET: the folder of images, and one for each seed")
    args, others = parser.parse_known_args(words)
    name = f"{args.set}{'-validation' if args.validation else ''}"
    out = args.out or Path("out") / f"small-{name}"
    training, test = SETS[args.set]()
    if args.validation:
        cut = len(training) * 3 // 4
        training, test = training[:cut], training[cut:]
    write(out / "data", training, test)
    print(f"{name}: {training.brief()}, and {len(test):,} to be judged by", flush=True)
    seeds.main(["--seeds", "16", "--resume", "--data", str(out / "data"), "--out", str(out), *others])


if __name__ == "__main__":
    run_as_script("small_sets", main)
