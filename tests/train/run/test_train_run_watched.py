"""An objective that asks to see layers gets them, trains arrays of its own, and moves what it looks at."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from tiny import IMAGES, LABELS, bytes_of, network, train

from tinyzip.machine.workers import Workers
from tinyzip.nn.losses import cross_entropy
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import evaluate, logits
from tinyzip.train.fit import hard_labels
from tinyzip.train.run.shards import Shards
from tinyzip.train.run.watched import Watched, watch

W = np.random.default_rng(1).normal(0, 0.3, (2, 4))


@dataclass(frozen=True)
class Looking:
    """Cross entropy, and ½·mean (w·pool − 1)², with a trained w that reads two channels out of four."""

    layers: tuple[str, ...] = ("pool", "linear")
    arrays: dict[str, np.ndarray] = field(default_factory=lambda: {"reader.w": W})

    def __call__(self, z, batch):
        loss, dz = cross_entropy(z, batch.labels)
        np.testing.assert_array_equal(batch.seen["linear"], z)
        h, w = batch.seen["pool"], batch.seen["reader.w"]
        rows = h.reshape(len(h), -1)
        off = w @ rows - 1
        size = off.size
        gradients = {"pool": (w.T @ off / size).reshape(h.shape), "reader.w": off @ rows.T / size}
        return loss + float(np.mean(np.square(off))) / 2, dz, gradients


class Odd(Looking):
    """Gives back other gradients than those of what it has seen."""

    def __init__(self, gradients, **asked):
        super().__init__(**asked)
        object.__setattr__(self, "gradients", gradients)

    def __call__(self, z, batch):
        return *cross_entropy(z, batch.labels), self.gradients


def test_gradients_go_from_the_watched_layer_to_all_before_and_to_the_objectives_arrays():
    model = watch(network(np.float64, noisy=False), Looking())
    rng = np.random.default_rng(2)
    with Workers(2) as workers:
        shards = Shards(model, IMAGES, LABELS, Looking(), None, workers, 7)
        grads = {name: grad.copy() for name, grad in shards(np.arange(46), (0,)).packed.places.items()}
        assert grads.keys() == {"conv.w", "conv.b", "linear.w", "linear.b", "reader.w"}
        for name, grad in grads.items():  # one array at a time: none may hide another
            direction = rng.normal(size=grad.shape)
            losses = []
            for step in (1e-5, -1e-5):
                params = dict(model.params)
                params[name] = params[name] + step * direction
                shards.model = model.with_params(params)
                losses.append(shards(np.arange(46), (0,)).loss)
            expected = (losses[0] - losses[1]) / 2e-5
            assert np.sum(grad * direction) == pytest.approx(expected, rel=1e-5, abs=1e-8), name


def test_the_trained_model_is_of_the_kind_that_came_in_and_scoring_sees_logits_only():
    objective = Looking()
    model, history = train(objective=objective, validation=(IMAGES, LABELS))
    plain = network()
    assert (
        type(model) is type(plain)
        and model.layers == plain.layers
        and model.params.keys() == plain.params.keys()
    )
    assert history.validation_errors[-1] == evaluate(model, IMAGES, LABELS)
    assert history.validation_loss[-1] == pytest.approx(
        cross_entropy(logits(model, IMAGES), LABELS)[0], rel=1e-6
    )
    np.testing.assert_array_equal(objective.arrays["reader.w"], W)


def test_what_the_objective_looks_at_moves():
    models = [train(objective=objective, epochs=8)[0] for objective in (hard_labels, Looking())]
    x = np.moveaxis(IMAGES[:, None] / np.float32(255), 0, -1)
    off = [np.mean(np.square(np.tensordot(W, model.activations(x)["pool"], 1) - 1)) for model in models]
    assert off[1] < off[0]


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(threads, monkeypatch):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 7)
    one, several = (train(objective=Looking(), threads=n)[0] for n in (1, threads))
    assert bytes_of(one) == bytes_of(several)


def test_a_resumed_run_goes_on_with_the_objectives_arrays(tmp_path):
    def stop(epoch):
        raise RuntimeError

    path = tmp_path / "file"
    straight, history = train(objective=Looking(), epochs=3)
    with pytest.raises(RuntimeError):
        train(objective=Looking(), epochs=3, checkpoint=path, callbacks=[stop])
    resumed, other = train(objective=Looking(), epochs=3, resume=path)
    assert bytes_of(resumed) == bytes_of(straight) and other.loss == history.loss
    with pytest.raises(ValueError, match=r"checkpoint .*: "):
        train(epochs=3, resume=path)


def test_who_asks_for_nothing_gets_the_model_as_it_is():
    model = network()
    assert watch(model, hard_labels) is model
    assert watch(model, Looking(layers=(), arrays={})) is model
    assert isinstance(watch(model, Looking(arrays={})), Watched)
    assert isinstance(watch(model, Looking(layers=())), Watched)


def test_a_gradient_by_an_array_of_the_model_is_added_to_its_own_by_share():
    model = network(np.float64, noisy=False)
    watched = watch(model, Looking(layers=("conv.w", "linear.b"), arrays={"own": W}))
    x, dz = to_input(IMAGES[:4]).astype(np.float64), np.ones((3, 4))
    _, caches = watched.forward(x, train=True)
    assert watched.seen(caches)["conv.w"] is watched.params["conv.w"] and watched.seen(caches).keys() == {
        "conv.w",
        "linear.b",
        "own",
    }
    plain = watched.backward(dz, caches)
    assert not plain["own"].any()
    given = {"conv.w": np.full((4, 1, 3, 3), 3.0), "own": np.full((2, 4), 2.0)}
    watched.give(caches, given, 0.5)
    found = watched.backward(dz, caches)
    assert found.keys() == plain.keys() == {*model.trainable(), "own"}
    for name, array in plain.items():
        np.testing.assert_array_equal(found[name], array + 0.5 * given.get(name, np.zeros(())), name)


def test_an_array_without_a_gradient_stays_and_layers_without_one_learn_from_the_logits():
    silent, usual = (
        train(objective=objective)[0] for objective in (Odd({}, layers=("linear",)), hard_labels)
    )
    assert bytes_of(silent) == bytes_of(usual)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (Looking(layers=("pool", "pond")), r"probed: names: found \['pond'\]"),
        (Looking(arrays={"conv.w": W}), r"fit: objective: found arrays of the names \['conv.w'\]"),
        (
            Odd({"conv": W}),
            "fit: objective: found a gradient by 'conv'",
        ),
        (Odd({"pool": W.astype(np.float32)}), r"fit: objective: gradient by 'pool': found shape"),
        (
            lambda z, batch: (*cross_entropy(z, batch.labels), {"pool": W}),
            "fit: objective: found gradients beside dz",
        ),
    ],
)
def test_what_does_not_fit_is_refused(objective, message):
    with pytest.raises(ValueError, match=rf"^{message}.*, needed "):
        train(objective=objective)


def test_a_watched_model_is_described_as_the_model_and_refuses_where_that_cannot():
    model = network()
    watched = watch(model, Looking())
    assert watched.structure() == model.probed(["pool"]).structure() == model.structure()
    assert watched.shape == model.shape and watched.trainable() == (*model.trainable(), "reader.w")

    class Silent:
        params = network().params

    with pytest.raises(
        TypeError, match=r"^structure: found a Silent, needed a model that can describe itself"
    ):
        Watched(Silent(), {}).structure()


def test_arrays_without_gradient_cannot_be_looked_at():
    with pytest.raises(
        ValueError, match=r"^fit: objective: found arrays that get no gradient, \['norm.mean'\]"
    ):
        watch(network(), Looking(layers=("norm.mean", "conv.w")))


def test_a_model_that_cannot_show_its_layers_is_refused():
    class Closed:
        params = network().params

    with pytest.raises(ValueError, match=r"^fit: objective: found one that looks into a Closed"):
        watch(Closed(), Looking())


def test_a_watched_model_shows_the_layers_of_the_model():
    net = network()
    x = to_input(IMAGES[:2])
    shown, wanted = watch(net, Looking()).activations(x), net.activations(x)
    assert shown.keys() - wanted.keys() == {
        "pool.probe",
        "linear.probe",
    }  # what passes where the objective looks
    for name in wanted:
        np.testing.assert_array_equal(shown[name], wanted[name])
