"""Temperature, and T squared.

A teacher's answer to a picture of a 7 is not only "7". It is perhaps 0.999 for 7, 10⁻³ for 1 and 10⁻⁶ for 8:
this 7 looks more like a 1 than like an 8. What it knows is in these small numbers, and a loss hardly sees
them. So both outputs are flattened by a temperature T [Hinton et al. 2015]: with logits z of the student and
t of the teacher, (K, N),

    p = σ(z/T)        q = σ(t/T)

and how far p is from q is measured by the Kullback-Leibler divergence, 0 where both agree and positive else,
as the mean over the examples:

    L = T² · (1/N) Σ q ln(q/p)

Why T²? Flattened outputs differ less: the derivative by z is (p − q)/T, and p − q is itself about (z − t)/KT
where T is large. T² gives it back, so that the teacher's word weighs the same at every T.
"""

import numpy as np

from tinyzip.learn.earlier import log_softmax


def soften(z: np.ndarray, T: float) -> np.ndarray:
    """σ(z/T), probabilities (K, N) of logits (K, N) at the temperature T."""
    p: np.ndarray = np.exp(log_softmax(z / T))
    return p


def divergence(z: np.ndarray, t: np.ndarray, T: float) -> float:
    """T² · mean Σ q ln(q/p), in nats, of the logits z of a student and t of its teacher, both (K, N)."""
    log_p, log_q = log_softmax(z / T), log_softmax(t / T)
    loss: float = T**2 * float((np.exp(log_q) * (log_q - log_p)).sum()) / z.shape[1]
    return loss


if __name__ == "__main__":
    np.set_printoptions(precision=4, suppress=True)
    t = np.array([[12.0], [5.0], [-2.0], [3.0]])
    for T in (1.0, 2.0, 4.0, 16.0):
        print(f"T = {T:4}: the teacher says", soften(t, T)[:, 0])
    for T in (1.0, 4.0, 16.0, 64.0):
        print(f"T = {T:4}: a student of zeros is wrong by {divergence(0 * t, t, T):.3f}")
