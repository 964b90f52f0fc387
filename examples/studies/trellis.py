"""How many bytes does a trellis save: two grids that take turns, and the best path of codes through them?

Rounding each weight to the nearest point of a grid of step 2Δ is simple, but not the best that can be done:
taken N at a time, weights are rounded to the centre of a cube, and a shape nearer to a ball would leave less
error for as many points. A trellis finds such shapes at little cost [Marcellin and Fischer 1990]. It has
two grids,

    Q0: 2k·Δ, the even multiples        Q1: (2k − sign k)·Δ, the odd ones and 0

and which of them the next weight is on is decided by a state. A table says which state follows, by the parity
of each code k. Both grids together have step Δ, but a code costs about as much as on one grid of step 2Δ. A
reader goes from state to state and gets whole multiples of Δ, weights like any others. A writer looks for the
path of the least distortion + λ·bits. Of all paths that lead to one state only the cheapest can be part of
the best, so a few sums for each weight find it among 2ᴺ sequences of parities [Viterbi 1967]. This is the
dependent quantization of Haase et al. [2020], in ISO/IEC 15938-17.

Here networks of real numbers are quantized after training, all layers with one Δ: each has a unit by which
that loses about the same part of its outputs' variance. Distortion is the error of a layer's output by the
covariance of its inputs, (QQ1): for the path by the diagonal, as a path knows nothing of the weights before;
the table also has the error by all of it. The trellis is compared with one grid, whose codes the same search
chooses (a trellis of one state): what is near and cheap, not what is nearest. A bit's price is λ; what a code
costs is estimated from how often it came in the round before. In the end bits are counted by the file's own
coder,

    as it is         it sees the codes k and nothing else, and the path's prices are the same for both grids
    knows the grid   it counts its decisions on |k| in one place for Q0 and in another for Q1, and so do the
                     path's prices

Rows: {"network", "states", "knows", "step", "price", "seed", "weights", "float_errors", "bits", "known",
"loss", "whole"}: bits of all weights by the coder as it is and by one that knows the grid; the loss by the
diagonal and the whole, in parts of the outputs' variance; and "errors" of the engine in rows near to BITS.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from codings import tensors_of
from numpy.typing import NDArray
from parts.sets import MNIST, ROWS, read
from parts.smallest_recipes import DEEP, digits_net
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip.archive import bitwise, weights
from tinyzip.archive.coder import COST_BITS, Steps, Writer
from tinyzip.archive.neighbours import View
from tinyzip.base.table import aligned
from tinyzip.integer import Program
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.auto import grids_for
from tinyzip.quant.blocks import blocks_of
from tinyzip.quant.calibrate import Grids, fit_biases
from tinyzip.quant.classify import classify
from tinyzip.quant.fold import fold_batch_norm
from tinyzip.quant.grid import Grid
from tinyzip.quant.lower import lower
from tinyzip.quant.rounding import Moments, corrected_bias, input_pairs, moments
from tinyzip.train.data import Dataset, to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.optim import one_cycle

Real = NDArray[np.float64]
Codes = NDArray[np.int64]
Table = tuple[tuple[int, int], ...]
TRELLISES: dict[int, Table] = {  # by number of states: the next state, for an even code and for an odd one
    1: ((0, 0),),
    4: ((0, 1), (2, 3), (1, 0), (3, 2)),  # of video coding, H.266, with states 1 and 2 renamed
    8: ((0, 2), (7, 5), (1, 3), (6, 4), (2, 0), (5, 7), (3, 1), (4, 6)),  # of ISO/IEC 15938-17
}  # an even state uses Q0, an odd one Q1; the first state is 0
MOST = 127  # the greatest weight of an integer program
ROUNDS, UNSEEN = 3, 0.05  # of estimating prices; counts of a code that has not come
STEPS = tuple(1.1 * 2 ** (-i / 3) for i in range(11))  # of one grid, in a layer's unit
PRICES = 0.1, 0.16, 0.24  # λ of a bit, in squared steps
WIDER = 1.2  # the distance 2Δ of a trellis that has about the loss of one grid of step 1
BITS = 1.5, 2, 3, 4  # a weight
CALIBRATION, QUICK_IMAGES = 1000, 300


def grids_of(codes: Codes, trellis: Table) -> Codes:
    """Which grid each of the codes (N,) belongs to, 0 or 1: what a reader does."""
    state, grids = 0, []
    for code in codes.tolist():
        grids.append(state & 1)
        state = trellis[state][code & 1]
    return np.array(grids)


def multiples(codes: Codes, grids: Codes | int) -> Codes:
    """How many Δ a code means: 2k in Q0, 2k − sign k in Q1."""
    return np.asarray(2 * codes - grids * np.sign(codes))


def cheapest(w: Real, importance: Real, delta: float, prices: Real) -> tuple[Real, Codes]:
    """For each weight the code of least importance·(error)² + price, in each grid and of each parity.

    w, importance  (N,)
    prices         (2, 2·M + 1) of the codes −M … M in Q0 and Q1, as many as there are
    returns        cost and code, (4, N): of Q0 even, Q0 odd, Q1 even, Q1 odd codes
    """
    costs, codes = [], []
    M = prices.shape[1] // 2
    for grid in (0, 1):
        for parity in (0, 1):
            k = np.arange(-M, M + 1)
            k = k[k % 2 == parity]
            error = w[:, None] - delta * multiples(k, grid)
            cost = importance[:, None] * error * error + prices[grid, k + M]
            best = cost.argmin(1)
            costs.append(cost[np.arange(w.size), best])
            codes.append(k[best])
    return np.array(costs), np.array(codes)


def best_path(costs: Real, trellis: Table) -> tuple[Codes, Real]:
    """The path of least cost through a trellis: Viterbi's algorithm, for P rows of N weights at once.

    costs    (P, 4, N) of `cheapest`
    returns  (P, N) which of the four each weight takes, and what each whole path costs, (P,)
    """
    P, _, N = costs.shape
    edges = [
        [(s, p) for s, row in enumerate(trellis) for p in (0, 1) if row[p] == t] for t in range(len(trellis))
    ]
    before = np.array([[s for s, _ in pair] for pair in edges])  # (S, 2): the two states that lead to each
    branch = np.array([[2 * (s & 1) + p for s, p in pair] for pair in edges])  # and by which of the four
    total = np.full((P, len(trellis)), np.inf)
    total[:, 0] = 0
    second = np.empty((N, *total.shape), bool)  # whether the best way to a state is the second of its two
    for j, cost in enumerate(np.moveaxis(costs, 2, 0)):
        both = total[:, before] + cost[:, branch]
        second[j] = both[..., 1] < both[..., 0]
        total = both.min(-1)
    each, state = np.arange(P), total.argmin(1)
    taken = np.empty((P, N), np.int64)
    for j in reversed(range(N)):
        which = second[j, each, state].astype(np.intp)
        taken[:, j], state = branch[state, which], before[state, which]
    return taken, total.min(1)


def prices_of(codes: Codes, grids: Codes, M: int, knows: bool) -> Real:
    """−log₂ of how often each of the codes −M … M came, (2, 2·M + 1): in each grid, or in both together."""
    rows = [codes[grids == grid] if knows else codes for grid in (0, 1)]
    counts = np.array([np.bincount(row + M, minlength=2 * M + 1) + UNSEEN for row in rows])
    return np.asarray(np.log2(counts.sum(1, keepdims=True) / counts))


class Layer(NamedTuple):
    """A layer to be quantized.

    w           (N,) its weights, in order, in a unit by which the variances of its outputs add up to N
    importance  (N,) the variance of each weight's input, in parts of the mean one
    covariance  (K, K) of the inputs, in the same parts
    """

    name: str
    shape: tuple[int, ...]
    view: View
    w: Real
    unit: float
    importance: Real
    covariance: Real
    seen: Moments

    def losses(self, w: Real) -> tuple[float, float]:
        """Variance of the output's error, in parts of the output's own, for other weights: by the diagonal
        of the inputs' covariance, and by all of it."""
        error = (w - self.w).reshape(self.shape[0], -1)
        whole = np.einsum("fk,kl,fl->", error, self.covariance, error)
        return float(self.importance @ error.ravel() ** 2) / w.size, float(whole) / w.size


