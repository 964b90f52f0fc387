"""A recipe is checked before the first step; what only a step can show, in each."""

import numpy as np
import pytest

from tinyzip.train.fit import hard_labels
from tinyzip.train.optim import SGD, AdamW, constant, cosine, one_cycle
from tinyzip.train.run.recipe import (
    Recipe,
    check_answer,
    check_callbacks,
    check_function,
    checked_augmentation,
    recipe,
)

Z = np.zeros((3, 2))


def told(**options):
    usual = {
        "epochs": 1,
        "batch": 2,
        "optimizer": None,
        "schedule": None,
        "objective": hard_labels,
        "augment": None,
    }
    return recipe(**usual | options)


def test_what_is_not_said_is_adamw_and_one_cycle():
    assert told() == Recipe(1, 2, AdamW(), one_cycle(4e-3), hard_labels, None)


@pytest.mark.parametrize("number", [1, np.int64(7)])
def test_epochs_and_batch_are_whole_numbers_from_one_up(number):
    found = told(epochs=number, batch=number)
    assert (found.epochs, found.batch) == (number, number) and type(found.epochs) is type(found.batch) is int
    for name in ("epochs", "batch"):
        for wrong in (0, 1.0, True, "1", None):
            with pytest.raises(ValueError, match=f"^fit: {name}: found .*, needed a whole number from 1 up"):
                told(**{name: wrong})


class Rule:
    def __init__(self, *parts):
        for part in parts:
            setattr(self, part, lambda *_: {})


def test_an_optimizer_has_both_functions_and_no_momentum_that_does_nothing():
    for good in (Rule("init", "step"), SGD(0), SGD(0.2), AdamW(0), AdamW(0.2)):
        assert told(optimizer=good).optimizer is good
    for wrong in (Rule("init"), Rule("step"), AdamW, "adam", 3):
        with pytest.raises(TypeError, match=r"^fit: optimizer: found .*, needed a rule, such as AdamW"):
            told(optimizer=wrong)
    for small in (SGD(0.19), SGD(1e-3), AdamW(0.1)):
        with pytest.raises(
            ValueError, match=r"^fit: optimizer: found \w+ with \w+ = 0.*, needed 0, or 0.2 up"
        ):
            told(optimizer=small)


@pytest.mark.parametrize("rate", [0.5, 1, np.float32(0.5)])
def test_a_number_is_a_rate_that_stays(rate):
    assert told(schedule=rate).schedule == constant(float(rate))


def test_a_schedule_is_asked_at_both_ends_and_in_the_middle():
    for wrong in (-0.1, np.inf, np.nan, None, "1"):
        for at in (0.0, 0.5, 1.0):
            with pytest.raises(ValueError, match=f"^fit: schedule: found .* at progress {at}, needed"):
                told(schedule=lambda t, at=at, wrong=wrong: wrong if t == at else 0.0)
    schedule = {0.0: 0, 0.5: np.float32(1), 1.0: 1e300}.get
    assert told(schedule=lambda t: schedule(t)).schedule(0.5) == 1
    for make in (one_cycle, cosine, constant):
        line = f"the function {make.__name__}, which makes one, needed what it makes: {make.__name__}"
        with pytest.raises(TypeError, match=rf"^fit: schedule: found {line}\(4e-3\)$"):
            told(schedule=make)
    for wrong in (True, "cosine", lambda: 1.0, lambda t, u: 1.0):
        with pytest.raises(TypeError, match=r"^fit: schedule: found .*, needed a number, or a function"):
            told(schedule=wrong)


def test_functions_are_functions_of_so_many_arguments():
    def one(a):
        return a

    def two(a, b):
        return a

    check_function(one, 1, "it", "this")
    check_function(two, 2, "it", "this")
    for function, count, found in (
        (two, 1, "the function two, not of one argument"),
        (one, 2, "the function one, not of two arguments"),
        (int, 1, "the class int"),
        (3, 1, "3"),
    ):
        with pytest.raises(TypeError, match=f"^it: found {found}, needed this$"):
            check_function(function, count, "it", "this")
    for name, function in (("objective", one), ("augment", one), ("objective", None)):
        with pytest.raises(TypeError, match=f"^fit: {name}: found"):
            told(**{name: function})
    assert told(augment=two).augment is two


def test_callbacks_are_a_list_of_functions_of_an_epoch():
    function = print
    assert check_callbacks(iter([function])) == check_callbacks((function,)) == [function]
    assert check_callbacks(()) == []
    assert len(check_callbacks([lambda epoch: None, lambda epoch, more=1: None])) == 2
    with pytest.raises(TypeError, match=r"^fit: callbacks: found the function <lambda>, not of one argument"):
        check_callbacks([lambda epoch, more: None])
    for wrong in (function, 3, None, [3], [lambda: 0], [int]):
        with pytest.raises(
            TypeError, match=r"^fit: callbacks: found .*, needed (a list of functions|functions that)"
        ):
            check_callbacks(wrong)


@pytest.mark.parametrize("loss", [1, 0.5, np.float32(2), np.nan])
def test_an_answer_is_a_number_and_a_gradient_of_the_logits_and_perhaps_more(loss):
    for answer in ((loss, Z), [loss, Z], (loss, Z, {}), (loss, Z, {}, None)):
        assert check_answer(answer, Z) == tuple(answer)


@pytest.mark.parametrize(
    "answer",
    [
        (),
        [],
        (1.0,),
        (1.0, Z.T),
        (1.0, [0.0]),
        (1.0, None),
        ("1", Z),
        (None, Z),
        (Z, Z),
        1.0,
        None,
        {0: 1.0, 1: Z},
        Z,
    ],
)
def test_any_other_answer_is_refused(answer):
    with pytest.raises(
        ValueError, match=r"^fit: objective: found .* in return, needed \(loss, dz\), dz of the shape"
    ):
        check_answer(answer, Z)


def test_augmented_images_are_of_the_shape_and_about_the_range_of_those_given():
    images, rng = np.array([[[0.0, 0.5], [-0.25, 0.125]]]), np.random.default_rng(0)
    for factor in (0.0, 1.0, 10.0, -10.0):
        checked = checked_augmentation(lambda images, rng, factor=factor: factor * images, images)
        np.testing.assert_array_equal(checked(images, rng), factor * images)
    for wrong, line in (
        (
            lambda images, rng: 10.1 * images,
            r"float64 from -2.525 to 5.05 in return, needed .*, -0.25 to 0.5$",
        ),
        (lambda images, rng: images[..., 1:], r"images of shape \(1, 2, 1\) in return, needed \(1, 2, 2\)"),
        (lambda images, rng: images.tolist(), "images of shape list in return"),
    ):
        with pytest.raises(ValueError, match=f"^fit: augment: found {line}"):
            checked_augmentation(wrong, images)(images, rng)
