"""A network that is asked again and again gives the answers of one that is asked once."""

import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import IMAGES, fake_quantized, network, noting

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.stage import Stage
from tinyzip.nn.fold import folded
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import Flatten, Linear
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import (
    FEWEST,
    MOST,
    Inference,
    check_finite,
    evaluate,
    logits,
    logits_of_shard,
    predict,
    shards,
)

NET = network()
ENOUGH = np.random.default_rng(1).integers(0, 256, (2 * MOST + 9, 6, 6), dtype=np.uint8)


@given(st.lists(st.integers(1, len(ENOUGH)), min_size=1, max_size=6), st.integers(1, 3))
def test_any_sequence_of_questions_gets_the_logits_of_each_alone(sizes, threads):
    with Inference(NET, threads) as inference:
        for N in sizes:
            np.testing.assert_array_equal(inference.logits(ENOUGH[:N]), logits(NET, ENOUGH[:N], threads=1))


def test_copies_end_with_the_block_and_another_block_makes_others(forks):
    with Inference(NET, 2) as inference:
        for _ in range(2):
            inference.logits(ENOUGH)
    with pytest.raises(ProcessLookupError):
        os.kill(forks[0], 0)
    with inference:
        for _ in range(2):
            np.testing.assert_array_equal(inference.logits(ENOUGH), logits(NET, ENOUGH, threads=1))
    assert len(forks) == 2


def test_questions_of_one_size_allocate_memory_once():
    with Inference(seed_net(), 1) as inference:
        images = np.zeros((2 * MOST, 28, 28), np.uint8)
        inference.logits(images)
        tracemalloc.start()
        try:
            for _ in range(3):
                inference.logits(images)
                most = tracemalloc.get_traced_memory()[1]
                assert most < 1 << 18
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("make", [network, fake_quantized, lambda: network(np.float64)])
def test_any_model_is_asked_in_the_same_way_and_answers_as_its_forward(forks, make):
    """Weights, and a fake-quantized network's steps, are seen as they are at each question.

    A network answers as what is left of it without batch norms (QF1).
    """
    model = make()
    dtype = next(iter(model.params.values())).dtype
    inputs = [to_input(ENOUGH[shard]).astype(dtype) for shard in shards(len(ENOUGH))]
    with Inference(model, 2) as inference:
        for question in range(3):
            asked = folded(model, dict(model.params), dtype, False) if type(model) is Sequential else model
            z = np.concatenate([asked.forward(x)[0] for x in inputs], axis=1)
            np.testing.assert_array_equal(inference.logits(ENOUGH), z)
            np.testing.assert_array_equal(logits(model, ENOUGH), z)
            np.testing.assert_array_equal(predict(model, ENOUGH), z.argmax(axis=0))
            assert len(forks) == min(question, 1)
            for array in model.params.values():
                array *= 1.25


def test_the_third_question_of_a_size_decides_nothing_and_sees_the_arrays_of_now(monkeypatch):
    """(PL1)"""
    net, other, images = network(), network(), ENOUGH[:3]
    for array in other.params.values():
        array += 0.5
    with Inference(net, 1) as inference:
        first = inference.logits(images)
        inference.logits(images)
        for model in (net, other):
            for name, array in net.params.items():
                array[...] = model.params[name]
            wanted = logits(model, images, threads=1)
            with monkeypatch.context() as patch:
                patch.setattr(Workspace, "empty", None)
                np.testing.assert_array_equal(inference.logits(images), wanted)
        assert not np.array_equal(first, wanted)
    workspace = Workspace()
    net.params["linear.w"] = np.zeros((3, 16), np.float32)  # a network that has run does not see it
    for model in (net, other, network(), net.with_params(network().params)) * 3:
        found = logits_of_shard(model, images, workspace)
        np.testing.assert_array_equal(found, logits(model, images, threads=1))


@pytest.mark.parametrize("base", [Layer, Stage])
def test_a_layer_of_the_callers_own_that_looks_at_values_answers_each_time(base):
    class Loud(Flatten, base):
        def forward(self, p, x, *, workspace=None, **_):
            return (x if x.max() > 1 else -x).reshape(-1, x.shape[-1]), None

        backward = None

    class Own(Sequential):
        def forward(self, x, **how):
            z, caches = super().forward(x, **how)
            return (z if z.max() > 0 else 0 * z), caches

    net = network(noisy=False)
    for kind in (Sequential, Own):
        model = kind(net.layers | {"flatten": Loud()}, net.params, net.shape)
        with Inference(model, 1) as inference:
            for k in (9, 9, 0, 9, 0, 9):
                images = IMAGES[:2].astype(np.float32) * k / 255
                params = dict(model.params)
                asked = folded(model, params, images.dtype, False) if kind is Sequential else model
                wanted = asked.forward(to_input(images))[0]
                np.testing.assert_array_equal(inference.logits(images), wanted)


@given(st.integers(1, 1000))
def test_shards_are_in_order_never_too_long_and_two_threads_get_as_much_each(N):
    parts = shards(N)
    assert [n for part in parts for n in range(N)[part]] == list(range(N))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) <= MOST and len(set(sizes[:-1])) <= 1
    if N >= 2 * FEWEST:
        assert abs(sum(sizes[::2]) - sum(sizes[1::2])) <= max(sizes)
        assert len(sizes) > 1
    else:
        assert len(sizes) == 1


@pytest.mark.parametrize(("N", "size"), [(15, 15), (16, 8), (17, 9), (256, 128), (257, 65)])
def test_shards_are_of_8_to_128_examples(N, size):
    assert shards(N)[0] == slice(0, size)


