"""`fit` learns, follows its objective, and tells how it went."""

import json
import sys
import threading
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from tiny import IMAGES, LABELS, bytes_of, network, residual_network, squared_error, train

from tinyzip.machine.workers import Workers
from tinyzip.nn.losses import cross_entropy
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import evaluate, logits, predict, score
from tinyzip.train.fit import hard_labels
from tinyzip.train.history import Bar, History
from tinyzip.train.optim import cosine, one_cycle


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
    assert len(history) == 3
    assert History(**json.loads(json.dumps(history.as_dict()))) == history
    schedule, steps = one_cycle(4e-3), 9
    assert history.lr == [schedule((step - 0.5) / steps) for step in (3, 6, 9)]


class FakeBar:
    """Stands in for tqdm's bar, which the tests do not install, and counts."""

    bars: ClassVar[list["FakeBar"]] = []

    def __init__(self, total, initial, **options):
        self.total, self.done, self.closed = total, initial, False
        self.bars.append(self)

    def set_postfix(self, **values):
        pass

    def update(self):
        self.done += 1

    def close(self):
        self.closed = True


def test_a_bar_counts_every_step_when_tqdm_is_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace(tqdm=FakeBar))
    train(progress=True)
    (bar,) = FakeBar.bars
    assert (bar.done, bar.total, bar.closed) == (6, 6, True)


def test_without_tqdm_there_is_no_bar_and_nothing_breaks(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    train(progress=True)
    with Bar(3, 0, True) as bar:
        bar.step(0.5)
    assert capsys.readouterr().err == ""


def test_no_thread_is_left_behind():
    before = threading.active_count()
    train(threads=4)
    with pytest.raises(ZeroDivisionError):
        train(threads=4, callbacks=[lambda epoch: 1 / 0])
    assert threading.active_count() == before
