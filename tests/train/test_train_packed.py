"""Arrays in two vectors are the same arrays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.train.optim import SGD, AdamW
from tinyzip.train.packed import Packed

shapes = st.lists(st.lists(st.integers(1, 4), max_size=4).map(tuple), min_size=1, max_size=6)


def draw(shapes, rng, dtype=np.float32):
    return {f"a{i}": np.asarray(rng.normal(size=shape), dtype) for i, shape in enumerate(shapes)}


@given(shapes, st.sampled_from([np.float32, np.float64]))
def test_every_array_has_a_place_of_its_own_that_keeps_name_order_shape_and_values(shapes, dtype):
    arrays = draw(shapes, np.random.default_rng(0), dtype)
    packed = Packed.like(arrays)
    packed.fill(arrays)
    assert list(packed.places) == list(arrays)
    for name, array in arrays.items():
        assert packed.places[name].dtype == dtype and packed.places[name].shape == array.shape
        assert np.array_equal(packed.places[name], array)
    assert sum(vector.size for vector in packed.vectors.values()) == sum(a.size for a in arrays.values())
    for vector in packed.vectors.values():
        vector[...] = 7
    assert all((place == 7).all() for place in packed.places.values())


@given(shapes, st.sampled_from([SGD(0.9, True, 0.1), AdamW(weight_decay=0.1)]))
def test_an_optimizer_steps_the_vectors_as_it_would_step_the_arrays(shapes, rule):
    rng = np.random.default_rng(0)
    params, grads = draw(shapes, rng), draw(shapes, rng)
    packed, slopes = Packed.like(params), Packed.like(grads)
    packed.fill(params)
    slopes.fill(grads)
    state, vectors_state = rule.init(params), rule.init(packed.vectors)
    for _ in range(2):
        rule.step(params, grads, state, 0.1)
        rule.step(packed.vectors, slopes.vectors, vectors_state, 0.1)
    assert all(packed.places[name].tobytes() == array.tobytes() for name, array in params.items())
