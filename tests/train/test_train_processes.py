"""Shards in copies of the process: the same bits, wherever that is safe, and never where it is not."""

import os
import subprocess
import sys
import threading
from functools import partial
from multiprocessing import current_process
from pathlib import Path

import numpy as np
import pytest
from tiny import IMAGES, LABELS, bytes_of, fake_quantized, jitter, network, noting, train

from tinyzip.distill.objective import Distillation
from tinyzip.distill.student import train as distil
from tinyzip.distill.transfer import Recorded
from tinyzip.train.augment import Augment
from tinyzip.train.fit import hard_labels


@pytest.fixture(autouse=True)
def shards_of_seven(monkeypatch):
    monkeypatch.setattr("tinyzip.train.run.state.gradient_shard", lambda parameters, batch: 7)


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shards_in_processes_give_the_bits_of_one_thread(forks, processes, dtype):
    options = {"model": network(dtype), "augment": Augment(1, 8, 0.1, (5, 2)), "batch": 23}
    model, history = train(threads=1, **options)
    assert not forks
    others, other_history = train(threads=processes, **options)
    assert len(forks) == processes - 1
    assert bytes_of(others) == bytes_of(model) and other_history.loss == history.loss


def test_a_student_of_a_live_teacher_in_processes_has_the_bits_of_one_thread(forks):
    options = {"epochs": 2, "batch": 20, "progress": False, "augment": Augment(1), "recorded": False}
    bits = [
        bytes_of(
            distil(
                network(), network(), IMAGES, LABELS, rng=np.random.default_rng(3), threads=threads, **options
            )[0]
        )
        for threads in (1, 2)
    ]
    assert len(forks) == 1 and bits[0] == bits[1]


def test_what_a_callback_changes_is_seen_in_every_process(forks):
    """A teacher that changes from epoch to epoch, and images that are drawn anew."""
    bits = []
    for threads in (1, 2):
        teacher, images, rng = network(), IMAGES.copy(), np.random.default_rng(0)

        def change(epoch, teacher=teacher, images=images, rng=rng):
            images[...] = rng.integers(0, 256, images.shape)
            for array in teacher.params.values():
                array *= 1.5

        options = {"epochs": 3, "batch": 20, "progress": False, "callbacks": [change], "augment": Augment(1)}
        student, _ = distil(
            network(), teacher, images, LABELS, rng=np.random.default_rng(3), threads=threads, **options
        )
        bits.append(bytes_of(student))
    assert len(forks) == 3 and bits[0] == bits[1]


def test_fake_quantized_training_in_processes_has_the_bits_of_one_thread(forks):
    bits = [bytes_of(train(model=fake_quantized(), threads=threads)[0]) for threads in (1, 2)]
    assert len(forks) == 1 and bits[0] == bits[1]


def test_a_loss_that_is_not_finite_is_found_in_processes_too(forks):
    model = network(noisy=False)
    model.params["linear.w"][...] = 1e38
    with pytest.raises(FloatingPointError, match="first in the output of linear"):
        train(model=model, threads=2)
    assert len(forks) == 1


def test_an_error_in_a_process_reaches_the_caller(forks):
    with pytest.raises(ValueError, match="Recorded: index"):
        train(objective=Distillation(Recorded(np.zeros((3, 10), np.float32)), 0.5, 1.0, "kl"), threads=2)
    assert len(forks) == 1


def test_a_callers_own_functions_may_keep_notes_and_so_stay_in_this_process(forks):
    met = []

    def objective(z, batch):
        met.extend(batch.index)
        return hard_labels(z, batch)

    train(threads=2, objective=objective, epochs=1)
    assert sorted(met) == list(range(46))
    train(threads=2, augment=jitter, epochs=1)
    train(threads=2, augment=partial(jitter), epochs=1)
    train(
        threads=2,
        objective=Distillation(lambda batch: np.zeros((3, len(batch.labels)), np.float32), 0.5, 1.0, "kl"),
        epochs=1,
    )
    assert not forks


def test_a_callers_own_layer_may_keep_notes_and_so_stays_in_this_process(forks):
    met = []
    train(model=noting(met), threads=2, epochs=1)
    assert sum(met) == 46 + 1 and not forks  # and the one image that `fit` looks at first


def test_nothing_is_forked_where_that_is_not_safe_or_of_no_use(forks, monkeypatch):
    straight = bytes_of(train()[0])
    results = []
    thread = threading.Thread(target=lambda: results.append(bytes_of(train(threads=2)[0])))
    thread.start()
    thread.join()
    results.append(bytes_of(train(threads=2, batch=7, epochs=1)[0]))  # one shard a batch
    assert results[0] == straight and not forks
    with monkeypatch.context() as patch:  # as in a worker of another program's pool of processes
        patch.setitem(current_process()._config, "daemon", True)
        assert bytes_of(train(threads=2)[0]) == straight and not forks
    monkeypatch.setattr("tinyzip.machine.blas.hold", lambda: None)
    assert bytes_of(train(threads=2)[0]) == straight and not forks


ELSEWHERE = """if True:
    import os, select, signal, sys
    import numpy, scipy, multiprocessing.context
    if sys.argv[1] != "here":
        for name in ("SIGCHLD", "pthread_sigmask", "SIGKILL", "SIGHUP"):
            delattr(signal, name)
        for name in ("fork", "forkpty", "sched_yield", "sched_getaffinity", "getuid"):
            delattr(os, name)
        del select.poll, multiprocessing.context._concrete_contexts["fork"]
        multiprocessing.context._default_context._default_context = multiprocessing.get_context("spawn")
        sys.modules |= dict.fromkeys(["fcntl", "threadpoolctl", "multiprocessing.connection"])
        sys.platform = sys.argv[1]
    import tiny
    from tinyzip.train.fit import fit
    for options in ({}, {"threads": 2}, {"threads": 2, "checkpoint": sys.argv[2]}):
        rng = numpy.random.default_rng(3)
        net, _ = fit(tiny.network(), tiny.IMAGES, tiny.LABELS, rng=rng, epochs=1, **options)
        print(tiny.bytes_of(net).hex())
"""


@pytest.mark.parametrize("platform", ["win32", "emscripten", "linux"])
def test_fit_gives_the_same_bits_where_the_system_has_nothing_that_copies_need(platform, tmp_path):
    """Simulated: of the names that only Unix has those are taken away that could matter."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    printed = []
    for where in ("here", platform):
        command = [sys.executable, "-c", ELSEWHERE, where, tmp_path / f"{where}.ckpt"]
        result = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment)
        assert result.returncode == 0, result.stderr
        printed.append(result.stdout.split())
    assert printed[0] == printed[1] and len(set(printed[0])) == 1 and len(printed[0]) == 3


def test_where_the_system_has_no_room_for_a_process_fewer_do_the_work(forks, monkeypatch):
    fork = os.fork

    def second_fails():
        if forks:
            raise BlockingIOError("no room")
        return fork()

    straight = bytes_of(train()[0])
    monkeypatch.setattr("os.fork", second_fails)
    assert bytes_of(train(threads=3)[0]) == straight
    assert len(forks) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(forks[0], 0)
