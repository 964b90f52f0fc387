"""Masks, schedules, and a network that loses weights while it is trained."""

import numpy as np
import pytest
from gradcheck import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from quant_networks import pictures, small_network

from tinyzip.distill import student
from tinyzip.distill.guides import Sum
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import grids_for
from tinyzip.quant.door.lower import lower
from tinyzip.quant.rounding.prune import curvature
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.masks import check_pattern, keep, share_at
from tinyzip.quant.training.pruned import STEPS, Pruned
from tinyzip.quant.training.rate import Price
from tinyzip.train.data import to_input
from tinyzip.train.fit import fit
from tinyzip.train.loop import hard_labels
from tinyzip.train.optim import SGD

seeds = st.integers(0, 10**6)
shares = st.floats(0, 0.99)
PLAIN = SGD(momentum=0.0, weight_decay=0.0)
IMAGES, LABELS = pictures(60), np.arange(60) % 3


def drawn(seed):
    """Scores of a convolution and of a linear layer, all different."""
    rng = np.random.default_rng(seed)
    return {"conv.w": rng.random((3, 2, 2, 3)), "out.w": rng.random((4, 9)) * 2}


@given(seeds, shares)
def test_of_single_weights_the_least_of_all_arrays_go(seed, share):
    """And of each array the largest stays."""
    scores = drawn(seed)
    masks = keep(scores, share)
    gone = sum(int((~mask).sum()) for mask in masks.values())
    assert gone == min(round(share * 72), 70)
    others = {n: np.arange(score.size).reshape(score.shape) != score.argmax() for n, score in scores.items()}
    left = [scores[n][masks[n] & others[n]].min(initial=9) for n in scores]
    taken = [scores[n][~masks[n]].max(initial=0) for n in scores]
    assert max(taken) < min(left)
    assert all(masks[n].flat[scores[n].argmax()] for n in scores)


@given(seeds, shares, st.sampled_from(["kernels", "filters"]))
def test_units_go_as_a_whole_by_their_means(seed, share, pattern):
    scores = drawn(seed)
    masks = keep(scores, share, pattern)
    axes = {"kernels": (2, 3), "filters": (1, 2, 3)}[pattern]
    rows = {}
    for name, mask in masks.items():
        within = tuple(axis for axis in axes if axis < mask.ndim)
        assert (mask.any(axis=within) == mask.all(axis=within)).all()
        rows[name] = scores[name].mean(axis=within).ravel(), mask.all(axis=within).ravel()
        assert rows[name][1][rows[name][0].argmax()]
    gone = sum(int((~mask).sum()) for mask in masks.values())
    assert gone <= round(share * 72)
    order = sorted((s, m, n, s == r[0].max()) for n, r in rows.items() for s, m in zip(*r, strict=True))
    free = [(mask, name) for _, mask, name, best in order if not best]
    assert [mask for mask, _ in free] == sorted(mask for mask, _ in free)
    following = next((name for mask, name in free if mask), None)
    if following is not None:
        unit = {
            ("conv.w", "kernels"): 6,
            ("conv.w", "filters"): 12,
            ("out.w", "kernels"): 1,
            ("out.w", "filters"): 9,
        }
        assert gone + unit[following, pattern] > round(share * 72)


@given(seeds, st.integers(2, 5), shares)
def test_of_each_m_in_a_row_as_many_go(seed, m, share):
    scores = drawn(seed)
    for name, mask in keep(scores, share, m).items():
        for row, kept in zip(scores[name].reshape(len(mask), -1), mask.reshape(len(mask), -1), strict=True):
            for start in range(0, len(row), m):
                some, stay = row[start : start + m], kept[start : start + m]
                wanted = sorted(some)[: round(share * m) if len(some) == m else 0]
                assert sorted(some[~stay]) == wanted


