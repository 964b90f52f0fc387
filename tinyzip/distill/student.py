"""Depth: training a student is training, with one more voice in the loss.

    student, history = distill.student.train(small, teacher, images, labels, rng=rng, epochs=15)

Chains of teachers are loops around that line. A network can be taught by its like, again and again
("born-again" [Furlanello et al. 2018]), or a small one by way of ever smaller ones (teacher assistants
[Mirzadeh et al. 2020]):

    for born_again in (seed_net(default_rng(seed)) for seed in range(3)):
        teacher, _ = distill.student.train(born_again, teacher, images, labels, rng=rng, epochs=15)
    for assistant in (medium, small):
        teacher, _ = distill.student.train(assistant, teacher, images, labels, rng=rng, epochs=15)

A network that simulates integers (`quant.training.fake`) is a student like any other. If it is given no
teacher, the float network that it stands for teaches it, as it was before the training.

The defaults are for trainings of few steps. With 600 images of MNIST and 100 steps, (K3) with soft = 0.9
and T = 3 made more errors than the labels alone, and (K5), which leaves the size of the logits out, fewer.
In longer trainings both won, and (K3) was ahead where the teacher had seen many more images than the student.
Only here is there a default: who calls the objective or its losses names the one that is meant.

All of the loop is that of `fit`; what distillation adds is an objective, and a decision about where the
teacher's logits come from (see `transfer`). The teacher only ever runs forward at inference, which writes
to no parameter, so a student may even start from its teacher's own arrays.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tinyzip.base.refuse import flag, refuse, said
from tinyzip.distill.guides import Following, Guide, Sum, follow
from tinyzip.distill.objective import Distillation, Setting
from tinyzip.distill.transfer import Live, record
from tinyzip.nn.model import AnyModel, Model, Objective
from tinyzip.nn.ops.checks import Array
from tinyzip.train.evaluate import check_examples, input_of
from tinyzip.train.fit import fit
from tinyzip.train.history import History
from tinyzip.train.loop import Augmentation
from tinyzip.train.pixels import check_model_range
from tinyzip.train.run.training import as_printed


@runtime_checkable
class Simulation(Protocol):
    """A network that computes as another one would with integers, and can give that one."""

    def model(self) -> Model: ...


def train(
    student: AnyModel,
    teacher: Model | None,
    images: Array,
    labels: Array,
    *,
    rng: np.random.Generator,
    soft: Setting = 0.5,
    temperature: Setting = 2.0,
    loss: str = "standardized",
    augment: Augmentation | None = None,
    recorded: bool | None = None,
    guides: Sequence[Guide] = (),
    threads: int | None = None,
    printed: bool = False,
    **options: Any,
) -> tuple[AnyModel, History]:
    """The student, trained by (1 − soft)·(the labels' cross entropy) + soft·(the teacher's part), (K7).

    student      trained from its present parameters; the one that is passed in is not changed
    teacher      another model of the same images and classes; not changed, to the byte. None: the student's
                 own float model, for students that have one: `student.model()`
    images       (N, H, W) or (N, C, H, W), uint8 or finite floats
    labels       (N,) whole numbers, each less than the models have outputs
    soft         weight of the teacher's part, in [0, 1]; 0 is training from scratch, to the bit
    temperature  T, finite and above 0; `soft` and T may be functions, see `objective`
    loss         the teacher's part: "kl", "standardized", "logits" or "decoupled", see `losses`
    recorded     True: the teacher's logits on the images as they are, recorded once and looked up by
                 index. False: on each augmented batch anew. None: recorded if there is no augmentation
    guides       layers of the student that follow layers of the teacher as well, see `guides`
    printed      run everything as it is printed, the teacher, too; see `fit`
    augment, rng, threads, options   as for `fit`: epochs, batch, optimizer, schedule, …
    returns      the trained student, and its history
    raises       as `fit`; ValueError for a teacher that does not fit the images or the student
    """
    if teacher is None:
        if not isinstance(student, Simulation):
            refuse("train: teacher", None, "a model, for a student that has no float model of its own")
        teacher = student.model()
    check_examples(teacher, images, labels, "train: teacher")
    check_examples(student, images, labels, "train: student")
    classes = [len(model.forward(input_of(model, images[:1]))[0]) for model in (student, teacher)]
    if classes[0] != classes[1]:
        refuse("train: student", f"{classes[0]} outputs", f"as many as the teacher has, {classes[1]}")
    if flag(printed, "train: printed"):
        teacher = as_printed(teacher, "train: teacher")
    recorded = augment is None if recorded is None else flag(recorded, "train: recorded")
    asked = soft != 0
    following = _following(guides, student, teacher, images[:1]) if guides else []
    live = following[0].live if following else Live(teacher)
    transfer = record(teacher, images, threads) if recorded and asked else live
    if transfer is live and asked:
        check_model_range(teacher, images, "train: teacher: images")
    objective: Objective = Distillation(transfer, soft, temperature, loss)
    if following:
        objective = Sum((objective, *following))
    options |= {"augment": augment, "threads": threads, "printed": printed}
    return fit(student, images, labels, rng=rng, objective=objective, **options)


def _following(guides: Sequence[Guide], student: Model, teacher: Model, image: Array) -> list[Following]:
    """The objectives of the guides; one teacher answers for all."""
    seen, shown = (model.activations(input_of(model, image)) for model in (student, teacher))
    for guide in guides:
        if not isinstance(guide, Guide):
            refuse("train: guides", said(guide), "a list of Guide(…)", TypeError)
        for name, outputs, who in ((guide.student, seen, "student"), (guide.teacher, shown, "teacher")):
            if name not in outputs:
                refuse(f"train: guides: {who}", repr(name), f"a layer among {', '.join(outputs)}")
    live = Live(teacher, tuple(dict.fromkeys(guide.teacher for guide in guides)))
    return [follow(guide, live, len(seen[guide.student]), len(shown[guide.teacher])) for guide in guides]
