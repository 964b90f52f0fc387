"""Several teachers answer as their mean; recorded views are never mismatched; simulations have a teacher."""

import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from shapes import SEEDS

from tinyzip.distill.student import train
from tinyzip.distill.teachers import Ensemble
from tinyzip.distill.temperature import kl_divergence
from tinyzip.distill.transfer import Live, record, views
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear, ReLU
from tinyzip.nn.model import Batch
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import evaluate, logits, predict
from tinyzip.train.fit import fit
from tinyzip.train.run.checkpoint import describe

K, SHAPE, N = 3, (1, 4, 4), 60
RNG = np.random.default_rng(4)
IMAGES, LABELS = RNG.integers(0, 256, (N, 4, 4), dtype=np.uint8), RNG.integers(0, K, N)
MEANS = pytest.mark.parametrize("mean", ["logits", "probabilities"])
SHORT = {"epochs": 2, "batch": 20, "progress": False}


def network(seed, width=3, dtype=np.float32, classes=K, norm=True):
    layers = {"conv": Conv2d(1, width, 3), "norm": BatchNorm(width), "relu": ReLU(), "flatten": Flatten()}
    if not norm:
        del layers["norm"]
    layers["fc"] = Linear(4 * width, classes)
    return Sequential.create(layers, SHAPE, np.random.default_rng(seed), dtype)


def ensemble(mean, **options):
    return Ensemble({"small": network(1, **options), "wide": network(2, 5, **options)}, mean)


def softmax(z):
    p = np.exp(z - z.max(axis=0))
    return p / p.sum(axis=0)


@MEANS
def test_the_answer_is_the_mean_of_the_members(mean):
    """(K18), (K19)"""
    net = ensemble(mean, dtype=np.float64)
    z, *others = (logits(model, IMAGES) for model in (net, *net.models.values()))
    if mean == "logits":
        np.testing.assert_allclose(z, sum(others) / 2, rtol=1e-12)
    else:
        np.testing.assert_allclose(np.exp(z), sum(map(softmax, others)) / 2, rtol=1e-12)
    assert evaluate(net, IMAGES, LABELS) == (z.argmax(axis=0) != LABELS).sum()
    np.testing.assert_array_equal(predict(net, IMAGES), z.argmax(axis=0))


@MEANS
def test_one_member_alone_is_its_ensemble(mean):
    net = network(1, dtype=np.float64)
    alone = softmax(logits(Ensemble({"one": net}, mean), IMAGES))
    np.testing.assert_allclose(alone, softmax(logits(net, IMAGES)), rtol=1e-12)


@MEANS
@given(SEEDS)
def test_gradients_go_back_through_the_mean(mean, seed):
    net = ensemble(mean, dtype=np.float64)
    rng = np.random.default_rng(seed)
    x, dz = rng.standard_normal((*SHAPE, 3)), rng.standard_normal((K, 3))
    gradients = net.backward(dz, net.forward(x)[1])
    assert tuple(gradients) == net.trainable()
    arrays = {name: net.params[name] for name in ("small.fc.w", "wide.norm.gamma")}
    assert_gradients(lambda: net.forward(x)[0], arrays, gradients, dz)


@MEANS
def test_an_ensemble_is_trained_and_recorded_like_any_model(mean):
    net = ensemble(mean)
    trained, history = fit(net, IMAGES, LABELS, rng=np.random.default_rng(0), **SHORT)
    assert len(history.loss) == 2 and trained.params.keys() == net.params.keys()
    moved = {name for name, array in trained.params.items() if not np.array_equal(array, net.params[name])}
    assert moved == set(net.params)  # running statistics too
    np.testing.assert_allclose(record(trained, IMAGES).logits, logits(trained, IMAGES), rtol=1e-5, atol=1e-6)
    student, _ = train(network(7), trained, IMAGES, LABELS, rng=np.random.default_rng(1), **SHORT)
    assert kl_divergence(logits(student, IMAGES), logits(trained, IMAGES), 1.0)[0] < 10


def test_an_ensemble_is_the_same_for_any_number_of_threads_and_leaves_its_members_alone():
    net = ensemble("probabilities")
    before = {name: array.copy() for name, array in net.params.items()}
    students = [
        train(network(7), net, IMAGES, LABELS, rng=np.random.default_rng(1), threads=n, **SHORT)[0]
        for n in (1, 2)
    ]
    for name, array in students[0].params.items():
        np.testing.assert_array_equal(students[1].params[name], array)
    for name, array in net.params.items():
        np.testing.assert_array_equal(array, before[name])


def test_models_that_do_not_fit_together_are_refused():
    good = network(1)
    for models, found in (({}, "none"), ([good], "list"), ([], "list")):
        with pytest.raises(ValueError, match=rf"^Ensemble: models: found {found}, needed one or more"):
            Ensemble(models)
    for models in (
        {},
        [good],
        {"a": good, "b": network(1, classes=4)},
        {"a": good, "b": network(1, dtype=float)},
    ):
        with pytest.raises(ValueError, match=r"^Ensemble: models.*: found .*, needed "):
            Ensemble(models)
    for name in ("a.b", 3):
        with pytest.raises(ValueError, match=rf"^Ensemble: models: found the name {name!r}, needed text"):
            Ensemble({name: good})
    with pytest.raises(ValueError, match=r"^Ensemble: mean: found 'median'"):
        Ensemble({"a": good}, "median")