def test_the_share_grows_by_the_printed_cubic_schedule():
    """(MK4), at its ends and where it is half way; and one shot."""
    assert share_at(9, 0.0, 0.8, 10, 30) == 0
    assert share_at(10, 0.0, 0.8, 10, 30) == 0
    assert share_at(20, 0.0, 0.8, 10, 30) == pytest.approx(0.8 * (1 - 0.5**3))
    assert share_at(30, 0.0, 0.8, 10, 30) == share_at(99, 0.0, 0.8, 10, 30) == 0.8
    assert share_at(9, 0.0, 0.8, 10, 10) == 0 and share_at(10, 0.0, 0.8, 10, 10) == 0.8
    grown = [share_at(t, 0.0, 0.8, 10, 30) for t in range(10, 31)]
    assert share_at(9, 0.5, 0.8, 10, 30) == share_at(10, 0.5, 0.8, 10, 30) == 0.5
    assert share_at(20, 0.5, 0.8, 10, 30) == pytest.approx(0.8 - 0.3 * 0.5**3)
    steps = np.diff(grown)
    assert (steps > 0).all() and (np.diff(steps) < 0).all()


def masked(network, rng, **options):
    """A `Pruned` with masks drawn at random."""
    pruned = Pruned.create(network, 0.5, **options)
    params = {
        name: rng.integers(0, 2, array.shape).astype(array.dtype) if name.endswith(".mask") else array
        for name, array in pruned.params.items()
    }
    return pruned.with_params(params)


def test_the_gradient_is_that_of_the_product_of_masks_and_weights():
    """(MK1) by the rule of derivatives, against differences; what is run is the network on that product."""
    rng = np.random.default_rng(0)
    pruned = masked(small_network(np.float64), rng)
    x = to_input(IMAGES[:4]).astype(np.float64)
    z, caches = pruned.forward(x)
    arrays = {k: p * pruned.params.get(f"{k}.mask", 1) for k, p in pruned.network.params.items()}
    np.testing.assert_array_equal(z, pruned.network.with_params(arrays).forward(x)[0])
    np.testing.assert_array_equal(pruned.activations(x)["out"], z)
    dz = rng.normal(size=z.shape)
    grads = pruned.backward(dz, caches)
    trained = {name: pruned.params[name] for name in pruned.trainable()}
    assert grads.keys() == trained.keys()
    assert_gradients(lambda: pruned.with_params(pruned.params).forward(x)[0], trained, grads, dz)


def test_straight_through_the_gradient_of_a_weight_that_has_gone_is_that_of_the_masked_one():
    """(MK1)"""
    rng = np.random.default_rng(1)
    pruned = masked(small_network(np.float64), rng, rule="straight-through")
    x = to_input(IMAGES[:4]).astype(np.float64)
    z, caches = pruned.forward(x)
    dz = rng.normal(size=z.shape)
    whole = pruned.applied()
    wanted = whole.backward(dz, whole.forward(x)[1])
    for name, gradient in pruned.backward(dz, caches).items():
        np.testing.assert_array_equal(gradient, wanted[name])


def test_scores_that_move_get_the_gradient_that_masks_would_get():
    """(MK3), by differences in the masks themselves."""
    rng = np.random.default_rng(2)
    pruned = masked(small_network(np.float64), rng, movement=True)
    x = to_input(IMAGES[:4]).astype(np.float64)
    z, caches = pruned.forward(x)
    dz = rng.normal(size=z.shape)
    grads = pruned.backward(dz, caches)
    masks = {name: mask.copy() for name, mask in pruned.masks.items()}

    def forward():
        arrays = {name: pruned.network.params[name] * mask for name, mask in masks.items()}
        return pruned.network.with_params(pruned.network.params | arrays).forward(x)[0]

    assert_gradients(forward, masks, {name: grads[f"{name}.score"] for name in masks}, dz)


def trained(model, printed=False, epochs=2, **options):
    options = {"batch": 20, "progress": False, "schedule": 0.01} | options
    rng = np.random.default_rng(3)
    return fit(model, IMAGES, LABELS, rng=rng, epochs=epochs, printed=printed, **options)[0]


