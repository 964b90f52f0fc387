"""Layers of a student follow layers of its teacher, and two losses combine by adding."""

import numpy as np
import pytest
from gradcheck import TOLERANCE, numerical_gradient

from tinyzip.distill.features import attention, hint
from tinyzip.distill.guides import LOSSES, Guide, Sum, follow
from tinyzip.distill.losses import distillation
from tinyzip.distill.objective import Distillation
from tinyzip.distill.relations import angles, distances
from tinyzip.distill.student import train
from tinyzip.distill.transfer import Live
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear, ReLU
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.model import Batch
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.fit import fit
from tinyzip.train.optim import one_cycle
from tinyzip.train.run.watched import watch

K, SHAPE, N = 4, (1, 5, 4), 60
RNG = np.random.default_rng(4)
IMAGES, LABELS = RNG.integers(0, 256, (N, *SHAPE[1:]), dtype=np.uint8), RNG.integers(0, K, N)
X = np.moveaxis(IMAGES[:, None] / 255, 0, -1)
SHORT = {"epochs": 2, "batch": 20, "progress": False}
GUIDES = [
    Guide("hint", "relu", "relu", 0.5),
    Guide("attention", "conv", "conv", 2.0),
    Guide("distances", "fc", "flatten", 3.0),
    Guide("angles", "relu", "relu", 1.5),
]


def network(width, seed, dtype=np.float32, norm=True):
    layers = {"conv": Conv2d(1, width, 3), "norm": BatchNorm(width), "relu": ReLU(), "flatten": Flatten()}
    if not norm:
        del layers["norm"]
    layers["fc"] = Linear(width * 6, K)
    return Sequential.create(layers, SHAPE, np.random.default_rng(seed), dtype)


def taught(guides=GUIDES, **options):
    options = {"guides": guides, "soft": 0.5, "recorded": False, **SHORT} | options
    return train(network(3, 1), network(6, 0), IMAGES, LABELS, rng=np.random.default_rng(2), **options)[0]


def bits(model):
    return {name: array.tobytes() for name, array in model.params.items()}


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf, "1", [1, 2]])
def test_a_weight_is_a_number_from_0_up(weight):
    with pytest.raises(ValueError, match=r"^Guide: weight: found .*, needed (finite|a number)"):
        Guide("hint", "relu", "relu", weight)
    with pytest.raises(ValueError, match=r"^Guide: loss: found 'glance', needed one of 'hint', 'attention'"):
        Guide("glance", "relu", "relu")
    assert Guide("angles", "relu", "relu", 0).weight == 0
    assert Guide("angles", "relu", "relu").weight == 1


def test_a_hint_brings_a_regressor_that_begins_as_a_linear_layer_does():
    live = Live(network(3, 1), ("relu",))
    arrays = follow(Guide("hint", "relu", "conv"), live, 3, 5).arrays
    expected = Linear(3, 5).initialize(np.random.default_rng(0))
    assert arrays.keys() == {"hint relu conv.w", "hint relu conv.b"}
    for part, array in expected.items():
        np.testing.assert_array_equal(arrays[f"hint relu conv.{part}"], array)
        assert arrays[f"hint relu conv.{part}"].dtype == np.float32
    assert not any(follow(Guide(loss, "relu", "conv"), live, 3, 5).arrays for loss in LOSSES)


@pytest.mark.parametrize("soft", [0.5, lambda *_: 0.5])
def test_a_sum_looks_at_the_progress_where_one_part_does(soft):
    live = Live(network(3, 1), ("relu",))
    mixture = Distillation(live, soft, 2.0, "kl")
    assert Sum((cross_entropy, mixture)).by_progress == callable(soft)
    assert not Sum((cross_entropy, follow(GUIDES[0], live, 3, 3))).by_progress and not Sum(()).by_progress


