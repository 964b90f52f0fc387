"""What goes into a run and is refused, and the memory that it needs."""

import os
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from integer_programs import BYTE, M0, N, conv, small

from tinyzip import archive
from tinyzip.integer import (
    Add,
    Argmax,
    AvgPool2d,
    Codes,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Operator,
    Program,
    Table,
    run,
)
from tinyzip.integer.fast.memory import BLOCK, take
from tinyzip.integer.fast.plan import plan_of
from tinyzip.integer.fast.run import MOST, SCRATCH, WAYS, most_together, resume, shard_size
from tinyzip.machine.recorder import NOTES, recorder
from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import Workspace


class Proud:
    """An array of another library that answers before NumPy does, as torch's do."""

    __array_priority__ = 1000

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.array

    def __eq__(self, other: object) -> bool:
        return True

    __array_ufunc__ = None


def test_codes_are_not_compared_with_labels_before_they_are_classes() -> None:
    program = Program((Flatten(), Linear(np.eye(3, 4, dtype=np.int8), None, M0, 31, BYTE)), (1, 2, 2), BYTE)
    x = np.random.default_rng(2).integers(0, 256, (1, 2, 2, 5), np.uint8)
    z, labels = run(program, x), np.arange(5)
    compare: Any
    for compare in (np.equal, np.not_equal, lambda a, b: a == b, lambda a, b: b != a):
        with pytest.raises(
            ValueError, match=r"found shapes \(3, 5\) and \(5,\), needed classes: .*argmax\(0\)"
        ):
            compare(z, labels)
    with pytest.raises(ValueError, match="needed classes"):
        assert z == labels.tolist()
    with pytest.raises(ValueError, match="needed classes"):
        assert z == Proud(labels)
    assert (z.argmax(0) == labels).shape == labels.shape
    assert type(z.argmax(0)) is np.ndarray and type(z + 0) is type(z + labels) is np.ndarray
    assert np.equal.outer(z, labels).shape == (3, 5, 5)
    assert (z == z).all() and (z != z[:, :1]).any() and not (z == 256).any()
    assert (run(Program((*program.operators, Argmax()), (1, 2, 2), BYTE), x) == labels).shape == (5,)


@pytest.mark.parametrize(
    "program, words",
    [
        ("net.tz", r"found 'net.tz', needed a Program: tinyzip.archive.read\(path\)"),
        (Path("net.tz"), r"needed a Program: tinyzip.archive.read\(path\)"),
        (SimpleNamespace(program=Program((conv(),), (1, 8, 8), BYTE)), r"needed a Program: its .program"),
        (SimpleNamespace(params={}), r"needed a Program, which .* makes of a network"),
        (Program, r"found the class Program, needed a Program"),
        (None, r"found None, needed a Program"),
    ],
)
def test_what_is_no_program_is_refused_with_what_to_write_instead(program: Any, words: str) -> None:
    for call in (lambda: run(program, np.zeros((1, 8, 8, 2), np.uint8)), lambda: archive.pack(program)):
        with pytest.raises(TypeError, match=f"program: .*{words}"):
            call()


@pytest.mark.parametrize(
    "codes, words",
    [
        (np.zeros((1, 8, 8, 2), np.int8), r"dtype int8.*uint8"),
        (np.zeros((1, 8, 8, 2)), r"dtype float64.*uint8"),
        ([[1]], r"a list.*uint8"),
        (np.ma.masked_array(np.zeros((1, 8, 8, 2), np.uint8)), r"a numpy\.MaskedArray of shape"),
        (np.zeros((1, 8, 8), np.uint8), r"shape \(1, 8, 8\).*\(1, 8, 8, 'N'\)"),
        (np.zeros((1, 8, 7, 2), np.uint8), r"shape \(1, 8, 7, 2\)"),
        (np.zeros((1, 8, 8, 0), np.uint8), r"shape \(1, 8, 8, 0\).*N from 1 up"),
        (np.full((1, 8, 8, 2), 16, np.uint8), r"codes from 16 to 16.*0 to 15"),
    ],
)
def test_codes_that_the_program_does_not_take_are_refused(codes: Any, words: str) -> None:
    program = Program((conv(),), (1, 8, 8), Codes(0, 15, 0))
    where = r"^run: codes, read by operator 0 \(Conv2d\)"
    for product in WAYS:
        with pytest.raises((ValueError, TypeError), match=f"{where}: found {words}"):
            run(program, codes, product)


