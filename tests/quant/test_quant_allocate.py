from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.quant.allocate import knapsack

tables = st.dictionaries(
    st.sampled_from("abcd"),
    st.dictionaries(
        st.integers(1, 8), st.tuples(st.integers(0, 9), st.integers(0, 20)), min_size=1, max_size=5
    ),
    min_size=1,
)


@given(tables, st.integers(0, 90))
def test_knapsack_equals_brute_force(table, budget):
    costs = {layer: {b: float(cost) for b, (cost, _) in row.items()} for layer, row in table.items()}
    sizes = {layer: {b: size for b, (_, size) in row.items()} for layer, row in table.items()}
    all_choices = [dict(zip(table, bits, strict=True)) for bits in product(*table.values())]
    fitting = [c for c in all_choices if sum(sizes[k][b] for k, b in c.items()) <= budget]
    if not fitting:
        with pytest.raises(ValueError, match=r"knapsack: budget: found .* bytes"):
            knapsack(costs, sizes, budget)
        return
    chosen = knapsack(costs, sizes, budget)

    def value(choice):
        return sum(costs[k][b] for k, b in choice.items()), sum(sizes[k][b] for k, b in choice.items())

    assert value(chosen) == min(map(value, fitting))


def test_layers_and_bits_that_do_not_match_are_refused_by_name():
    with pytest.raises(ValueError, match="layers"):
        knapsack({"conv1": {8: 0.0}}, {"conv2": {8: 1}}, 10)
    with pytest.raises(ValueError, match="conv1"):
        knapsack({"conv1": {8: 0.0}}, {"conv1": {4: 1}}, 10)
    with pytest.raises(ValueError, match="NaN"):
        knapsack({"conv1": {8: float("nan")}}, {"conv1": {8: 1}}, 10)
