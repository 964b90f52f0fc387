"""Depth: is the student like its teacher, or only about as good?

Two networks may make as many errors, and others. So accuracy alone does not tell whether anything was
transferred; fidelity does [Stanton et al. 2021, section 3]: how often both give the same class, above all
where the teacher is wrong, since there no label taught it, and how far apart their probabilities are.

The probabilities are worth a look by themselves. Sort the images by confidence, the probability of the
class that is given, into M bins of equal width. A calibrated network is right in 90 % of the images of
which it is 90 % sure; what others are off by is

    expected calibration error = Σ_m (N_m/N)·|accuracy_m − confidence_m|      [Guo et al. 2017, eq. 3]  (K13)

with the means over the N_m images of bin m. Drawn bin by bin, that is a reliability diagram.
"""

from dataclasses import dataclass

import numpy as np

from tinyzip.base.table import Shown, aligned
from tinyzip.distill.temperature import kl_divergence
from tinyzip.nn.losses import check_labels, check_logits, cross_entropy, log_softmax
from tinyzip.nn.model import Model
from tinyzip.nn.ops.checks import Array
from tinyzip.train.evaluate import check_examples, logits

BINS = 15


@dataclass(frozen=True)
class Answers:
    """One network's answers, judged by the labels.

    errors      images to which it gives another class than the label
    by_class    (K,) int64, the errors among the images of each class
    nll         mean −ln of the probability that it gives to the label, in nats
    ece         expected calibration error (K13), in [0, 1]
    count       (BINS,) int64, images of each bin
    confidence  (BINS,) mean probability of the class that is given; 0 in a bin without images
    accuracy    (BINS,) share of images whose class is right; likewise
    """

    errors: int
    by_class: Array
    nll: float
    ece: float
    count: Array
    confidence: Array
    accuracy: Array


@dataclass(frozen=True, repr=False)
class Fidelity(Shown):
    """What `fidelity` finds; printed as a table.

    images           how many
    student, teacher the answers of each
    agreement        share of images to which both give the same class
    agreement_wrong  the same among the images where the teacher errs; NaN where it never does
    kl               mean KL(teacher ‖ student) at T = 1, in nats
    """

    images: int
    student: Answers
    teacher: Answers
    agreement: float
    agreement_wrong: float
    kl: float

    def brief(self) -> str:
        return f"agreement {self.agreement:.2%} of {self.images:,} images"

    def __str__(self) -> str:
        networks = {"teacher": self.teacher, "student": self.student}
        judged = [("", "errors", "accuracy", "NLL", "calibration error")]
        for name, answers in networks.items():
            right = f"{answers.errors:,}", f"{1 - answers.errors / self.images:.2%}"
            judged.append((name, *right, f"{answers.nll:.4f}", f"{answers.ece:.2%}"))
        classes = [("errors by class", *map(str, range(len(self.student.by_class))))]
        classes += [(name, *(f"{n:,}" for n in answers.by_class)) for name, answers in networks.items()]
        together = [
            ("agreement", f"{self.agreement:.2%} of {self.images:,} images"),
            ("where the teacher is wrong", f"{self.agreement_wrong:.2%} of {self.teacher.errors:,}"),
            ("KL(teacher ‖ student)", f"{self.kl:.4f} nats"),
        ]
        return "\n\n".join((aligned(judged), aligned(together, words=(0, 1)), aligned(classes)))


def fidelity(
    student: Model, teacher: Model, images: Array, labels: Array, threads: int | None = None
) -> Fidelity:
    """How alike the answers of two networks are, and how right those of each.

    images, labels, threads  as for `fit`
    raises                   ValueError or TypeError for data that one of them cannot see, and for networks
                             with different numbers of classes
    """
    check_examples(student, images, labels, "fidelity: student")
    check_examples(teacher, images, labels, "fidelity: teacher")
    return compare(logits(student, images, threads), logits(teacher, images, threads), labels)


def compare(z: Array, teacher_z: Array, labels: Array) -> Fidelity:
    """`fidelity` from the logits z, teacher_z (K, N) and the labels (N,)."""
    kl = kl_divergence(z.astype(np.float64), teacher_z, 1.0)[0]
    student, teacher = judge(z, labels), judge(teacher_z, labels)
    same = z.argmax(axis=0) == teacher_z.argmax(axis=0)
    wrong = teacher_z.argmax(axis=0) != labels
    agreement_wrong = float(same[wrong].mean()) if wrong.any() else float("nan")
    return Fidelity(len(labels), student, teacher, float(same.mean()), agreement_wrong, kl)


def judge(z: Array, labels: Array) -> Answers:
    """One network's logits z (K, N) against the labels (N,)."""
    check_logits(z, "judge: z")
    check_labels(labels, z, "judge: labels")
    z = z.astype(np.float64)
    confidence = np.exp(log_softmax(z).max(axis=0))
    right = z.argmax(axis=0) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    mean_confidence, accuracy = (
        np.bincount(bins, weights=value, minlength=BINS) / np.maximum(count, 1)
        for value in (confidence, right)
    )
    errors, by_class = int(np.count_nonzero(~right)), np.bincount(labels[~right], minlength=len(z))
    ece = float(count @ np.abs(accuracy - mean_confidence) / len(labels))
    return Answers(errors, by_class, cross_entropy(z, labels)[0], ece, count, mean_confidence, accuracy)
