"""A run that is killed or interrupted, or whose disk is full, keeps its last good checkpoint."""

import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import killed
import pytest
from resumable import EPOCHS, Interrupt, train
from tiny import bytes_of

from tinyzip.base.kinds import CHECKPOINT
from tinyzip.train.run.checkpoint import read
from tinyzip.train.run.keeper import Keeper


@pytest.mark.parametrize("moments", [6, pytest.param(24, marks=pytest.mark.long)])
def test_a_run_killed_at_random_moments_ends_with_the_undisturbed_bits(tmp_path, moments):
    path = tmp_path / "file"
    folders = [str(Path(killed.__file__).parent), str(Path(__file__).parents[3])]
    result = subprocess.run(
        [sys.executable, killed.__file__, str(path), "1", str(moments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders), "OPENBLAS_NUM_THREADS": "1"},
    )
    kills, digest = result.stdout.split()
    assert int(kills) >= moments * 5 // 6
    assert digest == killed.train(tmp_path / "none", threads=1, save=False)


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

    with pytest.raises(KeyboardInterrupt, match="the run is saved"):
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


def test_a_full_disk_stops_the_training_and_leaves_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "file"
    resource = pytest.importorskip("resource")  # Windows has none
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


class Noted:
    """A run that notes when it is saved."""

    def __init__(self, clock):
        self.clock, self.saved, self.checked = clock, [], []

    def save(self, path):
        self.saved.append(self.clock[0])
        Path(path).write_bytes(CHECKPOINT)

    def check(self, path):
        self.checked.append(path)


@pytest.mark.parametrize(
    ("seconds", "saved"), [(0, [*range(1, 8)]), (0.5, [*range(1, 8)]), (3, [3, 6]), (7, [7]), (8, [])]
)
def test_a_run_is_saved_as_often_as_was_said_and_at_the_beginning_where_no_file_is(
    tmp_path, monkeypatch, seconds, saved
):
    clock = [0]
    monkeypatch.setattr("tinyzip.train.run.keeper.monotonic", lambda: clock[0])
    for first in ([0], []):
        clock[0] = 0
        run = Noted(clock)
        with Keeper(run, tmp_path / "file", seconds) as keeper:
            for clock[0] in range(1, 8):
                keeper.after_step()
            clock[0] = 100
            keeper.save()
        assert run.saved == [*first, *saved, 100] and len(run.checked) == (not first)
    with Keeper(run := Noted(clock), None, seconds) as keeper:
        clock[0] = 1000
        keeper.after_step()
        keeper.save()
    assert not run.saved


def test_an_error_after_ctrl_c_is_not_hidden(tmp_path):
    with pytest.raises(ZeroDivisionError), Keeper(Noted([0]), tmp_path / "file", 60):
        os.kill(os.getpid(), signal.SIGINT)
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt), Keeper(Noted([0]), tmp_path / "file", 60):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("seconds", [-1, math.nan, "1", None])
def test_seconds_that_are_none_are_refused(seconds):
    with pytest.raises(ValueError, match=r"^checkpoint_seconds: found .*, needed a number, 0 or more"):
        Keeper(Noted([0]), None, seconds)


def test_without_a_file_to_save_to_ctrl_c_is_at_once():
    interrupt = Interrupt(2)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background
    try:
        with pytest.raises(KeyboardInterrupt):
            train(augment=interrupt, threads=1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupt.at == 0
