"""What a student's layer can learn from a teacher's: what it says, and where it looks.

The student's features h (C, H, W, N) and the teacher's g (D, H, W, N) are the outputs of a layer of each on
the same images. The student has fewer channels, and there is no reason why channel 3 of one should be
channel 3 of the other. So the features cannot be compared as they are. Two ways around that:

hint        L = ‖w·h + b − g‖²/2M,   M = D·H·W          [Romero et al. 2015, eq. 3]                     (K8)
attention   L = ½‖a(h)/‖a(h)‖ − a(g)/‖a(g)‖‖²,   a(x) = Σ_c x_c²
                                                        [Zagoruyko and Komodakis 2017, eq. 2]           (K9)

K8 asks that the teacher's features can be read out of the student's by a regressor, in each pixel the same
linear map w (D, C) from channels to channels. It is trained along with the student and thrown away then. (The
paper sums over the M entries; with the mean, one weight serves layers of any size.) K9 leaves the channels
out: it compares in which pixels the activations are large, and does not see by what factor. (The paper's
formula has the norm; its authors' code, like this, the squared norm, which is smooth where the two meet.)

Losses are means over the examples, and come with the derivative by all that is trained.
"""

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.ops.checks import Array, check_activations, check_array


def hint(h: Array, g: Array, w: Array, b: Array) -> tuple[float, Array, Array, Array]:
    """(K8): how far the teacher's features are from what a regressor reads out of the student's.

    h        (C, H, W, N) or (C, N) floats, the student's features
    g        (D, H, W, N) or (D, N), the teacher's, as large in all axes but the first
    w, b     (D, C) and (D,) of h's dtype, the regressor
    returns  loss, and dh, dw, db of the shapes of h, w, b and of h's dtype
    raises   ValueError for a shape that does not fit; TypeError for a dtype
    """
    g = check_features(h, g, "hint")
    if h.shape[1:] != g.shape[1:]:
        refuse("hint: h", f"shape {h.shape}", f"(C, {', '.join(map(str, g.shape[1:]))}), as g but for C")
    check_array(w, (len(g), len(h)), h.dtype, "hint: w")
    check_array(b, (len(g),), h.dtype, "hint: b")
    rows = h.reshape(len(h), -1)
    difference = w @ rows
    difference += b[:, None]
    difference -= g.reshape(len(g), -1)
    loss = 0.5 * float(np.square(difference).mean(dtype=np.float64))
    difference /= difference.size
    return loss, (w.T @ difference).reshape(h.shape), difference @ rows.T, difference.sum(axis=1)


def attention(h: Array, g: Array) -> tuple[float, Array]:
    """(K9): how differently two layers spread their activation over the pixels.

    With u and v the two maps of length 1, dh = 2h·(u·⟨u, v⟩ − v)/‖a(h)‖. A map that is 0 everywhere has no
    direction; it counts as u = 0, with derivative 0.

    h        (C, H, W, N) floats, the student's features
    g        (D, H, W, N), the teacher's
    returns  loss, in [0, 1], and dh of h's shape and dtype
    raises   ValueError for a shape that does not fit; TypeError for a dtype
    """
    g = check_features(h, g, "attention")
    if h.ndim != 4 or h.shape[1:] != g.shape[1:]:
        refuse("attention: h", f"shape {h.shape}", f"(C, H, W, N), the same as g, {g.shape}, but for C")
    u, size = _direction(h)
    v, _ = _direction(g)
    loss = 0.5 * float(np.square(u - v).sum(dtype=np.float64)) / h.shape[3]
    da = (u * np.sum(u * v, axis=(0, 1)) - v) / size
    return loss, 2 * h * da / h.shape[3]


def _direction(x: Array) -> tuple[Array, Array]:
    """a(x)/‖a(x)‖ (H, W, N) and ‖a(x)‖ (N,) of (K9), where 1 stands for a length of 0."""
    a = np.square(x).sum(axis=0)
    size = np.sqrt(np.square(a).sum(axis=(0, 1)))
    size[size == 0] = 1
    return a / size, size


def check_features(h: Array, g: Array, function: str) -> Array:
    """g in the dtype of h, if both are features, floats (C, H, W, N) or (C, N), of the same images."""
    check_activations(h, None, f"{function}: h")
    check_activations(g, None, f"{function}: g")
    if h.shape[-1] != g.shape[-1]:
        refuse(f"{function}: g", f"{g.shape[-1]} examples", f"as many as h has, {h.shape[-1]}")
    return g.astype(h.dtype, copy=False)
