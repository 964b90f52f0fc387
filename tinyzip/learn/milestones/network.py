"""Depth: your network learns: your layers, loss, optimizer and loop read digits of one row.

What was written function by function runs as a whole here. The digits are those of `train.digits1d`: rows of
40 numbers, of which a straight line through them, a logistic regression, reads 32 %. Your network has two
convolutions, and is asked for 90 %.

`train` knows nothing of layers, and here it is watched from outside: the batches that it asks for must be the
pieces of the order that the generator gives, each once; what it hands back must be the derivative of the loss
of these very examples.
"""

import copy
from collections.abc import Callable, Iterator
from itertools import count

import numpy as np

from tinyzip.learn.course import named
from tinyzip.learn.judge import Wrong
from tinyzip.learn.milestones.layers import Net
from tinyzip.learn.milestones.own import Own
from tinyzip.nn import losses
from tinyzip.nn.layer import Arrays
from tinyzip.nn.ops.checks import Array
from tinyzip.train.data import Dataset
from tinyzip.train.digits1d import digits1d

AFTER = "loop"
USES = ("conv", "conv_dw", "conv_dx", "max_pool", "relu", "linear", "softmax", "cross_entropy", "he", "adamw",
        "loop")  # fmt: skip
EPOCHS, BATCH, RATE, MOVED = 20, 50, 0.01, 3
WIDTHS = 10, 20, 50, 10
NEEDED = 0.90

Say = Callable[[str], None]


def run(own: Own, say: Say) -> str:
    """Train, and say how many of digits that it has not seen it reads."""
    training, test = digits1d(seed=0, train=4000, test=2000)
    net, rng = Net(own, WIDTHS), np.random.default_rng(0)
    p = net.initial(rng)
    say(f"a network of {net.size(p):,} parameters, {len(training):,} digits to learn from")
    p = trained(own, net, p, training, rng, EPOCHS, say)
    x, labels = columns(test)
    chances = own.softmax(net.forward(p, x)[0])
    right = float((chances.argmax(axis=0) == labels).mean())
    sure = float(chances[labels, np.arange(len(labels))].mean())
    told = f"{right:.1%} of {len(labels):,} new digits; on average it gives {sure:.0%} to the right one"
    if right < NEEDED:
        raise Wrong(f"it learns, but too little: it reads {told}; {NEEDED:.0%} were needed")
    return f"your network reads {told}"


def columns(digits: Dataset) -> tuple[Array, Array]:
    """x (40, N) float64 and labels (N,)."""
    return digits.images[:, 0].T.astype(np.float64), digits.labels


def moved(x: Array, rng: np.random.Generator) -> Array:
    """Each example up to 3 places to either side; what leaves at one end comes in at the other."""
    places = np.arange(len(x))[:, None] + rng.integers(-MOVED, MOVED + 1, (1, x.shape[1]))
    return np.take_along_axis(x, places % len(x), axis=0)


def trained(
    own: Own, net: Net, p: Arrays, digits: Dataset, rng: np.random.Generator, epochs: int, say: Say
) -> Arrays:
    """p after so many epochs of the student's `train`, one a call, with a learning rate that falls to 0."""
    (x, labels), step = columns(digits), adamw(own, epochs * -(-len(digits) // BATCH))
    for epoch in range(1, epochs + 1):
        p, told = one_epoch(own, net, p, moved(x, rng), labels, step, rng)
        if not np.isfinite(told).all():
            raise Wrong(f"epoch {epoch}: the loss is no number any more")
        say(f"epoch {epoch:2} of {epochs}: loss {np.mean(told):.3f}")
    return p


def adamw(own: Own, steps: int) -> Callable[[Arrays, Arrays], Arrays]:
    """A step by the student's `adamw`; it remembers m and v, and which step it is."""
    m: Arrays = {}
    v: Arrays = {}
    number = count(1)

    def step(p: Arrays, g: Arrays) -> Arrays:
        t, new = next(number), {}
        for name, array in p.items():
            before = m.get(name, np.zeros(array.shape)), v.get(name, np.zeros(array.shape))
            rate, decay = RATE * (1 - (t - 1) / steps), 0.01 if name.endswith("w") else 0.0
            new[name], m[name], v[name] = own.adamw(array, g[name], *before, t, rate, 0.9, 0.999, 1e-8, decay)
        return new

    return step


def one_epoch(
    own: Own,
    net: Net,
    p: Arrays,
    x: Array,
    labels: Array,
    step: Callable[[Arrays, Arrays], Arrays],
    rng: np.random.Generator,
) -> tuple[Arrays, list[float]]:
    """p and the losses of an epoch by the student's `train`; Wrong where another's would differ."""
    pieces = in_order(copy.deepcopy(rng), len(labels))
    told: list[float] = []
    last = p

    def forward(p: Arrays, shown: Array) -> tuple[Array, tuple[Array, Array, dict[str, object]]]:
        index = next(pieces, None)
        if index is None or not np.array_equal(shown, x[:, index]):
            refuse_loop(f"batch {len(told) + 1} is not the next piece of the order")
        z, caches = net.forward(p, shown)
        return z, (z, labels[index], caches)

    def backward(p: Arrays, dz: Array, cache: tuple[Array, Array, dict[str, object]]) -> Arrays:
        z, of_batch, caches = cache
        loss, expected = losses.cross_entropy(z, of_batch)
        if not np.allclose(dz, expected, rtol=0, atol=1e-9):
            refuse_loop(f"dz of batch {len(told) + 1} is not that of its examples and their labels")
        told.append(loss)
        return net.backward(p, dz, caches)

    def watched_step(p: Arrays, g: Arrays) -> Arrays:
        nonlocal last
        last = step(p, g)
        return last

    p, given = own.train(p, x, labels, forward, backward, watched_step, rng, 1, BATCH)
    if next(pieces, None) is not None:
        refuse_loop(f"{len(told)} batches were asked for, {-(-len(labels) // BATCH)} were needed")
    if p is not last and any(not np.array_equal(p[name], last[name]) for name in last):
        refuse_loop("the p that it gives is not that of the last step")
    if len(given) != len(told) or not np.allclose(given, told):
        refuse_loop("the losses that it gives are not those of its steps")
    return p, told


def in_order(rng: np.random.Generator, N: int) -> Iterator[Array]:
    """The pieces of an order of N."""
    order = rng.permutation(N)
    return (order[start : start + BATCH] for start in range(0, N, BATCH))


def refuse_loop(line: str) -> None:
    raise Wrong(f"{named('loop').file}: train, in its milestone: {line}")
