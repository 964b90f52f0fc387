"""Depth: two columns of outputs from four multiplications a row of the kernel.

A row of three weights slides over four neighbouring pixels and gives two outputs: six products. Four are
enough [Winograd 1980; Lavin & Gray 2016, F(2, 3)]. With a, b, c, d the columns 2t … 2t + 3 of the padded
image and u, v, w those of the kernel,

m₀ = u·(a − c),   m₁ = ½(u + v + w)·(b + c),   m₂ = ½(u − v + w)·(c − b),   m₃ = w·(b − d)
y[:, 2t] = m₀ + m₁ + m₂,   y[:, 2t + 1] = m₁ − m₂ − m₃                                         (X20)

Rows of the kernel and channels are summed before the last step, so each m is a matrix product. Its rows share
patches as in X4: what is combined of the columns of an image's row is that row of all patches, and nothing is
left to gather. But passes over memory it costs, which is why the same is not done to the rows, too: what 2.25
times fewer multiplications spare, these passes would take. Columns are sorted into even and odd ones on the
way into the border, so that all passes but the first and the last go over runs of ⌈OW/2⌉·N numbers.

Whole numbers come out the same, since halves of them are exact. On real ones the terms are larger than those
of the convolution. With γ = n·ε/(1 − n·ε), ε half the distance from 1 to the next number, n = kh·C + 5, y is
off by at most

γ·Σ (|u| + |v| + |w|)·(|b| + |c|) + |u|·(|a| + |c|),  in odd columns + |w|·(|b| + |d|)          (X21)

for one rounding where columns are combined, two where kernels are, kh·C in the sum and two in the last step.
X20 applies to kernels three wide at stride 1. It pays where every number that passes over memory meets many
multiplications, of C channels and of F maps, and in long runs.
"""

import numpy as np

from tinyzip.machine import products
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast import blocks, rows
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.ops.patches import Geometry

LEAST = 8  # of F·C/(F + C), which multiplications for each number grow with: measured
LONG = 384  # numbers in a run, or rows that share patches are faster: measured


def applies(geometry: Geometry) -> bool:
    """Is X20 true of these windows?"""
    return geometry.kernel[1] == 3 and geometry.stride == (1, 1)


def pays(F: int, C: int, geometry: Geometry) -> bool:
    """Is X20 faster, given enough examples?"""
    return F * C >= LEAST * (F + C) and rows.pays(geometry)


def multiply(w: Array, x: Array, geometry: Geometry, y: Array, workspace: Workspace) -> None:
    """y = w·patches, as `blocks.multiply`                                                     (X20)"""
    (G, F, K), (kh, _), (OH, OW), N = w.shape, geometry.kernel, geometry.outputs, x.shape[3]
    C, T = K // (3 * kh), -(-OW // 2)
    if T * N < LONG:
        rows.multiply(w, x, geometry, y, workspace)
        return
    outputs = y.reshape(G, F, OH, OW, N)
    with workspace.scratch():
        kernels = combined_kernels(w.reshape(G, F, C, kh, 3), workspace)
        even, odd = by_parity(x, geometry, T, workspace).reshape(2, G, C, -1, (T + 1) * N).swapaxes(2, 3)
        line = 4 * G * C * T * N * x.itemsize
        most = min(OH, max(1, blocks.BLOCK // line - kh + 1))
        memory = workspace.empty((4, G, most + kh - 1, C, T * N), x.dtype)
        sums = workspace.empty((4, G, F, most, T, N), x.dtype)
        both = workspace.empty((G, F, most, T, N), x.dtype)
        for start in range(0, OH, most):
            count = min(most, OH - start)
            seen = slice(start, start + count + kh - 1)
            combine(even[:, seen], odd[:, seen], memory[:, :, : count + kh - 1])
            j, g, h, _, n = memory.strides
            shape, steps = (4, G, count, kh * C, T * N), (j, g, h, T * N * n, n)
            patches: Array = np.ndarray(shape, x.dtype, memory, 0, steps)
            m = sums[:, :, :, :count]
            products.multiply(kernels, patches, m.reshape(*m.shape[:4], T * N).swapaxes(2, 3))
            part = outputs[:, :, start : start + count]
            finish(m, both[:, :, :count], part[..., ::2, :], part[..., 1::2, :])


def combined_kernels(w: Array, workspace: Workspace) -> Array:
    """The four of (X20) from w (G, F, C, kh, 3), as (4, G, 1, F, kh·C), the places by row and channel."""
    G, F, C, kh, _ = w.shape
    out = workspace.empty((4, G, 1, F, kh * C), w.dtype)
    first, plus, minus, last = out.reshape(4, G, F, kh, C)
    u, v, t = w.transpose(4, 0, 1, 3, 2)
    np.copyto(first, u)
    np.copyto(last, t)
    np.add(u, t, out=minus)
    np.add(minus, v, out=plus)
    np.subtract(minus, v, out=minus)
    out[1:3] *= w.dtype.type(0.5)
    return out


def by_parity(x: Array, geometry: Geometry, T: int, workspace: Workspace) -> Array:
    """x (C, H, W, N) in its border, T + 1 even and T + 1 odd columns of it: (2, C, rows, T + 1, N)."""
    (top, bottom), (left, _) = geometry.padding
    C, H, W, N = x.shape
    out = workspace.empty((2, C, top + H + bottom, T + 1, N), x.dtype)
    out[:, :, :top] = 0
    out[:, :, top + H :] = 0
    for parity, image in enumerate(out[:, :, top : top + H]):
        first, last = -((parity - left) // 2), min(T + 1, -((parity - left - W) // 2))
        image[:, :, :first] = 0
        image[:, :, last:] = 0
        np.copyto(image[:, :, first:last], x[:, :, 2 * first + parity - left :: 2][:, :, : last - first])
    return out


def combine(even: Array, odd: Array, out: Array) -> None:
    """The four combinations of columns in (X20), out (4, G, R, C, T·N), from (G, R, C, (T + 1)·N) each."""
    run = out.shape[-1]
    a, b, c, d = even[..., :run], odd[..., :run], even[..., -run:], odd[..., -run:]
    np.subtract(a, c, out=out[0])
    np.add(b, c, out=out[1])
    np.subtract(c, b, out=out[2])
    np.subtract(b, d, out=out[3])


def finish(m: Array, both: Array, even: Array, odd: Array) -> None:
    """The last step of (X20): m (4, …, T, N) to even and odd columns; m is overwritten, and so is `both`."""
    np.add(m[1], m[2], out=both)
    np.add(m[0], both, out=even)
    np.subtract(m[1], m[2], out=both)
    T = odd.shape[-2]
    np.subtract(both[..., :T, :], m[3][..., :T, :], out=odd)
