"""Depth: a student that starts from a part of its teacher.

A student need not begin with drawn weights: its layers are the teacher's with fewer channels, and the
teacher's own channels, some of them, are a better start. Two layers in a row belong together. If the first is
left only its channels S, the second is left only the inputs that came from S, and so is whatever stands
between: a batch norm the entries S, after a flattening channel c is the features c·H·W … c·H·W + H·W − 1:

    w' = w[S_out][:, S_in],   b' = b[S_out],   S_in of a layer is S_out of the one before                (K15)

So the student computes what the teacher would whose other channels were set to zero. Which ones to keep?
Those without which the loss would rise most. Two estimates, for channel f with the filter w_f:

    norm     ‖w_f‖₁·|γ_f|/√(σ²_f + ε)                         [Li et al. 2017, section 3.1]              (K16)
    Taylor   Σ_batches (Σ w_f·∂L/∂w_f + b_f·∂L/∂b_f)²         [Molchanov et al. 2019, section 3.1]       (K17)

The factor with γ is that of a batch norm which follows, if any. K17 is exact to first order: a layer's
output y_f is linear in (w_f, b_f), so the sum is Σ y_f·∂L/∂y_f, which is what L falls by when y_f is taken
down to zero. Where a batch norm follows, the same holds of its γ_f and β_f, and these are taken.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.inspected import check_network
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.train.evaluate import check_examples
from tinyzip.train.images import to_input

Scores = Mapping[str, Array]
"""How important each channel of a layer is, by the layer's name: (F,) numbers of any unit."""


def transplant(
    teacher: Sequential,
    student: Sequential,
    keep: Collection[str] | None = None,
    scores: Scores | None = None,
) -> Sequential:
    """The student with arrays of its teacher in place of its own, cut to its size by (K15).

    teacher  layers of the same kinds and in the same order as the student's, of as many channels or more
    student  gives the sizes, and the arrays of layers that are not kept
    keep     names of the student's convolutions and linear layers that take over the teacher's arrays; None:
             all. A batch norm goes with the layer before it. In a residual block, which has to be as large as
             the teacher's, they are named by the way to them: "block1.body.conv1"
    scores   where a layer has fewer channels than the teacher's, it gets those with the highest scores, in
             the teacher's order; None: `by_norm(teacher)`
    returns  a network with the student's layers and new arrays of its own
    raises   ValueError for networks that do not fit together, unknown names, and scores of other shapes
    """
    for name, model in (("teacher", teacher), ("student", student)):
        check_network(model, f"transplant: {name}")
    scores = by_norm(teacher) if scores is None else scores
    every, taken = student.every_layer.items(), {"input": keep is None}
    names = [name for name, placed in every if isinstance(placed.layer, Conv2d | Linear)]
    keep = names if keep is None else keep
    for name, placed in every:
        taken[name] = name in keep if name in names else taken[placed.reads]
    if not set(keep) <= set(names):
        refuse("transplant: keep", sorted(set(keep) - set(names)), f"names among {', '.join(names)}")
    if teacher.shape != student.shape or len(teacher.layers) != len(student.layers):
        found = f"{len(student.layers)} layers for images {student.shape}"
        refuse("transplant: student", found, f"{len(teacher.layers)} for {teacher.shape}, as the teacher has")
    params = {name: array.copy() for name, array in student.params.items()}
    outputs = np.arange(teacher.shape[0])
    pairs = zip(teacher.layers.items(), student.layers.items(), strict=True)
    for (source, large), (name, small) in pairs:
        _check_pair(large, small, name)
        inputs, shape = outputs, teacher.every_layer[source].given
        match large, small:
            case (Conv2d() | Linear(), Conv2d() | Linear()):
                outputs = _outputs(large, small, inputs, source, scores)
            case Flatten(), _:
                outputs = _runs(inputs, math.prod(shape[1:]))
            case Residual(), _:
                if len(inputs) < shape[0]:
                    found = f"{len(inputs)} channels of {shape[0]} before a residual block"
                    refuse(f"transplant: {name}", found, "all, since the block adds to each of them")
                params |= _whole(teacher, student, source, name, taken)
                outputs = np.arange(teacher.every_layer[source].output[0])
                continue
        grouped = isinstance(large, Conv2d) and large.groups > 1
        for part in large.parameter_shapes() if taken[name] else ():
            array = teacher.params[f"{source}.{part}"][outputs]
            cut = array if grouped or array.ndim == 1 else array[:, inputs]
            params[f"{name}.{part}"] = cut.astype(student.dtype)
    return student.with_params(params)


