"""A program asked with images: the codes are those of its input's grid, and nothing is guessed."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import networks, pictures, small_network

from tinyzip import archive, integer
from tinyzip.integer import Argmax, Codes, Conv2d, GlobalAvgPool, Linear, Program, ops
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.door import classify as asked
from tinyzip.quant.door.classify import classify, codes_of_pixels, outputs
from tinyzip.quant.door.lower import lower
from tinyzip.quant.door.twin import grid_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import predict


def program_of(low=0.0, high=1.0, argmax=False, shape=(1, 8, 8)):
    """A small program whose input holds numbers from low to high."""
    model = small_network()
    images = np.random.default_rng(3).uniform(low, high, (30, 8, 8))
    return lower(model, calibrate(model, images), argmax=argmax)


@settings(max_examples=30)
@given(networks(), st.integers(2, 8), st.booleans(), st.integers(1, 3), st.integers(1, 9))
def test_the_classes_are_those_of_the_codes_of_the_images_however_they_are_cut(
    case, bits, argmax, threads, chunk
):
    model, images = fold_batch_norm(case[0]), case[1]
    grids = calibrate(model, images, bits)
    program = lower(model, grids, argmax=argmax)
    codes = integer.run(lower(model, grids), grids["input"].quantize(to_input(images)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asked, "MOST", chunk)
        np.testing.assert_array_equal(classify(program, images, threads), codes.argmax(0))
        assert classify(program, images, threads).dtype == np.int64
        real = outputs(program, images, threads)
    K, N = codes.shape[0], len(images)
    np.testing.assert_array_equal(real, grid_of(program.output).dequantize(codes).reshape(K, N))
    np.testing.assert_array_equal(outputs(program, images[:1]), real[:, :1])


def test_the_printed_engine_is_asked_for_by_its_name_and_gives_the_same(monkeypatch):
    program, images, walk, walked = program_of(), pictures(9), ops.walk, []
    monkeypatch.setattr(ops, "walk", lambda *given: walked.append(len(given)) or walk(*given))
    for ask in (classify, outputs):
        wanted = ask(program, images)
        assert not walked
        np.testing.assert_array_equal(ask(program, images, product="printed"), wanted)
        assert walked
        walked.clear()
        with pytest.raises(ValueError, match="product: found 'float', needed one of integer, blas, printed"):
            ask(program, images, product="float")


def test_bytes_and_the_floats_that_they_mean_are_one_and_the_same():
    program, images = program_of(), pictures(40)
    as_floats = images.astype(np.float32) / np.float32(255)
    for these in (as_floats, as_floats[:, None], images[:, None], as_floats.astype(np.float64)):
        np.testing.assert_array_equal(outputs(program, these), outputs(program, images))


def test_a_program_that_was_read_again_answers_as_its_simulation_in_float(tmp_path: Path):
    model, images = small_network(), pictures(200)
    quantized = quantize(model, images)
    archive.write(quantized.program, tmp_path / "small.tz")
    program = archive.read(tmp_path / "small.tz")
    fake = FakeQuantized.create(quantized.model, quantized.grids)
    assert (classify(program, images) != predict(fake, images)).sum() <= 1
    assert (classify(program, images) == classify(quantized.program, images)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_read_as_float32_whatever_they_are_kept_in(dtype):
    grid, x = Grid(1 / 255, 0, 0, 255), np.random.default_rng(0).random((50, 3, 4, 5)).astype(dtype)
    codes = codes_of_pixels(grid, x)
    assert codes.flags.c_contiguous
    np.testing.assert_array_equal(codes, np.moveaxis(grid.quantize(x.astype(np.float32)), 0, -1))


def test_a_program_of_vectors_takes_vectors():
    w = np.eye(3, dtype=np.int8)
    program = Program((Linear(w, None, 2**30, 30, Codes(-128, 127, 0)),), (3,), Codes(-128, 127, 0, (1, 7)))
    vectors = np.array([[0.5, -0.1, 0], [0.1, 0.2, 0.9]])
    assert classify(program, vectors).tolist() == [0, 2]
    with pytest.raises(TypeError, match=r"classify: images: found a list, needed "):
        classify(program, vectors.tolist())


@pytest.mark.parametrize(
    ("low", "high", "images"),
    [(0, 1, pictures() * 1.0), (-2, 1, pictures() * -1.0), (0, 1, pictures().astype(np.float16))],
)
def test_images_that_are_much_too_large_are_refused_with_both_ranges(low, high, images):
    """(PX1)"""
    for ask in (classify, outputs):
        with pytest.raises(
            ValueError, match=rf"{ask.__name__}: images: found .* from .* to .*, needed .* {low:.0f}.* to"
        ):
            ask(program_of(low, high), images)


@pytest.mark.parametrize(
    ("high", "images"),
    [
        (255, pictures()),  # made for 0 … 255, given bytes, which mean 0 … 1
        (16, pictures() / 4096),
        (1, (pictures() / 255).astype(np.uint8)),
        (1, np.zeros((2, 8, 8), np.uint8)),
    ],
)
def test_images_that_are_much_too_small_are_warned_of_with_both_ranges(high, images):
    """(PX1)"""
    with pytest.warns(UserWarning, match=rf"classify: images: found .* from .* to .*, needed .* to {high}$"):
        assert len(classify(program_of(0, high), images)) == len(images)


@pytest.mark.parametrize(
    ("program", "images", "line"),
    [
        (
            "small.tz",
            pictures(),
            r"program: found 'small.tz', needed a Program: tinyzip.archive.read\(path\)",
        ),
        (Path("small.tz"), pictures(), r"program: found a pathlib\.\w+, needed a Program: tinyzip.archive"),
        (
            small_network(),
            pictures(),
            "program: found a Sequential of shape .*, needed a Program, which tiny",
        ),
        (quantize(small_network(), pictures()), pictures(), "program: found a Quantized, .*: its .program"),
        (None, pictures().tolist(), r"images: found a list, needed an array"),
        (None, pictures().astype(int), r"images: found int64, needed uint8 or floats"),
        (None, pictures()[:, 1:], r"images: found shape \(20, 7, 8\), needed \('N', 1, 8, 8\)"),
        (None, pictures()[:0], r"images: found shape \(0, 8, 8\), needed"),
        (None, np.moveaxis(pictures()[:, None], 0, -1), r"images: .*: np.moveaxis\(images, -1, 0\)"),
        (None, np.full((2, 8, 8), np.nan), r"images: found 128 NaN or infinite of 128, needed finite"),
    ],
)
def test_what_cannot_be_classified_is_refused_by_name(program, images, line):
    with pytest.raises((TypeError, ValueError), match=rf"^classify: {line}"):
        classify(program or program_of(), images)


def test_a_program_that_writes_an_image_or_compares_pixels_has_no_classes():
    w = np.ones((2, 1, 1, 1), np.int8)
    y = Codes(0, 255, 0)
    conv = Conv2d(w, None, 2**30, 30, y)
    with pytest.raises(ValueError, match=r"program: found an output of shape \(2, 8, 8\), needed one number"):
        classify(Program((conv,), (1, 8, 8), Codes(0, 255, 0, (1, 8))), pictures())
    with pytest.raises(ValueError, match=r"program: found nothing but an Argmax"):
        classify(Program((Argmax(),), (3,), Codes(0, 255, 0)), pictures())


def test_a_program_that_ends_in_a_pixel_of_each_class_has_classes(monkeypatch):
    monkeypatch.setattr("tinyzip.quant.door.classify.MOST", 3)
    w = np.array([[[[1]]], [[[2]]], [[[-3]]]], np.int8)
    conv = Conv2d(w, None, 2**30, 30, Codes(-128, 127, 0))
    program = Program((conv, GlobalAvgPool()), (1, 8, 8), Codes(0, 255, 0, (1, 8)))
    assert outputs(program, pictures(4) // 8).shape == (3, 4)
    assert classify(program, pictures(4) // 8).tolist() == [1] * 4


@pytest.mark.parametrize(("low", "warned"), [(0, True), (-1, False)])
def test_images_on_a_bright_ground_are_warned_of_where_all_numbers_seen_were_above_zero(low, warned):
    """(PX2)"""
    bright = 1 - pictures(20) / 2500
    bright[:, 0, 0] = low
    with pytest.warns(UserWarning, match="needed a dark ground") if warned else nullcontext():
        classify(program_of(low), bright)
