"""`fit` is the loop of `loop`: the same draws, the same bits where sums have one order, a bound where not."""

import signal
from functools import partial
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from apart import Apart
from resumable import Interrupt
from tiny import IMAGES, LABELS, bytes_of, fake_quantized, jitter, network, residual_network, train

from tinyzip.distill.guides import Guide
from tinyzip.distill.objective import Distillation
from tinyzip.distill.student import train as distil
from tinyzip.distill.teachers import Ensemble
from tinyzip.distill.transfer import Live, record
from tinyzip.machine.workers import Workers
from tinyzip.nn.layers import BatchNorm, Dropout
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.train import loop
from tinyzip.train.augment import Augment
from tinyzip.train.data import mnist
from tinyzip.train.fit import fit
from tinyzip.train.loop import hard_labels, steps
from tinyzip.train.optim import SGD, AdamW, cosine, one_cycle

OPTIONS = {"epochs": 2, "batch": 20, "schedule": one_cycle(4e-3)}


class Ours(AdamW):
    """A rule of one's own: what inherits from one of `optim` is another rule, and runs as it is printed."""


def by_loop(model, seed=3, **options):
    """The printed model, trained by the loop on one core, its losses, and its Generator as it is then."""
    model = model.printed().with_params({name: np.array(array) for name, array in model.params.items()})
    rng = np.random.default_rng(seed)
    with Workers(1):
        losses = list(steps(model, IMAGES, LABELS, rng=rng, **{"optimizer": AdamW()} | OPTIONS | options))
    return model, losses, rng


MODELS = pytest.mark.parametrize(
    "make",
    [network, partial(network, np.float64), residual_network, fake_quantized],
    ids=["batch norm and dropout", "float64", "residual", "fake-quantized"],
)


@MODELS
@pytest.mark.parametrize("augment", [None, jitter, Augment(1, 8, 0.1, (5, 2))])
@pytest.mark.parametrize("optimizer", [SGD(), SGD(0.0), SGD(0.9, weight_decay=1e-2), Ours()])
def test_in_one_shard_a_printed_network_and_rule_have_the_bits_of_the_loop(make, optimizer, augment):
    options = OPTIONS | {"optimizer": optimizer, "augment": augment}
    model, losses, rng = by_loop(make(), **options)
    own = np.random.default_rng(3)
    found, history = train(model=make().printed(), **options)
    assert bytes_of(found) == bytes_of(model) != bytes_of(make())
    sizes = [20, 20, 6]
    assert history.loss == [sum(map(np.multiply, losses[i : i + 3], sizes)) / 46 for i in (0, 3)]
    for _ in range(2):
        own.permutation(46), own.integers(2**63)
    assert rng.random() == own.random()


@MODELS
@pytest.mark.parametrize("augment", [None, jitter])
@pytest.mark.parametrize("optimizer", [SGD(0.9, True), AdamW()])
def test_a_printed_training_is_the_loop_to_the_bit_whatever_runs_fast_otherwise(make, optimizer, augment):
    options = OPTIONS | {"optimizer": optimizer, "augment": augment}
    model, losses, _ = by_loop(make(), **options)
    for threads in (1, 2):
        found, history = train(
            model=make(), printed=True, threads=threads, validation=(IMAGES, LABELS), **options
        )
        assert bytes_of(found) == bytes_of(model)
        assert type(found) is type(make())
        assert history.loss[0] == sum(map(np.multiply, losses[:3], (20, 20, 6))) / 46
    _, fast = train(model=make(), validation=(IMAGES, LABELS), **options)
    assert (history.epoch, history.lr) == (fast.epoch, fast.lr)
    assert history.validation_loss == pytest.approx(fast.validation_loss, rel=1e-2)


