"""A training that is interrupted in any way ends with the bits of one that was not."""

import os
import resource
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import killed
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import IMAGES, LABELS, bytes_of, jitter, network

from tinyzip.nn.checkpoint import read, write
from tinyzip.nn.layers import BatchNorm
from tinyzip.nn.losses import logit_matching
from tinyzip.nn.optim import SGD, AdamW, constant, one_cycle
from tinyzip.nn.sequential import Sequential
from tinyzip.nn.train import fit, hard_labels
from tinyzip.nn.training import Recipe, Training
from tinyzip.workers import Workers

EPOCHS, STEPS = 3, 3


def train(seed=3, model=None, images=IMAGES, labels=LABELS, **options):
    options = {"epochs": EPOCHS, "batch": 16, "progress": False, "threads": 1, "augment": jitter} | options
    return fit(model or network(), images, labels, rng=np.random.default_rng(seed), **options)


def start(workers, seed=3):
    recipe = Recipe(EPOCHS, 16, AdamW(), one_cycle(4e-3), hard_labels, jitter)
    return Training(network(), IMAGES, LABELS, recipe, np.random.default_rng(seed), workers)


def step(training):
    training.advance()
    if training.step == training.steps:
        training.close_epoch(None, None)


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["step", "step", "save", "load", "load in a new process"]), max_size=16))
def test_any_order_of_steps_saves_and_loads_equals_the_straight_run(tmp_path_factory, operations):
    path = tmp_path_factory.mktemp("training") / "file"
    with Workers(1) as workers:
        training = start(workers)
        straight = [bytes_of(training.model)]
        losses = [[]]
        for _ in range(EPOCHS * STEPS):
            step(training)
            straight.append(bytes_of(training.model))
            losses.append(training.history.loss.copy())
        training = start(workers)
        training.save(path)
        at = saved = 0
        for operation in operations:
            if operation == "step" and at < EPOCHS * STEPS:
                step(training)
                at += 1
            elif operation == "save":
                training.save(path)
                saved = at
            elif operation.startswith("load"):
                if operation != "load":
                    training = start(workers, seed=99)
                training.load(path)
                at = saved
            assert bytes_of(training.model) == straight[at]
            assert training.history.loss == losses[at]
            assert training.epoch * STEPS + training.step == at


def test_a_training_killed_at_24_random_moments_ends_with_the_undisturbed_bits(tmp_path):
    path = tmp_path / "file"
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    result = subprocess.run(
        [sys.executable, killed.__file__, str(path), "1", "24"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders), "OPENBLAS_NUM_THREADS": "1"},
    )
    kills, digest = result.stdout.split()
    assert int(kills) >= 20
    assert digest == killed.train(tmp_path / "none", threads=1, save=False)


class Interrupt:
    """An augmentation during which Ctrl-C is pressed `times` in the call number `at`."""

    def __init__(self, at, times=1):
        self.at, self.times = at, times

    def __call__(self, images, rng):
        self.at -= 1
        if self.at == 0:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)
        return jitter(images, rng)


def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(tmp_path):
    path = tmp_path / "file"
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"resume='.*file'"):
        train(augment=Interrupt(5), checkpoint=path)
    assert signal.getsignal(signal.SIGINT) is handler
    meta, _ = read(path)
    assert (meta["epoch"], meta["step"]) == (1, 2)
    model, history = train(augment=Interrupt(0), resume=path)
    straight, straight_history = train(augment=Interrupt(0))
    assert bytes_of(model) == bytes_of(straight)
    assert history.loss == straight_history.loss
    assert history.lr == straight_history.lr


def test_ctrl_c_during_validation_of_the_last_epoch_still_saves(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        train(augment=Interrupt(9), checkpoint=path)
    assert bytes_of(train(augment=Interrupt(0), resume=path)[0]) == bytes_of(train(augment=Interrupt(0))[0])


def test_ctrl_c_when_no_step_is_left_is_not_forgotten(tmp_path):
    path = tmp_path / "file"

    def press(epoch):
        if epoch.epoch == EPOCHS:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="the training is saved"):
        train(checkpoint=path, callbacks=[press])
    assert bytes_of(train(resume=path)[0]) == bytes_of(train()[0])


