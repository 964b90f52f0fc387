"""Is there a winning ticket: a small part of the first weights that learns as well as all of them?

Frankle and Carbin [2019] trained a network, took its smallest weights away, gave those that stayed their
first values again, and trained these alone. In rounds, so few were left that no network of that size that
was drawn at random learned as well: the ticket had won at the start, as its numbers were drawn. Larger
networks had such tickets only if they went back to weights a little after the start [Frankle et al. 2020].

Each round trains as long as the first network, takes away the smallest of all weights that are left, by what
they have become, and goes on from one of three values: the first ones, those after a tenth of the training,
or those that they have. Then the masks of the first row are put on weights that are drawn anew; and shuffled,
in each layer, they are put on the first weights. Everything is in float, and by magnitude.

Rows: {"way", "share", "seed", "errors", "dense_errors"} of the test images, with the share that is gone.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import plots
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip.base.table import aligned
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.training.pruned import STEPS, Pruned
from tinyzip.train.augment import Augment
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.history import Epoch
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import one_cycle
from tinyzip.train.run import checkpoint

QUICK_IMAGES = 300
FIRST, EARLY, ON = "first weights", "weights after a tenth of the training", "weights as they are"
DRAWN, SHUFFLED = "weights drawn anew", "first weights, masks shuffled"


class Setting(NamedTuple):
    """How a set is learned: epochs of each training, and after how many of them weights are kept; …

    shares  of weights that are gone, a round for each
    """

    epochs: int
    early: int
    lr: float
    batch: int
    moved: Augmentation
    shares: tuple[float, ...]


SHARES = (0.5, 0.75, 0.875, 0.9375, 0.97, 0.985)
SETTINGS = {
    MNIST: Setting(10, 1, 4e-3, 128, Augment(shift=1, rotation=8, scale=0.06), SHARES),
    ROWS: Setting(20, 2, 3e-2, 64, Moved(2), SHARES),
}


def ticket(network: Sequential, share: float, start: Sequential, rng: Any = None) -> Pruned[Sequential]:
    """Which weights of `network` stay when the smallest go, on the arrays of `start`; with rng, shuffled."""
    thin = Pruned.create(network, share, first=share)
    arrays = dict(start.params) | {STEPS: thin.steps + 2}  # masks are chosen at step 1, and then never
    if rng is not None:
        arrays |= {f"{n}.mask": rng.permuted(m.ravel()).reshape(m.shape) for n, m in thin.masks.items()}
    return thin.with_params({**thin.params, **arrays})


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A row for each way and round."""
    told = SETTINGS[on]
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    shape, kept = to_input(train.images[:1]).shape[:3], folder / "early.model"

    def draw(number: int) -> Sequential:
        return seed_net(np.random.default_rng([seed, number]), shape, train.classes)

    def remember(epoch: Epoch) -> None:
        if epoch.epoch == (1 if quick else told.early):
            checkpoint.write(kept, {}, epoch.model.params)

    def learn(name: str, model: Any, **more: Any) -> Any:
        rng = np.random.default_rng([seed, 1])
        how = {"images": train.images, "labels": train.labels, "rng": rng, "batch": told.batch}
        how |= {"epochs": 1 if quick else told.epochs, "schedule": one_cycle(told.lr), "augment": told.moved}
        return trained(folder, name, fit, model, **how, **more)

    def errors(network: Sequential) -> int:
        return int((predict(network, test.images) != test.labels).sum())

    first = draw(2)
    dense = learn("dense", first, callbacks=[remember])
    early = dense.with_params(checkpoint.read(kept)[1])
    rows: list[Row] = []

    def play(way: str, share: float, thin: Pruned[Sequential]) -> Sequential:
        network: Sequential = learn(f"{way}, {share:g}", thin).applied()
        found = {"way": way, "share": share, "seed": seed}
        rows.append(found | {"errors": errors(network), "dense_errors": errors(dense)})
        return network

    rounds = [dense]
    for share in told.shares:
        rounds.append(play(FIRST, share, ticket(rounds[-1], share, first)))
    for way in (EARLY, ON):
        network = dense
        for share in told.shares:
            network = play(way, share, ticket(network, share, early if way == EARLY else network))
    for way, start, rng in ((DRAWN, draw(3), None), (SHUFFLED, first, np.random.default_rng([seed, 4]))):
        for before, share in zip(rounds, told.shares, strict=False):
            play(way, share, ticket(before, share, start, rng))
    return rows


def as_table(rows: list[Row]) -> str:
    """Errors above the dense network, a line for each way, a column for each share."""
    dense = [found[0]["dense_errors"] for found in grouped(rows, "seed").values()]
    shares = sorted({row["share"] for row in rows})
    lines = [["trained from", *(f"{share:.1%}" for share in shares)]]
    for (way,), found in grouped(rows, "way").items():
        cells = grouped(found, "share")
        above = [[row["errors"] - row["dense_errors"] for row in cells[share,]] for share in shares]
        lines.append([way, *(spread(cell, "+.1f") for cell in above)])
    return f"all weights: {spread(dense)} errors; above that, by the share that is gone\n{aligned(lines)}"


def plot_lottery(rows: list[Row], path: Path) -> None:
    """Errors above the dense network against the share of weights that stay."""
    figure, axes = plots.new_figure(1, 1, plots.WIDTH, 4.5)
    ax = axes[0, 0]
    for (way,), found in grouped(rows, "way").items():
        cells = grouped(found, "share")
        above = [np.mean([row["errors"] - row["dense_errors"] for row in cell]) for cell in cells.values()]
        ax.plot([100 * (1 - share) for (share,) in cells], above, label=way)
    ax.set(xscale="log", xlabel="weights that stay, percent", ylabel="errors above all weights")
    ax.invert_xaxis()
    ax.axhline(0, color="black", linewidth=0.8)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    args = ask(options(__doc__, "lottery", quick, 3, of_rows=6), words)
    rows = rows_of(args, one_seed, str(SETTINGS[args.on]))
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot_lottery(rows, args.out / "lottery.png")


if __name__ == "__main__":
    run_as_script("lottery", main)