def test_a_few_images_a_large_network_and_a_callers_own_layer_stay_in_this_process(forks, monkeypatch):
    met = []
    with Inference(noting(met), 2) as inference:
        for _ in range(3):
            inference.logits(IMAGES)
    assert sum(met) == 3 * len(IMAGES)
    with Inference(NET, 2) as inference:
        for _ in range(3):
            inference.logits(IMAGES[:9])
    monkeypatch.setattr("tinyzip.train.evaluate.MANY", NET.parameter_count)
    with Inference(NET, 2) as inference:
        for _ in range(3):
            inference.logits(IMAGES)
    assert not forks


def test_images_that_do_not_fit_are_refused_in_every_process(forks):
    with Inference(NET, 2) as inference:
        for _ in range(2):
            with pytest.raises(ValueError, match="forward: x: found shape"):
                inference.logits(ENOUGH[:, :5])
            inference.logits(ENOUGH)
    with pytest.raises(ValueError, match="logits: images"), Inference(NET, 1) as inference:
        inference.logits(ENOUGH[:0])
    with pytest.raises(ValueError, match="threads"):
        Inference(NET, 0)


@pytest.mark.parametrize(
    ("shape", "mend"),
    [
        ((1, 6, 6, 9), lambda images: np.moveaxis(images, -1, 0)),
        ((9, 6, 6, 1), lambda images: np.moveaxis(images, -1, 1)),
        ((1, 9, 6, 6), lambda images: images[0]),
        ((1, 6, 6), None),
        ((9, 6, 5), None),
    ],
)
def test_images_with_other_axes_are_refused_with_what_turns_them(shape, mend):
    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    if shape == (1, 6, 6):
        assert predict(NET, images).shape == (1,)
        return
    with pytest.raises(ValueError, match=r"^predict: images: found examples of shape") as caught:
        predict(NET, images)
    hint = str(caught.value).partition("(1, 6, 6)")[2].partition(": ")[2]
    if mend is None:
        assert not hint
    else:
        np.testing.assert_array_equal(eval(hint, {"np": np, "images": images}), mend(images))
        assert predict(NET, mend(images)).shape == (9,)


def test_images_and_labels_that_cannot_be_compared_are_refused():
    labels, floats = np.zeros(9, np.int64), IMAGES[:9] / 255
    floats[8, 5, 5] = np.nan
    for wrong, line in (
        (labels * 1.0, "labels: found float64"),
        (labels[1:], r"labels: found shape \(8,\)"),
        (labels - 1, "labels: found -1 … -1, needed 0 … 2"),
        (labels + 3, "labels: found 3 … 3, needed 0 … 2"),
    ):
        with pytest.raises((TypeError, ValueError), match=f"^evaluate: {line}"):
            evaluate(NET, IMAGES[:9], wrong)
    assert evaluate(NET, IMAGES[:9], labels + 2) + evaluate(NET, IMAGES[:9], labels) >= 9
    with pytest.raises(ValueError, match=r"^evaluate: images: found NaN or infinite pixels"):
        evaluate(NET, floats, labels)
    with pytest.raises(ValueError, match=r"^logits: images: found NaN or infinite pixels"):
        logits(NET, floats)
    one = Sequential.create({"flat": Flatten(), "fc": Linear(36, 1)}, (1, 6, 6), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"^evaluate: model: found one output, needed one for each class"):
        evaluate(one, IMAGES[:9], labels)
    two = Sequential.create({"flat": Flatten(), "fc": Linear(36, 2)}, (1, 6, 6), np.random.default_rng(0))
    assert evaluate(two, IMAGES[:9], labels) + evaluate(two, IMAGES[:9], labels + 1) == 9
    none = Sequential({"flat": Flatten()}, {}, (1, 6, 6))
    with pytest.raises(ValueError, match=r"^evaluate: model: found no parameters"):
        evaluate(none, IMAGES[:9], labels)


@pytest.mark.parametrize(
    "function", [logits, predict, evaluate, lambda *of: Inference(of[0], 1).logits(of[1])]
)
def test_images_of_another_range_than_was_seen_are_refused(function):
    net = NET.with_input_range((0.0, 1.0))
    labels = [np.zeros(9, np.int64)] if function is evaluate else []
    function(net, IMAGES[:9], *labels)
    with pytest.raises(
        ValueError, match=r"^\w+: images: found float64 from .*, needed numbers like those seen"
    ):
        function(net, IMAGES[:9] * 1.0, *labels)


@pytest.mark.parametrize("function", [logits, predict, evaluate])
def test_what_is_refused_is_said_of_the_function_that_was_called(function):
    labels = [np.zeros(9, np.int64)] if function is evaluate else []
    name = function.__name__
    for kind in (object, type("Own", (), {"params": {}, "shape": (1, 6, 6), "forward": None})):
        with pytest.raises(TypeError, match=f"^{name}: model: found the class {kind.__name__}"):
            function(kind, IMAGES[:9], *labels)
    with pytest.raises(ValueError, match=f"^{name}: images: found examples"):
        function(NET, IMAGES[:9, :5], *labels)


def test_images_that_may_lie_in_two_ways_are_told_both():
    with pytest.raises(
        ValueError, match=r"np.moveaxis\(images, -1, 0\) if they are last, images\[0\] if not$"
    ):
        predict(NET, np.zeros((1, 6, 6, 6), np.uint8))


@pytest.mark.parametrize(("pixel", "finite"), [(1e5, True), (3e38, True), (4e38, False), (np.inf, False)])
def test_pixels_are_finite_where_float32_holds_them(pixel, finite):
    images = np.full((2, 3, 3), pixel)
    if finite:
        check_finite(images, "images")
    else:
        with pytest.raises(ValueError, match="images: found NaN or infinite pixels"):
            check_finite(images, "images")