def whole_objective(teacher):
    live = Live(teacher, ("relu", "conv", "flatten"))
    channels = {"relu": (3, 6), "conv": (3, 6), "fc": (4, 36)}
    return Sum((Distillation(live, 0.3, 2.0, "kl"), *(follow(g, live, *channels[g.student]) for g in GUIDES)))


def ask(model, objective, n=8):
    """Loss, dz and gradients that an objective gives for the first images, and the caches."""
    x = X[..., :n]
    z, caches = model.forward(x)
    return *objective(z, Batch(x, LABELS[:n], np.arange(n), 0.5, model.seen(caches))), caches


def test_the_sum_is_each_loss_on_the_features_of_both():
    student, teacher = network(3, 1, np.float64), network(6, 0, np.float64)
    objective = whole_objective(teacher)
    model = watch(student, objective)
    loss, dz, gradients, _ = ask(model, objective)
    h, g = student.activations(X[..., :8]), teacher.activations(X[..., :8])
    w, b = model.arrays.values()
    expected, expected_dz = distillation(h["fc"], LABELS[:8], g["fc"], 0.3, 2.0, "kl")
    by_hint, by_angles = hint(h["relu"], g["relu"], w, b), angles(h["relu"], g["relu"])
    by_attention, by_distances = attention(h["conv"], g["conv"]), distances(h["fc"], g["flatten"])
    expected += 0.5 * by_hint[0] + 2 * by_attention[0] + 3 * by_distances[0] + 1.5 * by_angles[0]
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dz, expected_dz, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(
        gradients["relu"], 0.5 * by_hint[1] + 1.5 * by_angles[1], rtol=1e-9, atol=1e-14
    )
    np.testing.assert_allclose(gradients["fc"], 3 * by_distances[1], rtol=1e-9, atol=1e-14)
    assert gradients.keys() == {"relu", "conv", "fc", *model.arrays}


def test_gradients_go_through_the_regressor_and_the_features_into_every_array():
    objective = whole_objective(network(6, 0, np.float64))
    model = watch(network(3, 1, np.float64), objective)
    _, dz, gradients, caches = ask(model, objective)
    model.give(caches, gradients, 1.0)
    found = model.backward(dz, caches)
    for name in model.trainable():
        if name == "fc.w":  # 72 entries more of what fc.b tells
            continue
        expected = numerical_gradient(lambda: ask(model, objective)[0], model.params[name])
        assert np.abs(found[name] - expected).max() <= TOLERANCE * max(1e-2, np.abs(expected).max()), name


@pytest.mark.parametrize("loss", LOSSES)
def test_a_guided_student_comes_closer_to_its_teacher_there(loss):
    teacher = network(6, 0)
    measure = {"hint": None, "attention": attention, "distances": distances, "angles": angles}[loss]

    def distance(guides):
        student = taught(guides, epochs=30, soft=0.0, schedule=one_cycle(0.02))
        h, g = (model.activations(X.astype(np.float32))["relu"] for model in (student, teacher))
        if measure is not None:
            return measure(h, g)[0]
        rows = np.vstack([h.reshape(len(h), -1), np.ones(h[0].size)]).T.astype(np.float64)
        target = g.reshape(len(g), -1).T.astype(np.float64)
        return np.square(rows @ np.linalg.lstsq(rows, target)[0] - target).mean()  # of the best regressor

    assert distance([Guide(loss, "relu", "relu", 20.0)]) < 0.97 * distance([])


def test_layers_in_residual_blocks_lead_and_follow_by_the_way_to_them():
    def blocks(width, seed):
        body = {"conv": Conv2d(width, width, 1), "relu": ReLU()}
        layers = {"conv": Conv2d(1, width, 3), "block": Residual(body), "flatten": Flatten()}
        layers["fc"] = Linear(width * 6, K)
        return Sequential.create(layers, SHAPE, np.random.default_rng(seed))

    teacher, name = blocks(6, 0), "block.body.relu"

    def distance(guides):
        options = {"guides": guides, "soft": 0.0, "epochs": 30, "schedule": one_cycle(0.02)}
        rng = np.random.default_rng(2)
        student = train(blocks(3, 1), teacher, IMAGES, LABELS, rng=rng, **SHORT | options)[0]
        return attention(*(model.activations(X.astype(np.float32))[name] for model in (student, teacher)))[0]

    assert distance([Guide("attention", name, name, 20.0)]) < 0.97 * distance([])
    with pytest.raises(ValueError, match="block"):
        distance([Guide("attention", "block.relu", name, 1.0)])


