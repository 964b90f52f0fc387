"""Mending what a student believes of how often each class occurs.

A student that never saw a 3 learns from its teacher what a 3 looks like, and also that there are hardly
any: it gives 3 a low probability everywhere. Hinton et al. [2015, section 3] raise the bias of that class
until the test errors are fewest. It can be known without a test. A network that was trained where class k
has the share π_k gives P(k | x) ∝ p(x | k)·π_k; where the share is π'_k, what it should give is

    P'(k | x) ∝ P(k | x)·π'_k/π_k,   so   b_k = ln π'_k − ln π_k       [Saerens et al. 2002, eq. 2.4]   (1)

is to be added to its logits. What a student takes for π is the mean of what it says of the images that it
was trained on, which may be hundreds of times less than 1/K for a class that only its teacher has seen.

That goes too far if the images lack the class, too: little is said of it there because it is not there, and
not only because it is thought to be rare. Where images of all classes can be had, and be it without labels,
b is known better. What is said of all of them has to come out as the classes are shared,

mean over n of σ(z_n + b) = π'   (2)

which is where the gradient of f(b) = mean over n of ln Σ_k exp(z_kn + b_k) − Σ_k π'_k·b_k is 0. As f is
convex, there is only one such b, up to a constant. And (1) is the way there: added to z again and again,
it lowers f each time by at least KL(π' ‖ what was believed), since the logarithm of a mean is no less than
the mean of logarithms.
"""

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.losses import check_logits, log_softmax
from tinyzip.nn.ops.checks import Array

STEPS, NEAR = 1000, 1e-6  # at most so many, until beliefs are off by so little


def prior_bias(z: Array, prior: Array) -> Array:
    """b of (1), with π_k = mean over the examples of σ(z)_k.

    z        (K, N) floats, logits of the student on the images of its training
    prior    (K,) π', the shares to expect: above 0, of sum 1
    returns  b (K,) of z's dtype and mean 0, to be added to each column of logits
    raises   ValueError for a shape or shares that do not fit; TypeError for a dtype
    """
    check_logits(z, "prior_bias: z")
    prior = np.asarray(prior)
    if prior.shape != z.shape[:1] or prior.dtype.kind != "f":
        found = f"shape {prior.shape} of {prior.dtype}"
        refuse("prior_bias: prior", found, f"floats ({len(z)},), one for each class")
    if not (prior > 0).all() or not abs(prior.sum() - 1) <= 1e-6:
        found = f"{prior.min()} … {prior.max()} of sum {prior.sum()}"
        refuse("prior_bias: prior", found, "above 0, of sum 1")
    believed = np.logaddexp.reduce(log_softmax(z.astype(np.float64)), axis=1) - np.log(z.shape[1])
    b = np.log(prior) - believed
    centred: Array = b - b.mean()
    return centred.astype(z.dtype)


def settled_bias(z: Array, prior: Array) -> Array:
    """b of (2), by as many of (1) as it takes, 1,000 at most.

    z        (K, N) floats, logits of the student on images whose classes have the shares `prior`
    returns  b (K,) of z's dtype and mean 0, to be added to each column of logits; with fewer than 1,000 steps
             the mean belief in each class is its share, within 10⁻⁵
    raises   as `prior_bias`
    """
    b = prior_bias(z, prior).astype(np.float64)
    exact = z.astype(np.float64)
    for _ in range(STEPS - 1):
        further = prior_bias(exact + b[:, None], prior)
        b += further
        if np.abs(further).max() <= NEAR:
            break
    return b.astype(z.dtype)
