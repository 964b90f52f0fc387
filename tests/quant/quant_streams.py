"""Streams of values, as ranges and histograms see them."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

SPANS = (st.floats(-100, 100, width=32), st.floats(-1, 1, width=32))
VALUES = st.one_of(st.just(0.0), *SPANS).map(lambda x: x if abs(x) > 1e-30 else 0.0)
BATCHES = arrays(np.float32, st.integers(1, 60), elements=VALUES)
ONE_SIDED = st.sampled_from([lambda x: x, np.abs, lambda x: -np.abs(x), lambda x: np.maximum(x, 0)])
STREAMS = st.builds(
    lambda batches, side: [side(batch) for batch in batches],
    st.lists(BATCHES, min_size=1, max_size=4),
    ONE_SIDED,
)