@pytest.mark.parametrize("lo, hi", [(0, 254), (1, 255), (-127, 127), (-128, 126), (-100, 27)])
def test_codes_just_outside_the_range_are_refused(lo: int, hi: int) -> None:
    """Only a range that fills its byte needs no look."""
    program = Program((Flatten(),), (1,), Codes(lo, hi, hi))
    info = np.iinfo(program.input.dtype)
    for code in (lo, hi):
        assert run(program, np.full((1, 2), code, program.input.dtype)).tolist() == [[code, code]]
    for code in {max(lo - 1, info.min), min(hi + 1, info.max)} - {lo, hi}:
        codes = np.array([[code, hi if code < lo else lo]], program.input.dtype)
        found = f"codes from {codes.min()} to {codes.max()}, needed codes from {lo} to {hi}"
        with pytest.raises(ValueError, match=found):
            run(program, codes)


def test_an_unknown_product_and_no_threads_are_refused() -> None:
    images = np.zeros((1, 8, 8, 2), np.uint8)
    with pytest.raises(ValueError, match=r"product.*'float'.*integer, blas, printed"):
        run(small(), images, cast(Any, "float"))
    for product in WAYS:
        with pytest.raises(ValueError, match="threads"):
            run(small(), images, product, threads=0)


def test_a_program_that_runs_again_runs_in_copies_until_another_does_or_the_block_ends(forks: Any) -> None:
    images = np.arange(8 * 8 * 6, dtype=np.uint8).reshape(1, 8, 8, 6)
    others = small(), Program((conv(),), (1, 8, 8), Codes(0, 255, 0))
    wanted = [run(program, images) for program in others]
    with Workers(2) as workers:
        for turn, copies in ((0, 0), (0, 1), (0, 1), (1, 1), (1, 2), (0, 2), (0, 3)):
            np.testing.assert_array_equal(run(others[turn], images, threads=workers), wanted[turn])
            assert len(forks) == copies
        for past in forks[:2]:
            with pytest.raises(ProcessLookupError):
                os.kill(past, 0)
        os.kill(forks[2], 0)
        run(others[0], images[..., :1], threads=workers)
        run(others[0], images, trace=True, threads=workers)
    for _ in range(3):
        run(others[0], images, threads=workers)
    assert len(forks) == 3
    with pytest.raises(ProcessLookupError):
        os.kill(forks[2], 0)


def test_a_run_resumes_between_a_convolution_and_its_pool_too() -> None:
    program, x = small(), np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), np.uint8)
    assert len(plan_of(program, "integer", False).tasks) < len(program.operators)
    outputs = run(program, x, trace=True)
    for k in range(len(program.operators)):
        np.testing.assert_array_equal(resume(program, [x, *outputs[:k]]), outputs[-1])


def test_memory_does_not_grow_with_the_images() -> None:
    """The seed network on 10,000 images stays within 64 MB above the codes that go in and come out."""
    rng = np.random.default_rng(3)
    program = Program(
        (
            Conv2d(rng.integers(-128, 128, (10, 1, 5, 5)), None, M0, N, BYTE),
            MaxPool2d(2),
            Conv2d(rng.integers(-128, 128, (20, 10, 5, 5)), None, M0, N + 3, BYTE),
            MaxPool2d(2),
            Flatten(),
            Linear(rng.integers(-128, 128, (10, 320)), None, M0, N + 3, Codes(-128, 127, 0)),
        ),
        (1, 28, 28),
        BYTE,
    )
    assert peak_of(program, rng.integers(0, 256, (1, 28, 28, 10_000), np.uint8)) < 64 * 2**20


@pytest.mark.parametrize(
    "operator, depth, shape, images",
    [
        (AvgPool2d(3, 1, 1), 2, (3, 256, 256), 200),
        (conv(w=np.eye(16, dtype=int)[..., None, None]), 40, (16, 28, 28), 200),
    ],
)
def test_memory_grows_neither_with_depth_nor_with_the_image(
    operator: Operator, depth: int, shape: tuple[int, ...], images: int
) -> None:
    """Larger networks go in smaller shards."""
    program = Program((operator,) * depth, shape, BYTE)
    codes = np.random.default_rng(4).integers(0, 256, (*shape, images), np.uint8)
    assert peak_of(program, codes) < 64 * 2**20


