"""A checkpoint that is damaged, or of another run, is refused and not overwritten."""

import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from resumable import EPOCHS, STEPS, start, step, train
from tiny import IMAGES, LABELS, bytes_of, network, squared_error

from tinyzip.machine.workers import Workers
from tinyzip.nn.layers import BatchNorm
from tinyzip.nn.sequential import Sequential
from tinyzip.train.fit import hard_labels
from tinyzip.train.history import History
from tinyzip.train.optim import SGD, constant
from tinyzip.train.run.checkpoint import read, write


def distant(z, batch):
    return squared_error(z, z + 1)


def warmer(z, batch, by):
    return hard_labels(z / np.asarray(by, np.float32), batch)


def with_larger_eps():
    model = network()
    return Sequential(model.layers | {"norm": BatchNorm(4, eps=0.1)}, model.params, model.shape)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": network(noisy=False)}, r"norm.*found float32 \(4,\), needed nothing"),
        ({"model": network(np.float64)}, r"found float32 .*needed float64"),
        ({"epochs": 5}, "epochs: found 3, needed 5, but step 1 would have had the learning rate .* fit"),
        ({"batch": 15}, "batch: found 16, needed 15"),
        ({"optimizer": SGD()}, r"optimizer: found AdamW.*needed SGD"),
        ({"schedule": constant(1e-3)}, "schedule: found Schedule"),
        ({"augment": None}, "augment: found jitter, needed None"),
        ({"objective": distant}, "objective: found hard_labels, needed distant"),
        ({"model": with_larger_eps()}, r"model: found Sequential.*eps=1e-05.*needed Sequential.*eps=0\.1"),
        ({"labels": LABELS[::-1].copy()}, r"images: found 46 of uint8, CRC-32 .*, needed 46 of uint8"),
        ({"images": IMAGES[:-1], "labels": LABELS[:-1]}, "images: found 46 of uint8.*, needed 45"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused_and_not_overwritten(tmp_path, options, message):
    path = tmp_path / "file"
    train(checkpoint=path)
    before = path.read_bytes()
    for use in ({"resume": path}, {"checkpoint": path}):
        with pytest.raises(ValueError, match=message):
            train(**options, **use)
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (
            {"schedule": lambda t: 1e-3},
            {"schedule": lambda t: 2e-3},
            "schedule at .*: found 0.001, .*0.002",
        ),
        *(
            (
                {"schedule": lambda t: 1e-3},
                {"schedule": lambda t, *, k=k: 1e-3 + (int(EPOCHS * STEPS * t) == k)},
                "schedule at .*: found 0.001, 0.001, 0.001, needed .*1.001",
            )
            for k in (0, (EPOCHS * STEPS - 1) // 2, EPOCHS * STEPS - 1)
        ),
        (
            {"objective": partial(warmer, by=1)},
            {"objective": partial(warmer, by=2)},
            r"objective: found partial\(warmer, .*1",
        ),
        (
            {"objective": partial(warmer, by=np.ones(1))},
            {"objective": partial(warmer, by=np.full(1, 2.0))},
            r"objective: found partial\(warmer, .*CRC-32",
        ),
    ],
)
def test_functions_of_one_name_that_differ_are_told_apart_where_that_can_be_seen(
    tmp_path, one, other, message
):
    path = tmp_path / "file"
    train(checkpoint=path, **one)
    with pytest.raises(ValueError, match=message):
        train(resume=path, **other)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: b"x"]
)
def test_a_damaged_or_foreign_checkpoint_is_refused_and_not_overwritten(tmp_path, damage):
    path = tmp_path / "file"
    train(checkpoint=path)
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    for use in ({"resume": path}, {"checkpoint": path}):
        with pytest.raises(ValueError, match=r"checkpoint .*file: found .*, needed "):
            train(**use)
        assert path.read_bytes() == before


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / "file"
    write(path, {}, {})
    with pytest.raises(ValueError, match=r"file: found no training run, needed one of this model"):
        train(resume=path)