def darker(images, rng):
    """Each image's own draw, taken off: what came of it tells image and view."""
    images -= rng.integers(0, 10, (len(images), 1, 1)).astype(np.uint8)
    return images


@given(st.integers(1, 4), SEEDS)
def test_a_view_stands_where_its_index_says_and_is_another_in_each_view(V, seed):
    images = np.arange(20, 250, 10, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    labels, before = np.arange(len(images)), images.copy()
    seen, their = views(images, labels, darker, V, np.random.default_rng(seed))
    np.testing.assert_array_equal(images, before)
    first = None
    for v in range(V):
        at = slice(v * len(images), (v + 1) * len(images))
        off = images.astype(int) - seen[at]
        assert (off >= 0).all() and (off < 10).all() and (off == off[:, :1, :1]).all()
        np.testing.assert_array_equal(their[at], labels)
        assert first is None or (off != first).any()
        first = off
    again, _ = views(images, labels, darker, V, np.random.default_rng(seed))
    np.testing.assert_array_equal(again, seen)


def test_recorded_views_are_answers_about_these_views_whatever_shuffles():
    teacher = network(2, 5)
    seen, their = views(IMAGES, LABELS, darker, 3, np.random.default_rng(0))
    recorded = record(teacher, seen)
    for index in np.array_split(np.random.default_rng(1).permutation(3 * N), 4):
        found = recorded(Batch(None, their[index], index))
        np.testing.assert_allclose(found, logits(teacher, seen[index]), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(their[index], LABELS[index % N])


def test_a_live_teacher_lives_in_the_memory_of_one_answer_and_says_who_it_is_without_its_arrays():
    teacher = Live(network(2, 5))
    x = np.moveaxis(IMAGES[:, None] / np.float32(255), 0, -1)
    peaks = []
    for _ in range(4):
        teacher(Batch(x, LABELS, np.arange(N)))
        peaks.append(teacher._local.workspace.peak)
    assert peaks[0] > 0 and peaks == peaks[:1] * 4
    assert describe(teacher).startswith("Live(teacher=Sequential(layers=")
    assert describe(teacher).endswith("), layers=(), _local=_local)")  # in the words of files that are there
    assert repr(teacher) == "Live(layers=())" and teacher == Live(teacher.teacher)
    assert repr(Ensemble({"a": network(2, 5)}, "probabilities")) == "Ensemble(mean='probabilities')"


def test_views_of_data_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    for arguments, argument in (
        ((IMAGES, LABELS[1:], darker, 2), "labels"),
        ((IMAGES[0], LABELS, darker, 2), "images"),
        ((IMAGES, LABELS, darker, 0), "V"),
        ((IMAGES, LABELS, darker, True), "V"),
        ((IMAGES, LABELS, darker, 1.0), "V"),
        ((IMAGES, LABELS.tolist(), darker, 1), "labels"),
        ((IMAGES, LABELS, lambda images, rng: images[:, 1:], 2), "augment"),
        ((IMAGES, LABELS, lambda images, rng: None, 2), "augment"),
        ((IMAGES, LABELS, lambda images, rng: images.astype(np.float16), 2), "augment"),
    ):
        with pytest.raises(ValueError, match=rf"^views: {argument}: found .*, needed "):
            views(*arguments, rng)


def test_without_a_teacher_a_simulation_is_taught_by_the_float_network_that_it_stands_for():
    net = network(1, norm=False)
    simulation = FakeQuantized.create(net, calibrate(net, IMAGES, weights=3, activations=4))
    alone, taught = (
        train(simulation, teacher, IMAGES, LABELS, rng=np.random.default_rng(0), **SHORT)[0]
        for teacher in (None, net)
    )
    for name, array in taught.params.items():
        np.testing.assert_array_equal(alone.params[name], array)
    with pytest.raises(ValueError, match=r"^train: teacher: found None, needed a model"):
        train(net, None, IMAGES, LABELS, rng=np.random.default_rng(0), **SHORT)


def test_an_ensemble_shows_every_layer_of_every_member():
    net = ensemble("logits")
    x = to_input(IMAGES[:3])
    shown = net.activations(x)
    assert list(shown) == [f"{name}.{layer}" for name in net.models for layer in net.models[name].layers]
    for name, member in net.models.items():
        np.testing.assert_array_equal(shown[f"{name}.fc"], member.forward(x)[0])


def test_a_live_teacher_of_layers_has_to_show_them():
    with pytest.raises(ValueError, match=r"^Live: teacher: found Ensemble, needed a model that can show"):
        Live(ensemble("logits"), layers=("conv",))
