"""Depth: the loss of a student in training: which voice counts how much, when, and for whom.

In (K7) `soft` and T are numbers, or functions of progress, the student's logits and the teacher's, asked anew
for each shard of a batch. So there are warm-up and annealing, which look at the progress only,

    soft=lambda progress, z, t: min(1, progress / 0.1)          # first the labels, the teacher by and by
    temperature=lambda progress, z, t: 4 - 3 * progress         # ever sharper answers

and a temperature or a weight for each example, which looks at the logits:

    soft=lambda progress, z, t: softmax(t).max(axis=0)          # believe a teacher as much as it does itself

A function returns one number, or one for each example. The derivative takes what it returns for a constant.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tinyzip.distill.losses import check_settings, distillation
from tinyzip.distill.temperature import Numbers
from tinyzip.distill.transfer import Transfer
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.model import Batch
from tinyzip.nn.ops.checks import Array

Setting = float | Callable[[float, Array, Array], Numbers]
"""A number, or (progress in [0, 1], z (K, N), teacher_z (K, N)) -> one number, or one for each example."""


@dataclass(frozen=True)
class Distillation:
    """The objective (z, batch) -> (loss, dz) of (K7), which fetches the teacher's logits from `transfer`.

    soft         weight of the teacher's part, in [0, 1]; with the number 0 no teacher is asked
    temperature  T, finite and above 0
    loss         the teacher's part by name, see `losses.distillation`
    raises       ValueError for numbers and names that do not fit, and in use for what functions return

    No call changes anything that another could see: shards of a batch call it from several threads at once.
    """

    transfer: Transfer
    soft: Setting
    temperature: Setting
    loss: str

    def __post_init__(self) -> None:
        soft, temperature = (1.0 if callable(value) else value for value in (self.soft, self.temperature))
        check_settings(soft, temperature, self.loss, 1, "Distillation")

    @property
    def by_progress(self) -> bool:
        """May it mean something else at another progress? Then a run cannot be prolonged, see `fit`."""
        return callable(self.soft) or callable(self.temperature)

    def __call__(self, z: Array, batch: Batch) -> tuple[float, Array]:
        if self.soft == 0:
            return cross_entropy(z, batch.labels)
        t = self.transfer(batch)
        soft, temperature = (
            value(batch.progress, z, t) if callable(value) else value
            for value in (self.soft, self.temperature)
        )
        return distillation(z, batch.labels, t, soft, temperature, self.loss)