@pytest.mark.parametrize("recorded", [True, False])
def test_guided_students_are_the_same_for_any_number_of_threads_and_leave_the_teacher_alone(
    recorded, monkeypatch
):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 7)
    results = [bits(taught(recorded=recorded, threads=threads)) for threads in (1, 2, 3)]
    assert results[0] == results[1] == results[2]
    teacher = network(6, 0)
    before = bits(teacher)
    train(network(3, 1), teacher, IMAGES, LABELS, rng=np.random.default_rng(2), guides=GUIDES, **SHORT)
    assert bits(teacher) == before


def test_a_guided_run_is_resumed_with_its_regressor(tmp_path):
    def stop(epoch):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        taught(epochs=3, checkpoint=tmp_path / "file", callbacks=[stop])
    assert bits(taught(epochs=3, resume=tmp_path / "file")) == bits(taught(epochs=3))


def test_a_student_that_simulates_integers_follows_layers_too():
    net = network(3, 1, norm=False)
    simulation = FakeQuantized.create(net, calibrate(net, IMAGES, weights=4, activations=4))
    guides = [Guide("hint", "relu", "relu", 5.0)]
    guided, alone = (
        train(simulation, network(6, 0), IMAGES, LABELS, rng=np.random.default_rng(0), guides=g, **SHORT)[0]
        for g in (guides, ())
    )
    assert guided.params.keys() == simulation.params.keys() and bits(guided) != bits(alone)


def test_objectives_without_features_add_too():
    def half(z, batch):
        loss, dz = cross_entropy(z, batch.labels)
        return loss / 2, dz / 2

    added, _ = fit(
        network(3, 1), IMAGES, LABELS, rng=np.random.default_rng(3), objective=Sum((half, half)), **SHORT
    )
    usual, _ = fit(network(3, 1), IMAGES, LABELS, rng=np.random.default_rng(3), **SHORT)
    assert bits(added) == bits(usual)  # halves are exact


def test_a_teacher_is_asked_once_about_a_batch_and_again_about_the_next():
    calls = []

    class Counting(Sequential):
        def forward(self, x, **options):
            calls.append(x.shape[-1])
            return super().forward(x, **options)

    net = network(3, 1)
    live = Live(Counting(net.layers, net.params, net.shape), ("relu",))
    one, other = (Batch(X[..., :n].astype(np.float32), LABELS[:n], np.arange(n)) for n in (3, 4))
    for batch in (one, other):
        z, features = live(batch).copy(), live.features(batch)["relu"]
        np.testing.assert_allclose(features, net.activations(batch.x)["relu"], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(live(batch), z)
    assert calls == [3, 4]


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        (lambda: Guide("light", "relu", "relu"), "Guide: loss: found 'light'"),
        (lambda: Guide("hint", "relu", "relu", -1.0), "Guide: weight"),
        (lambda: Guide("hint", "stove", "relu"), "train: guides: student: found 'stove'"),
        (lambda: Guide("hint", "relu", "stove"), "train: guides: teacher: found 'stove'"),
        (lambda: Guide("hint", "relu", "fc"), "hint: h: found shape"),
        (lambda: Guide("attention", "flatten", "flatten"), "attention: h: found shape"),
    ],
)
def test_what_does_not_fit_is_refused(guide, message):
    with pytest.raises(ValueError, match=rf"^{message}.*, needed "):
        taught([guide()])
