"""Depth: quantization-aware training in one call.

    small = qat(model, images, labels, rng=np.random.default_rng(0), epochs=5, weights=2)
    small.program                                # to run or to pack

Below some four bits rounding a trained network, however well, is not enough: it has to learn with its few
values. This is all of that way, each step a function of its own, to be called by hand where one shall differ:

    fold_batch_norm                  the weights that are to be rounded
    grids_for                        where rounding begins: ranges of least squared error
    FakeQuantized.create             the network that computes in float what integers will compute
    distill.student.train            from the labels, and from the float network's own answers
    lower                            through the door
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip.distill import student
from tinyzip.distill.objective import Setting
from tinyzip.integer import Program
from tinyzip.nn.inspected import Inspected, check_network
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.choose.auto import grids_for
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import Bits, Grids
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.evaluate import check_examples
from tinyzip.train.history import History
from tinyzip.train.pixels import check_model_range, mean_of, range_of

CALIBRATION = 1000  # images, spread evenly over all


@dataclass(frozen=True)
class Retrained:
    """What `qat` gives: the program, what was lowered to it, and how it was trained.

    program     the integer program
    model       the float network with the weights learned, batch norms folded
    grids       with the steps learned
    simulation  the network that was trained, which computes the same in float; to train on, or to save
    history     a line an epoch
    """

    program: Program
    model: Inspected
    grids: Grids
    simulation: FakeQuantized
    history: History


def qat(
    model: Inspected,
    images: Array,
    labels: Array,
    *,
    rng: np.random.Generator,
    epochs: int,
    weights: Bits = 4,
    activations: Bits = 8,
    soft: Setting = 0.5,
    **options: Any,
) -> Retrained:
    """The integer program of a float network, trained on with its weights and activations on their grids.

    model        trained already; it is not changed
    images       (N, H, W) or (N, C, H, W), to train on, a thousand of them to calibrate
    labels       (N,) whole numbers
    rng, epochs  as for `fit`: the same Generator gives the same bits, for any number of threads
    weights      bits of all weights, 1 … 8, or of each block's by name, as for `quantize`
    activations  bits of what layers with weights read, 2 … 8, or by name, likewise
    soft         weight of the float network's answers, in [0, 1]; 0: the labels alone
    options      as for `distill.student.train` and `fit`: temperature, loss, batch, schedule, augment, …
    raises       as these; ValueError for bits, or a layer without integer operator
    """
    check_network(model, "qat: model")
    check_examples(model, images, labels, "qat")
    check_model_range(model, images, "qat: images")
    folded = fold_batch_norm(model).with_input_range(range_of(images), mean_of(images))
    seen = images[:: -(-len(images) // CALIBRATION)]
    simulation = FakeQuantized.create(folded, grids_for(folded, seen, weights, activations))
    trained, history = student.train(
        simulation, folded, images, labels, rng=rng, epochs=epochs, soft=soft, **options
    )
    grids, learned = trained.grids(), trained.model()
    return Retrained(lower(learned, grids), learned, grids, trained, history)
