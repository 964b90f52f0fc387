"""Depth: a network as scikit-learn's classifiers are: for its pipelines, cross validation and searches.

    cross_val_score(Classifier(bits=4), X, y)

A row of X is a vector, or an image if `shape` says so; images (N, H, W) and (N, C, H, W) are taken, too.
Bytes are read as k/255, all else is divided by the largest magnitude in training. Class weights w enter as

    L = Σ w(yₙ)·Lₙ / Σ w(yₙ), both over all examples, so that a learning rate suits any weights       (SK1)

scikit-learn, 1.6 or later, is loaded where something is fitted. So this inherits nothing from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from math import ceil, prod
from typing import Any, Self

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.layers import Flatten, Linear, ReLU
from tinyzip.nn.losses import Batch, cross_entropy, log_softmax
from tinyzip.nn.models import Shape, student_net
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.door.classify import outputs
from tinyzip.train.evaluate import logits
from tinyzip.train.fit import fit
from tinyzip.train.optim import one_cycle

SOME = 1000  # examples, from first to last, that a network is quantized with
DTYPES = (np.float64, np.float32, np.uint8)  # all else becomes the first


@dataclass(frozen=True)
class ByClass:
    """The objective of (SK1); weights (K,), which are 1 on average over the examples."""

    weights: Array

    def __call__(self, z: Array, batch: Batch) -> tuple[float, Array]:
        return cross_entropy(z, batch.labels, weights=self.weights[batch.labels])


def vector_net(rng: np.random.Generator, shape: Shape, classes: int) -> Sequential:
    """64 hidden units."""
    layers = {"flat": Flatten(), "fc1": Linear(prod(shape), 64), "relu": ReLU(), "fc2": Linear(64, classes)}
    return Sequential.create(layers, shape, rng)


@dataclass(eq=False)
class Classifier:
    """A network that fits, predicts and scores as scikit-learn's classifiers do, whose errors it also raises.

    network        (rng, (C, H, W), classes) -> Sequential, as those of `nn.models`; None: `student_net` for
                   images, `vector_net` for vectors
    shape          (C, H, W) of the image that is a row of X; None: as X is
    steps          of training, up to whole epochs: what few examples need as much as many do
    batch          examples a step; learning_rate: the highest, of `one_cycle`
    bits           of weights, 1 to 8: all answers are the program's; None: those of floats
    class_weight   label -> weight, or "balanced"; random_state: a whole number or a RandomState
    """

    network: Callable[[np.random.Generator, Shape, int], Sequential] | None = None
    shape: Shape | None = None
    steps: int = 1000
    batch: int = 32
    learning_rate: float = 0.01
    bits: int | None = None
    class_weight: dict[Any, float] | str | None = None
    random_state: Any = None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What it was made with, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Change what it was made with, for the next `fit`."""
        for name, value in params.items():
            if name not in self.get_params():
                refuse(f"Classifier: {name}", repr(value), f"one of {', '.join(self.get_params())}")
            setattr(self, name, value)
        return self

    def fit(self, X: Any, y: Any) -> Self:
        """Train on examples X and their labels y (N,), of any kind that can be sorted."""
        X, y = learn("utils.validation", "validate_data")(self, X, y, allow_nd=True, dtype=DTYPES)
        learn("utils.multiclass", "check_classification_targets")(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            refuse("Classifier: y", "one class", "two classes or more")
        weigh = learn("utils.class_weight", "compute_class_weight")
        weights = weigh(self.class_weight, classes=self.classes_, y=y)
        seed = learn("utils", "check_random_state")(self.random_state).randint(2**31)
        rng, own = np.random.default_rng(seed), X.shape[1:]
        self.shape_ = tuple(self.shape or (1,) * (3 - len(own)) + own)
        if len(self.shape_) != 3 or prod(self.shape_) != prod(own):
            refuse("Classifier: shape", self.shape_, f"(C, H, W) of an example of X, {prod(own)} numbers")
        self.scale_ = 1.0 if X.dtype == np.uint8 else float(np.abs(X).max()) or 1.0
        build = self.network or (student_net if self.shape_[1] > 1 else vector_net)
        images, epochs = self._images(X), ceil(self.steps / ceil(len(X) / self.batch))
        net, schedule = build(rng, self.shape_, len(self.classes_)), one_cycle(self.learning_rate)
        how: dict[str, Any] = {"epochs": epochs, "batch": self.batch, "schedule": schedule, "progress": False}
        objective = ByClass(weights / weights[labels].mean())
        self.network_, self.history_ = fit(net, images, labels, rng=rng, objective=objective, **how)
        some, bits = images[:: max(1, len(X) // SOME)], self.bits
        self.program_ = None if bits is None else quantize(self.network_, some, weights=bits).program
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probabilities (N, K) of `classes_`."""
        learn("utils.validation", "check_is_fitted")(self, "network_")
        take = learn("utils.validation", "validate_data")
        images = self._images(take(self, X, reset=False, allow_nd=True, dtype=DTYPES))
        z = logits(self.network_, images) if self.program_ is None else outputs(self.program_, images)
        return np.asarray(np.exp(log_softmax(z.astype(np.float64))).T)

    def predict(self, X: Any) -> Array:
        """The likeliest label (N,) of each example."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of right labels."""
        return float(np.average(self.predict(X) == np.asarray(y), weights=sample_weight))

    def _images(self, X: Array) -> Array:
        """X as a network reads it."""
        if prod(X.shape[1:]) != prod(self.shape_):
            needed = f"those of the training, {self.shape_}"
            refuse("Classifier: X", f"examples of shape {X.shape[1:]}", needed)
        images = X.reshape(len(X), *self.shape_)
        return images if X.dtype == np.uint8 else (images / self.scale_).astype(np.float32)

    def __sklearn_tags__(self) -> Any:
        target = learn("utils", "TargetTags")(required=True)
        inputs = learn("utils", "InputTags")(three_d_array=True)
        classes = learn("utils", "ClassifierTags")()
        return learn("utils", "Tags")("classifier", target, classifier_tags=classes, input_tags=inputs)


def learn(module: str, name: str) -> Any:
    """What is called so in scikit-learn, which is loaded only now."""
    try:
        return getattr(import_module(f"sklearn.{module}"), name)
    except (ImportError, AttributeError):
        refuse("Classifier", "no scikit-learn of 1.6 or later", "it: pip install scikit-learn", ImportError)
