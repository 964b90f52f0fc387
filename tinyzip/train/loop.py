"""The loop that trains a network: shuffle, forward, loss, backward, step.

    how = {"epochs": 2, "batch": 64, "optimizer": SGD(), "schedule": cosine(0.1)}
    for loss in steps(net, images, labels, rng=rng, **how):
        print(loss)

Against its gradient a loss falls. The gradient of a few images, drawn at random, is that of all of them on
average, and costs less; so one steps against it, batch after batch [Robbins and Monro 1951]. An epoch is a
pass over all images in a new order. What is random in its step k, the augmentation and then dropout, comes
from a generator of its own, which is seeded with the epoch's seed and k.

`fit` is this loop made fast and never lost, see there; with printed=True it runs this file.
"""

from collections.abc import Callable, Iterator

import numpy as np

from tinyzip.nn.losses import Array, Batch, Objective, cross_entropy
from tinyzip.nn.network import Network
from tinyzip.train.images import to_input
from tinyzip.train.optim import Optimizer

Augmentation = Callable[[Array, np.random.Generator], Array]


def hard_labels(z: Array, batch: Batch) -> tuple[float, Array]:
    """The usual objective: cross entropy with the labels."""
    return cross_entropy(z, batch.labels)


def steps(
    model: Network,
    images: Array,
    labels: Array,
    *,
    rng: np.random.Generator,
    epochs: int,
    batch: int,
    optimizer: Optimizer,
    schedule: Callable[[float], float],
    objective: Objective = hard_labels,
    augment: Augmentation | None = None,
) -> Iterator[float]:
    """Train a model in place, and yield the loss of each step when it is made; arguments as for `fit`."""
    params, count = model.params, -(-len(images) // batch)  # steps of an epoch
    memory = optimizer.init({name: params[name] for name in model.trainable()})
    for epoch in range(epochs):
        order, seed = rng.permutation(len(images)), int(rng.integers(2**63))
        for k in range(count):
            index, own = order[k * batch : (k + 1) * batch], np.random.default_rng((seed, k, 0))
            progress = (epoch * count + k + 0.5) / (epochs * count)
            shown = images[index] if augment is None else augment(images[index], own)
            x = to_input(shown).astype(next(iter(params.values())).dtype, copy=False)
            z, caches = model.forward(x, train=True, rng=own)
            loss, dz = objective(z, Batch(x, labels[index], index, progress))[:2]
            optimizer.step(params, model.backward(dz, caches), memory, schedule(progress))
            for name, blended in model.statistics(caches).items():  # of batch norm
                params[name][...] = blended
            yield loss
