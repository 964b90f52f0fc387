import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_networks import pictures, random_student

from tinyzip import archive
from tinyzip.distill.temperature import kl_divergence
from tinyzip.quant.choose.allocate import allocate, fit_budget, knapsack, sensitivity, sizes
from tinyzip.quant.choose.auto import post_train
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import activation_grids, calibrate
from tinyzip.quant.grids.lowbit import best_weight_grids
from tinyzip.quant.rounding.prune import pruned_alone
from tinyzip.train.evaluate import logits


def tables_of(choices):
    """For some layers, for some choices, a cost and bytes."""
    row = st.dictionaries(choices, st.tuples(st.integers(0, 9), st.integers(0, 20)), min_size=1, max_size=5)
    return st.dictionaries(st.sampled_from("abcd"), row, min_size=1)


tables = tables_of(st.integers(1, 8))
pairs = tables_of(st.tuples(st.integers(1, 8), st.sampled_from([0.0, 0.5, 0.9])))


@given(tables | pairs, st.integers(0, 90))
def test_knapsack_equals_brute_force(table, budget):
    """(QK1)"""
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


def test_the_least_of_costs_is_found_however_small_they_all_are():
    for bits, costs in ((8, {2: 2e-30, 8: 1e-30}), (2, {2: 1e-30, 8: 2e-30})):
        assert knapsack({"conv1": costs}, {"conv1": {2: 5, 8: 5 + (bits == 8)}}, 10) == {"conv1": bits}


def test_layers_and_bits_that_do_not_match_are_refused_by_name():
    with pytest.raises(ValueError, match="at least one"):
        knapsack({}, {}, 10)
    with pytest.raises(ValueError, match="knapsack: conv1"):
        knapsack({"conv1": {}}, {"conv1": {}}, 10)
    with pytest.raises(ValueError, match="layers"):
        knapsack({"conv1": {8: 0.0}}, {"conv2": {8: 1}}, 10)
    with pytest.raises(ValueError, match="conv1"):
        knapsack({"conv1": {8: 0.0}}, {"conv1": {4: 1}}, 10)
    with pytest.raises(ValueError, match="NaN"):
        knapsack({"conv1": {8: float("nan"), 4: 1.0}}, {"conv1": {8: 1, 4: 1}}, 10)


def test_sensitivity_falls_with_bits_and_size_grows():
    model, images = random_student(), pictures(40, 28)
    costs, bytes_of = sensitivity(model, images), sizes(model)
    assert all(set(costs[name]) == set(bytes_of[name]) == set(range(2, 9)) for name in costs)
    assert list(costs) == list(bytes_of) == ["conv1", "conv2", "fc1", "fc2"]
    for name in costs:
        assert costs[name][2] > costs[name][4] > costs[name][8] >= 0
        assert bytes_of[name][2] < bytes_of[name][4] < bytes_of[name][8] <= model.params[f"{name}.w"].size


def weighed(bytes_of):
    """The bytes of the weights' codes alone."""
    return lambda bits: sum(bytes_of[name][b] for name, b in bits.items())


def test_the_allocation_keeps_the_budget_and_beats_uniform_bits_by_its_own_measure():
    model, images = random_student(), pictures(40, 28)
    choices = (2, 3, 4, 8)
    costs, bytes_of = sensitivity(model, images, choices), sizes(model, choices)
    for uniform in (3, 4):
        budget = sum(row[uniform] for row in bytes_of.values())
        bits = allocate(model, images, budget, choices, weighed(bytes_of))
        assert sum(bytes_of[name][b] for name, b in bits.items()) <= budget
        assert sum(costs[k][b] for k, b in bits.items()) <= sum(row[uniform] for row in costs.values())


def test_a_budget_below_the_smallest_model_names_the_largest_layer():
    model, images = random_student(), pictures(40, 28)
    with pytest.raises(ValueError, match="fc1"):
        allocate(model, images, 100, (2, 3), weighed(sizes(model, (2, 3))))


def test_a_budget_without_a_way_to_weigh_is_refused_and_the_sentence_keeps_the_budget_of_the_file():
    model, images = random_student(), pictures(40, 28)
    with pytest.raises(TypeError, match="allocate: weigh: found None, needed") as caught:
        allocate(model, images, 2200)
    told = str(caught.value).partition("of a file: ")[2]
    known = {"archive": archive, "lower": lower, "calibrate": calibrate, "net": model, "images": images}
    weigh = eval(told, known)
    for budget in (weigh(3), 2200):
        assert weigh(allocate(model, images, budget, weigh=weigh)) <= budget


