"""`fit` learns, gives the same bits every time, and refuses what it cannot train on."""

import json
import resource
import sys
import threading
import tracemalloc
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from tiny import IMAGES, LABELS, bytes_of, jitter, network

from tinyzip.augment import Augment
from tinyzip.models import seed_net
from tinyzip.nn.history import Bar, History
from tinyzip.nn.layers import Flatten, Linear, ReLU
from tinyzip.nn.losses import cross_entropy, logit_matching
from tinyzip.nn.optim import SGD, AdamW, cosine, one_cycle
from tinyzip.nn.sequential import Sequential
from tinyzip.nn.shards import Shards, score
from tinyzip.nn.train import evaluate, fit, hard_labels
from tinyzip.nn.training import Recipe, Training, shard_size
from tinyzip.workers import Workers


def train(seed=3, model=None, images=IMAGES, labels=LABELS, **options):
    options = {"epochs": 2, "batch": 20, "progress": False, "threads": 1} | options
    return fit(model or network(), images, labels, rng=np.random.default_rng(seed), **options)


def test_a_network_learns_the_images_by_heart():
    model, history = train(
        model=network(noisy=False), epochs=60, schedule=one_cycle(0.03), validation=(IMAGES, LABELS)
    )
    assert history.loss[-1] < 0.05 < 0.9 < history.loss[0]
    assert history.validation_errors[-1] == 0 == evaluate(model, IMAGES, LABELS)


@pytest.mark.parametrize("optimizer", [SGD(0.9, True, 1e-4), AdamW()])
def test_same_seed_same_bits_for_any_number_of_threads(monkeypatch, optimizer):
    monkeypatch.setattr("tinyzip.nn.training.shard_size", lambda parameters, batch: 7)
    runs = [
        train(threads=threads, augment=jitter, optimizer=optimizer, validation=(IMAGES, LABELS))
        for threads in (1, 2, 2, 5)
    ]
    for model, history in runs[1:]:
        assert bytes_of(model) == bytes_of(runs[0][0])
        assert (history.loss, history.validation_loss) == (runs[0][1].loss, runs[0][1].validation_loss)
    assert bytes_of(train(seed=4, augment=jitter, optimizer=optimizer)[0]) != bytes_of(runs[0][0])


@pytest.mark.parametrize("size", [7, 20])
def test_gradients_that_stay_in_their_shards_workspaces_have_the_same_bits(monkeypatch, size):
    monkeypatch.setattr("tinyzip.nn.training.shard_size", lambda parameters, batch: size)
    copied = train(augment=jitter)[0]
    monkeypatch.setattr("tinyzip.nn.shards.MANY", 0)
    for threads in (1, 2):
        assert bytes_of(train(augment=jitter, threads=threads)[0]) == bytes_of(copied)


def test_an_augmentation_in_scratch_memory_gives_the_bits_of_one_that_makes_new_arrays():
    own = Augment(1, 8, 0.1, (5, 2))
    straight = bytes_of(train(augment=own)[0])
    assert bytes_of(train(augment=lambda images, rng: own(images, rng))[0]) == straight


def test_images_in_any_layout_give_the_same_bits():
    turned = np.ascontiguousarray(IMAGES.transpose(2, 0, 1)).transpose(1, 2, 0)
    assert not turned.flags.c_contiguous
    assert bytes_of(train(images=turned)[0]) == bytes_of(train()[0])


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
        objective=lambda z, batch: logit_matching(z, wanted[:, batch.index]),
        epochs=60,
        schedule=cosine(0.03),
    )
    assert history.loss[-1] < 0.1 < 0.5 < history.loss[0]
    assert np.abs(model.logits(IMAGES) - wanted).mean() < 0.2


