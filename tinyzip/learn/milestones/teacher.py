"""Depth: your student learns from your teacher: your soft labels, and half of your teacher's weights.

The network of the milestone before is the teacher: it has seen 4,000 digits. A network of half its width has
250 of them. It is trained three times, in the same number of steps on the same examples: by labels alone; by
labels and what the teacher says of each example at a temperature of 4; and by both again, beginning not from
draws but from the half of the teacher whose filters are strongest.

Which is better is said of 4,000 new digits. It counts only where it is no luck: p < 0.01 by the exact test of
`luck` on the digits that just one of two networks reads.
"""

import numpy as np

from tinyzip.learn.judge import Wrong
from tinyzip.learn.milestones.layers import Net
from tinyzip.learn.milestones.luck import luck
from tinyzip.learn.milestones.network import (
    BATCH,
    EPOCHS,
    WIDTHS,
    Say,
    adamw,
    columns,
    in_order,
    moved,
    trained,
)
from tinyzip.learn.milestones.own import Own
from tinyzip.nn.layer import Arrays
from tinyzip.nn.ops.checks import Array
from tinyzip.train.data import Dataset
from tinyzip.train.digits1d import digits1d

AFTER = "half_teacher"
USES = ("conv", "conv_dw", "conv_dx", "max_pool", "relu", "linear", "cross_entropy", "he", "adamw", "loop",
        "temperature", "soft_labels", "half_teacher")  # fmt: skip
HALVED = "conv1", "conv2", "fc1"
FEW, LONGER, T, WEIGHT, P = 250, 100, 4.0, 0.9, 0.01


def run(own: Own, say: Say) -> str:
    """Train a teacher and three students of it, and say whether it was of use."""
    training, test = digits1d(seed=0, train=4000, test=4000)
    large, rng = Net(own, WIDTHS), np.random.default_rng(0)
    teacher = trained(own, large, large.initial(rng), training, rng, EPOCHS, say)
    few = training[:FEW]
    small = Net(own, [width // 2 for width in WIDTHS[:-1]] + [WIDTHS[-1]])
    start, half = small.initial(np.random.default_rng(1)), half_of(own, teacher)
    right = {"the teacher": reads(large, teacher, test)}
    for name, begin, weight in (
        ("alone", start, 0.0),
        ("taught", start, WEIGHT),
        ("from half", half, WEIGHT),
    ):
        p = taught(own, small, begin, few, (large, teacher), weight)
        right[name] = reads(small, p, test)
        say(f"{name:10} {right[name].mean():.1%}")
    worse = {name: better(right[name], right["alone"]) for name in ("taught", "from half")}
    for name, p_value in worse.items():
        if p_value >= P:
            raise Wrong(
                f"a student that is {name} is no better than alone by more than luck, p = {p_value:.2g}"
            )
    told = ", ".join(f"{name} {np.mean(hits):.1%}" for name, hits in right.items())
    return f"of {len(test):,} new digits are read: {told}; by luck with p = {max(worse.values()):.1g}"


def reads(net: Net, p: Arrays, digits: Dataset) -> Array:
    """Which digits a network reads, (N,) bool."""
    x, labels = columns(digits)
    hits: Array = net.forward(p, x)[0].argmax(axis=0) == labels
    return hits


def better(one: Array, other: Array) -> float:
    """p of `luck` where the one reads more than the other, 1 else."""
    gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
    return luck(gained, lost) if gained > lost else 1.0


def taught(
    own: Own, net: Net, p: Arrays, digits: Dataset, teacher: tuple[Net, Arrays], weight: float
) -> Arrays:
    """p after training by the student's `distillation`, in which the teacher counts `weight`."""
    (x, labels), rng = columns(digits), np.random.default_rng(2)
    step = adamw(own, LONGER * -(-len(labels) // BATCH))
    for _ in range(LONGER):
        seen = moved(x, rng)
        t = teacher[0].forward(teacher[1], seen)[0]
        for index in in_order(rng, len(labels)):
            z, caches = net.forward(p, seen[:, index])
            _, dz = own.distillation(z, labels[index], t[:, index], T, weight)
            p = step(p, net.backward(p, dz, caches))
    return p


def half_of(own: Own, p: Arrays) -> Arrays:
    """The strongest half of each layer but the last, by the student's `strongest`, `cut` and `cut_linear`."""
    one, two, three = (own.strongest(p[f"{name}.w"], len(p[f"{name}.b"]) // 2) for name in HALVED)
    w1, b1, w2 = own.cut(p["conv1.w"], p["conv1.b"], p["conv2.w"], one)
    pixels = p["fc1.w"].shape[1] // len(w2)
    return {
        "conv1.w": w1,
        "conv1.b": b1,
        "conv2.w": w2[two],
        "conv2.b": p["conv2.b"][two],
        "fc1.w": own.cut_linear(p["fc1.w"], two, pixels)[three],
        "fc1.b": p["fc1.b"][three],
        "fc2.w": own.cut_linear(p["fc2.w"], three, 1),
        "fc2.b": p["fc2.b"],
    }
