"""Does a trellis still save bytes when the network is trained on it?

    python examples/studies/trellis_trained.py --on digits1d    four seeds: a quarter of an hour of one core
    python examples/studies/trellis_trained.py                  MNIST, three seeds: many hours

`trellis.py` takes networks that have been trained, and a path through two grids that take turns saves 4 to
11 % of the bytes. But a network that is trained on its grid learns to live with it, and bits that have a
price are given up where they are worth least. Here training goes through the path: all weights have the codes
of the best one (Viterbi's algorithm), and the network sees y, those multiples of Δ. Gradients go straight
through, as by (QS2) and (QS3) for one grid; weights beyond the last code get none. Bits have a price as by
(QN1) to (QN3), with a table for each grid: a weight stands between two points of the grid that its path has
led it to, and is pulled to the one that more of the others are near to. The path is taken anew

    batch  for every batch
    pass   for every pass over the images; in between each weight keeps its error y − w, in steps

With one state, for every batch, this is how `smallest.py` trains: rounding to one grid. All begin with the
same network of real numbers and learn from the same teachers, by the recipe for BUDGET bytes with other
prices. In the end bits are counted by the file's coder: for two grids by one that knows of which a code is.

Rows: {"states", "anew", "price", "seed", "weights", "knows", "bits", "known", "moved", "loss", "train",
"errors"}: bits of all weights by the coder as it is and by one that knows the grids; how many weights change
when one is moved by a step; the objective over the images that were learned from; errors in percent.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts.sets import MNIST, ROWS
from parts.smallest_recipes import BATCH, SETTINGS
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread
from smallest import Bench, on_grids
from trellis import (
    TRELLISES,
    WIDER,
    best_path,
    bits_as_it_is,
    bits_known,
    cheapest,
    counted,
    multiples,
)

from tinyzip.base.table import aligned
from tinyzip.nn.losses import Batch
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.grid import Grid
from tinyzip.quant.lsq import gradient_scale
from tinyzip.quant.rate import rate
from tinyzip.quant.through import Through
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import evaluate, logits
from tinyzip.train.fit import fit
from tinyzip.train.optim import AdamW, one_cycle

Array = NDArray[Any]
BUDGET = 512
M = 3  # the greatest code of each grid
PRICES = {MNIST: (0.0, 1e-4, 3e-4, 1e-3), ROWS: (0.0, 3e-4, 1e-3, 3e-3)}
WAYS = tuple((states, anew) for anew in ("batch", "pass") for states in (1, 8))
MOVES = 50  # weights of which each is moved by a step, to see how many others move


class Way(NamedTuple):
    """A layer's path: codes k and the grids that they are of, (N,) both."""

    codes: Array
    grids: Array


