"""Depth: what is known of the exercise about cross entropy."""

from tinyzip.learn.case import Case, Check, seeded
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
    hints=(
        "Which one number of each column of ln σ(z) does the loss read?",
        "Two arrays as an index, of rows and of columns, read one number a column, and can change it.",
        "p is exp of log_softmax; take 1 off at (label n, n); both the loss and dz are divided by N, once.",
    ),
)
