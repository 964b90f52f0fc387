"""Copies of the process answer like the process itself, and none outlives it."""

import gc
import os
import signal
import subprocess
import sys
import warnings
import weakref
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyzip.distill.objective import Distillation
from tinyzip.distill.transfer import Recorded
from tinyzip.machine.processes import LOSSES, NEEDED, Balance, Processes, is_ours, is_shared, shared
from tinyzip.machine.workers import Workers
from tinyzip.nn.layers import Conv2d, ReLU
from tinyzip.train.augment import Augment
from tinyzip.train.fit import hard_labels


def pids(items):
    return [(item, os.getpid()) for item in items]


def alive(pid):
    """Is there such a process, other than one that only waits to be noticed?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def pair():
    made = []

    def make(function, count=2):
        made.append(Processes(function, count))
        return made[-1]

    yield make
    for processes in made:
        processes.close()


class Own:
    pass


@dataclass(frozen=True)
class OwnData:
    part: int = 3


RECORDED = Recorded(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("part", "ours"),
    [
        *(
            (part, True)
            for part in (3, 0.5, "a", None, True, np.zeros(2), np.float32(1), b"x", range(3), Conv2d)
        ),
        *((part, True) for part in ((1, "a"), [None], {"a": 1}, {}, Augment(1), ReLU())),
        *(
            (part, True)
            for part in (hard_labels, Processes, Distillation(RECORDED, 0.5, 1.0, "kl"), {"a": ReLU()})
        ),
        *((part, False) for part in (pids, lambda: 0, Own(), OwnData(), Own, Fraction(1), np.add, len, int)),
        *((part, False) for part in (partial(hard_labels), (1, pids), [Own()], {"a": (pids,)}, {"a": Own()})),
        (Distillation(RECORDED, lambda *_: 0.5, 1.0, "kl"), False),
    ],
)
def test_ours_is_what_is_of_this_package_or_no_function_with_all_its_parts(part, ours):
    assert is_ours(part) == ours


def test_pythons_warning_of_threads_is_not_passed_on(pair, monkeypatch):
    fork = os.fork

    def warned():
        warnings.warn("this process is multi-threaded", DeprecationWarning, stacklevel=2)
        return fork()

    monkeypatch.setattr("os.fork", warned)
    assert pair(pids).map([0, 1])[0] == (0, os.getpid())


@settings(max_examples=20)
@given(count=st.integers(1, 4), sizes=st.lists(st.integers(0, 9), min_size=1, max_size=3))
def test_results_come_in_the_order_of_the_items_whoever_made_them(count, sizes):
    processes = Processes(pids, count)
    try:
        for size in sizes:
            answers = processes.map(list(range(size)))
            assert [item for item, _ in answers] == list(range(size))
            workers = [pid for _, pid in answers]
            assert workers[::count] == [os.getpid()] * len(workers[::count])
            assert len(set(workers)) == min(count, size)
            assert all(workers[t::count] == workers[t : t + 1] * len(workers[t::count]) for t in range(count))
    finally:
        processes.close()


@given(wins=st.lists(st.booleans(), min_size=1, max_size=40))
def test_work_is_shared_out_until_it_has_lost_three_times_in_a_row(wins):
    balance, losses = Balance(), 0
    for won in wins:
        assert balance.share()
        balance.note(1.0 if won else 1.1, 1.0)
        losses = 0 if won else losses + 1
        alone = 0
        while alone <= 64 and not balance.share():
            alone += 1
        assert alone == (min(2**losses, 64) if losses >= 3 else 0)


def test_what_sharing_took_is_held_against_the_work_of_all_items_alone(pair, monkeypatch):
    """The clock shows 5 s more at each look, and the core 2 s more: of 3 items, 2 fall to this process."""
    looks, noted = {"wall": 0, "core": 0}, []

    def look(clock, step):
        looks[clock] += step
        return looks[clock]

    processes = pair(pids)
    processes.map([0, 1])
    monkeypatch.setattr("tinyzip.machine.processes._look_out", lambda connection: None)
    monkeypatch.setattr("tinyzip.machine.processes.perf_counter", lambda: look("wall", 5))
    monkeypatch.setattr("tinyzip.machine.processes.thread_time", lambda: look("core", 2))
    monkeypatch.setattr(Balance, "note", lambda balance, together, alone: noted.append((together, alone)))
    processes.map([0, 1, 2])
    processes.map([0])
    assert noted == [(5, 2 * 3 / 2)]


def test_copies_that_come_late_three_times_are_left_out(pair):
    def late(items):
        if os.getpid() != here:
            sum(range(10**6))
        return pids(items)

    here = os.getpid()
    processes = pair(late)
    for _ in range(LOSSES):
        (_, first), (_, copy) = processes.map([0, 1])
        assert first == here != copy
    assert processes.map([0, 1]) == pids([0, 1])


@given(
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    dtype=st.sampled_from([np.float32, np.float64, np.int64, np.bool_]),
)
def test_shared_memory_is_zeros_of_any_shape_and_dtype_and_knows_its_views(shape, dtype):
    array = shared(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype) and not array.any()
    array[...] = 1
    assert array.all()
    assert is_shared(array) and is_shared(array.reshape(-1)[:1][None])
    plain = np.zeros(shape, dtype)
    assert not is_shared(plain) and not is_shared(plain[None]) and not is_shared(array.copy())
    assert not is_shared(np.frombuffer(b"12345678", np.uint8))


def test_both_sides_see_shared_memory_and_nothing_else_that_is_written_later(pair):
    together, apart = shared((2,), np.int64), np.zeros(2, np.int64)

    def look(items):
        for i in items:
            together[i] += 10
            apart[i] += 10
        return [(int(together.sum()), int(apart[i])) for i in items]

    processes = pair(look)
    processes.map([0, 1])
    together[:], apart[:] = 100, 5
    assert processes.map([0, 1])[1] in [(210, 20), (220, 20)]  # to the copy its own item was 10
    assert together.tolist() == [110, 110] and apart.tolist() == [15, 5]


@pytest.mark.parametrize("where", [0, 1])
def test_an_error_in_any_process_is_raised_and_the_next_map_begins_anew(pair, where):
    def divide(items):
        return [(1 / item, os.getpid()) for item in items]

    processes = pair(divide)
    (_, first), (_, copy) = processes.map([1, 1])
    items = [1, 1]
    items[where] = 0
    with pytest.raises(ZeroDivisionError):
        processes.map(items)
    assert not alive(copy)
    (_, again), (_, other) = processes.map([1, 1])
    assert again == first == os.getpid() and other not in (first, copy)


def test_a_copy_that_is_killed_is_missed_and_replaced(pair):
    def end(items):
        if 9 in items and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return items

    here = os.getpid()
    processes = pair(end)
    with pytest.raises(RuntimeError, match="has ended before its answer"):
        processes.map([1, 9])
    assert processes.map([1, 2]) == [1, 2]


def test_a_copy_that_ended_between_two_questions_is_missed_too(pair):
    processes = pair(pids)
    (_, _), (_, copy) = processes.map([0, 1])
    os.kill(copy, signal.SIGKILL)
    os.waitid(os.P_PID, copy, os.WEXITED | os.WNOWAIT)
    with pytest.raises(RuntimeError, match=f"process {copy}, .* has ended"):
        processes.map([0, 1])
    assert processes.map([0, 1])[1][1] not in (copy, os.getpid())


def test_an_answer_that_cannot_be_sent_is_an_error_and_no_silence(pair):
    with pytest.raises(Exception, match=r"pickle|local object"):
        pair(lambda items: [lambda: 0 for _ in items]).map([0, 1])


def test_a_copy_that_sleeps_between_two_questions_wakes_up(pair, monkeypatch):
    monkeypatch.setattr("tinyzip.machine.processes.AWAKE", 0.0)
    monkeypatch.setattr("tinyzip.machine.processes.LOSSES", 20)
    processes = pair(pids)
    answers = [processes.map([0, 1]) for _ in range(20)]
    assert answers == answers[:1] * 20 and answers[0][1] != (1, os.getpid())


def test_ctrl_c_is_left_to_the_process_that_asks(pair):
    processes = pair(pids)
    (_, _), (_, copy) = processes.map([0, 1])
    os.kill(copy, signal.SIGINT)
    assert processes.map([0, 1])[1] == (1, copy)


def test_signals_that_the_caller_has_blocked_stay_blocked(pair):
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pair(pids).map([0, 1])
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == usual | {signal.SIGINT}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_copies_end_and_leave_nothing_also_where_nobody_waits_for_children(pair, handler):
    usual = signal.signal(signal.SIGCHLD, handler)
    try:
        gc.collect()  # or files that earlier tests have left open would be closed in between
        files = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            processes = pair(pids, 3)
            copies = {pid for _, pid in processes.map([0, 1, 2])} - {os.getpid()}
            processes.close()
            assert len(copies) == 2 and not any(map(alive, copies))
            assert signal.getsignal(signal.SIGCHLD) == handler
        assert len(os.listdir("/proc/self/fd")) == files and not active_children()
    finally:
        signal.signal(signal.SIGCHLD, usual)


def test_the_system_is_asked_once_for_room_that_it_does_not_have(pair, monkeypatch):
    asked = []

    def no_room():
        asked.append(os.getpid())
        raise BlockingIOError("no room")

    monkeypatch.setattr("os.fork", no_room)
    processes = pair(pids, 3)
    for _ in range(5):
        assert processes.map([0, 1, 2]) == pids([0, 1, 2])
    assert len(asked) == 1


def test_as_many_copies_as_there_was_room_for_are_made_anew(pair, forks, monkeypatch):
    fork = os.fork

    def room_for_one():
        if len(forks) % 2:
            forks.append(0)
            raise BlockingIOError("no room")
        return fork()

    monkeypatch.setattr("os.fork", room_for_one)
    processes = pair(pids, 3)
    for asked in (2, 3):  # at first for two copies, then for the one that there was room for
        found = processes.map([0, 1, 2])
        assert found[0] == (0, os.getpid()) == (0, found[2][1]) != (0, found[1][1])
        processes.close()
        assert len(forks) == asked


@pytest.mark.parametrize("module, name", NEEDED)
def test_where_the_system_lacks_what_copies_need_this_process_answers(pair, monkeypatch, module, name):
    processes = pair(pids, 3)
    with monkeypatch.context() as patch:
        patch.delattr(module, name)
        lacking = pair(pids, 3)
        assert lacking.map([0, 1, 2]) == pids([0, 1, 2])
        lacking.close()
        with Workers(2) as workers:
            assert not workers.can_fork
    assert processes.map([0, 1])[1] != (1, os.getpid())


def test_no_more_copies_are_made_than_have_something_to_do(pair, forks):
    processes = pair(pids, 8)
    for items, copies in ((0, 0), (1, 0), (3, 2), (2, 2), (20, 7)):
        processes.map(list(range(items)))
        assert len(forks) == copies


def test_close_ends_every_copy(pair):
    processes = pair(pids, 4)
    copies = {pid for _, pid in processes.map([0, 1, 2, 3])} - {os.getpid()}
    assert len(copies) == 3 and all(map(alive, copies))
    processes.close()
    assert not any(map(alive, copies))
    for copy in copies:  # nothing of it waits to be asked after
        with pytest.raises(ChildProcessError):
            os.waitpid(copy, os.WNOHANG)


def test_copies_end_while_younger_ones_live_that_know_their_lines(pair):
    older, younger = pair(pids), pair(pids)
    (_, _), (_, first) = older.map([0, 1])
    (_, _), (_, second) = younger.map([0, 1])
    older.close()
    assert not alive(first) and younger.map([0, 1])[1] == (1, second)


def test_the_end_of_a_with_block_of_workers_ends_their_copies():
    with Workers(3) as workers:
        processes = workers.processes(lambda item, workspace: os.getpid())
        copies = set(processes.map([0, 1, 2])) - {os.getpid()}
    assert len(copies) == 2 and not any(map(alive, copies))


def test_workers_forget_the_functions_of_copies_that_have_ended(forks):
    class Identity:
        def __call__(self, item, workspace):
            return item

    workers, past = Workers(2), []
    for _ in range(3):
        with workers:
            function = Identity()
            assert workers.copies("key", function) is None
            assert workers.copies("key", function).map([0, 1]) == [0, 1]
        past.append(weakref.ref(function))
        del function
    gc.collect()
    assert [reference() for reference in past] == [None] * 3


@pytest.mark.parametrize("end, code", [("os.kill(os.getpid(), 9)", -signal.SIGKILL), ("sys.exit(3)", 3)])
def test_copies_end_with_their_process_whether_it_is_killed_or_ends_by_itself(end, code):
    program = f"""if True:
        import os, signal, sys
        signal.signal(signal.SIGTERM, lambda *_: print("never in a copy"))
        from tinyzip.machine.processes import Processes
        copies = Processes(lambda items: [os.getpid() for _ in items], 3)
        print(*copies.map([0, 1, 2]), flush=True)
        {end}
    """
    # Copies hold the pipe of the output as well: it ends when they all have.
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert result.returncode == code and result.stderr == ""
    assert len(set(result.stdout.split())) == 3


def test_signals_arrive_again_once_a_copy_is_made(pair):
    usual = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        pair(pids).map([0, 1])
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