def zeros(model):
    return sum(int((array == 0).sum()) for name, array in model.params.items() if name.endswith(".w"))


@pytest.mark.parametrize("printed", [False, True])
def test_weights_go_while_fit_trains_and_those_that_have_gone_stay_as_they_were(printed):
    """Three steps an epoch; the share by (MK4) at the last step that chose, then no more choices."""
    start = small_network()
    told = Pruned.create(start, 0.8, begin=1, end=5, every=2)
    count = sum(mask.size for mask in told.masks.values())
    found = [told]
    for epochs in range(1, 4):
        model = trained(told, printed, epochs, optimizer=PLAIN)
        assert model.steps == 3 * epochs
        found.append(model)
    for model, step in zip(found[1:], (3, 5, 5), strict=True):  # the last choice before its last step
        assert zeros(model.applied()) == round(share_at(step, 0.0, 0.8, 1, 5) * count)
    end = found[-1]
    frozen = {name: mask == 0 for name, mask in found[2].masks.items()}
    for name, gone in frozen.items():
        np.testing.assert_array_equal(gone, end.masks[name] == 0)
        np.testing.assert_array_equal(end.params[name][gone], found[2].params[name][gone])
        assert (end.params[name][~gone] != found[2].params[name][~gone]).any()


def test_the_masks_are_those_of_the_scores_at_that_step():
    start = small_network()
    for options, score in (
        ({}, lambda name, w: np.abs(w)),
        ({"curvature": (h := curvature(start, IMAGES))}, lambda name, w: h[name] * w**2),
    ):
        end = trained(Pruned.create(start, 0.6, **options), epochs=1, batch=60, optimizer=PLAIN)
        wanted = keep({name: score(name, start.params[name]) for name in end.masks}, 0.6)
        for name, mask in wanted.items():
            np.testing.assert_array_equal(end.masks[name], mask)


def test_the_curvature_is_the_second_derivative_of_the_share_that_is_lost():
    """(MK2), (SG8): by removing weights one by one from the first layer, whose inputs are as they were."""
    model = small_network(np.float64)
    h = curvature(model, IMAGES)["conv.w"]
    x = to_input(IMAGES).astype(np.float64)
    exact = model.activations(x)["conv"].reshape(4, -1)
    for place in [(0, 0, 0, 0), (2, 0, 1, 2), (3, 0, 2, 1)]:
        w = model.params["conv.w"].copy()
        w[place] = 0
        other = model.with_params(model.params | {"conv.w": w}).activations(x)["conv"].reshape(4, -1)
        lost = (other - exact).var(axis=1).sum() / exact.var(axis=1).sum()
        assert h[place] * model.params["conv.w"][place] ** 2 / 2 == pytest.approx(lost)


def test_of_a_layer_that_says_nothing_the_curvature_is_not_in_parts_of_what_it_says():
    model = small_network(np.float64)
    silent = model.with_params(model.params | {"conv.w": np.zeros_like(model.params["conv.w"])})
    said = model.activations(to_input(IMAGES).astype(np.float64))["conv"].reshape(4, -1).var(axis=1).sum()
    h, of_silent = (curvature(each, IMAGES)["conv.w"] for each in (model, silent))
    np.testing.assert_allclose(of_silent, h * said)


def test_movement_keeps_the_weights_whose_scores_have_grown():
    end = trained(Pruned.create(small_network(), 0.5, begin=6, end=6, movement=True), optimizer=PLAIN)
    assert all(score.any() for score in end.scores.values())
    masks = keep(scores_before_last_step(), 0.5)
    for name, mask in masks.items():
        np.testing.assert_array_equal(end.masks[name], mask)


def scores_before_last_step():
    """The scores after five steps of the six."""
    seen = []

    class Kept(Pruned):
        def statistics(self, caches):
            seen.append({name: score.copy() for name, score in self.scores.items()})
            return super().statistics(caches)

    start = Pruned.create(small_network(), 0.5, begin=99, end=99, movement=True)
    kept = Kept(**{name: getattr(start, name) for name in start.__dataclass_fields__})
    trained(kept, threads=1, optimizer=PLAIN)
    return seen[-1]


