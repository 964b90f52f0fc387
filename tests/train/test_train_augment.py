"""Augmentation is SciPy's bilinear interpolation, only faster, and repeats with its seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from tinyzip.machine.workspace import Workspace
from tinyzip.train import augment
from tinyzip.train.augment import Augment, gaussian, sample

SHAPES = hnp.array_shapes(min_dims=3, max_dims=4, min_side=1, max_side=9)
DTYPES = st.sampled_from([np.uint8, np.float32, np.float64])
STRONG = Augment(shift=2, rotation=25, scale=0.3, elastic=(20, 3))


def images_of(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.normal(size=shape).astype(dtype)


def places_of(strength, N, H, W, rng):
    """All of the random numbers, and where they make N images look."""
    return strength.places(strength.draw(N, rng), H, W, rng)


def assert_equal_up_to_rounding(found, expected, images):
    """float32 places below 16 are off by a few times 2⁻²¹, say 3e-6 pixels along either axis.

    A value moves by that times the difference of two neighbours, and then a byte is rounded.
    """
    assert found.dtype == images.dtype and found.shape == images.shape
    difference = np.ptp(np.append(images, 0).astype(np.float64))  # images are surrounded by zeros
    bound = 2 * 3e-6 * difference + (0.5 if images.dtype == np.uint8 else 0)
    assert np.abs(found - expected).max() <= bound


@given(SHAPES, DTYPES, st.integers(0, 99))
def test_sampling_is_what_scipy_samples_one_image_at_a_time(shape, dtype, seed):
    """(AU3)"""
    images = images_of(shape, dtype, seed)
    rng = np.random.default_rng(seed)
    N, H, W = shape[0], *shape[-2:]
    rows = rng.uniform(-3, H + 2, (N, H, W)).astype(np.float32)
    columns = rng.uniform(-3, W + 2, (N, H, W)).astype(np.float32)
    exact, expected = images.astype(np.float64), np.empty(shape)
    for place in np.ndindex(shape[:-2]):
        where = [rows[place[0]], columns[place[0]]]
        ndimage.map_coordinates(exact[place], where, expected[place], order=1, mode="grid-constant")
    sample(images, np.stack([rows, columns]), moved := np.empty_like(images))
    assert_equal_up_to_rounding(moved, expected, images)


def test_places_in_more_pixels_than_float32_counts_are_exact():
    images = np.zeros((1, 4199, 4201), np.uint8)
    images[0, -1, -1] = 200
    places = np.array([4198, 4200], np.float32).reshape(2, 1, 1, 1)
    sample(images, places, moved := np.empty((1, 1, 1), np.uint8))
    assert moved == 200


@given(SHAPES, DTYPES, st.integers(0, 99))
def test_shift_rotation_and_scale_are_scipys_affine_transform(shape, dtype, seed):
    """(AU1)"""
    images = images_of(shape, dtype, seed)
    rng = np.random.default_rng(seed)
    N = shape[0]
    moved = Augment(shift=2, rotation=25, scale=0.3)(images, np.random.default_rng(seed))
    theta, s = np.deg2rad(rng.uniform(-25, 25, N)), rng.uniform(0.7, 1.3, N)
    t = rng.uniform(-2, 2, (2, N))
    centre = (np.array(shape[-2:]) - 1) / 2
    exact, expected = images.astype(np.float64), np.empty(shape)
    for place in np.ndindex(shape[:-2]):
        n = place[0]
        back = np.array([[np.cos(theta[n]), np.sin(theta[n])], [-np.sin(theta[n]), np.cos(theta[n])]]) / s[n]
        offset = centre - back @ (centre + t[:, n])
        ndimage.affine_transform(
            exact[place], back, offset, output=expected[place], order=1, mode="grid-constant"
        )
    assert_equal_up_to_rounding(moved, expected, images)


@given(st.integers(1, 40), st.floats(0.3, 9))
def test_the_gaussian_matrix_filters_as_scipy_does(length, sigma):
    """(AU2)"""
    u = np.random.default_rng(length).uniform(-1, 1, (length, 7))
    expected = ndimage.gaussian_filter1d(u, sigma, axis=0, mode="constant")
    # Each weight is rounded by 2⁻²⁴ of itself; they add up to 1 at most, and |u| ≤ 1.
    np.testing.assert_allclose(gaussian(length, sigma) @ u, expected, rtol=0, atol=2**-23)


def test_a_matrix_that_is_kept_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        gaussian(5, 1.0)[0, 0] = 1


def test_elastic_fields_are_smoothed_uniform_noise_times_alpha():
    """(AU2)"""
    rows, columns = places_of(Augment(elastic=(30.3, 3)), 2, 12, 15, np.random.default_rng(1))
    rng = np.random.default_rng(1)
    rng.uniform(size=8)  # angles, sizes and shifts of two images, all of no strength
    u = 2 * rng.random((2, 2, 12, 15), np.float32).swapaxes(0, 1) - 1
    field = 30.3 * ndimage.gaussian_filter(u, (0, 0, 3, 3), mode="constant")
    # Off by 31·(12 + 15 + a few)·2⁻²⁴ = 6e-5: two sums of products in float32, of terms that add up to 31.
    np.testing.assert_allclose(rows - np.arange(12)[:, None], field[0], atol=1e-4)
    np.testing.assert_allclose(columns - np.arange(15), field[1], atol=1e-4)
    assert np.abs(field).max() > 0.5


@pytest.mark.parametrize("factor", [0.5, 1.0, 16 / 28, 2.0])
def test_scaled_to_larger_images_fields_spread_by_as_much(factor):
    """(AU4)"""
    alpha, sigma = Augment(elastic=(20.0, 5.0)).scaled(factor).elastic
    side = round(12 * sigma)  # of which the middle sees no border
    places = places_of(Augment(elastic=(alpha, sigma)), 400, side, side, np.random.default_rng(0))
    middle = side // 2
    field = places[:, :, middle, middle] - middle
    # Of 800 draws, which are nearly normal, the deviation is off by 1/√1600 of itself, so less than a tenth.
    assert abs(field.std() / (factor * 20 / (5 * np.sqrt(12 * np.pi))) - 1) < 0.1


@given(SHAPES, DTYPES)
def test_no_strength_is_the_identity_to_the_bit_in_a_new_array(shape, dtype):
    images = images_of(shape, dtype)
    same = Augment()(images, np.random.default_rng(0))
    assert same.tobytes() == images.tobytes() and same.dtype == images.dtype
    assert not np.shares_memory(same, images)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_places_of_no_strength_sample_the_image_itself(dtype):
    images = images_of((3, 2, 7, 4), dtype)
    sample(images, places_of(Augment(), 3, 7, 4, np.random.default_rng(0)), moved := np.empty_like(images))
    np.testing.assert_array_equal(moved, images)


@given(SHAPES, DTYPES, st.integers(0, 9))
def test_the_same_seed_gives_the_same_bits_and_leaves_the_images_alone(shape, dtype, seed):
    images = images_of(shape, dtype)
    before = images.copy()
    first, second = (STRONG(images, np.random.default_rng(seed)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.dtype == images.dtype and first.shape == images.shape
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("strength", [{"shift": 2}, {"rotation": 25}, {"scale": 0.3}, {"elastic": (20, 3)}])
def test_each_strength_moves_images_by_itself(strength):
    images = images_of((3, 9, 9), np.float32)
    assert (Augment(**strength)(images, np.random.default_rng(0)) != images).any(axis=(1, 2)).all()


def test_every_image_is_moved_by_a_draw_of_its_own():
    images = np.repeat(images_of((1, 9, 9), np.float32), 200, axis=0)
    assert len(np.unique(STRONG(images, np.random.default_rng(0)), axis=0)) == 200


def test_the_channels_of_an_image_move_together():
    images = np.repeat(images_of((5, 1, 9, 9), np.uint8), 3, axis=1)
    moved = STRONG(images, np.random.default_rng(0))
    np.testing.assert_array_equal(moved, moved[:, :1].repeat(3, axis=1))
    np.testing.assert_array_equal(moved[:, 0], STRONG(images[:, 0], np.random.default_rng(0)))


@given(SHAPES, DTYPES, st.integers(1, 200))
def test_chunks_and_scratch_memory_do_not_change_a_bit(shape, dtype, chunk):
    images = images_of(shape, dtype)
    whole = STRONG(images, np.random.default_rng(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(augment, "CHUNK", chunk)
        workspace = Workspace()
        for _ in range(3):
            workspace.reset()
            moved = STRONG(images, np.random.default_rng(0), workspace)
            assert moved.tobytes() == whole.tobytes()
            assert not np.shares_memory(moved, images)


def test_strengths_stay_within_what_was_asked():
    rng, N, H, W = np.random.default_rng(3), 4000, 9, 5
    centre = np.array([4.0, 2.0])
    rows, columns = places_of(Augment(shift=2), N, H, W, rng)
    shift = centre[:, None] - np.array([rows[:, 4, 2], columns[:, 4, 2]])
    assert 1.95 < np.abs(shift).max() <= 2
    rows, columns = places_of(Augment(rotation=30), N, H, W, rng)
    angle = np.rad2deg(np.arctan2(rows[:, 4, 3] - rows[:, 4, 2], columns[:, 4, 3] - columns[:, 4, 2]))
    assert -30.001 < angle.min() < -29 and 29 < angle.max() < 30.001
    rows, columns = places_of(Augment(scale=0.25), N, H, W, rng)
    size = 1 / (rows[:, 5, 2] - rows[:, 4, 2])
    assert 0.7499 < size.min() < 0.76 and 1.24 < size.max() < 1.2501


@pytest.mark.parametrize(
    "strengths",
    [
        {"shift": -1},
        {"rotation": float("nan")},
        {"rotation": float("inf")},
        {"scale": 1},
        {"scale": -0.1},
        {"shift": "2"},
        {"elastic": (1, 0)},
        {"elastic": (-1, 2)},
        {"elastic": 3},
        {"elastic": (1, 2, 3)},
    ],
)
def test_impossible_strengths_are_refused(strengths):
    with pytest.raises(ValueError, match=f"Augment: {next(iter(strengths))}: found .+, needed"):
        Augment(**strengths)


def test_the_strongest_that_is_taken_and_what_is_more():
    images, rng = np.zeros((1, 3, 5), np.uint8), np.random.default_rng(0)
    for good in (Augment(rotation=180, scale=0.99), Augment(shift=6), Augment(elastic=(60, 1))):
        assert good(images, rng).shape == images.shape
    for wrong in (Augment(shift=6.1), Augment(elastic=(60.1, 1))):
        with pytest.raises(
            ValueError, match=r"^Augment: found Augment\(.*\) for images of 3×5, needed a shift"
        ):
            wrong(images, rng)
    with pytest.raises(ValueError, match=r"^Augment: rotation: found 180.1, needed degrees, 180 at most"):
        Augment(rotation=180.1)
    for factor in (0, -1, np.inf, "2"):
        with pytest.raises(ValueError, match=r"^Augment: factor: found .*, needed a finite number above 0"):
            STRONG.scaled(factor)
    assert STRONG.scaled(1) is STRONG
    assert STRONG.scaled(3) == Augment(shift=6, rotation=25, scale=0.3, elastic=(180, 9))
    assert Augment() == Augment(0.0, 0.0, 0.0, (0.0, 4.0))


def test_what_are_no_images_and_no_generator_is_refused():
    good, rng = np.zeros((2, 3, 3), np.uint8), np.random.default_rng(0)
    for images, error in ((good[0], ValueError), (good[:0], ValueError), (good.astype(int), TypeError)):
        with pytest.raises(error, match="Augment: images"):
            Augment(shift=1)(images, rng)
    with pytest.raises(TypeError, match="Augment: rng"):
        Augment(shift=1)(good, 5)
