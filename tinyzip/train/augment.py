"""Depth: more training images than there are: each is moved a little every time it is shown.

A digit that is shifted, turned, grown or bent is still that digit, and a network that has seen the same
image in many such forms learns the digit rather than the pixels. Each output pixel p looks up a place q in
the input, so that no pixel is left empty:

    q = c + R(−θ)·(p − c − t) / s + d(p)                       c = ((H − 1)/2, (W − 1)/2)     (AU1)
    d = α · (G_σ convolved with u),   u(p) uniform in [−1, 1]²     [Simard et al. 2003, section 2] (AU2)
    y = (1−a)(1−b)·x₀₀ + (1−a)·b·x₀₁ + a·(1−b)·x₁₀ + a·b·x₁₁                                  (AU3)

with the shift t, angle θ, size s and elastic field d drawn for each image, a and b the fractions of q's
row and column, and x₀₀ … x₁₁ the four input pixels around q, which are 0 outside the image.

(AU3) is `scipy.ndimage.map_coordinates(order=1, mode="grid-constant")`, and the tests hold it to that. But it
is computed sooner as four gathers over many images, in NumPy's loops, which release the interpreter lock. The
Gaussian of (AU2) is linear: `scipy.ndimage` filters the identity once, which gives it as a matrix, and a
field is two small matrix products.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tinyzip.base.refuse import refuse
from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.nn.ops.checks import Array
from tinyzip.train.images import check_images

CHUNK = 64 * 28 * 28  # pixels at a time: enough for the calls to be long, few enough for caches


@dataclass(frozen=True)
class Augment:
    """Random shift, rotation, scale and elastic bending: augment(images, rng) -> images.

    shift     pixels: t uniform in [−shift, shift]²
    rotation  degrees: θ uniform in [−rotation, rotation]
    scale     fraction: s uniform in [1 − scale, 1 + scale], 0 ≤ scale < 1
    elastic   (α, σ) in pixels; Simard et al. take α = 34, σ = 4 for MNIST; α = 0 bends nothing
    raises    ValueError for strengths below 0, not finite, or a scale of 1 and more
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    elastic: tuple[float, float] = (0.0, 4.0)

    def __post_init__(self) -> None:
        for name, strength in (("shift", self.shift), ("rotation", self.rotation), ("scale", self.scale)):
            if not _is_strength(strength):
                refuse(f"Augment: {name}", strength, "a finite number, 0 or more")
        if self.rotation > 180:
            refuse("Augment: rotation", self.rotation, "degrees, 180 at most")
        if self.scale >= 1:
            refuse("Augment: scale", self.scale, "a fraction below 1")
        pair = self.elastic
        if not isinstance(pair, tuple) or len(pair) != 2 or not all(map(_is_strength, pair)) or pair[1] == 0:
            refuse("Augment: elastic", pair, "(alpha, sigma), finite, alpha 0 or more, sigma above 0")

    def scaled(self, factor: float) -> "Augment":
        """The same distortion of images `factor` times as large: shift and bending grow as they do.

        u has variance ⅓, and the squares of G_σ add up to 1/(4πσ²). So, away from the border,

            std(d) = α / (σ·√(12π)),                                                              (AU4)

        and for d and σ to grow by the factor, α has to grow by its square.
        """
        if not _is_strength(factor) or factor == 0:
            refuse("Augment: factor", factor, "a finite number above 0")
        if factor == 1:
            return self
        alpha, sigma = self.elastic
        return replace(self, shift=self.shift * factor, elastic=(alpha * factor**2, sigma * factor))

    def __call__(self, images: Array, rng: np.random.Generator, workspace: Workspace = FRESH) -> Array:
        """Each image moved by its own draw from `rng`; the same generator state gives the same bits.

        images     (N, H, W) or (N, C, H, W), uint8 or floats; the channels of an image move together
        workspace  memory for the result and on the way to it; new arrays without one
        returns    an array of its own, of the same shape and dtype; bytes are rounded half up; equal to
                   `images` to the bit when every strength is 0
        """
        check_images(images, "Augment: images")
        if not isinstance(rng, np.random.Generator):
            refuse("Augment: rng", type(rng).__name__, "a numpy.random.Generator", TypeError)
        moved = workspace.empty(images.shape, images.dtype)
        if not (self.shift or self.rotation or self.scale or self.elastic[0]):
            moved[...] = images
            return moved
        H, W = images.shape[-2:]
        most = max(H, W) + 1
        if self.shift > most or self.elastic[0] > 10 * most:
            found = f"{self} for images of {H}×{W}"
            refuse("Augment", found, "a shift that leaves something, and an alpha of ten images at most")
        draws = self.draw(len(images), rng)
        step = max(1, CHUNK // (H * W))
        for start in range(0, len(images), step):
            part = slice(start, start + step)
            with workspace.scratch():
                places = self.places(draws[:, part], H, W, rng, workspace)
                sample(images[part], places, moved[part], workspace)
        return moved

    def draw(self, N: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Angle θ in radians, size s, and the shift's t₀ and t₁ of N images: (4, N)."""
        theta = np.deg2rad(rng.uniform(-self.rotation, self.rotation, N))
        size = rng.uniform(1 - self.scale, 1 + self.scale, N)
        return np.stack([theta, size, *rng.uniform(-self.shift, self.shift, (2, N))])

    def places(
        self,
        draws: NDArray[np.float64],
        H: int,
        W: int,
        rng: np.random.Generator,
        workspace: Workspace = FRESH,
    ) -> NDArray[np.float32]:
        """Where N output images look up their pixels, by (AU1): rows and columns, (2, N, H, W).

        draws  (4, N) from `draw`
        rng    for the elastic fields, image after image: however a batch is cut, an image keeps its own
        """
        theta, size, *t = draws[:, :, None]
        cos, sin = np.cos(theta) / size, np.sin(theta) / size
        y = np.arange(H) - (H - 1) / 2 - t[0]
        x = np.arange(W) - (W - 1) / 2 - t[1]
        along_rows = np.array([(H - 1) / 2 + cos * y, -sin * y], np.float32)
        along_columns = np.array([sin * x, (W - 1) / 2 + cos * x], np.float32)
        N = draws.shape[1]
        places = workspace.empty((2, N, H, W), np.float32)
        np.add(along_rows[:, :, :, None], along_columns[:, :, None, :], out=places)
        alpha, sigma = self.elastic
        if alpha:
            with workspace.scratch():
                noise, smooth = (workspace.empty((N, 2, H, W), np.float32) for _ in range(2))
                rng.random(dtype=np.float32, out=noise)
                noise -= np.float32(0.5)
                noise *= np.float32(2 * alpha)
                np.matmul(gaussian(H, sigma), noise, out=smooth)
                np.matmul(smooth, gaussian(W, sigma), out=noise)
                places += noise.swapaxes(0, 1)
        return places


def _is_strength(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and bool(0 <= value < np.inf)


@lru_cache(maxsize=8)
def gaussian(length: int, sigma: float) -> NDArray[np.float32]:
    """The matrix (length, length) float32, symmetric, that smooths a column between zeros."""
    matrix = ndimage.gaussian_filter1d(np.eye(length), sigma, axis=0, mode="constant").astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def sample(images: Array, places: NDArray[np.float32], moved: Array, workspace: Workspace = FRESH) -> None:
    """Bilinear lookup (AU3) in images that are surrounded by zeros.

    images  (N, H, W) or (N, C, H, W), uint8 or floats
    places  (2, N, OH, OW) float32, rows and columns in pixels from the centre of the first; used up
    moved   (N, OH, OW) or (N, C, OH, OW), the images' dtype: the result; bytes are rounded half up
    """
    N, H, W = len(images), *images.shape[-2:]
    shape = places.shape[1:]
    channels, out = images.reshape(N, -1, H, W), moved.reshape(N, -1, *shape[1:])
    first = workspace.empty(shape, np.intp)  # where x₀₀ stands; `take` converts any other dtype to this one
    dtype = np.result_type(images.dtype, np.float32)
    # A frame of zeros, one pixel before and two after: what looks further out sees no more than that.
    places += np.float32(1)
    np.clip(places, 0, np.array([H + 1, W + 1], np.float32)[:, None, None, None], out=places)
    with workspace.scratch():
        corner = np.floor(places, out=workspace.empty(places.shape, np.float32))
        places -= corner
        top, left = workspace.empty(places.shape, np.int32)
        top[...], left[...] = corner
        top *= W + 3
        top += left
        top += (np.arange(N, dtype=np.int32) * ((H + 3) * (W + 3)))[:, None, None]
        first[...] = top
    rows, columns = places

    framed = workspace.empty((N, H + 3, W + 3), dtype)
    framed[...] = 0
    pixels = framed.reshape(-1)
    upper, lower, right = (workspace.empty(shape, dtype) for _ in range(3))
    for c in range(channels.shape[1]):
        framed[:, 1:-2, 1:-2] = channels[:, c]
        for y, start in ((upper, 0), (lower, W + 3)):
            # No place is outside, but a `take` that may raise writes to a copy of its output first.
            pixels[start:].take(first, out=y, mode="wrap")
            pixels[start + 1 :].take(first, out=right, mode="wrap")
            right -= y
            right *= columns
            y += right
        lower -= upper
        lower *= rows
        upper += lower
        if images.dtype == np.uint8:
            upper += np.float32(0.5)
        out[:, c] = upper
