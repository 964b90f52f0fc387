"""The same seed trains the same bits, however the work is cut up, wherever it is kept, and whenever saved."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resumable import EPOCHS, STEPS, start, step
from tiny import IMAGES, LABELS, bytes_of, fake_quantized, jitter, network, residual_network, train

from tinyzip.machine.workers import Workers
from tinyzip.train.augment import Augment
from tinyzip.train.fit import fit, hard_labels
from tinyzip.train.optim import SGD, AdamW, one_cycle
from tinyzip.train.run.checkpoint import read
from tinyzip.train.run.optim_fast import FastSGD
from tinyzip.train.run.recipe import Recipe
from tinyzip.train.run.shards import Shards
from tinyzip.train.run.state import TrainingState, private_copy
from tinyzip.train.run.training import Training

ANY_SEED = pytest.mark.filterwarnings("ignore:fit. rng")  # another seed shows that the file's goes on


@ANY_SEED
@settings(max_examples=20)
@given(st.lists(st.sampled_from(["step", "step", "save", "load", "load in a new process"]), max_size=16))
def test_any_order_of_steps_saves_and_loads_equals_the_straight_run(tmp_path_factory, operations):
    path = tmp_path_factory.mktemp("run") / "file"
    with Workers(1) as workers:
        state = start(workers)
        straight = [bytes_of(state.model)]
        losses = [[]]
        for _ in range(EPOCHS * STEPS):
            step(state)
            straight.append(bytes_of(state.model))
            losses.append(state.history.loss.copy())
        state = start(workers)
        state.save(path)
        at = saved = 0
        for operation in operations:
            if operation == "step" and at < EPOCHS * STEPS:
                step(state)
                at += 1
            elif operation == "save":
                state.save(path)
                saved = at
            elif operation.startswith("load"):
                if operation != "load":
                    state = start(workers, seed=99)
                state.load(path)
                at = saved
            assert bytes_of(state.model) == straight[at]
            assert state.history.loss == losses[at]
            assert state.epoch * STEPS + state.step == at


def test_each_step_moves_every_array_that_is_trained():
    with Workers(1) as workers:
        state = start(workers)
        for _ in range(EPOCHS * STEPS):
            before = {name: state.model.params[name].copy() for name in state.model.trainable()}
            step(state)
            assert all((state.model.params[name] != array).any() for name, array in before.items())


def test_copies_of_the_process_are_asked_to_be_made_anew_where_something_may_have_changed(monkeypatch):
    asked = []
    monkeypatch.setattr(Shards, "refresh", lambda shards: asked.append(shards))
    with Workers(1) as workers:
        state = start(workers)
        before = len(asked)
        state.refresh()
    assert len(asked) == before + 1


def test_a_state_that_is_not_finite_is_refused_and_the_last_good_one_stays(tmp_path):
    with Workers(1) as workers:
        state = start(workers)
        step(state)
        state.save(tmp_path / "file")
        good = (tmp_path / "file").read_bytes()
        name, array = list(state.model.params.items())[-1]
        array.flat[-1] = np.nan
        with pytest.raises(FloatingPointError, match=f"not finite, first in {name}"):
            state.save(tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == good


@ANY_SEED
def test_the_generator_ends_where_it_would_have_ended(tmp_path):
    rng, other = np.random.default_rng(3), np.random.default_rng(8)
    options = {"epochs": 2, "batch": 16, "progress": False, "threads": 1}
    fit(network(), IMAGES, LABELS, rng=rng, checkpoint=tmp_path / "file", **options)
    fit(network(), IMAGES, LABELS, rng=other, resume=tmp_path / "file", **options)
    assert rng.random() == other.random()


def test_a_generator_of_another_seed_is_warned_of_and_one_that_has_gone_on_is_not(tmp_path):
    rng, path = np.random.default_rng(3), tmp_path / "run"
    options = {"epochs": 1, "progress": False, "threads": 1, "schedule": 1e-3}
    begun, _ = fit(network(), IMAGES, LABELS, rng=rng, checkpoint=path, **options)
    for same in (rng, np.random.default_rng(3)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again, _ = fit(network(), IMAGES, LABELS, rng=same, resume=path, **options)
        assert bytes_of(again) == bytes_of(begun)
    for other in (np.random.default_rng(4), np.random.default_rng([3, 1]), np.random.default_rng()):
        with pytest.warns(
            UserWarning, match="fit: rng: found a Generator of seed .*, needed one of 3, as at"
        ):
            again, _ = fit(network(), IMAGES, LABELS, rng=other, resume=path, checkpoint=path, **options)
        assert bytes_of(again) == bytes_of(begun) and read(path)[0]["seed"] == "3"


def test_all_that_a_step_is_given_follows_from_the_generator_and_how_far_the_run_has_come(monkeypatch):
    """Which images, what is drawn for them, how much is done, and the learning rate."""
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 10)
    met, rng = {"index": [], "drawn": [], "progress": [], "lr": []}, np.random.default_rng(3)

    def augment(images, rng):
        met["drawn"].append(rng.random())
        return images

    def objective(z, batch):
        met["index"].append(batch.index.tolist())
        met["progress"].append(batch.progress)
        return hard_labels(z, batch)

    rule = FastSGD.step
    monkeypatch.setattr(FastSGD, "step", lambda *of: met["lr"].append(of[4]) or rule(*of))
    recipe = Recipe(EPOCHS, 16, SGD(), one_cycle(0.1), objective, augment)
    with Workers(1) as workers:
        state = TrainingState(network(), IMAGES, LABELS, recipe, np.random.default_rng(3), workers)
        for done in range(EPOCHS * STEPS):
            if done % STEPS == 0:
                order, seed = rng.permutation(46), int(rng.integers(2**63))
            step(state)
            batch, progress = order[16 * (done % STEPS) :][:16], (done + 0.5) / (EPOCHS * STEPS)
            shards = [batch[at : at + 10].tolist() for at in range(0, len(batch), 10)]
            drawn = [np.random.default_rng((seed, done % STEPS, s)).random() for s in range(len(shards))]
            lr, given = [recipe.schedule(progress)], [progress] * len(shards)
            assert met == {"index": shards, "drawn": drawn, "progress": given, "lr": lr}
            for column in met.values():
                column.clear()


def test_a_state_says_how_far_it_has_come():
    with Workers(1) as workers:
        state = start(workers)
        assert isinstance(state, TrainingState) and isinstance(state, Training) and state.steps == STEPS == 3
        for done in range(EPOCHS * STEPS):
            assert (state.done, state.epoch, state.step) == (done, done // STEPS, done % STEPS)
            assert state.progress(done) == (done + 0.5) / (EPOCHS * STEPS)
            assert state.lr(done) == state.recipe.schedule(state.progress(done))
            step(state)
        assert state.history.lr == [state.lr(done) for done in (2, 5, 8)]


def test_an_epoch_takes_an_order_and_a_number_from_the_generator_and_the_end_nothing():
    rng, same = np.random.default_rng(3), np.random.default_rng(3)
    fit(network(), IMAGES, LABELS, rng=rng, epochs=2, batch=16, progress=False, threads=1)
    for _ in range(2):
        same.permutation(46), same.integers(2**63)
    assert rng.random() == same.random()


def test_the_size_of_a_shard_follows_from_all_parameters_and_the_batch(monkeypatch):
    asked = []
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda *of: asked.append(of) or 7)
    with Workers(1) as workers:
        assert start(workers)._shards.size == 7
    assert asked == [(network().parameter_count, 16)]


def test_a_loss_of_an_epoch_is_the_mean_over_its_images():
    """Of 46 images in batches of 16, the last has 14."""
    with Workers(1) as workers:
        state = start(workers)
        losses = [state.advance() for _ in range(STEPS)]
        epoch = state.end_epoch((IMAGES[:9], LABELS[:9]))
    assert epoch.loss == pytest.approx((16 * losses[0] + 16 * losses[1] + 14 * losses[2]) / 46, rel=1e-12)
    assert epoch.epoch == 1 and epoch.seconds > 0 and epoch.validation_errors is not None
    assert state.loss == state.seconds == 0


@pytest.mark.parametrize("make", [network, fake_quantized])
def test_a_checkpoint_holds_what_makes_the_model_again_where_it_can_say_it(tmp_path, make):
    path = tmp_path / "file"
    model = make()
    fit(model, IMAGES, LABELS, rng=np.random.default_rng(0), epochs=1, progress=False, checkpoint=path)
    assert read(path)[0]["structure"]["kind"] == model.structure()["kind"]

    class Own(type(model)):
        def structure(self):
            raise TypeError

    if make is network:
        model = Own(model.layers, model.params, model.shape)
        path = tmp_path / "own"
        fit(model, IMAGES, LABELS, rng=np.random.default_rng(0), epochs=1, progress=False, checkpoint=path)
        assert read(path)[0]["structure"] is None


def test_a_copy_shares_nothing_with_the_model_and_packs_what_is_trained():
    model = network()
    packed, params = private_copy(model, lambda name: name[-1])
    assert packed.places.keys() == set(model.trainable()) and params.keys() == model.params.keys()
    for name, array in model.params.items():
        np.testing.assert_array_equal(params[name], array)
        assert params[name].dtype == array.dtype and not np.shares_memory(params[name], array)
        assert name not in packed.places or np.shares_memory(params[name], packed.vectors[name[-1]])


@pytest.mark.parametrize("first", [0.5, 1, 3])
def test_a_loss_more_than_ten_times_the_first_or_ten_is_said_once(first):
    most = 10 * max(first, 1)
    with Workers(1) as workers:
        state = start(workers)
        for loss in (first, most, 0):
            state.mind(loss, lambda: [])
        with pytest.warns(UserWarning, match=rf"^fit: loss: found {most + 0.1:.3g} at epoch 1, step 1 of 3"):
            state.mind(most + 0.1, lambda: [])
        state.mind(most + 0.2, lambda: [])


@pytest.mark.parametrize("first", [0.5, 30.0])
@pytest.mark.parametrize("stopped", [1, 2])
def test_a_loss_that_explodes_is_measured_by_the_first_of_the_whole_run(tmp_path, first, stopped):
    most = 10 * max(first, 1.0)
    losses = iter((*[first] * 3, *[most - 0.5] * 3, *[most + 0.5] * 3))
    options = {"objective": lambda z, batch: (next(losses), np.zeros_like(z)), "batch": 20, "epochs": 3}
    train(checkpoint=tmp_path / "file", callbacks=[lambda epoch: epoch.epoch == stopped], **options)
    with pytest.warns(UserWarning, match=rf"^fit: loss: found {most + 0.5:.3g} at epoch 3, step 1 of 3"):
        train(resume=tmp_path / "file", **options)


@pytest.mark.parametrize("optimizer", [SGD(0.9, True, 1e-4), AdamW()])
def test_same_seed_same_bits_for_any_number_of_threads(monkeypatch, optimizer):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 7)
    runs = [
        train(threads=threads, augment=jitter, optimizer=optimizer, validation=(IMAGES, LABELS))
        for threads in (1, 2, 2, 5)
    ]
    for model, history in runs[1:]:
        assert bytes_of(model) == bytes_of(runs[0][0])
        assert (history.loss, history.validation_loss) == (runs[0][1].loss, runs[0][1].validation_loss)
    assert bytes_of(train(seed=4, augment=jitter, optimizer=optimizer)[0]) != bytes_of(runs[0][0])


def test_residual_blocks_have_the_same_bits_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 7)
    one, two = (bytes_of(train(model=residual_network(), threads=threads)[0]) for threads in (1, 2))
    assert one == two


@pytest.mark.parametrize("size", [7, 20])
def test_gradients_that_stay_in_their_shards_workspaces_have_the_same_bits(monkeypatch, size):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: size)
    copied = train(augment=jitter)[0]
    monkeypatch.setattr("tinyzip.train.run.shards.MANY", 0)
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
