"""Shards add up to the batch: its gradient, its statistics, and draws of their own."""

from threading import Thread
from typing import ClassVar

import numpy as np
import pytest
from tiny import IMAGES, LABELS, network

from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.model import MANY
from tinyzip.train.augment import Augment
from tinyzip.train.data import to_input
from tinyzip.train.fit import hard_labels
from tinyzip.train.run.shards import Shards, gradient_shard
from tinyzip.train.run.state import private_copy
from tinyzip.train.run.watched import watch


def gradient(size, dtype, threads=1, labels=LABELS):
    with Workers(threads) as workers:
        model = network(dtype, noisy=False)
        shards = Shards(model, IMAGES, labels, hard_labels, None, workers, size)
        result = shards(np.arange(46), (0,))
        return result.loss, {name: grad.copy() for name, grad in result.packed.places.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shards_of_any_size_give_the_same_gradient_within_the_rounding_of_a_sum(dtype):
    """(SH1): Off by at most N·ε·Σ|terms| each (see `shards`), with N = 46 images of 16 positions each."""
    terms = {name: np.zeros(array.shape) for name, array in network(noisy=False).params.items()}
    for n in range(46):
        with Workers(1) as workers:
            one = Shards(network(np.float64, noisy=False), IMAGES, LABELS, hard_labels, None, workers, 1)
            for name, grad in one(np.array([n]), (0,)).packed.places.items():
                terms[name] += np.abs(grad) / 46
    loss, grads = gradient(46, dtype)
    for size in (1, 2, 5, 16, 45):
        other_loss, others = gradient(size, dtype)
        assert other_loss == pytest.approx(loss, rel=46 * float(np.finfo(dtype).eps))
        for name, grad in grads.items():
            bound = 2 * 46 * 16 * np.finfo(dtype).eps / 2 * terms[name]
            assert (np.abs(grad.astype(np.float64) - others[name]) <= bound + 1e-30).all(), (name, size)


@pytest.mark.parametrize("size", [46, 16])
def test_gradients_of_many_parameters_are_not_copied_and_have_the_same_bits(size, monkeypatch):
    found = []
    for many in (MANY, 1):
        monkeypatch.setattr("tinyzip.train.run.shards.MANY", many)
        with Workers(1) as workers:
            shards = Shards(network(noisy=False), IMAGES, LABELS, hard_labels, None, workers, size)
            for _ in range(2):
                grads = shards(np.arange(46), (0,)).packed.places
            found.append({name: grad.tobytes() for name, grad in grads.items()})
    assert found[0] == found[1]


def test_what_augments_is_given_a_generator_also_where_no_layer_draws():
    seen = []

    def augment(images, rng):
        seen.append(rng.random())
        return images

    with Workers(1) as workers:
        shards = Shards(network(noisy=False), IMAGES, LABELS, hard_labels, augment, workers, 23)
        for _ in range(2):
            shards(np.arange(46), (5,))
    assert seen == 2 * [np.random.default_rng((5, s)).random() for s in range(2)]


def test_the_gradient_of_a_batch_is_the_slope_of_its_loss():
    rng = np.random.default_rng(2)
    model = network(np.float64, noisy=False)
    with Workers(2) as workers:
        shards = Shards(model, IMAGES, LABELS, hard_labels, None, workers, 7)
        grads = {name: grad.copy() for name, grad in shards(np.arange(46), (0,)).packed.places.items()}
        direction = {name: rng.normal(size=grad.shape) for name, grad in grads.items()}
        losses = []
        for step in (1e-6, -1e-6):
            moved = {name: p + step * direction[name] for name, p in model.params.items()}
            shards.model = model.with_params(moved)
            losses.append(shards(np.arange(46), (0,)).loss)
    # Differences of losses of order one are off by ε/h = 2e-10, and by h² times a third derivative.
    slope = sum(np.sum(grads[name] * direction[name]) for name in grads)
    assert slope == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-8)


def test_batch_norm_statistics_are_the_shards_averages_by_share():
    """(SH1)"""
    model = network(np.float64)
    x = to_input(IMAGES).astype(np.float64)
    with Workers(1) as workers:
        result = Shards(model, IMAGES, LABELS, hard_labels, None, workers, 20)(np.arange(46), (0,))
    for part in ("norm.mean", "norm.var"):
        expected = 0.0
        for start, share in ((0, 20 / 46), (20, 20 / 46), (40, 6 / 46)):
            _, caches = model.forward(x[..., start : start + 20], train=True, rng=np.random.default_rng(0))
            expected += share * model.statistics(caches)[part]
        np.testing.assert_allclose(result.statistics[part], expected, rtol=1e-12)  # 10³ terms, ε = 2e-16


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


def test_shards_get_larger_with_the_batch_and_the_model_and_never_with_the_machine():
    assert gradient_shard(20_000, 32) == gradient_shard(20_000, 128) == 64
    assert gradient_shard(20_000, 200) == gradient_shard(2_000_000, 200) == 100
    assert gradient_shard(20_000, 600) == 128 and gradient_shard(2_000_000, 600) == 300
    assert gradient_shard(2**19 - 1, 600) == 128 and gradient_shard(2**19, 601) == 301
    assert gradient_shard(1, 129) == 65