@dataclass(frozen=True)
class Led(Through[FakeQuantized]):
    """A network that simulates integers, its weights led through a trellis on their way in.

    states  of the trellis
    price   of a bit
    kept    of each array of weights, between two passes: its path, and y − w in steps
    """

    states: int
    price: float
    kept: Mapping[str, tuple[Way, Array]] | None = None

    @property
    def params(self) -> dict[str, Array]:
        return self.network.params

    def trainable(self) -> list[str]:
        return self.network.trainable()

    def with_params(self, params: Mapping[str, Array]) -> Self:
        return replace(self, network=self.network.with_params(params))

    def paths(self) -> dict[str, Way]:
        """The best path of each layer, by distances alone."""
        rows = {
            name: w.ravel() / self.network.step(name)
            for name, w in self.params.items()
            if name.endswith(".w")
        }
        longest = max(u.size for u in rows.values())
        costs, codes = np.zeros((len(rows), 4, longest)), []  # a shorter path ends in steps that cost nothing
        for u, cost in zip(rows.values(), costs, strict=True):
            cost[:, : u.size], code = cheapest(u, np.ones(u.size), 1.0, np.zeros((2, 2 * M + 1)))
            codes.append(code)
        taken, _ = best_path(costs, TRELLISES[self.states])
        return {
            name: Way(code[which[: u.size], np.arange(u.size)], which[: u.size] // 2)
            for (name, u), code, which in zip(rows.items(), codes, taken, strict=True)
        }

    def arrays(self) -> dict[str, Array]:
        return self.led()[0]

    def led(self) -> tuple[dict[str, Array], dict[str, Way]]:
        """The arrays y, and the paths that they are on."""
        if self.kept is not None:
            y = {
                name: self.params[name] + error * self.network.step(name)
                for name, (_, error) in self.kept.items()
            }
            return y, {name: way for name, (way, _) in self.kept.items()}
        paths = self.paths()
        y = {}
        for name, way in paths.items():
            w = self.params[name]
            y[name] = (self.network.step(name) * multiples(*way).reshape(w.shape)).astype(w.dtype)
        return y, paths

    def keeping(self) -> Self:
        """The same, which keeps its errors as they are now."""
        y, paths = replace(self, kept=None).led()
        errors = {name: (y[name] - self.params[name]) / self.network.step(name) for name in y}
        return replace(self, kept={name: (paths[name], error) for name, error in errors.items()})

    def forward(self, x: Array, **how: Any) -> tuple[Array, Any]:
        y, paths = self.led()
        applied = self.network.with_params({**self.params, **y})
        z, caches = applied.forward(x, **how)
        return z, (applied, (caches, paths))

    def statistics(self, caches: Any) -> dict[str, Array]:
        """None: norms have been folded."""
        return {}

    def backward(self, dz: Array, caches: Any, **how: Any) -> dict[str, Array]:
        applied, (inner, paths) = caches
        grads = dict(applied.backward(dz, inner, **how))
        for name, (_, grids) in paths.items():
            w, y, step = self.params[name], applied.params[name], self.network.step(name)
            grid = grids.reshape(w.shape)
            inside = np.abs(w) < step * multiples(np.array(M), grid)
            dw, pull = grads[name], self.price * slope_of_rate(w / step, grid)
            dstep = np.vdot(dw, y - w * inside) - np.vdot(pull, w / step)
            grads[name] = (dw * inside + pull / step).astype(w.dtype)
            grads[f"{name}.log_step"] = np.asarray(gradient_scale(w.size, M) * dstep, w.dtype)
        return grads


def slope_of_rate(u: Array, grids: Array) -> Array:
    """∂R/∂u by (QN3) for weights u, in steps Δ, each on its grid: 0 or 1 in an array of u's shape."""
    far = np.abs(u) > 1
    among = np.where(grids == 1, np.where(far, np.sign(u) * (np.abs(u) + 1) / 2, u), u / 2)  # the codes
    rise = np.where((grids == 1) & ~far, 1.0, 0.5)
    slope = np.zeros(u.shape)
    for grid in np.unique(grids):
        own = grids == grid
        slope[own] = rate(among[own].astype(np.float64), np.array(1.0), -M, M)[1] * rise[own]
    return slope


def begun(fake: FakeQuantized, states: int, price: float) -> Led:
    """The network on grids of steps Δ, half of one grid's step, before it is trained on them.

    These are wider than the codes, so that a gradient passes the last one.
    """
    wider = WIDER if states > 1 else 1
    grids = {
        name: Grid(grid.scale * wider / 2, 0, -2 * M - 1, 2 * M + 1) if name.endswith(".w") else grid
        for name, grid in fake.start.items()
    }
    return Led(FakeQuantized.create(fake.source, grids), states, price)


def account(model: Led, seen: tuple[Array, Array, Any]) -> Row:
    """Bits of the weights by both coders, and the objective over what was learned from."""
    found = [
        (way.codes, (*model.params[name].shape, 1, 1)[:4], way.grids) for name, way in model.paths().items()
    ]
    images, labels, objective = seen
    batch = Batch(to_input(images), labels, np.arange(len(images)), progress=1.0)
    loss = objective(logits(model.applied(), images), batch)[0]
    known = bits_known([(k, view, grids * (model.states > 1)) for k, view, grids in found])
    bits = bits_as_it_is([(k, view) for k, view, _ in found])
    return {"bits": bits, "known": known, "loss": float(loss), "moved": moved(model)}


def moved(model: Led) -> float:
    """How many weights change if one of them, drawn at random, is moved by a step Δ: the mean."""
    before, rng, total = model.led()[0], np.random.default_rng(0), 0
    names = [*before]
    sizes = np.array([before[name].size for name in names])
    for layer in rng.choice(len(names), MOVES, p=sizes / sizes.sum()):
        w = model.params[name := names[layer]].copy()
        w.ravel()[rng.integers(w.size)] += model.network.step(name)
        after = model.with_params({**model.params, name: w}).led()[0]
        total += int((after[name] != before[name]).sum())
    return total / MOVES


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A row for each way and price, the test images read after all has been trained."""
    bench = Bench(folder, data, seed, quick, on)
    bench.teach()
    recipe = bench.told.recipes[BUDGET]._replace(views=1)
    seen = bench.see(recipe)
    how: dict[str, Any] = {"batch": BATCH, "objective": seen[2]}
    name, start = bench.named(recipe)
    highest, highest_on_grids = bench.told.rates[:2]
    how["optimizer"] = AdamW(weight_decay=recipe.decay[0])
    network = bench.learn(name, start, *seen[:2], recipe.looks[0], highest, **how)
    fake = on_grids(network, bench.train, recipe.activations, 3)
    how["optimizer"], passes = AdamW(weight_decay=recipe.decay[1]), 1 if quick else recipe.looks[1]
    ended = []
    for states, anew in WAYS:
        for price in PRICES[on][:: 3 if quick else 1]:
            led, rng = begun(fake, states, price), np.random.default_rng([seed, 5])
            for number in range(passes):
                led = led.keeping() if anew == "pass" else led
                cycle = partial(part, number, passes, highest_on_grids)
                led, _ = fit(led, *seen[:2], rng=rng, epochs=1, schedule=cycle, **how)
            ended.append((states, anew, price, replace(led, kept=None)))
    rows = []
    for states, anew, price, led in ended:
        row: Row = {"states": states, "anew": anew, "price": price, "seed": seed}
        row |= {"weights": sum(way.codes.size for way in led.paths().values()), "knows": states > 1}
        for key, own in (("train", bench.train), ("errors", bench.test)):
            row[key] = 100 * evaluate(led, own.images, own.labels) / len(own.labels)
        rows.append(row | account(led, seen))
    return rows


def part(number: int, passes: int, highest: float, progress: float) -> float:
    """The learning rate within one pass of several, which make one cycle together."""
    return one_cycle(highest)((number + progress) / passes)


def as_table(rows: list[Row]) -> str:
    """What each way takes and loses at each price. Means over seeds."""
    kinds = "bits a weight", "weights moved", "loss", "training, %", "test, %"
    lines = [["states", "path anew for each", "price", *kinds]]
    for (states, anew, price), own in grouped(rows, "states", "anew", "price").items():
        keys = "moved", "loss", "train", "errors"
        values = [[*map(counted, own)], *([row[key] for row in own] for key in keys)]
        lines.append([str(states), anew, f"{price:g}", *(spread(each, ".2f") for each in values)])
    return aligned(lines, words=(1,))


def main(words: list[str] | None = None) -> None:
    parser = options(__doc__, "trellis_trained", "one seed, one pass, two prices", 3, of_rows=4)
    args = ask(parser, words)
    told = SETTINGS[args.on]
    print(as_table(rows_of(args, one_seed, f"{told}, {PRICES[args.on]}, {WAYS}, {M}")))


if __name__ == "__main__":
    run_as_script("trellis_trained", main)
