"""`fit` learns, follows its objective, tells how it went, and refuses what it cannot train on."""

import json
import sys
import threading
import warnings
from dataclasses import replace
from functools import partial
from inspect import signature
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import tiny
from tiny import IMAGES, LABELS, bytes_of, network, residual_network, squared_error, train

from tinyzip.integer import Codes, MaxPool2d, Program
from tinyzip.machine.workers import Workers
from tinyzip.nn.layers import Flatten
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.sequential import Sequential
from tinyzip.train.data import Dataset, to_input
from tinyzip.train.evaluate import evaluate, logits, predict, score
from tinyzip.train.fit import fit, hard_labels
from tinyzip.train.history import Bar, History
from tinyzip.train.optim import AdamW, constant, cosine, one_cycle
from tinyzip.train.run.state import TrainingState


def test_a_network_learns_the_images_by_heart():
    model, history = train(
        model=network(noisy=False), epochs=60, schedule=one_cycle(0.03), validation=(IMAGES, LABELS)
    )
    assert history.loss[-1] < 0.05 < 0.9 < history.loss[0]
    assert history.validation_errors[-1] == 0 == evaluate(model, IMAGES, LABELS)


def test_a_network_of_residual_blocks_learns_and_keeps_its_statistics():
    first = residual_network()
    model, history = train(model=first, epochs=40, schedule=one_cycle(0.02), validation=(IMAGES, LABELS))
    assert history.validation_errors[-1] == 0 == evaluate(model, IMAGES, LABELS)
    assert all((array != first.params[key]).any() for key, array in model.params.items())


def test_the_model_that_is_passed_in_is_not_changed():
    model = network()
    before = bytes_of(model)
    trained, _ = train(model=model)
    assert bytes_of(model) == before != bytes_of(trained)


