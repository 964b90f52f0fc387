"""Depth: what is known of the exercise about cross entropy."""

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn import losses


def case(what: str, K: int, N: int, size: float = 1.0, shift: float = 0.0) -> Case:
    make = seeded(14, lambda rng: (rng.normal(size=(K, N)) * size + shift, rng.integers(0, K, N)))
    return Case("cross_entropy", what, make, lambda z, labels: losses.cross_entropy(z, labels))


CHECK = Check(
    library="nn/losses.py, cross_entropy",
    cases=(
        case("one example of three classes", 3, 1),
        case("four examples of three classes", 3, 4),
        case("three examples of three classes", 3, 3),
        case("six examples of ten classes with logits around 1000", 10, 6, 3.0, 1000.0),
        case("two examples whose logits are thousands apart", 5, 2, 3000.0),
    ),
    mistakes=(
        Mistake(
            "dz / N", "dz", "÷ N is missing in dz: the loss is a mean, and so is each example's part of it"
        ),
        Mistake("sum() / N", "sum()", "÷ N is missing in the loss: it is a mean over the examples"),
        Mistake(
            "return -log_p", "return log_p", "the sign: the loss is −ln p, 0 where the label was certain"
        ),
        Mistake("dz / N", "-dz / N", "the sign: dz is p − y, the label's own entry is below 0"),
        Mistake(
            "dz[right] -= 1", "dz[labels] -= 1", "in each column the 1 is taken off at its own label only"
        ),
        Mistake("dz[right] -= 1", "pass", "y is missing in dz: 1 is taken off p at the label"),
        Mistake("dz / N", "dz / z.size", "÷ N, the examples; the classes are not averaged over"),
        Mistake(
            "-log_p[right].sum()",
            "-(log_p * np.exp(log_p)).sum()",
            "this is p's own entropy; the loss asks for ln p of the label",
        ),
        Mistake(
            "-log_p[right].sum()",
            "-np.log(np.exp(log_p[right])).sum()",
            "this is the logarithm of a probability that was rounded to 0; log_softmax has it at once",
        ),
        Mistake(
            "-log_p[right].sum()",
            "-log_p.max(axis=0).sum()",
            "the loss asks for ln p of the label, not of the class that is most probable",
        ),
        Mistake("dz / N", "2 * dz / N", "a 2 is too much in dz: it is p − y over N, without a factor"),
    ),
    others=(
        """
import numpy as np
from tinyzip.learn.earlier import log_softmax, softmax

def cross_entropy(z, labels):
    y = np.eye(len(z))[:, labels]
    return float(-np.mean(np.sum(y * log_softmax(z), axis=0))), (softmax(z) - y) / len(labels)
""",
        """
import math
import numpy as np

def cross_entropy(z, labels):
    K, N = z.shape
    loss, dz = 0.0, np.zeros((K, N))
    for n, label in enumerate(labels):
        largest = z[:, n].max()
        total = sum(math.exp(v - largest) for v in z[:, n])
        loss += largest + math.log(total) - z[label, n]
        for k in range(K):
            dz[k, n] = (math.exp(z[k, n] - largest) / total - (k == label)) / N
    return loss / N, dz
""",
    ),
    hints=(
        "Which one number of each column of ln σ(z) does the loss read?",
        "Two arrays as an index, of rows and of columns, read one number a column, and can change it.",
        "p is exp of log_softmax; take 1 off at (label n, n); both the loss and dz are divided by N, once.",
    ),
)
