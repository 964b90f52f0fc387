"""`fit` refuses what it cannot train on, and names it."""

import numpy as np
import pytest
from tiny import IMAGES, LABELS, network, train

from tinyzip.nn.layers import Flatten
from tinyzip.nn.sequential import Sequential
from tinyzip.train.fit import fit

NAN = IMAGES / 255.0
NAN[7, 2, 2] = np.nan


@pytest.mark.parametrize(
    ("options", "error", "argument"),
    [
        ({"images": IMAGES.tolist()}, TypeError, "fit: images"),
        ({"images": IMAGES.astype(np.int32)}, TypeError, "fit: images"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, ValueError, "fit: images"),
        ({"images": IMAGES[:, 1:]}, ValueError, "fit: images"),
        ({"images": NAN}, ValueError, "fit: images"),
        ({"labels": LABELS[1:]}, ValueError, "fit: labels"),
        ({"labels": LABELS * 1.0}, TypeError, "fit: labels"),
        ({"labels": LABELS.tolist()}, TypeError, "fit: labels"),
        ({"labels": LABELS - 1}, ValueError, "fit: labels"),
        ({"labels": LABELS + 1}, ValueError, "fit: labels"),
        ({"validation": (IMAGES, LABELS[1:])}, ValueError, "fit: validation: labels"),
        ({"model": Sequential({"flatten": Flatten()}, {}, (1, 6, 6))}, ValueError, "fit: model"),
        ({"epochs": 0}, ValueError, "fit: epochs"),
        ({"batch": 0}, ValueError, "fit: batch"),
        ({"batch": 2.5}, ValueError, "fit: batch"),
        ({"threads": 0}, ValueError, "threads"),
        ({"threads": True}, ValueError, "threads"),
        ({"images": np.full(IMAGES.shape, 1e300)}, ValueError, "fit: images"),
        ({"augment": lambda images, rng: images[1:]}, ValueError, "fit: augment"),
        ({"augment": lambda images, rng: images.tolist()}, ValueError, "fit: augment"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_by_name(options, error, argument):
    with pytest.raises(error, match=rf"^{argument}: found .*, needed "):
        train(**options)


def test_a_seed_is_no_generator():
    with pytest.raises(TypeError, match=r"^fit: rng: found int, needed a numpy.random.Generator"):
        fit(network(), IMAGES, LABELS, rng=3, epochs=1)
