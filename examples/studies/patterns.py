"""What is a pattern of zeros worth: in bytes, and in time, in this engine and on a chip?

The student, whose program is small enough for an ATmega328, is trained for a short while, and then for as
long again without half of its weights, in units of each kind: one by one, two of each four in a row, whole
kernels, whole filters; and one by one nine of ten. Weights have 8 bits. What is proved to make no difference
is taken out of the program: a filter without weights goes, and with it all that read it.

Here the engine multiplies matrices, zeros and all, so that only smaller matrices take less time. The C skips
a weight that is zero with the row that it would be multiplied by. Where a compiler and a simulator of the
chip are not installed, its columns are left out.

Rows: {"pattern", "share", "seed", "errors", "bytes", "left", "here"}, and of the chip {"flash", "seconds"}:
errors of the test images, bytes of the packed program, weight codes that are not 0, microseconds of a core
for an image in batches of BATCH, and seconds for an image at 16 MHz.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import chips
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.integer import Program, run
from tinyzip.integer.operators import Weighted
from tinyzip.integer.proof.simplify import simplify
from tinyzip.nn.models import student_net
from tinyzip.quant.choose.auto import grids_for
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.door.twin import grid_of
from tinyzip.quant.rounding.prune import curvature
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.masks import Pattern
from tinyzip.quant.training.pruned import Pruned
from tinyzip.train.augment import Augment
from tinyzip.train.data import to_input
from tinyzip.train.fit import fit
from tinyzip.train.optim import one_cycle

QUICK_IMAGES, CALIBRATION, BATCH, TURNS, ON_CHIP = 300, 1000, 256, 7, 3
PATTERNS: dict[str, tuple[Pattern, float]] = {
    "none": ("any", 0.0),
    "one by one": ("any", 0.5),
    "2 of 4 in a row": (4, 0.5),
    "whole kernels": ("kernels", 0.5),
    "whole filters": ("filters", 0.5),
    "one by one, nine of ten": ("any", 0.9),
}
SETTINGS = {  # epochs of both trainings, the highest rate, distortions
    MNIST: (6, 0.005, Augment(shift=1, rotation=8, scale=0.06)),
    ROWS: (20, 0.02, Moved(2)),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    return f"{SETTINGS[on]}\n{PATTERNS}"


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A row for each pattern."""
    epochs, rate, moved = SETTINGS[on]
    train, test = read(on, data, seed)
    if quick:
        train, epochs = train[:QUICK_IMAGES], 1

    def learn(name: str, model: Any) -> Any:
        how: dict[str, Any] = {"images": train.images, "labels": train.labels, "epochs": epochs}
        how |= {"batch": 64, "schedule": one_cycle(rate), "augment": moved}
        return trained(folder, name, fit, model, **how, rng=np.random.default_rng([seed, 1]))

    shape, seen = to_input(train.images[:1]).shape[:3], train.images[:CALIBRATION]
    net = learn("float", student_net(np.random.default_rng([seed, 2]), shape, train.classes))
    fake = FakeQuantized.create(net, grids_for(net, seen, 8, 8))
    names = [name for name in net.params if name.endswith(".w")]
    h, end = curvature(net, seen), epochs * -(-len(train) // 64) // 2
    programs = {}
    for name, (pattern, share) in PATTERNS.items():
        some = names[:-1] if pattern == "filters" else names  # the last ones are the classes
        thin = learn(name, Pruned.create(fake, share, end=end, pattern=pattern, names=some, curvature=h))
        made = thin.applied()
        programs[name] = simplify(lower(made.model(), made.grids()))
    codes = grid_of(programs["none"].input).quantize(to_input(test.images[:BATCH]))
    here = in_turns(programs, codes)
    rows = []
    for name, program in programs.items():
        w = np.concatenate([o.w.ravel() for o in program.operators if isinstance(o, Weighted)])
        row = {"pattern": name, "share": PATTERNS[name][1], "seed": seed, "here": here[name]}
        row |= {"errors": int((classify(program, test.images, 1) != test.labels).sum())}
        row |= {"bytes": len(archive.pack(program, names=False)), "left": int((w != 0).sum())}
        if not chips.missing("avr-gcc", "simavr"):
            with tempfile.TemporaryDirectory() as temporary:
                chip = chips.on_avr(program, codes[..., :ON_CHIP], Path(temporary))
            if not np.array_equal(chip.outputs, run(program, codes[..., :ON_CHIP])):
                raise RuntimeError(f"{name}: found other codes on the chip, needed the engine's")
            row |= {"flash": chip.flash, "seconds": chip.seconds}
        rows.append(row)
    return rows


def in_turns(programs: dict[str, Program], codes: Any) -> dict[str, float]:
    """Microseconds of a core for an image, the least of several turns that the programs take one after the
    other."""
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(TURNS):
        for name, program in programs.items():
            run(program, codes)  # so that what the others left in caches does not count
            start = time.perf_counter()
            run(program, codes)
            found[name].append(1e6 * (time.perf_counter() - start) / codes.shape[-1])
    return {name: min(times) for name, times in found.items()}


def as_table(rows: list[Row]) -> str:
    """A line for each pattern: means over the seeds; times also in parts of the whole network's."""
    head = ["weights that go", "share", "errors", "bytes", "weights left", "µs here", ""]
    lines = [[*head, "flash", "s on the chip", ""]]
    whole = {row["seed"]: row for row in rows if row["pattern"] == "none"}
    for (name, share), found in grouped(rows, "pattern", "share").items():
        line = [name, f"{share:.0%}", spread([row["errors"] for row in found])]
        line += [f"{mean(row[key] for row in found):,.0f}" for key in ("bytes", "left")]
        for key, form in (("here", ".1f"), ("seconds", ".2f")):
            if key == "seconds":
                line.append(f"{mean(row['flash'] for row in found):,.0f}" if "flash" in found[0] else "")
            if key in found[0]:
                part = mean(row[key] / whole[row["seed"]][key] for row in found)
                line += [f"{mean(row[key] for row in found):{form}}", f"×{part:.2f}"]
        lines.append(line + [""] * (len(lines[0]) - len(line)))
    return aligned(lines)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    args = ask(options(__doc__, "patterns", quick, 3), words)
    print(as_table(rows_of(args, one_seed, recipe(args.on))))


if __name__ == "__main__":
    run_as_script("patterns", main)