def test_every_image_is_met_once_an_epoch_with_its_own_label_and_index():
    met = []

    def objective(z, batch):
        for n, i in enumerate(batch.index):
            assert np.array_equal(batch.x[0, :, :, n], IMAGES[i] / np.float32(255))
            assert batch.labels[n] == LABELS[i]
        met.extend(batch.index.tolist())
        return hard_labels(z, batch)

    train(objective=objective, epochs=3)
    epochs = [met[:46], met[46:92], met[92:]]
    assert all(sorted(epoch) == list(range(46)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_an_objective_of_ones_own_decides_what_is_learned():
    wanted = np.stack([LABELS, LABELS - 1.0, 2.0 - LABELS]).astype(np.float32)
    model, history = train(
        model=network(noisy=False),
        objective=lambda z, batch: squared_error(z, wanted[:, batch.index]),
        epochs=60,
        schedule=cosine(0.03),
    )
    assert history.loss[-1] < 0.1 < 0.5 < history.loss[0]
    assert np.abs(logits(model, IMAGES) - wanted).mean() < 0.2


def test_running_statistics_follow_the_images():
    model, _ = train(epochs=40, schedule=cosine(1e-12))
    y = network().activations(IMAGES[:, None].transpose(1, 2, 3, 0) / np.float32(255))["conv"]
    # 0.1 of each batch, then 0.9 of what was: such a mean of batches of 20, 20 and 6 images, 16 positions
    # each, deviates by 0.017 of y's deviation (0.2 to 0.4), and such a variance by 0.024 of itself.
    assert np.allclose(model.params["norm.mean"], y.mean(axis=(1, 2, 3)), atol=0.02)
    assert np.allclose(model.params["norm.var"], y.var(axis=(1, 2, 3)), rtol=0.1)


def test_evaluate_counts_what_predict_gets_wrong():
    model = network(np.float64)
    wrong = int((predict(model, IMAGES) != LABELS).sum())
    assert evaluate(model, IMAGES, LABELS) == evaluate(model, IMAGES, LABELS, threads=3) == wrong
    z, _ = model.forward(to_input(IMAGES).astype(np.float64))
    with Workers(2) as workers:
        loss, errors = score(model, IMAGES, LABELS, workers)
    assert errors == wrong
    assert loss == pytest.approx(cross_entropy(z, LABELS)[0], rel=1e-12)  # 10³ terms, ε = 2e-16


def test_callbacks_get_each_epoch_and_history_is_json():
    seen = []
    _, history = train(epochs=3, callbacks=[seen.append], validation=(IMAGES[:9], LABELS[:9]))
    assert [epoch.epoch for epoch in seen] == [1, 2, 3] == history.epoch
    assert [epoch.loss for epoch in seen] == history.loss
    same = replace(seen[0], model=seen[1].model)  # a model is there to be kept, not shown or compared
    assert same == seen[0] and "model" not in repr(same) and same != replace(same, lr=0.5)
    assert len(history) == 3
    assert History(**json.loads(json.dumps(history.as_dict()))) == history
    schedule, steps = one_cycle(4e-3), 9
    assert history.lr == [schedule((step - 0.5) / steps) for step in (3, 6, 9)]


def test_a_history_says_how_long_it_is_and_where_the_loss_went():
    assert repr(History()) == "History(0 epochs)" and str(History()) == ""
    _, history = train(epochs=2, validation=(IMAGES, LABELS))
    assert repr(history) == f"History(2 epochs, {history.loss[0]:.4f} to {history.loss[1]:.4f})"
    assert str(history).splitlines() == [epoch.line(2) for epoch in history]
    assert "model" not in repr(next(iter(history)))


class FakeBar:
    """Stands in for tqdm's bar, which the tests do not install, and counts."""

    bars: ClassVar[list["FakeBar"]] = []

    def __init__(self, total, initial, **options):
        self.total, self.done, self.closed = total, initial, False
        self.bars.append(self)

    def set_postfix(self, **values):
        self.said = values

    def update(self):
        self.done += 1

    def close(self):
        self.closed = True


def test_a_bar_counts_every_step_when_tqdm_is_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.autonotebook", SimpleNamespace(tqdm=FakeBar))
    train(progress=True)
    (bar,) = FakeBar.bars
    assert (bar.done, bar.total, bar.closed) == (6, 6, True)
    with Bar(3, 0, True) as shown:
        shown.step(0.12345)
    assert FakeBar.bars.pop().said == {"loss": "0.1235", "refresh": False}


def test_what_tqdm_says_of_a_notebook_is_not_passed_on(monkeypatch):
    class Loud(SimpleNamespace):
        def __getattr__(self, name):
            warnings.warn("no widgets", UserWarning, stacklevel=2)
            return FakeBar

    monkeypatch.setitem(sys.modules, "tqdm.autonotebook", Loud())
    with Bar(2, 1, True) as bar:
        bar.step(0.5)
    assert FakeBar.bars.pop().done == 2


def test_without_tqdm_there_is_a_line_an_epoch(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm.autonotebook", None)
    _, history = train(progress=True, validation=(IMAGES, LABELS))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for e, line in enumerate(lines):
        loss, errors = history.loss[e], history.validation_errors[e]
        assert line.startswith(f"epoch {e + 1} of 2: loss {loss:.4f}, {errors} errors in validation, ")
    train(progress=True)
    assert "validation" not in capsys.readouterr().err
    train(progress=False)
    with Bar(3, 0, True) as bar:
        bar.step(0.5)
    assert capsys.readouterr().err == ""


def test_callbacks_see_the_network_as_it_is_and_may_keep_it():
    kept = []
    model, history = train(
        epochs=3, callbacks=[lambda epoch: kept.append(epoch.model)], validation=(IMAGES, LABELS)
    )
    assert [evaluate(one, IMAGES, LABELS) for one in kept] == history.validation_errors
    assert bytes_of(kept[-1]) == bytes_of(model) != bytes_of(kept[0])
    assert all(one.input_range == model.input_range for one in kept)
    first, _ = train(epochs=3, callbacks=[lambda epoch: True])
    assert bytes_of(first) == bytes_of(kept[0])
    assert "model" not in repr(SimpleNamespace(epoch=history)) and "model" not in history.as_dict()


@pytest.mark.parametrize("answer", [True, np.True_])
def test_a_callback_that_returns_true_ends_the_training_after_all_have_been_called(answer):
    seen = []
    _, history = train(epochs=9, callbacks=[lambda epoch: answer if epoch.epoch == 2 else None, seen.append])
    assert history.epoch == [1, 2] == [epoch.epoch for epoch in seen]


@pytest.mark.parametrize("answer", [False, None, 1, "stop", [True]])
def test_nothing_else_that_a_callback_returns_ends_it(answer):
    assert len(train(epochs=3, callbacks=[lambda epoch: answer])[1]) == 3


def test_a_loss_that_explodes_is_said_once_with_what_to_try():
    with pytest.warns(
        UserWarning, match="fit: loss: found .* at epoch .*learning rate 30, needed .*try"
    ) as met:
        train(model=network(noisy=False), epochs=6, schedule=30.0)
    assert len(met) == 1 and met[0].filename == tiny.__file__


def test_a_loss_that_rises_a_little_is_not_said():
    """Ten times the first, and ten where that is less than one; the warning would be an error here."""
    losses = iter((1, 9.9, 5, 0.01, 9, 1, -3, 9, 0))
    for _ in range(3):
        train(epochs=1, threads=1, objective=lambda z, batch: (next(losses), np.zeros_like(z)))


@pytest.mark.parametrize("first", [1, 0.5, 3])
def test_a_loss_more_than_ten_times_the_first_is_said_where_it_comes(first):
    most = 10 * max(first, 1)
    losses = iter((first, most, most + 0.1))
    with pytest.warns(
        UserWarning, match=rf"^fit: loss: found {most + 0.1:.3g} at epoch 1, step 3 of 3, learning"
    ):
        train(epochs=1, threads=1, objective=lambda z, batch: (next(losses), np.zeros_like(z)))


def test_no_thread_is_left_behind():
    before = threading.active_count()
    train(threads=4)
    with pytest.raises(ZeroDivisionError):
        train(threads=4, callbacks=[lambda epoch: 1 / 0])
    assert threading.active_count() == before


def test_a_run_goes_on_from_its_checkpoint_on_as_many_threads_as_was_said(tmp_path):
    straight, history = train(epochs=3, checkpoint=tmp_path / "all")
    train(epochs=3, checkpoint=tmp_path / "file", callbacks=[lambda epoch: epoch.epoch == 2])
    resumed, told = train(epochs=3, resume=tmp_path / "file", threads=2)
    assert bytes_of(resumed) == bytes_of(straight) and told.loss == history.loss
    printed, _ = train(epochs=3, printed=True)
    assert type(printed) is Sequential and bytes_of(printed) != bytes_of(straight)
    assert printed.input_range == straight.input_range == (IMAGES.min() / 255, IMAGES.max() / 255)


def test_a_run_is_saved_as_often_as_was_said_and_what_callbacks_change_is_seen(tmp_path, monkeypatch):
    saved, refreshed = [], []
    monkeypatch.setattr(TrainingState, "save", lambda state, path: saved.append(state.done))
    monkeypatch.setattr(TrainingState, "refresh", lambda state: refreshed.append(state.epoch))
    train(checkpoint=tmp_path / "file", checkpoint_seconds=0)
    assert saved == [0, 1, 2, 3, 3, 4, 5, 6, 6] and not refreshed
    del saved[:]
    train(checkpoint=tmp_path / "file", callbacks=[lambda epoch: None], epochs=3)
    assert saved == [0, 3, 6, 9] and refreshed == [1, 2, 3]


def test_images_for_validation_that_are_darker_are_warned_of():
    with pytest.warns(
        UserWarning, match=r"^fit: validation: found uint8 from .*, needed a range near that of"
    ):
        train(validation=(IMAGES // 4, LABELS), epochs=1)


def test_a_batch_larger_than_the_images_is_all_of_them():
    assert bytes_of(train(batch=1000)[0]) == bytes_of(train(batch=len(IMAGES))[0])


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
        *(
            ({"validation": some}, r"fit: validation: found a numpy.ndarray of shape .*, needed two arrays: ")
            for some in (IMAGES, IMAGES[:2])
        ),
        ({"validation": DATASET}, r"fit: validation: found a Dataset, needed its arrays: \(dataset.images, "),
        ({"optimizer": AdamW}, r"fit: optimizer: found the class AdamW, needed a rule, such as AdamW\(\)"),
        ({"optimizer": "adam"}, r"fit: optimizer: found 'adam', needed a rule"),
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