def test_a_second_ctrl_c_does_not_wait_and_leaves_no_file_half_written(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(KeyboardInterrupt):
        train(augment=Interrupt(5, times=2), checkpoint=path)
    meta, _ = read(path)
    assert (meta["epoch"], meta["step"]) == (1, 0)
    assert os.listdir(tmp_path) == ["file"]


def test_training_outside_the_main_thread_leaves_signals_alone(tmp_path):
    results = []
    thread = threading.Thread(target=lambda: results.append(train(checkpoint=tmp_path / "file")))
    thread.start()
    thread.join()
    assert bytes_of(results[0][0]) == bytes_of(train()[0])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimizer", [SGD(), SGD(0.0), AdamW()])
def test_a_resumed_training_keeps_its_history_and_gives_the_same_bits(tmp_path, optimizer, threads):
    path = tmp_path / "file"
    straight = train(optimizer=optimizer, validation=(IMAGES, LABELS))

    def stop(epoch):
        if epoch.epoch == 2:
            raise StopIteration

    with pytest.raises(StopIteration):
        train(optimizer=optimizer, validation=(IMAGES, LABELS), checkpoint=path, callbacks=[stop])
    seen = []
    model, history = train(
        seed=8,
        optimizer=optimizer,
        validation=(IMAGES, LABELS),
        checkpoint=path,
        resume=path,
        threads=threads,
        callbacks=[seen.append],
    )
    assert bytes_of(model) == bytes_of(straight[0])
    for column in ("epoch", "loss", "validation_loss", "validation_errors", "lr"):
        assert getattr(history, column) == getattr(straight[1], column)
    assert [epoch.epoch for epoch in seen] == [3]
    again, history = train(optimizer=optimizer, resume=path)
    assert bytes_of(again) == bytes_of(model) and len(history) == 3


def test_the_generator_ends_where_it_would_have_ended(tmp_path):
    rng, other = np.random.default_rng(3), np.random.default_rng(8)
    options = {"epochs": 2, "batch": 16, "progress": False, "threads": 1}
    fit(network(), IMAGES, LABELS, rng=rng, checkpoint=tmp_path / "file", **options)
    fit(network(), IMAGES, LABELS, rng=other, resume=tmp_path / "file", **options)
    assert rng.random() == other.random()


def distant(z, batch):
    return logit_matching(z, z + 1)


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
        ({"epochs": 5}, "epochs: found 3, needed 5"),
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
def test_the_checkpoint_of_another_training_is_refused_and_not_overwritten(tmp_path, options, message):
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
    with pytest.raises(ValueError, match=r"checkpoint .*file: found no training, needed one of this model"):
        train(resume=path)


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
    ],
)
def test_a_state_that_no_training_is_ever_in_is_refused(tmp_path, wrong):
    path = tmp_path / "file"
    train(checkpoint=path)
    meta, arrays = read(path)
    write(path, meta | wrong, arrays)
    with pytest.raises(ValueError, match=r"file: found no state of a training, needed"):
        train(resume=path)
    del meta[next(iter(wrong))]
    write(path, meta, arrays)
    with pytest.raises(ValueError, match=r"file: found no state of a training, needed"):
        train(resume=path)


def test_numbers_from_numpy_and_from_python_are_the_same_recipe(tmp_path):
    path = tmp_path / "file"
    train(checkpoint=path, optimizer=AdamW(weight_decay=np.float64(0.1)))
    train(resume=path, optimizer=AdamW(weight_decay=0.1))


def test_nothing_of_a_refused_checkpoint_is_taken_over(tmp_path):
    path = tmp_path / "file"
    with Workers(1) as workers:
        training = start(workers)
        training.save(path)
        meta, arrays = read(path)
        write(path, meta, arrays | {"params/linear.b": np.zeros(4, np.float32)})
        step(training)
        before = bytes_of(training.model)
        with pytest.raises(ValueError, match=r"params/linear.b: found float32 \(4,\), needed float32 \(3,\)"):
            training.load(path)
        assert bytes_of(training.model) == before and training.step == 1


def test_a_full_disk_stops_the_training_and_leaves_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "file"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(epoch):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))

    try:
        with pytest.raises(OSError, match="too large"):
            train(checkpoint=path, callbacks=[fill])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read(path)[0]["epoch"] == 1
    assert bytes_of(train(resume=path)[0]) == bytes_of(train()[0])


def test_a_checkpoint_that_cannot_be_written_stops_the_training_before_it_begins(tmp_path):
    steps = []
    with pytest.raises(FileNotFoundError):
        train(checkpoint=tmp_path / "folder" / "file", augment=lambda images, rng: steps.append(1))
    assert not steps


def test_a_folder_where_no_new_file_can_be_made_stops_the_training_before_it_goes_on(tmp_path):
    path = tmp_path / "file"
    train(checkpoint=path, augment=Interrupt(0))
    before = path.read_bytes()
    (tmp_path / ".file.partial").mkdir()
    never = Interrupt(0)
    with pytest.raises(IsADirectoryError):
        train(checkpoint=path, augment=never)
    assert never.at == 0 and path.read_bytes() == before


def test_a_folder_is_no_checkpoint(tmp_path):
    for use in ({"resume": tmp_path}, {"checkpoint": tmp_path}):
        with pytest.raises(IsADirectoryError):
            train(**use)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_a_numpy_number_can_be_saved(tmp_path):
    path = tmp_path / "file"
    _, history = train(checkpoint=path, objective=lambda z, batch: (np.float32(0.5), np.zeros_like(z)))
    assert history.loss == read(path)[0]["history"]["loss"] == [0.5] * EPOCHS