def test_a_run_of_many_shards_has_the_masks_of_one_and_is_resumed_to_the_bit(tmp_path):
    images, labels = pictures(300), np.arange(300) % 3
    told = Pruned.create(small_network(), 0.7, end=5, every=1)
    options = {"batch": 150, "progress": False, "schedule": 0.01}

    def run(epochs, **more):
        return fit(told, images, labels, rng=np.random.default_rng(0), epochs=epochs, **options, **more)[0]

    whole = run(3)
    assert whole.steps == 6 and {0.0, 1.0} == {float(v) for m in whole.masks.values() for v in m.flat}
    run(2, checkpoint=tmp_path / "run")
    resumed = run(3, resume=tmp_path / "run", threads=1)
    for name, array in whole.params.items():
        np.testing.assert_array_equal(array, resumed.params[name])


def test_parts_of_a_batch_add_up_to_masks_and_steps_but_for_rounding_which_changes_nothing():
    """As (SH1) adds them: a sum of shares is 1 to a few roundings."""
    pruned = masked(small_network(np.float64), np.random.default_rng(5), begin=9, end=9)
    off = {n: p * (1 - 1e-7) if n.endswith(("mask", "steps")) else p for n, p in pruned.params.items()}
    off[STEPS], x = np.array(7 * (1 - 1e-7)), to_input(IMAGES[:4]).astype(np.float64)
    z, caches = pruned.forward(x)
    other, others = pruned.with_params(off).forward(x)
    np.testing.assert_array_equal(other, z)
    grads, dz = pruned.backward(z, caches), pruned.with_params(off).backward(z, others)
    assert all(np.array_equal(gradient, dz[name]) for name, gradient in grads.items())
    assert pruned.with_params(off).statistics(others)[STEPS] == 8


def test_it_goes_through_simulation_distillation_and_rate_to_a_program():
    """None of which knows of masks."""
    net = small_network()
    fake = FakeQuantized.create(net, grids_for(net, IMAGES, 4, 8))
    told = Pruned.create(fake, 0.5, end=4, every=1)
    rng = np.random.default_rng(4)
    taught, _ = student.train(told, net, IMAGES, LABELS, rng=rng, epochs=2, batch=20, progress=False)
    priced = trained(told, objective=Sum((hard_labels, Price.create(fake, 1e-4))))
    by_itself, _ = student.train(told, None, IMAGES, LABELS, rng=rng, epochs=1, batch=20, progress=False)
    for model in (taught, priced, by_itself):
        end = model.applied()
        program = lower(end.model(), end.grids())
        codes = [operator.w for operator in program.operators if hasattr(operator, "w")]
        assert sum(int((w == 0).sum()) for w in codes) >= round(0.5 * sum(w.size for w in codes)) - 1
        for name, array in model.model().params.items():
            np.testing.assert_array_equal(array, end.params[name])
        assert isinstance(model.model(), Sequential)


def test_a_batch_norm_under_it_keeps_its_statistics():
    layers = {"conv": Conv2d(1, 2, 3), "norm": BatchNorm(2), "flat": Flatten(), "out": Linear(72, 3)}
    net = Sequential.create(layers, (1, 8, 8), np.random.default_rng(0))
    end = trained(Pruned.create(net, 0.5, end=2, every=1)).applied()
    assert (end.params["norm.mean"] != net.params["norm.mean"]).all()


def test_what_an_earlier_pruning_has_taken_away_stays_away():
    thin = trained(Pruned.create(small_network(), 0.5)).applied()
    thinner = trained(Pruned.create(thin, 0.8, first=0.5, begin=2, end=4, every=1)).applied()
    for name in ("conv.w", "out.w"):
        assert not thinner.params[name][thin.params[name] == 0].any()
    assert zeros(thin) == 72 and zeros(thinner) == round(0.8 * 144)