@pytest.mark.parametrize("size", [7, 20])
def test_fit_and_the_loop_meet_the_same_images_at_the_same_rates_whatever_the_shards(monkeypatch, size):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: size)
    met, rates = [], []

    def objective(z, batch):
        met.append((batch.index, batch.labels, batch.progress))
        return hard_labels(z, batch)

    class Noting(SGD):
        def step(self, params, grads, state, lr):
            rates.append(lr)
            super().step(params, grads, state, lr)

    def seen(run):
        met.clear(), rates.clear()
        run(objective=objective, optimizer=Noting())
        index, labels, progress = zip(*met, strict=True)
        return np.concatenate(index), np.concatenate(labels), sorted(set(progress)), list(rates)

    for one, other in zip(seen(partial(by_loop, network())), seen(partial(train, **OPTIONS)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size", [7, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        (SGD(), cosine(0.05)),
        (SGD(0.9, True, 1e-2), cosine(0.03)),
        (SGD(0.0), cosine(0.3)),
        (AdamW(), cosine(4e-3)),
        (AdamW(0.8, 0.99, 1e-6, 0.1), cosine(4e-3)),
    ],
)
def test_in_any_order_of_sums_the_two_stay_within_their_bound(monkeypatch, optimizer, schedule, dtype, size):
    """(FI1) and (FI2): three steps in float32 and six in float64, of one shard or three.

    And the bound says something: for half of all numbers it is less than a hundredth of what they have moved.
    """
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: size)
    first = network(dtype, noisy=False)
    epochs = 1 if dtype is np.float32 else 2
    model = first.printed().with_params({name: array.copy() for name, array in first.params.items()})
    apart = Apart(model, optimizer, hard_labels, -(-20 // size))
    options = OPTIONS | {"epochs": epochs, "schedule": schedule}
    with Workers(1):
        rng = np.random.default_rng(3)
        for _ in steps(model, IMAGES, LABELS, rng=rng, optimizer=apart, objective=apart.objective, **options):
            pass
    found, _ = train(model=first, optimizer=optimizer, **options)
    share = []
    for name, array in model.params.items():
        assert (np.abs(found.params[name].astype(np.float64) - array) <= apart.params[name]).all(), name
        moved = np.abs(array.astype(np.float64) - first.params[name]).max()
        share.append((apart.params[name] / moved).ravel())
    assert np.median(np.concatenate(share)) < 0.01


def without(kind):
    """The noisy network without its layers of that kind."""
    net = network()
    layers = {name: layer for name, layer in net.layers.items() if not isinstance(layer, kind)}
    params = {key: array for key, array in net.params.items() if key.split(".")[0] in layers}
    return Sequential(layers, params, net.shape)


@pytest.mark.parametrize(
    ("make", "augment"),
    [
        (partial(without, Dropout), None),
        (partial(without, BatchNorm), None),
        (partial(network, noisy=False), jitter),
    ],
    ids=["batch norm", "dropout", "augmentation"],
)
def test_what_sees_its_shard_or_draws_for_it_is_the_loop_in_one_shard_only(monkeypatch, make, augment):
    """In one shard they have the loop's bits, and in two they are not near: 1e-4 is a thousand roundings."""
    options = OPTIONS | {"optimizer": SGD(), "schedule": 0.05, "augment": augment}
    model, _, _ = by_loop(make(), **options | {"schedule": lambda progress: 0.05})
    for size, same in ((20, True), (10, False)):
        monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch, n=size: n)
        found, _ = train(model=make().printed(), **options)
        assert (bytes_of(found) == bytes_of(model)) == same
    assert max(np.abs(found.params[name] - array).max() for name, array in model.params.items()) > 1e-4


def test_callbacks_end_a_printed_training_and_see_a_network_of_the_kind_that_was_passed_in():
    seen = []
    model, history = train(printed=True, epochs=9, callbacks=[seen.append, lambda epoch: epoch.epoch == 2])
    assert history.epoch == [1, 2] == [epoch.epoch for epoch in seen]
    assert {type(epoch.model) for epoch in seen} == {Sequential} == {type(model)}
    assert bytes_of(seen[-1].model) == bytes_of(model) != bytes_of(seen[0].model)


def stopped(**options):
    """What a training says when it stops, and whether it left the network that was passed in as it was."""
    model = options.pop("model", network())
    before = bytes_of(model)
    with pytest.raises(FloatingPointError) as caught:
        train(model=model, **options)
    return str(caught.value), bytes_of(model) == before


@pytest.mark.filterwarnings("ignore:fit. images")
def test_a_printed_training_stops_where_the_fast_one_does_and_says_the_same():
    huge, model = IMAGES * np.float32(1e36), network(noisy=False)
    params = {name: array.copy() for name, array in model.params.items()}
    params["linear.w"][...] = 3e38

    def endless_at_last(z, batch):
        loss, dz = hard_labels(z, batch)
        return loss, dz * np.float32(np.inf if batch.progress > 0.9 else 1)

    for options in (
        {"model": model.with_params(params)},
        {"objective": lambda z, batch: (np.inf if batch.progress > 0.3 else 1.0, z)},
        {"objective": endless_at_last},
        {"augment": lambda images, rng: images / np.float32(np.nan)},
        {
            "images": huge,
            "augment": lambda images, rng: images * np.float32(1e-38),
            "validation": (huge, LABELS),
        },
    ):
        words, untouched = stopped(printed=True, **options)
        assert (words, untouched) == stopped(**options) and untouched
    with pytest.warns(UserWarning, match="fit: loss: found .* at epoch .*learning rate 30, needed .*try"):
        train(model=network(noisy=False), epochs=6, schedule=30.0, printed=True)


def test_what_a_printed_training_does_not_do_is_refused_by_name(tmp_path):
    path = tmp_path / "file"
    line = r"^fit: checkpoint, resume: found .*file with printed=True, needed None: such a run is not kept"
    with pytest.raises(ValueError, match=line):
        train(printed=True, checkpoint=path)
    train(checkpoint=path)
    for options in ({"checkpoint": path}, {"resume": path}):
        before = path.read_bytes()
        with pytest.raises(ValueError, match=line):
            train(printed=True, **options)
        assert path.read_bytes() == before
    rng = np.random.default_rng(0)
    options = {"rng": rng, "epochs": 1, "progress": False, "printed": True}
    with pytest.raises(ValueError, match=r"^fit: objective: found one that looks into the model"):
        distil(network(), network(), IMAGES, LABELS, guides=[Guide("hint", "conv", "conv")], **options)
    with pytest.raises(TypeError, match=r"^fit: model: found a Ensemble, needed one with `printed`"):
        fit(Ensemble({"one": network()}), IMAGES, LABELS, **options)
    with pytest.raises(TypeError, match=r"^train: teacher: found a Ensemble, needed one with `printed`"):
        distil(network(), Ensemble({"one": network()}), IMAGES, LABELS, **options)
    for augment in (lambda images, rng: images[1:], lambda images, rng: images * np.float32(99)):
        with pytest.raises(ValueError, match=r"^fit: augment: found .* in return, needed"):
            train(printed=True, augment=augment)
    with pytest.raises(ValueError, match=r"^fit: objective: found 0.5 in return, needed \(loss, dz\)"):
        train(printed=True, objective=lambda z, batch: 0.5)


def test_ctrl_c_ends_a_printed_training_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background shells ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            train(printed=True, augment=Interrupt(2))
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("augment", [None, jitter])
def test_a_printed_distillation_asks_a_printed_teacher(augment):
    """To the bit: the objective of the printed teacher, live or recorded, in the printed loop."""
    rng, teacher = np.random.default_rng(1), network(noisy=False)
    for array in teacher.params.values():
        array += rng.normal(0, 0.1, array.shape)
    options = {"soft": 0.9, "temperature": 3.0, "loss": "kl", "augment": augment, "progress": False}
    found, history = distil(
        network(), teacher, IMAGES, LABELS, rng=np.random.default_rng(3), printed=True, **options | OPTIONS
    )
    printed = teacher.printed()
    transfer = Live(printed) if augment else record(printed, IMAGES)
    objective = Distillation(transfer, 0.9, 3.0, "kl")
    model, losses, _ = by_loop(network(), objective=objective, augment=augment)
    assert bytes_of(found) == bytes_of(model) and type(found) is Sequential
    assert history.loss[0] == sum(map(np.multiply, losses[:3], (20, 20, 6))) / 46


def test_the_example_of_the_loops_lecture_learns():
    """Run word for word, on digits; with cosine(1) in it nothing would be learnt."""
    example = loop.__doc__.partition("\n\n")[2].partition("\n\nAgainst")[0]
    digits, _ = mnist(Path(__file__).parents[2] / "examples" / "data" / "mnist")
    said = []
    names = {"net": seed_net().printed(), "images": digits.images[:6400], "labels": digits.labels[:6400]}
    names |= {"steps": steps, "SGD": SGD, "cosine": cosine, "rng": np.random.default_rng(0)}
    exec(dedent(example), names | {"print": said.append})
    assert len(said) == 200 and np.mean(said[-20:]) < 0.25