NUMBERS = {name: [1] * EPOCHS for name in History().as_dict()}


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": STEPS + 1},
        {"step": -1},
        {"step": "1"},
        {"epoch": EPOCHS + 1},
        {"loss": None},
        {"generator": {}},
        {"history": {"epoch": [1]}},
        {"history": None},
        {"epoch": 0.0},
        {"step": True},
        {"loss": 10**400},
        {"history": {name: "abc" for name in History().as_dict()}},
        {"history": {name: [None] * EPOCHS for name in History().as_dict()}},
        {"history": NUMBERS | {"validation_loss": ["a"] * EPOCHS}},
        {"history": NUMBERS | {"loss": [None] * EPOCHS}},
        {"history": NUMBERS | {"lr": [0.1] * (EPOCHS - 1)}},
        {"history": {name: column for name, column in NUMBERS.items() if name != "lr"}},
        {"loss": "1"},
        {"seconds": None},
        {"epoch": -1},
        {"generator": {"bit_generator": "PCG64", "state": {"dtype": "S4000000000", "values": ["x"]}}},
    ],
)
def test_a_state_that_no_run_is_ever_in_is_refused(tmp_path, wrong):
    path = tmp_path / "file"
    train(checkpoint=path)
    meta, arrays = read(path)
    write(path, meta | wrong, arrays)
    with pytest.raises(ValueError, match=r"file: found no state of a training run, needed"):
        train(resume=path)
    del meta[next(iter(wrong))]
    write(path, meta, arrays)
    with pytest.raises(ValueError, match=r"file: found no state of a training run, needed"):
        train(resume=path)


def test_a_seed_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "file"
    train(checkpoint=path)
    meta, arrays = read(path)
    write(path, meta | {"seed": 5}, arrays)
    with pytest.raises(ValueError, match=r"file: found no state of a training run, needed"):
        train(resume=path)


PLACES = ["epoch", "step", "loss", "seconds", "seed", "setup", "generator", "history", "structure"]
VALUES = [
    None,
    True,
    -1,
    0,
    2,
    0.5,
    10**30,
    10**400,
    "",
    "abc",
    [],
    [1, 2, 3],
    {},
    {"dtype": "O", "values": 1},
]


@given(st.data())
def test_a_checkpoint_with_other_values_is_refused_in_words_or_goes_on(data):
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        train(checkpoint=path)
        meta, arrays = read(path)
        place = data.draw(st.sampled_from(PLACES))
        within = meta
        while isinstance(within[place], dict) and within[place] and data.draw(st.booleans()):
            within = within[place]
            place = data.draw(st.sampled_from(sorted(within)))
        within[place] = data.draw(st.sampled_from(VALUES))
        write(path, meta, arrays)
        with suppress(ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another seed, of losses that grow
            train(resume=path)


def test_nothing_of_a_refused_checkpoint_is_taken_over(tmp_path):
    path = tmp_path / "file"
    with Workers(1) as workers:
        state = start(workers)
        state.save(path)
        meta, arrays = read(path)
        write(path, meta, arrays | {"params/linear.b": np.zeros(4, np.float32)})
        step(state)
        before = bytes_of(state.model)
        with pytest.raises(ValueError, match=r"params/linear.b: found float32 \(4,\), needed float32 \(3,\)"):
            state.load(path)
        assert bytes_of(state.model) == before and state.step == 1


def test_a_folder_is_no_checkpoint(tmp_path):
    for use in ({"resume": tmp_path}, {"checkpoint": tmp_path}):
        with pytest.raises(IsADirectoryError):
            train(**use)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"schedule": constant(1e-3)}, "file: schedule: found Schedule"),
        ({"batch": 15}, "batch: found 16, needed 15"),
        ({"objective": distant}, "objective: found hard_labels, needed distant"),
    ],
)
def test_what_else_differs_is_said_before_the_number_of_epochs(tmp_path, other, message):
    path = tmp_path / "file"
    train(checkpoint=path)
    with pytest.raises(ValueError, match=message):
        train(epochs=5, resume=path, **other)


def test_a_run_for_more_epochs_by_another_function_of_the_same_name_is_refused(tmp_path):
    path = tmp_path / "file"
    train(checkpoint=path, schedule=lambda t: 1e-3)
    with pytest.raises(ValueError, match=r"schedule at .*: found 0.001, .* needed 0.002, "):
        train(epochs=5, resume=path, schedule=lambda t: 2e-3)


@pytest.mark.parametrize("wrong", ["0", "-3", "3.0", "many", None, 3, "9" * 10, "9" * 20])
def test_a_number_of_epochs_that_is_none_is_refused(tmp_path, wrong):
    path = tmp_path / "file"
    train(checkpoint=path, schedule=constant(1e-3))
    meta, arrays = read(path)
    write(path, meta | {"setup": meta["setup"] | {"epochs": wrong}}, arrays)
    with pytest.raises(ValueError, match=r"checkpoint .*file: .*found .*, needed "):
        train(resume=path, schedule=constant(1e-3))
