"""A loss that is not finite stops a run, says where that began, and spoils no checkpoint."""

from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest
from resumable import train
from tiny import IMAGES, LABELS, bytes_of, network

from tinyzip.nn.inspected import Inspected
from tinyzip.train.fit import fit, hard_labels
from tinyzip.train.optim import SGD
from tinyzip.train.run.checkpoint import read
from tinyzip.train.run.training import as_printed, origin


def poison(at):
    calls = iter(range(1, at))

    def augment(images, rng):
        images = images / np.float32(255)
        if next(calls, None) is None:
            images[0, 0, 0] = np.nan
        return images

    return augment


def test_a_model_without_a_printed_form_is_not_run_as_printed(tmp_path):
    model = network(noisy=False)
    assert type(as_printed(model, "it")) is Inspected and as_printed(model, "it").params is model.params
    with pytest.raises(TypeError, match=r"^it: found a SimpleNamespace, needed one with `printed`"):
        as_printed(SimpleNamespace(), "it")
    for options in ({"checkpoint": tmp_path / "file"}, {"resume": tmp_path / "file"}):
        with pytest.raises(
            ValueError, match=r"^fit: checkpoint, resume: found .* with printed=True, needed None"
        ):
            train(model=model, printed=True, **options)


def test_a_run_as_printed_looks_at_what_augments():
    with pytest.raises(ValueError, match=r"^fit: augment: found images of shape .* in return"):
        train(model=network(noisy=False), printed=True, augment=lambda images, rng: images[1:])


def test_a_run_as_printed_stops_and_warns_as_the_fast_one_does():
    for losses, error in (((1.0, np.nan), FloatingPointError), ((1.0, 11.0, 1.0), UserWarning)):
        left = iter(losses)
        with pytest.warns(error) if error is UserWarning else pytest.raises(error) as met:
            train(
                epochs=1,
                printed=True,
                model=network(noisy=False),
                objective=lambda z, batch, left=left: (next(left), np.zeros_like(z)),
            )
        told = str(met.value if error is FloatingPointError else met[0].message)
        assert "epoch 1, step 2 of 3" in told


def test_a_run_as_printed_has_the_mean_loss_of_each_epoch_and_a_private_copy():
    model = network(noisy=False)
    before = bytes_of(model)
    options = {"epochs": 2, "augment": None, "objective": lambda z, batch: (0.5, np.ones_like(z))}
    trained, history = train(model=model, printed=True, **options)
    assert history.loss == [0.5, 0.5] and history.epoch == [1, 2] and bytes_of(model) == before
    assert bytes_of(trained) != before and all(seconds > 0 for seconds in history.seconds)


def test_where_infinity_began_is_the_first_place_on_the_way():
    model = network(np.float64, noisy=False)
    x = np.ones((1, 6, 6, 2))
    assert origin(model, [x, x]) is None
    for value, place in ((np.inf, "the images"), (1e308, "the output of conv")):
        one = x.copy()
        one[..., 1] = value
        assert origin(model, [x, x * value]) == origin(model, [x, one]) == place
    spoilt = model.params["linear.b"].copy()
    spoilt[0] = np.nan
    spoilt = model.with_params(model.params | {"linear.b": spoilt})
    assert origin(spoilt, [x * np.inf]) == "the parameter linear.b"


@pytest.mark.parametrize("threads", [1, 2])
def test_a_loss_that_is_not_finite_stops_with_step_rate_and_place(tmp_path, threads):
    path = tmp_path / "file"
    with pytest.raises(
        FloatingPointError,
        match=r"epoch 2, step 2 of 3, learning rate 0\.00.*: loss nan, first in the images",
    ):
        train(augment=poison(5), checkpoint=path, threads=threads)
    assert read(path)[0]["epoch"] == 1


def test_the_place_is_looked_for_with_the_draws_of_the_shard_in_which_it_arose(monkeypatch):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 8)
    draws = []

    def note(images, rng):
        draws.append(rng.random())
        return images

    train(augment=note)

    def poison_second(images, rng):
        return images / np.float32(np.nan if rng.random() == draws[1] else 255)

    with pytest.raises(FloatingPointError, match=r"epoch 1, step 1 of 3, .*first in the images"):
        train(augment=poison_second)


def test_the_layer_where_infinity_begins_is_named():
    model = network(noisy=False)
    params = {name: array.copy() for name, array in model.params.items()}
    params["linear.w"][...] = 3e38
    with pytest.raises(FloatingPointError, match=r"epoch 1, step 1 of 3.*first in the output of linear"):
        train(model=model.with_params(params))
    params["conv.b"][0] = np.inf
    with pytest.raises(FloatingPointError, match=r"first in the parameter conv\.b"):
        train(model=model.with_params(params))
    with pytest.raises(FloatingPointError, match="loss inf, first in the objective"):
        train(objective=lambda z, batch: (np.inf, z))


@pytest.mark.filterwarnings("ignore:fit. images")
def test_a_validation_loss_that_is_not_finite_stops_too_and_keeps_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "file"
    huge = IMAGES * np.float32(1e36)

    def small(images, rng):
        return images * np.float32(1e-38)

    with pytest.raises(
        FloatingPointError, match=r"epoch 1, step 3 of 3, .*validation loss .*, first in the output of conv"
    ):
        train(images=huge, augment=small, checkpoint=path, validation=(huge, LABELS))
    assert (read(path)[0]["epoch"], read(path)[0]["step"]) == (0, 0)


def test_no_model_with_a_number_that_is_not_finite_is_given_back():
    """The last step spoils it, when no loss is left to show it."""

    class SpoilsOne(SGD):
        def step(self, params, grads, state, lr):
            params["linear.b"][1] = np.inf if len(steps) == 8 else 0
            steps.append(lr)

    steps = []
    with pytest.raises(FloatingPointError, match=r"epoch 3, step 3 of 3, .*not finite, first in linear\.b"):
        train(optimizer=SpoilsOne())


def test_parameters_that_are_not_finite_are_not_saved_over_good_ones(tmp_path):
    path = tmp_path / "file"

    def endless(z, batch):
        loss, dz = hard_labels(z, batch)
        return loss, dz * np.float32(np.inf)

    with pytest.raises(FloatingPointError, match=r"a parameter that is not finite, first in conv.w"):
        train(checkpoint=path, checkpoint_seconds=0, objective=endless)
    meta, _ = read(path)
    assert (meta["epoch"], meta["step"]) == (0, 0)


def test_the_seconds_of_all_epochs_are_no_more_than_the_run_took():
    started = perf_counter()
    _, history = fit(network(), IMAGES, LABELS, rng=np.random.default_rng(0), epochs=2, progress=False)
    assert 0 < sum(history.seconds) <= perf_counter() - started