def _whole(
    teacher: Sequential, student: Sequential, source: str, name: str, taken: Mapping[str, bool]
) -> dict[str, Array]:
    """The arrays of a residual block that is as large as the teacher's, for its layers that are taken."""
    arrays: dict[str, Array] = {}
    for inner, placed in student.every_layer.items():
        if inner.startswith(f"{name}.") and not isinstance(placed.layer, Residual) and taken[inner]:
            for part in placed.layer.parameter_shapes():
                key = f"{inner.removeprefix(name)}.{part}"
                arrays[name + key] = teacher.params[source + key].astype(student.dtype)
    return arrays


def by_norm(model: Sequential) -> dict[str, Array]:
    """(K16) for each convolution and linear layer, by name."""
    scores = {}
    for name, after in _scored(model):
        w = np.abs(model.params[f"{name}.w"])
        scores[name] = w.reshape(len(w), -1).sum(axis=1)
        norm = model.every_layer[after].layer if after else None
        if isinstance(norm, BatchNorm):
            gamma, variance = (model.params[f"{after}.{part}"] for part in ("gamma", "var"))
            scores[name] = scores[name] * np.abs(gamma) / np.sqrt(variance + norm.eps)
    return scores


def by_taylor(model: Sequential, images: Array, labels: Array, batch: int = 128) -> dict[str, Array]:
    """(K17) for each convolution and linear layer, by name.

    images, labels  as for `fit`; a thousand do
    batch           examples in the inner sum's loss, the mean cross entropy
    raises          ValueError or TypeError for data that the model cannot see
    """
    check_examples(model, images, labels, "by_taylor")
    scores = {name: np.zeros(len(model.params[f"{name}.w"])) for name, _ in _scored(model)}
    for start in range(0, len(images), batch):
        x = to_input(images[start : start + batch]).astype(model.dtype, copy=False)
        z, caches = model.forward(x)
        grads = model.backward(cross_entropy(z, labels[start : start + batch])[1], caches)
        for name, after in _scored(model):
            normed = after and isinstance(model.every_layer[after].layer, BatchNorm)
            linear = after if normed else name
            effect = np.zeros(len(scores[name]))
            for key in (f"{linear}.{part}" for part in ("w", "b", "gamma", "beta")):
                if key in grads:
                    effect += (model.params[key] * grads[key]).reshape(len(effect), -1).sum(axis=1)
            scores[name] += np.square(effect)
    return scores


def _check_pair(large: Layer, small: Layer, name: str) -> None:
    """Refuse a layer of the student that is not the teacher's with as many channels or fewer."""
    match large, small:
        case Conv2d(), Conv2d() if _is_depthwise(large):
            sized = replace(large, C=small.C, F=small.F, groups=small.C)
            fits = sized == small and small.F * large.C == large.F * small.C
        case Conv2d(groups=1), Conv2d():
            fits = replace(large, C=small.C, F=small.F) == small and small.F <= large.F
        case Linear(), Linear():
            fits = replace(large, C=small.C, F=small.F) == small and small.F <= large.F
        case BatchNorm(), BatchNorm():
            fits = replace(large, C=small.C) == small
        case _:
            whole = isinstance(large, Conv2d | Residual)
            fits = large == small and (whole or not large.parameter_shapes())
    if not fits:
        refuse(f"transplant: {name}", small, f"{large}, as the teacher has, or with fewer channels")


def _is_depthwise(layer: Layer) -> bool:
    """Does each output see one input only?"""
    return isinstance(layer, Conv2d) and 1 < layer.groups == layer.C


def _outputs(
    large: Conv2d | Linear, small: Conv2d | Linear, inputs: Array, name: str, scores: Scores
) -> Array:
    """S_out of (K15): which of the teacher's channels the student's are, in order."""
    if _is_depthwise(large):
        return _runs(inputs, large.F // large.C)
    if small.F == large.F:
        return np.arange(large.F)
    score = np.asarray(scores.get(name))
    if score.shape != (large.F,):
        needed = f"({large.F},), one for each of the teacher's channels"
        refuse(f"transplant: scores[{name!r}]", score, needed)
    return np.sort(np.argsort(-score, kind="stable")[: small.F])


def _runs(channels: Array, length: int) -> Array:
    """Channel c as its `length` entries in a row, c·length … c·length + length − 1."""
    return (channels[:, None] * length + np.arange(length)).ravel()


def _scored(model: Sequential) -> Iterator[tuple[str, str]]:
    """Each convolution and linear layer by name, and what comes right after it; "" if no one layer does."""
    readers: dict[str, list[str]] = {}
    for name, placed in model.every_layer.items():
        readers.setdefault(placed.reads, []).append(name)
    for name, placed in model.every_layer.items():
        if isinstance(placed.layer, Conv2d | Linear):
            after = readers.get(name, [])
            yield name, after[0] if len(after) == 1 else ""
