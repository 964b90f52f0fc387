"""What a student is told: the right answer, and what a better network thinks of all the others.

A label says "7". A teacher's softened output says "7, but if not, then rather a 1 than an 8", and says it for
each image anew; that is more to learn from. Both together [Hinton, Vinyals and Dean 2015, section 2]:

    L  = (1 − soft)·L_hard + soft·T²·KL(σ(t/T) ‖ σ(z/T))                                      (D1)
    dz = (1 − soft)·(σ(z) − onehot)/N + soft·T·(σ(z/T) − σ(t/T))/N                            (D2)

with the student's logits z, the teacher's t and L_hard the cross entropy with the labels. A temperature T
above 1 flattens both outputs, so that the small probabilities, where the teacher's knowledge is, count too.
"""

from typing import Any

from numpy.typing import NDArray

from tinyzip.base.refuse import is_number, refuse
from tinyzip.nn.losses import cross_entropy, kl_divergence

Array = NDArray[Any]


def check_soft(soft: float, function: str) -> None:
    """Refuse a weight of the teacher's part that is not in [0, 1]."""
    if not is_number(soft) or not 0.0 <= soft <= 1.0:
        refuse(f"{function}: soft", soft, "a number in [0, 1]")


def distillation(
    z: Array, labels: Array, teacher_z: Array, soft: float, temperature: float
) -> tuple[float, Array]:
    """The loss (D1) and its derivative (D2).

    z, teacher_z  (K, N) floats, logits of the student and of the teacher on the same images
    labels        (N,) whole numbers in 0 … K − 1
    soft          weight of the teacher's part, in [0, 1]; 0 is exactly the cross entropy, 1 uses no label
    temperature   T > 0
    returns       loss, and dz (K, N) of z's dtype
    raises        ValueError for a shape, label or number that does not fit; TypeError for a dtype
    """
    check_soft(soft, "distillation")
    soft_loss, soft_dz = kl_divergence(z, teacher_z, temperature)
    hard_loss, dz = cross_entropy(z, labels)
    dz *= 1.0 - soft
    soft_dz *= soft
    dz += soft_dz
    return (1.0 - soft) * hard_loss + soft * soft_loss, dz
