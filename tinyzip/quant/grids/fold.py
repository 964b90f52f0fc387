"""The network that is quantized: the one that was trained, without batch norms.

The integer engine has none, so every method of this room folds first (`nn.fold`): only then are the weights
those that will be quantized.
"""

from tinyzip.nn.fold import fold_batch_norm as fold_batch_norm
from tinyzip.nn.inspected import AnyInspected, check_network
from tinyzip.nn.ops.checks import Array
from tinyzip.train.data import check_shape
from tinyzip.train.pixels import check_model_range


def checked_and_folded(model: AnyInspected, images: Array, caller: str) -> AnyInspected:
    """The model without batch norms, if it is one, and sees images like these; `caller` begins a refusal."""
    check_network(model, f"{caller}: model")
    check_shape(model, images, f"{caller}: images")
    check_model_range(model, images, f"{caller}: images")
    return fold_batch_norm(model)