def test_the_packed_program_takes_no_more_bytes_than_that_of_uniform_bits_and_costs_no_more():
    model, images = random_student(), pictures(40, 28)
    choices = (2, 3, 4, 6)
    costs = sensitivity(model, images, choices)
    activations = activation_grids(model, images)

    def weigh(bits):
        return len(archive.pack(lower(*post_train(model, images, bits, activations, "mse"))))

    for uniform in (3, 4):
        budget = weigh(uniform)
        bits = allocate(model, images, budget, choices, weigh)
        assert weigh(bits) <= budget
        assert sum(costs[name][b] for name, b in bits.items()) <= sum(row[uniform] for row in costs.values())


def test_sizes_are_the_entropy_of_the_codes():
    model = random_student()
    for bits in (1, 3, 8):
        codes = best_weight_grids(model, bits)["conv2.w"].quantize(model.params["conv2.w"]).ravel().tolist()
        information = sum(math.log2(len(codes) / codes.count(code)) for code in codes)
        assert sizes(model, (bits,))["conv2"][bits] == math.ceil(information / 8)


@given(tables, st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_whatever_the_scale_says_is_kept_and_no_uniform_bits_that_fit_are_cheaper(table, budget, seed):
    costs = {layer: {b: float(cost) for b, (cost, _) in row.items()} for layer, row in table.items()}
    bytes_of = {layer: {b: size for b, (_, size) in row.items()} for layer, row in table.items()}
    rest = np.random.default_rng(seed).integers(0, 60, 9)

    def weigh(bits):
        return 100 + sum(bytes_of[layer][b] for layer, b in bits.items()) + int(rest[sum(bits.values()) % 9])

    def cost(bits):
        return sum(costs[layer][b] for layer, b in bits.items())

    least = {layer: min(row, key=row.get) for layer, row in bytes_of.items()}
    if weigh(least) > budget:
        with pytest.raises(ValueError, match=f"budget: found {budget} bytes, needed at least {weigh(least)}"):
            fit_budget(costs, bytes_of, budget, weigh)
        return
    chosen = fit_budget(costs, bytes_of, budget, weigh)
    assert weigh(chosen) <= budget
    for b in range(1, 9):
        if all(b in row for row in costs.values()) and weigh(dict.fromkeys(costs, b)) <= budget:
            assert cost(chosen) <= cost(dict.fromkeys(costs, b))


@given(tables, st.integers(0, 60), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_a_budget_is_kept_by_no_more_programs_than_there_are_bytes_to_spare(table, spare, noise, seed):
    """Met exactly or missed by one byte, whatever the scale says: each round leaves a byte less to spend."""
    costs = {layer: {b: float(cost) for b, (cost, _) in row.items()} for layer, row in table.items()}
    bytes_of = {layer: {b: size for b, (_, size) in row.items()} for layer, row in table.items()}
    rest = np.random.default_rng(seed).integers(0, noise + 1, 9)
    smallest = {layer: min(row, key=row.get) for layer, row in bytes_of.items()}
    asked = []

    def weigh(bits):
        assert len(asked) < 1 + spare + 8
        asked.append(dict(bits))
        extra = 0 if bits == smallest else int(rest[sum(bits.values()) % 9])
        return 100 + sum(bytes_of[layer][b] for layer, b in bits.items()) + extra

    budget = weigh(smallest) + spare
    asked.clear()
    assert weigh(fit_budget(costs, bytes_of, budget, weigh)) <= budget


def test_a_budget_that_the_best_choice_meets_exactly_is_kept_at_once():
    costs, bytes_of = {"a": {2: 1.0, 8: 0.0}}, {"a": {2: 2, 8: 8}}
    asked = []

    def weigh(bits):
        asked.append(bits["a"])
        assert len(asked) < 9
        return 10 + bytes_of["a"][bits["a"]]

    assert fit_budget(costs, bytes_of, 18, weigh) == {"a": 8} and asked == [2, 8]
    asked.clear()
    assert fit_budget(costs, bytes_of, 17, weigh) == {"a": 2} and asked == [2, 2, 8]  # 8 only as uniform bits


def test_of_equal_costs_the_smaller_file_is_taken_and_uniform_bits_only_where_they_are_cheaper():
    costs = {"a": {2: 1.0, 8: 0.0}, "b": {2: 0.0, 8: 0.0}}
    bytes_of = {"a": {2: 1, 8: 2}, "b": {2: 1, 8: 2}}
    assert fit_budget(costs, bytes_of, 99, weighed(bytes_of)) == {"a": 8, "b": 2}
    asked = []

    def weigh(bits):  # a file in which the estimated choice is too large, and uniform bits just fit
        asked.append(dict(bits))
        return 5 if bits == {"a": 8, "b": 2} else sum(bytes_of[name][b] for name, b in bits.items())

    assert fit_budget(costs, bytes_of, 4, weigh) == {"a": 8, "b": 8} and asked[-1] == {"a": 8, "b": 8}


@pytest.mark.parametrize("bits", [2, 4])
def test_pruning_is_one_of_the_choices_each_block_alone_and_the_others_whole(bits):
    """Costs are divergences of the network with one block pruned and rounded; bytes the codes' entropy."""
    model, images = random_student(), pictures(60, 28)
    choices = [(bits, 0.0), (bits, 0.5), (bits, 0.8)]
    costs, bytes_of = sensitivity(model, images, choices), sizes(model, choices, images)
    exact = logits(model, images)
    alone = {(name, share): arrays for name, share, arrays in pruned_alone(model, images, (0.5, 0.8))}
    plain = sensitivity(model, images, (bits,)), sizes(model, (bits,))
    for name, row in costs.items():
        assert list(row) == list(bytes_of[name]) == choices
        assert (row[bits, 0.0], bytes_of[name][bits, 0.0]) == tuple(table[name][bits] for table in plain)
        for share in (0.5, 0.8):
            thin = model.with_params(model.params | alone[name, share])
            grid = best_weight_grids(thin, bits)[f"{name}.w"]
            w = thin.params[f"{name}.w"]
            rounded = thin.with_params(thin.params | {f"{name}.w": grid.round_trip(w)})
            assert row[bits, share] == kl_divergence(logits(rounded, images), exact, 1.0)[0]
            counts = np.unique(grid.quantize(w), return_counts=True)[1]
            information = (counts * np.log2(w.size / counts)).sum()
            assert bytes_of[name][bits, share] == math.ceil(information / 8)
        assert bytes_of[name][bits, 0.8] < bytes_of[name][bits, 0.5] < bytes_of[name][bits, 0.0]


def test_an_allocation_that_may_prune_costs_no_more_than_one_that_may_not_nor_than_one_choice_for_all():
    model, images = random_student(), pictures(60, 28)
    choices = [(bits, share) for bits in (2, 4) for share in (0.0, 0.6)]
    costs, bytes_of = sensitivity(model, images, choices), sizes(model, choices, images)
    weigh = weighed(bytes_of)

    def cost(chosen):
        return sum(costs[name][choice] for name, choice in chosen.items())

    for one in choices:
        budget = weigh(dict.fromkeys(costs, one))
        chosen = allocate(model, images, budget, choices, weigh)
        assert weigh(chosen) <= budget and cost(chosen) <= cost(dict.fromkeys(costs, one))
        if one[1] == 0:
            bits = allocate(
                model, images, budget, (2, 4), lambda b: weigh({n: (k, 0.0) for n, k in b.items()})
            )
            assert cost(chosen) <= cost({name: (b, 0.0) for name, b in bits.items()})


def test_bits_among_pairs_are_pairs_that_prune_nothing():
    model, images = random_student(), pictures(9, 28)
    seen = []

    def weigh(chosen):
        seen.append(chosen)
        return 1

    some = [1, 4, (8, 0.0)]
    assert set(allocate(model, images, 10**6, some, weigh).values()) <= {(b, 0.0) for b in (1, 4, 8)}
    assert all(isinstance(choice, tuple) for chosen in seen for choice in chosen.values())


def test_bytes_of_what_prunes_need_images_to_say_which_weights_go():
    with pytest.raises(ValueError, match=r"^sizes: images: found None, needed some"):
        sizes(random_student(), [(4, 0.5)])


@pytest.mark.parametrize("bits", [1, 3])
def test_sensitivity_is_the_divergence_of_the_network_with_one_layer_rounded(bits):
    model, images = random_student(), pictures(9, 28)

    def log_p(params):
        z = logits(model.with_params(params), images).astype(np.float64)
        return z - np.log(np.exp(z).sum(axis=0))

    costs, exact = sensitivity(model, images, (bits,)), log_p(model.params)
    for name, grid in best_weight_grids(model, bits).items():
        found = log_p(model.params | {name: grid.round_trip(model.params[name])})
        wanted = (np.exp(exact) * (exact - found)).sum(axis=0).mean()
        # Logits of float32 are off by 1e-7, and so is a divergence, of which the least here is 0.01.
        assert costs[name.removesuffix(".w")][bits] == pytest.approx(wanted, rel=2e-5, abs=0)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"model": {}}, TypeError, "model: found a dict"),
        *[({"budget": bytes_}, ValueError, "budget: found") for bytes_ in (0, -5, np.inf, np.nan, "9", None)],
        *[
            ({"choices": some}, ValueError, "choices: found")
            for some in (
                (),
                "24",
                8,
                (2, 9),
                (0, 2),
                (2, 2.5),
                [(2, 1.0)],
                [(4, -0.1)],
                [(1, 0.5)],
                [(2, 0, 0)],
            )
        ],
        ({"weigh": 3}, TypeError, "weigh: found 3"),
    ],
)
def test_what_cannot_be_allocated_is_refused_by_name(change, error, said):
    given = {
        "model": random_student(),
        "images": pictures(2, 28),
        "budget": 9,
        "choices": (2, 3),
        "weigh": len,
    }
    with pytest.raises(error, match=rf"^allocate: {said}"):
        allocate(**given | change)
