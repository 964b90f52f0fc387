"""Forward and backward are repeated where that is known to be the same, and called where it is not."""

import numpy as np
import pytest
from tiny import IMAGES, LABELS, fake_quantized, network, noting, residual_network

from tinyzip.machine.recorder import Recorded
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.layers import Flatten, Linear, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.train.data import to_input
from tinyzip.train.fit import fit
from tinyzip.train.optim import AdamW
from tinyzip.train.run.passes import passes, repeats


def step(model, images, workspace, seed=0):
    """The logits and gradients of a step, copied, and whether it is written down after that."""
    both = passes(model, images, np.random.default_rng(seed), workspace)
    x, z, _ = next(both)
    found = {name: array.copy() for name, array in {"x": x, "z": z, **both.send(z + np.float32(1))}.items()}
    workspace.reset()
    return found, written(workspace)


def written(workspace):
    return any(isinstance(note, tuple) and isinstance(note[0], Recorded) for note in workspace.notes.values())


def test_only_networks_whose_layers_are_known_are_repeated():
    plain = Sequential.create({"f": Flatten(), "l": Linear(36, 3)}, (1, 6, 6), np.random.default_rng(0))

    class Own(Sequential):
        pass

    class Rectifier(ReLU):
        pass

    own = Sequential(plain.layers | {"r": Rectifier()}, plain.params, plain.shape)
    for model in (noting([]), fake_quantized(), Own(plain.layers, plain.params, plain.shape), own):
        workspace = Workspace()
        assert not repeats(model)
        assert not any(step(model, IMAGES[:2], workspace)[1] for _ in range(4))
    for model in (plain, network(), residual_network()):
        workspace = Workspace()
        assert repeats(model)
        assert [step(model, IMAGES[:2], workspace)[1] for _ in range(4)] == [False, False, True, True]


@pytest.mark.parametrize("make", [network, residual_network, fake_quantized])
def test_a_step_is_forward_in_training_and_backward_called_or_repeated(make):
    """With dropout drawn by the step's own generator, and what batch norm has measured."""
    model, workspace = make(), Workspace()
    for k in range(4):
        images, rng = IMAGES[5 * k : 5 * k + 5], np.random.default_rng(k)
        x = to_input(images).astype(np.float32)
        z, caches = model.forward(x, train=True, rng=rng)
        wanted = {"x": x, "z": z, **model.backward(z + np.float32(1), caches), **model.statistics(caches)}
        both = passes(model, images, np.random.default_rng(k), workspace)
        x, z, caches = next(both)
        found = {"x": x.copy(), "z": z.copy(), **both.send(z + np.float32(1)), **model.statistics(caches)}
        assert found.keys() == wanted.keys()
        for name, array in wanted.items():
            np.testing.assert_array_equal(found[name], array, name)
        workspace.reset()


def test_a_step_that_stops_between_the_passes_leaves_nothing_behind():
    model, workspace = network(noisy=False), Workspace()
    step(model, IMAGES[:2], workspace)  # which finds out how much memory is needed
    for _ in range(3):
        next(passes(model, IMAGES[:2], None, workspace))
        workspace.reset()
    assert not written(workspace)
    for k in range(4):
        wanted, _ = step(model, IMAGES[k : k + 2], Workspace())
        found, again = step(model, IMAGES[k : k + 2], workspace)
        assert again
        for name, array in wanted.items():
            np.testing.assert_array_equal(found[name], array, name)


def test_steps_that_would_keep_too_much_are_called_each_time(monkeypatch):
    model, workspace, met = network(noisy=False), Workspace(), []
    monkeypatch.setattr("tinyzip.train.run.passes.MOST", 100)
    monkeypatch.setattr("tinyzip.train.run.passes.Recorded", lambda *of: met.append(of) or Recorded(*of))
    assert not any(step(model, IMAGES[:2], workspace)[1] for _ in range(6))
    assert len(met) == 2


@pytest.mark.parametrize("make", [network, residual_network])
@pytest.mark.parametrize("batch", [1, 16])
def test_a_training_has_the_bits_of_one_that_repeats_nothing(make, batch, monkeypatch):
    """(PL1), with dropout, statistics, a shorter last batch, and weights that decay."""
    if batch == 1:  # of which batch norm has no spread
        make = lambda: network(noisy=False)  # noqa: E731
    how = {"epochs": 3, "batch": batch, "optimizer": AdamW(), "threads": 1}
    found = []
    for known in (True, False):
        if not known:
            monkeypatch.setattr("tinyzip.train.run.passes.repeats", lambda model: False)
        trained, history = fit(make(), IMAGES, LABELS, rng=np.random.default_rng(3), **how)
        found.append((history.loss, {name: array.tobytes() for name, array in trained.params.items()}))
    assert found[0] == found[1]