def gradient(size, dtype, threads=1, labels=LABELS):
    with Workers(threads) as workers:
        model = network(dtype, noisy=False)
        shards = Shards(model, IMAGES, labels, hard_labels, None, workers, size)
        result = shards(np.arange(46), (0,))
        return result.loss, {name: grad.copy() for name, grad in result.grads.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shards_of_any_size_give_the_same_gradient_within_the_rounding_of_a_sum(dtype):
    """Off by at most N·ε·Σ|terms| each (S1's bound), with N = 46 images of 16 positions each."""
    terms = {name: np.zeros(array.shape) for name, array in network(noisy=False).params.items()}
    for n in range(46):
        with Workers(1) as workers:
            one = Shards(network(np.float64, noisy=False), IMAGES, LABELS, hard_labels, None, workers, 1)
            for name, grad in one(np.array([n]), (0,)).grads.items():
                terms[name] += np.abs(grad) / 46
    loss, grads = gradient(46, dtype)
    for size in (1, 2, 5, 16, 45):
        other_loss, others = gradient(size, dtype)
        assert other_loss == pytest.approx(loss, rel=46 * float(np.finfo(dtype).eps))
        for name, grad in grads.items():
            bound = 2 * 46 * 16 * np.finfo(dtype).eps / 2 * terms[name]
            assert (np.abs(grad.astype(np.float64) - others[name]) <= bound + 1e-30).all(), (name, size)


def test_the_gradient_of_a_batch_is_the_slope_of_its_loss():
    rng = np.random.default_rng(2)
    model = network(np.float64, noisy=False)
    with Workers(2) as workers:
        shards = Shards(model, IMAGES, LABELS, hard_labels, None, workers, 7)
        grads = {name: grad.copy() for name, grad in shards(np.arange(46), (0,)).grads.items()}
        direction = {name: rng.normal(size=grad.shape) for name, grad in grads.items()}
        losses = []
        for step in (1e-6, -1e-6):
            moved = {name: p + step * direction[name] for name, p in model.params.items()}
            shards.model = model.with_params(moved)
            losses.append(shards(np.arange(46), (0,)).loss)
    expected = (losses[0] - losses[1]) / 2e-6
    assert sum(np.sum(grads[name] * direction[name]) for name in grads) == pytest.approx(expected, rel=1e-6)


def test_batch_norm_statistics_are_the_shards_averages_by_share():
    model = network(np.float64)
    x = IMAGES[:, None].transpose(1, 2, 3, 0) / 255.0
    with Workers(1) as workers:
        result = Shards(model, IMAGES, LABELS, hard_labels, None, workers, 20)(np.arange(46), (0,))
    for part in ("norm.mean", "norm.var"):
        expected = 0.0
        for start, share in ((0, 20 / 46), (20, 20 / 46), (40, 6 / 46)):
            _, caches = model.forward(x[..., start : start + 20], train=True)
            expected += share * model.statistics(caches)[part]
        assert np.allclose(result.statistics[part], expected, rtol=1e-6)


def test_dropout_is_drawn_anew_for_each_step_and_shard_and_only_from_their_seed():
    met = []

    def objective(z, batch):
        met.append(z.copy())
        return hard_labels(z, batch)

    twice = np.tile(np.arange(10), 2)
    with Workers(1) as workers:
        shards = Shards(network(), IMAGES, LABELS, objective, None, workers, 10)
        for seed in ((7, 0), (7, 1), (8, 0), (7, 0)):
            shards(twice, seed)
    assert len({z.tobytes() for z in met[:6]}) == 6
    assert all(np.array_equal(*pair) for pair in zip(met[:2], met[6:], strict=True))


def test_augmentation_is_drawn_anew_for_each_step_and_shard_and_only_from_their_seed():
    met = []

    def augment(images, rng):
        met.append(rng.random())
        return images

    with Workers(1) as workers:
        shards = Shards(network(), IMAGES, LABELS, hard_labels, augment, workers, 10)
        for seed in ((7, 0), (7, 1), (8, 0), (7, 0)):
            shards(np.arange(20), seed)
    assert len(set(met[:6])) == 6 and met[:2] == met[6:]


def test_running_statistics_follow_the_images():
    model, _ = train(epochs=40, schedule=cosine(1e-12))
    y = network().activations(IMAGES[:, None].transpose(1, 2, 3, 0) / np.float32(255))["conv"]
    assert np.allclose(model.params["norm.mean"], y.mean(axis=(1, 2, 3)), atol=0.02)
    assert np.allclose(model.params["norm.var"], y.var(axis=(1, 2, 3)), rtol=0.1)


def test_evaluate_counts_what_predict_gets_wrong():
    model = network()
    wrong = int((model.predict(IMAGES) != LABELS).sum())
    assert evaluate(model, IMAGES, LABELS) == evaluate(model, IMAGES, LABELS, threads=3) == wrong
    z, _ = model.forward(IMAGES[:, None].transpose(1, 2, 3, 0) / np.float32(255))
    with Workers(2) as workers:
        assert score(model, IMAGES, LABELS, workers)[0] == pytest.approx(
            cross_entropy(z, LABELS)[0], rel=1e-6
        )


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


def wide():
    layers = {"flatten": Flatten(), "a": Linear(784, 900), "relu": ReLU(), "b": Linear(900, 10)}
    return Sequential.create(layers, (1, 28, 28), np.random.default_rng(0))


def steps_of(model, workers, augment=None, dtype=np.uint8):
    """A function that takes one step of a training on 28×28 images, batch 256."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1000, 28, 28), dtype=np.uint8).astype(dtype)
    labels = rng.integers(0, 10, 1000)
    recipe = Recipe(100, 256, AdamW(), one_cycle(1e-3), hard_labels, augment)
    training = Training(model, images, labels, recipe, rng, workers)

    def step():
        training.advance()
        if training.step == training.steps:
            training.close_epoch(None, None)

    return step


@pytest.mark.parametrize("augment", [None, Augment(1, 8, 0.08), Augment(elastic=(34, 4))])
@pytest.mark.parametrize("model", [seed_net(np.random.default_rng(0)), wide()], ids=["seed net", "wide"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_after_the_first_step_a_step_allocates_less_than_a_megabyte(model, augment, dtype):
    with Workers(2) as workers:
        step = steps_of(model, workers, augment, dtype)
        step()
        tracemalloc.start()
        try:
            for _ in range(3):
                before, _ = tracemalloc.get_traced_memory()
                tracemalloc.reset_peak()
                step()
                assert tracemalloc.get_traced_memory()[1] - before < 1 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("model", [seed_net(np.random.default_rng(0)), wide()], ids=["seed net", "wide"])
def test_page_faults_do_not_grow_with_steps(model):
    """A step works on ten megabytes, 2,500 pages; soon it meets hardly any for the first time."""
    with Workers(2) as workers:
        step = steps_of(model, workers)
        for _ in range(5):
            step()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(10):
            step()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 10 * 100


def test_shards_get_larger_with_the_model_and_never_with_the_machine():
    assert shard_size(20_000, 256) == shard_size(20_000, 128) == 64
    assert shard_size(2_000_000, 256) == 128


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