def test_a_wide_image_needs_little_more_memory_than_its_outputs() -> None:
    """In blocks: of a megapixel image three outputs of 16 MB are alive, and 40 MB more at most."""
    rng = np.random.default_rng(6)
    w = rng.integers(-128, 128, (16, 16, 3, 3))
    program = Program(
        (
            conv(w=w[:, :3], n=N + 3, padding=1),
            conv(w=w[:, :1], n=N + 3, padding=1, groups=16),
            conv(w=w[:, :, 1:2, 1:2]),
            Add(0, [2**30] * 3, [32, 32, 50], BYTE),
            AvgPool2d(3, 1, 1),
            MaxPool2d(3, 1, 1),
            Table(np.tile(np.arange(256), (16, 1)), BYTE),
        ),
        (3, 1024, 1024),
        BYTE,
    )
    assert peak_of(program, rng.integers(0, 256, (3, 1024, 1024, 1), np.uint8)) < (3 * 16 + 40) * 2**20


def peak_of(program: Program, images: Any) -> int:
    """The most memory that a run on two threads has at once, in bytes above what goes in and comes out."""
    tracemalloc.start()
    try:
        output = run(program, images, "blas", threads=2)
        return tracemalloc.get_traced_memory()[1] - int(output.nbytes)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "C, F, k, width, groups",
    [(1, 1, 1, 4, 1), (1, 1, 1, 3_000_000, 1), (40, 20, 3, 300, 1), (40, 40, 5, 90, 20)],
)
@pytest.mark.parametrize("depth", [1, 3])
def test_a_shard_is_as_large_as_outputs_and_the_widest_row_allow(
    C: int, F: int, k: int, width: int, groups: int, depth: int
) -> None:
    """The largest number up to 96; one at least."""
    first = conv(w=np.ones((F, C // groups, k, k), int), n=60, groups=groups, padding=k // 2)
    others = [conv(w=np.ones((F, 1, 1, 1), int), groups=F)] * (depth - 1)
    program = Program((first, *others), (C, k, width), BYTE)
    plan = plan_of(program, "integer", False)
    row = max(4 * (C * k * k + F) * width, *[4 * (F + F) * width] * (depth > 1), 1)
    fits = [n for n in range(2, 97) if n * sum(plan.sizes) <= 2**21 and n * row <= 2**23]
    assert most_together(program, plan) == max([1, *fits])
    largest = max(C, F) * k * width
    assert most_together(program, None) == max([1, *(n for n in range(2, 97) if n * largest <= 2**21)])


@pytest.mark.parametrize(
    "N, threads, size", [(1, 1, 1), (10, 1, 10), (11, 1, 6), (21, 2, 6), (20, 2, 10), (3, 4, 1)]
)
def test_shards_are_as_equal_as_can_be_and_as_many_for_each_thread(N: int, threads: int, size: int) -> None:
    """Of ten examples at most."""
    assert shard_size(10, N, threads) == size
    assert threads > 1 or shard_size(10, N) == size


def test_a_workspace_forgets_its_shards_before_it_remembers_too_many() -> None:
    program, workers, held = Program((Flatten(),), (1, 2, 2), BYTE), Workers(1), []
    for count in range(1, 30):
        for _ in range(3):
            run(program, np.zeros((1, 2, 2, count), np.uint8), threads=workers)
            held.append(len(workers.workspaces[0].notes))
    assert max(held) == NOTES and min(held) == 1


def test_scratch_memory_is_of_the_kind_of_the_array_that_it_is_for() -> None:
    kind, workspace = recorder(), Workspace()
    plain, watched = np.zeros(3, np.uint8), np.zeros(3, np.uint8).view(kind)
    assert type(take(plain, (2, 4), np.int16, workspace)) is np.ndarray
    assert type(take(watched, (2, 4), np.int16, workspace)) is kind
    assert take(watched, (2, 4), np.int16, workspace).dtype == np.int16
    assert (BLOCK, MOST, SCRATCH) == (2**23, 96, 2**21)


def test_an_array_of_a_kind_of_its_own_sees_the_calls_of_every_run() -> None:
    """Also where plain codes of the same shape would be answered by repeating the calls of an earlier run."""
    program = Program((conv(), Flatten()), (1, 4, 4), BYTE)
    workers, codes = Workers(1), np.full((1, 4, 4, 2), 9, np.uint8)
    counts = []
    for _ in range(4):
        kind = recorder()
        run(program, codes, threads=workers)
        run(program, codes.view(kind), threads=workers)
        counts.append(len(kind.calls))
    assert len(set(counts)) == 1 and counts[0] > 0


def test_a_trace_is_asked_for_by_true_and_not_by_a_word() -> None:
    program = Program((Flatten(),), (1, 2, 2), Codes(0, 255, 0))
    with pytest.raises(TypeError, match=r"^run: trace: found 'yes', needed True or False"):
        run(program, np.zeros((1, 2, 2, 3), np.uint8), trace=cast(Any, "yes"))
