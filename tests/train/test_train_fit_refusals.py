"""`fit` refuses what it cannot train on, and names it."""

from functools import partial
from inspect import signature

import numpy as np
import pytest
from tiny import IMAGES, LABELS, bytes_of, network, train

from tinyzip.integer import Codes, MaxPool2d, Program
from tinyzip.nn.layers import Flatten
from tinyzip.nn.sequential import Sequential
from tinyzip.train.data import Dataset
from tinyzip.train.evaluate import evaluate
from tinyzip.train.fit import fit
from tinyzip.train.optim import AdamW, constant

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
        ({"checkpoint": 3}, TypeError, "fit: checkpoint"),
        ({"resume": ""}, ValueError, "fit: resume"),
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


class Tensor:
    """What another library's tensor looks like from here."""

    shape = (32, 6, 6)

    def __array__(self):
        return IMAGES


Tensor.__module__ = "torch"
DATASET = Dataset(IMAGES, LABELS.astype(np.int64))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"validation": IMAGES},
            r"fit: validation: found a numpy.ndarray of shape .*, needed two arrays: ",
        ),
        ({"validation": DATASET}, r"fit: validation: found a Dataset, needed its arrays: \(dataset.images, "),
        ({"optimizer": AdamW}, r"fit: optimizer: found the class AdamW, needed a rule, such as AdamW\(\)"),
        ({"optimizer": "adam"}, r"fit: optimizer: found 'adam', needed a rule"),
        ({"lr": 0.1}, r"lr: found 0.1, needed schedule=1e-3"),
        ({"batch_size": 32}, r"batch_size: found 32, needed batch="),
        ({"schedule": "cosine"}, r"fit: schedule: found 'cosine', needed a number, or a function"),
        ({"schedule": lambda t: -1.0}, r"fit: schedule: found -1.0 at progress 0.5, needed a learning rate"),
        ({"schedule": lambda t: None}, r"fit: schedule: found None at progress 0.5"),
        ({"callbacks": print}, r"fit: callbacks: found the function print, needed a list of functions"),
        ({"callbacks": [3]}, r"fit: callbacks: found 3, needed functions that take an Epoch"),
        (
            {"model": network},
            r"fit: model: found the function network, needed a network, which a call may",
        ),
        ({"model": Sequential}, r"fit: model: found the class Sequential, needed a network"),
        (
            {"images": DATASET},
            r"fit: images: found a Dataset, needed an array: dataset.images, and",
        ),
        (
            {"images": Tensor()},
            r"fit: images: found a torch.Tensor of shape \(32, 6, 6\), needed an array",
        ),
        ({"images": IMAGES.transpose(1, 2, 0)[None]}, r"fit: images: .* the examples first: np.moveaxis"),
        ({"labels": np.eye(3)[LABELS]}, r"fit: labels: found float64, needed .*: labels.argmax\(1\)"),
        ({"objective": lambda z, batch: 0.5}, r"fit: objective: found 0.5 in return, needed \(loss, dz\)"),
        (
            {"objective": lambda z, batch: (0.5, z.T)},
            r"fit: objective: found a tuple in return, needed \(loss, ",
        ),
        ({"objective": 3}, r"fit: objective: found 3, needed a function \(z, batch\)"),
        ({"augment": "flip"}, r"fit: augment: found 'flip', needed a function"),
        ({"threads": "2"}, r"threads: found '2', needed a whole number"),
    ],
)
def test_a_near_miss_is_refused_before_the_first_step_with_what_to_write_instead(options, line):
    if "model" in options:
        run = partial(fit, options["model"], IMAGES, LABELS, rng=np.random.default_rng(0), epochs=1)
    else:
        run = partial(train, **options)
    with pytest.raises((TypeError, ValueError), match=rf"^{line}") as caught:
        run()
    assert "\n" not in str(caught.value)


def test_a_number_is_a_learning_rate_that_stays():
    assert bytes_of(train(schedule=0.01)[0]) == bytes_of(train(schedule=constant(0.01))[0])


@pytest.mark.parametrize("one", [0, 2])
def test_labels_of_one_class_are_warned_of(one):
    with pytest.warns(UserWarning, match=f"^fit: labels: found nothing but {one}, needed labels of two"):
        train(labels=np.full_like(LABELS, one), epochs=1)
    train(images=IMAGES[:1], labels=LABELS[:1], epochs=1)  # of one image nothing is said


def test_what_is_not_said_to_fit_is_what_readme_and_course_go_by():
    told = {name: one.default for name, one in signature(fit).parameters.items()}
    assert [told[name] for name in ("batch", "progress", "checkpoint_seconds", "printed")] == [
        128,
        True,
        60,
        False,
    ]


def test_an_integer_program_is_told_from_a_network_by_what_runs_it():
    program = Program((MaxPool2d(2),), (1, 6, 6), Codes(0, 255, 0))
    with pytest.raises(
        TypeError, match=r"evaluate: model: found a Program of shape .*, needed a network of floats"
    ):
        evaluate(program, IMAGES, LABELS)