def test_the_network_under_it_remembers_what_it_was_trained_on():
    end = trained(Pruned.create(small_network(), 0.5)).applied()
    assert end.input_range == (0.0, 1.0) and end.input_mean == pytest.approx(IMAGES.mean() / 255, abs=0.01)


def test_only_the_arrays_that_are_named_lose_weights():
    end = trained(Pruned.create(small_network(), 0.5, names=["out.w"]))
    assert end.masks.keys() == {"out.w"} and (end.masks["out.w"] == 0).sum() == 54
    assert STEPS in end.params and (end.applied().params["conv.w"] != 0).all()


def test_a_pattern_is_one_of_three_or_a_number_from_two_on():
    for pattern in ("any", "kernels", "filters", 2, 3, 100):
        assert check_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"share": 1}, "share"),
        ({"share": "all"}, "share"),
        ({"first": 0.6}, "first, share"),
        ({"first": "none"}, "first, share"),
        ({"begin": 3, "end": 2}, "begin, end"),
        ({"begin": -1}, "begin, end"),
        ({"every": 0}, "every"),
        ({"pattern": "columns"}, "pattern"),
        ({"pattern": 1}, "pattern"),
        ({"pattern": "2"}, "pattern"),
        ({"pattern": True}, "pattern"),
        ({"rule": "soft"}, "rule"),
        ({"names": ["conv.b"]}, "names"),
        ({"names": []}, "names"),
        ({"curvature": {"conv.w": np.ones((4, 1, 3, 3))}}, r"curvature\['out.w'\]"),
        ({"curvature": {"conv.w": np.ones((1, 3, 3))}}, r"curvature\['conv.w'\]"),
    ],
)
def test_what_cannot_be_pruned_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Pruned.create(small_network(), **{"share": 0.5, **options})


def test_what_is_not_said_is_at_once_every_twenty_steps_by_size():
    net = small_network()
    told = {"first": 0.0, "begin": 0, "end": 0, "every": 20, "movement": False}
    told |= {"pattern": "any", "rule": "fixed", "names": ["conv.w", "out.w"], "curvature": None}
    one, other = Pruned.create(net, 0.5), Pruned.create(net, 0.5, **told)
    for name in (
        "first",
        "share",
        "begin",
        "end",
        "every",
        "pattern",
        "rule",
        "curvature",
        "scores",
        "steps",
    ):
        assert getattr(one, name) == getattr(other, name)
    assert one.scores == {} and all((mask == 1).all() for mask in one.masks.values())
    assert list(one.masks) == list(other.masks) == ["conv.w", "out.w"]


@pytest.mark.parametrize(
    ("begin", "end", "every", "chosen"),
    [(0, 0, 20, [1]), (0, 5, 20, [1, 5]), (2, 5, 20, [5]), (1, 1, 20, [1]), (1, 6, 3, [4, 6])],
)
def test_masks_are_chosen_at_the_first_step_and_at_the_last_and_between_them_every_so_many(
    begin, end, every, chosen
):
    told = Pruned.create(small_network(), 0.8, begin=begin, end=end, every=every)
    before, count = told.masks, sum(mask.size for mask in told.masks.values())
    for step in range(1, 8):
        other = trained(told, epochs=step, batch=60, optimizer=PLAIN, schedule=0.3)
        changed = any((other.masks[name] != mask).any() for name, mask in before.items())
        assert changed == (step in chosen)
        if step in chosen:
            assert zeros(other.applied()) == round(share_at(step, 0.0, 0.8, begin, end) * count)
        before = other.masks


def test_a_network_that_remembers_no_range_remembers_none_when_it_is_pruned():
    class Plain:
        """As little as a model has."""

        params, shape = {"fc.w": np.ones((3, 4))}, (4,)

    pruned = object.__new__(Pruned)
    object.__setattr__(pruned, "network", Plain())
    assert pruned.with_input_range((0, 1), 0.5) is pruned
    assert pruned.input_range is None and pruned.input_mean is None
