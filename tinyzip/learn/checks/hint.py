"""Depth: what is known of the exercise about hints."""

from typing import Any

import numpy as np

from tinyzip.distill import features
from tinyzip.learn.case import Case, Check, Mistake, seeded


def case(what: str, C: int, D: int, *pixels: int) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        h, g = 3 * rng.normal(size=(C, *pixels)), 3 * rng.normal(size=(D, *pixels))
        return h, g, rng.normal(size=(D, C)), rng.normal(size=D)

    return Case("hint", what, seeded(26, make), features.hint)


CHECK = Check(
    library="distill/features.py, hint",
    cases=(
        case("one channel of each, one pixel, one example", 1, 1, 1, 1, 1),
        case("two channels of a student, three of its teacher, one pixel", 2, 3, 1, 1, 1),
        case("two channels and three, images of 2×3", 2, 3, 2, 3, 1),
        case("one channel and two, four images of 3×2", 1, 2, 3, 2, 4),
        case("three channels and three, two images of 2×2", 3, 3, 2, 2, 2),
    ),
    mistakes=(
        Mistake(
            "/ (2 * g.size)", "/ g.size", "the ½ is missing in the loss: ÷ 2M, whose derivative has no 2"
        ),
        Mistake(
            "linear_backward(difference / g.size,",
            "linear_backward(2 * difference / g.size,",
            "a 2 is too much in the gradients: it cancels with the ½ of the loss",
        ),
        Mistake(
            "linear_backward(difference / g.size,",
            "linear_backward(difference,",
            "÷ M is missing in the gradients: the loss is a mean",
        ),
        Mistake(
            "linear_backward(difference / g.size,",
            "linear_backward(difference / g.shape[-1],",
            "M counts all numbers of g, D·H·W·N; here the gradients are divided by N alone",
        ),
        Mistake(
            "linear_backward(difference / g.size,",
            "linear_backward(difference * len(g) / g.size,",
            "M counts the D channels, too; the gradients are divided by H·W·N alone",
        ),
        Mistake(
            "linear(rows, w, b) - g.reshape(len(g), -1)",
            "g.reshape(len(g), -1) - linear(rows, w, b)",
            "the sign: what is read out less the teacher's; the gradients have the opposite sign here",
        ),
        Mistake("linear(rows, w, b) - g", "w @ rows - g", "the regressor's bias b is missing"),
        Mistake(
            "float(np.square(difference).sum())", "float(np.abs(difference).sum())", "the loss is of squares"
        ),
        Mistake(
            "dh.reshape(h.shape)",
            "dh",
            "dh has the shape of h, (C, H, W, N); here pixels and examples are one axis",
        ),
        Mistake(
            "dh.reshape(h.shape), dw, db",
            "dh.reshape(h.shape), dw * 0, db * 0",
            "the regressor has to learn along: dw and db are not 0",
        ),
    ),
    others=(
        """
import numpy as np

def hint(h, g, w, b):
    difference = np.einsum("dc,chwn->dhwn", w, h) + b[:, None, None, None] - g
    r = difference / g.size
    loss = 0.5 * np.mean(difference**2)
    return loss, np.einsum("dc,dhwn->chwn", w, r), np.einsum("dhwn,chwn->dc", r, h), r.sum((1, 2, 3))
""",
        """
import numpy as np

def hint(h, g, w, b):
    dh, dw, db, loss = np.zeros(h.shape), np.zeros(w.shape), np.zeros(b.shape), 0.0
    for d in range(len(g)):
        read = b[d] - g[d]
        for c in range(len(h)):
            read = read + w[d, c] * h[c]
        loss += (read * read).sum() / g.size / 2
        db[d] = read.sum() / g.size
        for c in range(len(h)):
            dw[d, c] = (read * h[c]).sum() / g.size
            dh[c] += w[d, c] * read / g.size
    return [loss, dh, dw, db]
""",
    ),
    hints=(
        "If each pixel of each image is an example, what are x, w, b and y of the fully connected layer?",
        "The loss is half a mean of squares. What is its derivative by what the regressor gives, r?",
        "Two axes for h and g; linear, less g; linear_backward of the difference ÷ M; dh in the shape of h.",
    ),
)