def layers_of(net: Sequential, program: Program, images: NDArray[Any]) -> list[Layer]:
    """All layers with weights, and what comes to them when these images are shown."""
    layers = []
    for block, (_, _, view) in zip(blocks_of(net), tensors_of(program), strict=True):
        seen = moments(block.layer, input_pairs(net, net, net, block.name, images))
        w = net.params[f"{block.name}.w"]
        rows, covariance = seen.rows(w)[0], seen.covariance[0]
        covariance = covariance / np.diag(covariance).mean()
        unit = np.sqrt(np.einsum("fk,kl,fl->", rows, covariance, rows) / w.size)
        importance = np.tile(np.diag(covariance), len(w))
        layers.append(
            Layer(block.name, w.shape, view, rows.ravel() / unit, unit, importance, covariance, seen)
        )
    return layers


def quantized(
    layer: Layer, deltas: Sequence[float], prices: Sequence[float], states: int, knows: bool
) -> Codes:
    """Codes (P, N) of a layer, for P pairs of Δ and a bit's price; what codes cost is estimated in rounds."""
    trellis = TRELLISES[states]
    top = np.abs(layer.w).max()
    most = MOST // 2 if states > 1 else MOST
    sizes = [min(most, int(np.ceil(top / (2 * delta))) + 1) for delta in deltas]
    tables = [np.zeros((2, 2 * M + 1)) for M in sizes]
    for _ in range(1 + ROUNDS):
        found = [
            cheapest(layer.w, layer.importance, delta, price * table)
            for delta, price, table in zip(deltas, prices, tables, strict=True)
        ]
        taken, _ = best_path(np.array([cost for cost, _ in found]), trellis)
        codes = np.array(
            [code[which, np.arange(which.size)] for (_, code), which in zip(found, taken, strict=True)]
        )
        tables = [prices_of(c, which // 2, M, knows) for c, which, M in zip(codes, taken, sizes, strict=True)]
    return codes


def bits_as_it_is(tensors: Sequence[tuple[Codes, View]]) -> float:
    """What the archive's coder takes for tensors of codes, in bits."""
    writer = Writer("trellis")
    for codes, view in tensors:
        weights.put(writer, codes, view)
    return writer.cost / (1 << COST_BITS)


def bits_known(tensors: Sequence[tuple[Codes, View, Codes]]) -> float:
    """What it would take if its decisions on magnitudes had other places for codes of Q1; by decisions alone.

    tensors  codes (N,), how they stand, and their grids (N,)
    """
    writer = Writer("trellis")
    writer.last["places"] = [[0, 0] for _ in range(2 * bitwise.PLACES)]
    for codes, view, grids in tensors:
        plans: list[tuple[int, Steps, bitwise.Decisions]] = []
        for mixed in (True, False):
            asked = bitwise.decisions_of(codes, view, mixed)
            weight, node = np.divmod(asked.key, bitwise.ORDER)
            apart = bitwise.PLACES * np.where(node < bitwise.AFTER, grids[weight], 0)
            asked = asked._replace(a=asked.a + apart, b=asked.b + apart)
            steps = bitwise.steps_of(bitwise.cells_of(writer), codes, asked)
            plans.append((steps.cost, steps, asked))
        _, steps, asked = min(plans, key=lambda plan: plan[0])
        bitwise.remember(bitwise.cells_of(writer), asked)
        writer.steps(steps)
    return writer.cost / (1 << COST_BITS)


class Setting(NamedTuple):
    """How the networks of a set are trained: epochs, batch, and the highest learning rates of both."""

    epochs: int
    batch: int
    rates: tuple[float, float]


SETTINGS = {MNIST: Setting(3, 128, (4e-3, 3e-2)), ROWS: Setting(20, 64, (3e-2, 3e-2))}
WAYS = (1, False), (4, False), (4, True), (8, False), (8, True)  # states; whether the coder knows the grid


def networks(
    folder: Path, train: Dataset, seed: int, quick: bool, on: str
) -> Iterator[tuple[str, Sequential]]:
    """The seed's network and the deep one of `smallest.py`, in float, from their files or trained now."""
    setting, shape = SETTINGS[on], to_input(train.images[:1]).shape[:3]
    for name, rate in zip(("seed net", "deep net"), setting.rates, strict=True):
        rng = np.random.default_rng([seed, 2])
        deep = name == "deep net"
        start = digits_net(DEEP, rng, shape, train.classes) if deep else seed_net(rng, shape, train.classes)
        how: dict[str, Any] = {"images": train.images, "labels": train.labels, "batch": setting.batch}
        how |= {"epochs": 1 if quick else setting.epochs, "schedule": one_cycle(rate)}
        net = trained(folder, name, fit, start, **how, rng=np.random.default_rng([seed, 1]))
        yield name, fold_batch_norm(net)


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A row for each network, way, step and price."""
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    seen, rows = train.images[:CALIBRATION], []
    for network, net in networks(folder, train, seed, quick, on):
        grids = grids_for(net, seen, 8, 8)
        layers = layers_of(net, lower(net, grids), seen)
        common = {"network": network, "seed": seed, "weights": sum(layer.w.size for layer in layers)}
        common["float_errors"] = int((predict(net, test.images) != test.labels).sum())
        points = [(step, price) for step in STEPS[:: 2 if quick else 1] for price in PRICES]
        for states, knows in WAYS:
            deltas = [step * (WIDER if states > 1 else 1) / 2 for step, _ in points]
            prices = [price * step * step for step, price in points]
            codes = [quantized(layer, deltas, prices, states, knows) for layer in layers]
            own: list[Row] = []
            for point, delta, parts in zip(points, deltas, zip(*codes, strict=True), strict=True):
                way = {"states": states, "knows": knows, **dict(zip(("step", "price"), point, strict=True))}
                own.append(way | common | account(layers, parts, delta, states))
            for i in near(own):
                each = [deltas[i]] * len(layers)
                program = program_of(net, grids, layers, [layer[i] for layer in codes], each, states)
                own[i]["errors"] = int((classify(program, test.images, 1) != test.labels).sum())
            rows += own
    return rows


def account(layers: Sequence[Layer], codes: Sequence[Codes], delta: float, states: int) -> Row:
    """Bits and losses of a network whose layers have these codes; a loss is the mean over all weights."""
    grids = [grids_of(own, TRELLISES[states]) for own in codes]
    views = [layer.view for layer in layers]
    losses = [layer.losses(delta * multiples(c, g)) for layer, c, g in zip(layers, codes, grids, strict=True)]
    loss, whole = np.average(losses, axis=0, weights=[layer.w.size for layer in layers])
    bits = bits_as_it_is([*zip(codes, views, strict=True)])
    known = bits_known([*zip(codes, views, grids, strict=True)])
    return {"bits": bits, "known": known, "loss": float(loss), "whole": float(whole)}


def program_of(
    net: Sequential,
    grids: Grids,
    layers: Sequence[Layer],
    codes: Sequence[Codes],
    deltas: Sequence[float],
    states: int,
) -> Program:
    """The integer program with these codes: whole weights come out, and means are right again, (QR2)."""
    params, others = dict(net.params), dict(grids)
    for layer, own, delta in zip(layers, codes, deltas, strict=True):
        w, b = f"{layer.name}.w", f"{layer.name}.b"
        whole, step = multiples(own, grids_of(own, TRELLISES[states])), layer.unit * delta
        if states == 1:  # all are even
            whole, step = whole // 2, 2 * step
        others[w] = Grid(step, 0, -MOST, MOST)
        params[w] = others[w].dequantize(whole.reshape(layer.shape))
        params[b] = corrected_bias(net.params[b], net.params[w], params[w], layer.seen)
    model = net.with_params(params)
    return lower(model, fit_biases(model, others))


def counted(row: Row, knows: bool | None = None) -> float:
    """Bits a weight by the coder that a row's path was made for, or by one of the two."""
    knows = row["knows"] if knows is None else knows
    return float(row["known" if knows else "bits"] / row["weights"])


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which of some (bits, loss) are corners of the lower convex hull, up to the least loss; by bits."""
    hull: list[int] = []
    for i in sorted(range(len(points)), key=points.__getitem__):
        x, y = points[i]
        if hull and y >= points[hull[-1]][1]:
            continue
        while len(hull) > 1:
            (x0, y0), (x1, y1) = points[hull[-2]], points[hull[-1]]
            if (y1 - y0) * (x - x1) < (y - y1) * (x1 - x0):
                break
            hull.pop()
        hull.append(i)
    return hull


def near(rows: Sequence[Row]) -> list[int]:
    """Of the rows of one way on the frontier, for each of BITS the nearest."""
    ends = frontier([(counted(row), row["loss"]) for row in rows])
    return [min(ends, key=lambda i: abs(counted(rows[i]) - bits)) for bits in BITS]


def curve(rows: Sequence[Row], key: str, knows: bool | None = None) -> tuple[Real, Real]:
    """The frontier of one way as bits a weight, rising, and the logarithms of losses, falling."""
    points = [(counted(row, knows), row[key]) for row in rows]
    bits, losses = np.array([points[i] for i in frontier(points)]).T
    return bits, np.log(losses)


def saved(one: Sequence[Row], rows: Sequence[Row], bits: float, key: str) -> float:
    """By how many percent of its bits, so many a weight, another way is shorter than one grid at its loss.

    one, rows  the rows of one grid, and of the other way
    key        which loss. Between corners of a frontier its logarithm is linear; beyond its ends there is NaN
    """
    loss = np.interp(bits, *curve(one, key, rows[0]["knows"]), np.nan, np.nan)
    found, losses = curve(rows, key)
    return float(100 * (1 - np.interp(-loss, -losses, found, np.nan, np.nan) / bits))


Seeds = Sequence[Sequence[Row]]
"""The rows of one way, of each seed."""


def decibels(ways: Seeds, key: str) -> list[str]:
    """For each of BITS the loss, over seeds."""
    curves = [curve(rows, key) for rows in ways]
    return [spread([10 / np.log(10) * np.interp(bits, *one) for one in curves]) for bits in BITS]


def savings(ones: Seeds, ways: Seeds, key: str) -> list[str]:
    """For each of BITS what `saved` says of the second way beside the first, over seeds."""
    pairs = [*zip(ones, ways, strict=True)]
    return [spread([saved(one, rows, bits, key) for one, rows in pairs]) for bits in BITS]


def errors_near(ways: Seeds) -> list[str]:
    """For each of BITS the errors of the rows that are `near`, over seeds, and how many bits these take."""
    ends = zip(*([rows[i] for i in near(rows)] for rows in ways), strict=True)
    return [
        f"{spread([row['errors'] for row in own], '.0f')} at {np.mean([*map(counted, own)]):.2f}"
        for own in ends
    ]


def as_table(rows: list[Row]) -> str:
    """For each network what one grid takes and loses; what trellises save; and errors. Means over seeds."""
    parts = []
    for (network,), found in grouped(rows, "network").items():
        seeds = [grouped(own, "states", "knows") for own in grouped(found, "seed").values()]
        weights = found[0]["weights"]
        lines = [["bits a weight, one grid", *(f"{bits:g}" for bits in BITS)]]
        lines.append(["bytes of the weights", *(f"{bits * weights / 8:,.0f}" for bits in BITS)])
        ways = {way: [own[way] for own in seeds] for way in WAYS}
        one = ways[1, False]
        losses = {"loss": "loss", "whole": "loss by the whole of Σ"}
        lines += [[f"{name}, dB", *decibels(one, key)] for key, name in losses.items()]
        for key, name in losses.items():
            lines.append([f"saved at the same {name}, %", *("" for _ in BITS)])
            lines += [[f"  {called(*way)}", *savings(one, ways[way], key)] for way in WAYS[1:]]
        lines.append(["errors, at so many bits", *("" for _ in BITS)])
        for way in ((1, False), (4, True), (8, True)):
            lines.append([f"  {called(*way)}", *errors_near(ways[way])])
        floats = spread([rows[0]["float_errors"] for rows in one], ".0f")
        parts.append(f"{network}: {weights:,} weights, {floats} errors in float\n{aligned(lines)}")
    return "\n\n".join(parts)


def called(states: int, knows: bool) -> str:
    """A way as the table names it."""
    if states == 1:
        return "one grid"
    return f"{states} states, {'coder knows the grid' if knows else 'coder as it is'}"


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images, half of the steps"
    args = ask(options(__doc__, "trellis", quick, 3, of_rows=3), words)
    recipe = f"{SETTINGS[args.on]}, steps {STEPS}, λ {PRICES}, {ROUNDS} rounds"
    print(as_table(rows_of(args, one_seed, recipe)))


if __name__ == "__main__":
    run_as_script("trellis", main)
