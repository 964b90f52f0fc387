"""Depth: the input's gradient gathered: a convolution with turned kernels.

At stride 1 a pixel is seen by kh·kw windows that are neighbours, and dx is itself a convolution: of dy, with
each kernel turned by 180° and inputs and outputs exchanged,

dx[c, h, w, n] = Σ_{f,i,j} w[f, c, kh − 1 − i, kw − 1 − j] · dȳ[f, h + i, w + j, n]             (X6)

with dȳ the gradient dy in a border of kh − 1 − top zeros above, and so on around. That is the sum of C3 in
another order: what C3 scatters, window by window, X6 gathers, pixel by pixel. To gather a number it is read
and written; to scatter it, two are read and one is written. X6 applies at stride 1 to a padding smaller than
the kernel, and pays while it gathers no more than twice what C3 would scatter. 1×1 kernels need no turning.
"""

from math import prod

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.blocks import Route
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry


def applies(geometry: Geometry) -> bool:
    """Is X6 true of these windows?"""
    border = turned(geometry).padding
    return geometry.stride == (1, 1) and geometry.kernel != (1, 1) and min(*border[0], *border[1]) >= 0


def pays(maps: int, channels: int, geometry: Geometry) -> bool:
    """Is X6 faster for so many maps and channels?"""
    return maps * prod(geometry.size) <= 2 * channels * prod(geometry.outputs)


def turned(geometry: Geometry) -> Geometry:
    """The windows of X6, over dy, one for each pixel of x."""
    (top, bottom), (left, right) = geometry.padding
    kh, kw = geometry.kernel
    border = (kh - 1 - top, kh - 1 - bottom), (kw - 1 - left, kw - 1 - right)
    return Geometry(geometry.outputs, geometry.kernel, (1, 1), border, geometry.size)


def input_gradient(
    dy: Array, w: Array, geometry: Geometry, dx: Array, workspace: Workspace, multiply: Route
) -> None:
    """dx as of `blocks.input_gradient`; multiply is good for the turned kernels                (X6)"""
    G, F, _ = w.shape
    C, _, _, N = dx.shape
    kernels = w.reshape(G, F, C // G, *geometry.kernel)[..., ::-1, ::-1].swapaxes(1, 2)
    image = dy.reshape(G * F, *geometry.outputs, N)
    rows = dx.reshape(G, C // G, -1)
    multiply(kernels.reshape(G, C // G, -1), image, turned(geometry), rows, workspace)