def test_what_augmentation_returns_is_held_to_what_it_was_given():
    with Workers(1) as workers:
        for wrong in (lambda images, rng: images[1:], lambda images, rng: images * np.float32(11)):
            shards = Shards(network(), IMAGES, LABELS, hard_labels, wrong, workers, 10)
            with pytest.raises(ValueError, match=r"^fit: augment: found "):
                shards(np.arange(20), (0,))


class Pulling:
    """Cross entropy, and a gradient of ones by the biases of the convolution."""

    layers: ClassVar = ("conv.b",)
    arrays: ClassVar = {}

    def __call__(self, z, batch):
        return *hard_labels(z, batch), {"conv.b": np.ones(4)}


@pytest.mark.parametrize("size", [46, 20, 7])
def test_gradients_by_what_an_objective_sees_are_means_over_the_batch(size):
    """(SH1)"""
    found = []
    for objective in (hard_labels, Pulling()):
        model = watch(network(np.float64, noisy=False), objective)
        with Workers(1) as workers:
            shards = Shards(model, IMAGES, LABELS, objective, None, workers, size)
            found.append(
                {name: grad.copy() for name, grad in shards(np.arange(46), (0,)).packed.places.items()}
            )
    for name, plain in found[0].items():
        np.testing.assert_allclose(found[1][name], plain + (name == "conv.b"), rtol=1e-12, atol=1e-12)


def test_an_augmentation_of_this_library_is_used_as_it_is_in_the_shards_own_memory():
    own = Augment(1, 8)
    with Workers(1) as workers:
        shards = Shards(network(), IMAGES, LABELS, hard_labels, own, workers, 10)
        assert shards.augment is own
        workspace = Workspace()
        for _ in range(2):
            workspace.reset()
            moved = shards.shown(np.arange(10), np.random.default_rng(1), workspace)
        assert np.shares_memory(moved, workspace._memory)
    np.testing.assert_array_equal(moved, own(IMAGES[:10], np.random.default_rng(1)))


def test_many_parameters_leave_their_gradients_where_they_arise(monkeypatch):
    """Within rounding: of a vector and of single arrays, chunks differ."""
    loss, grads = gradient(20, np.float64)
    for many, workspaces in ((0, 3), (1, 0)):
        monkeypatch.setattr("tinyzip.train.run.shards.MANY", network(noisy=False).parameter_count + many)
        with Workers(1) as workers:
            shards = Shards(network(noisy=False), IMAGES, LABELS, hard_labels, None, workers, 20)
            shards(np.arange(46), (0,))
            assert len(shards._workspaces) == workspaces
            assert not any(workspace._top for workspace in (*shards._workspaces, *workers.workspaces))
    for threads in (1, 2):
        monkeypatch.setattr("tinyzip.train.run.shards.MANY", network(noisy=False).parameter_count)
        other, others = gradient(20, np.float64, threads)
        assert other == loss
        for name, grad in grads.items():
            np.testing.assert_array_equal(others[name], grad, name)


@pytest.fixture
def seen_by_copies():
    """A network whose parameters lie in shared memory."""
    model = network()
    return model.with_params(private_copy(model, lambda name: "all")[1])


def test_a_batch_of_more_shards_than_any_before_finds_room(forks, seen_by_copies):
    bits = {1: [], 3: []}
    for threads, found in bits.items():
        with Workers(threads) as workers:
            shards = Shards(seen_by_copies, IMAGES, LABELS, hard_labels, None, workers, 5)
            for N in (15, 46, 15):
                found.append([grad.tobytes() for grad in shards(np.arange(N), (N,)).packed.places.values()])
    assert len(forks) == 4 and bits[1] == bits[3] and bits[1][0] != bits[1][1]


def test_where_a_copy_would_not_be_safe_the_shards_stay_in_this_process(forks, seen_by_copies):
    """As in a thread that is not the main one, or with BLAS on threads of its own."""
    workers, bits = Workers(2), []
    shards = Shards(seen_by_copies, IMAGES, LABELS, hard_labels, None, workers, 20)

    def ask():
        bits.append([grad.tobytes() for grad in shards(np.arange(46), (0,)).packed.places.values()])

    ask()
    with workers:
        thread = Thread(target=ask)
        thread.start()
        thread.join()
        assert not forks
        ask()
    assert len(forks) == 1 and bits[0] == bits[1] == bits[2]


def test_parameters_that_copies_could_not_see_change_are_not_given_to_them(forks):
    model, other = network(noisy=False), network(noisy=False)
    for array in other.params.values():
        array *= 2
    with Workers(2) as workers:
        shards = Shards(model, IMAGES, LABELS, hard_labels, None, workers, 23)
        first = shards(np.arange(46), (0,)).loss
        shards.model = other
        assert shards(np.arange(46), (0,)).loss != first
    assert not forks


def test_what_is_not_of_this_package_is_not_taken_to_copies(forks, seen_by_copies):
    """A model, objective and augmentation go there, or none of them: what others have written may look at
    what the process does meanwhile."""

    def theirs(z, batch):
        return hard_labels(z, batch)

    for objective, augment in ((theirs, None), (hard_labels, lambda images, seed: images)):
        with Workers(2) as workers:
            shards = Shards(seen_by_copies, IMAGES, LABELS, objective, augment, workers, 23)
            shards(np.arange(46), (0,))
    assert not forks
