"""Arrays in a few vectors are the same arrays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.machine.packed import Packed

SHAPES = st.lists(st.lists(st.integers(1, 4), max_size=4).map(tuple), min_size=1, max_size=6)


@given(SHAPES, st.sampled_from([np.float32, np.float64]), st.integers(1, 3))
def test_every_array_has_a_place_of_its_own_that_keeps_name_order_shape_and_values(shapes, dtype, groups):
    def group(name):
        return str(int(name[1:]) % groups)

    rng = np.random.default_rng(0)
    arrays = {f"a{i}": np.asarray(rng.normal(size=shape), dtype) for i, shape in enumerate(shapes)}
    packed = Packed.like(arrays, group)
    packed.fill(arrays)
    assert list(packed.places) == list(arrays)
    for name, array in arrays.items():
        place = packed.places[name]
        assert place.dtype == dtype and place.shape == array.shape
        assert np.array_equal(place, array)
        assert np.shares_memory(place, packed.vectors[group(name)])
    assert packed.vectors.keys() == set(map(group, arrays))
    assert sum(vector.size for vector in packed.vectors.values()) == sum(a.size for a in arrays.values())
    for vector in packed.vectors.values():
        vector[...] = 7
    for place in packed.places.values():
        assert (place == 7).all()


def test_without_groups_there_is_one_vector_and_memory_comes_from_where_it_is_asked_for():
    asked = []

    def empty(shape, dtype):
        asked.append((shape, dtype))
        return np.full(shape, 3, dtype)

    packed = Packed.like({"a": np.zeros((2, 3), np.float32), "b": np.zeros((), np.float32)}, empty=empty)
    assert asked == [((7,), np.float32)]
    assert packed.places["a"].tolist() == [[3] * 3] * 2 and packed.places["b"] == 3
