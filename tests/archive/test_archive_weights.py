"""Tensors of weights: every coding and every form, against loops and against what entropy allows."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_programs import DATA, KNOWN

from tinyzip.archive import bitwise, pack, tables, weights
from tinyzip.archive.bitwise import ALONE, CHANNEL, NEAR, SIGNS, SUM
from tinyzip.archive.coder import SLOTS, Reader, Writer
from tinyzip.archive.neighbours import LEVEL, LEVELS, View, channel_level, neighbours, places
from tinyzip.archive.numbers import integer, natural, small

Tensor = tuple[np.ndarray, View]


@st.composite
def tensors(draw: st.DrawFn, most: int = 255) -> Tensor:
    """Codes (N,) of magnitudes up to `most` and a view of them; dense, sparse, all the same."""
    sizes = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
    view = draw(sizes | st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(1), st.just(1)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    N = math.prod(view)
    spread = draw(st.sampled_from([0.3, 2, 20, 200]))
    codes = np.rint(rng.normal(draw(st.integers(-3, 3)), spread, N))
    codes[rng.random(N) < draw(st.sampled_from([0, 0.5, 0.97]))] = 0
    return np.clip(codes, -most, most).astype(np.int64), view


def spaced(*shape: int) -> np.ndarray:
    """Five values far apart, in no order."""
    return np.array([-100, -40, 0, 3, 90])[np.random.default_rng(1).integers(0, 5, shape)]


def test_levels_are_half_octaves() -> None:
    """(E8)."""
    assert LEVEL[:17].tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8]
    for m in range(2, LEVEL.size):
        octave = math.floor(math.log2(m))
        assert LEVEL[m] == min(2 * octave + (2 * m >= 3 << octave), 19)


@given(tensors())
def test_neighbours_are_those_in_the_kernel_or_in_the_matrix(drawn: Tensor) -> None:
    codes, view = drawn
    _F, _C, H, W = view
    w = codes.reshape(view)
    left, up = (side.reshape(view) for side in neighbours(codes, view))
    beside, above = ((0, 0, 0, 1), (0, 0, 1, 0)) if H * W > 1 else ((0, 1, 0, 0), (1, 0, 0, 0))
    for index in np.ndindex(view):
        for found, step in ((left, beside), (up, above)):
            place = tuple(np.subtract(index, step))
            assert found[index] == (w[place] if min(place) >= 0 else 0)
    walked = [(codes[a] if a >= 0 else 0, codes[b] if b >= 0 else 0) for _, a, b in places(view)]
    assert walked == list(zip(left.ravel(), up.ravel(), strict=True))


@given(tensors())
def test_channels_are_judged_by_what_has_passed(drawn: Tensor) -> None:
    """(E9): the second level."""
    codes, view = drawn
    F, C, H, W = view
    of_output, of_input = [[] for _ in range(F)], [[] for _ in range(C)]
    for i, level in enumerate(channel_level(codes, view)):
        passed = of_output[i // (C * H * W)], of_input[i // (H * W) % C]
        assert level == LEVEL[sum(4 * sum(magnitudes) // max(len(magnitudes), 1) for magnitudes in passed)]
        for magnitudes in passed:
            magnitudes.append(abs(int(codes[i])))


def sign(value: int) -> int:
    return (value > 0) - (value < 0)


def asked(codes: np.ndarray, view: View, mixed: bool) -> Iterator[tuple[int, int, int]]:
    """(E9) as plain loops: each decision with the places where it is counted."""
    left, up, channel = *(side.tolist() for side in neighbours(codes, view)), channel_level(codes, view)
    for i, code in enumerate(codes.tolist()):
        m, near = abs(code), LEVEL[abs(left[i]) + abs(up[i])]
        L = m.bit_length()
        for length in range(min(L + 1, 8)):
            a, b = NEAR + near + LEVELS * length, CHANNEL + channel[i] + LEVELS * length
            yield int(length < L), *((a, b) if mixed else (ALONE + length, ALONE + length))
        place = ALONE + 8 + 3 * (L - 2)
        if L > 1:
            yield m >> (L - 2) & 1, place, place
        if L > 2:
            place += 1 + (m >> (L - 2) & 1)
            yield m >> (L - 3) & 1, place, place
        if m:
            both = left[i] + up[i]
            length = min(abs(both).bit_length(), 6)
            yield int(code < 0), SIGNS + 3 * sign(left[i]) + sign(up[i]) + 4, SUM + 6 + sign(both) * length


def test_places_have_the_numbers_that_the_description_of_the_format_gives_them() -> None:
    said = " ".join((Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8").split())
    for words in (
        f"decide(near + {LEVELS}·L, {CHANNEL} + mean + {LEVELS}·L)",
        f"in coding 1, decide({ALONE} + L)",
        f"t = {ALONE + 8} + 3·(L − 2)",
        f"decide({SIGNS + 4} + 3·sign(l) + sign(u), {SUM + 6} + sign(l + u)·min(bits of |l + u|, 6))",
    ):
        assert words in said
    assert NEAR == 0 and SUM + 13 == bitwise.PLACES == len(bitwise.cells_of(Writer("message")))


@given(tensors(), st.booleans())
def test_decisions_are_asked_and_counted_as_the_loops_say(drawn: Tensor, mixed: bool) -> None:
    """(E9)."""
    codes, view = drawn
    found = bitwise.decisions_of(codes, view, mixed)
    assert list(zip(found.bit, found.a, found.b, strict=True)) == list(asked(codes, view, mixed))


@given(st.lists(tensors(), min_size=1, max_size=3), st.lists(st.booleans(), min_size=3, max_size=3))
def test_decisions_come_back_and_places_remember_from_tensor_to_tensor(
    drawn: list[Tensor], mixed: list[bool]
) -> None:
    writer = Writer("message")
    for (codes, view), both in zip(drawn, mixed, strict=False):
        decisions = bitwise.decisions_of(codes, view, both)
        cells = bitwise.cells_of(writer)
        assert max(map(sum, cells)) <= 8
        writer.steps(bitwise.steps_of(cells, codes, decisions))
        bitwise.remember(cells, decisions)
    reader = Reader(writer.finish(), "message")
    for (codes, view), both in zip(drawn, mixed, strict=False):
        assert np.array_equal(bitwise.get(reader, view, both), codes)
    reader.finish()
    assert bitwise.cells_of(reader) == bitwise.cells_of(writer)


def test_buckets_keep_the_first_two_bits_and_the_order() -> None:
    """(E10): magnitudes of one bucket differ in their last e bits only, and no bucket is left out."""
    bucket, e = tables.bucket_of(np.arange(256))
    assert set(np.diff(bucket)) == {0, 1} and bucket[-1] == tables.HIGHEST
    for m in range(256):
        length = max(m.bit_length(), 2)
        assert e[m] == length - 2
        assert np.array_equal(np.flatnonzero(bucket == bucket[m]) >> e[m], [m >> e[m]] * (1 << e[m]))


@given(st.lists(st.lists(st.integers(0, 5000), min_size=3, max_size=3), min_size=9, max_size=9))
def test_tables_add_up_and_follow_the_counts(counts: list[list[int]]) -> None:
    """(E11) with fractions: no frequency is 0, and none is more below its share than rounding explains."""
    n = np.array(counts)
    f = tables.frequencies(n)
    assert (f.sum(1) == SLOTS).all() and f.min() >= 1
    seen = [sum(column) + 1 for column in zip(*counts, strict=True)]
    for row, found in zip(counts, f.tolist(), strict=True):
        h = [64 * count + SLOTS * t // sum(seen) for count, t in zip(row, seen, strict=True)]
        expected = [1 + (SLOTS - 3) * part // sum(h) for part in h]
        expected[expected.index(max(expected))] += SLOTS - sum(expected)
        assert found == expected


@given(tensors())
def test_symbols_come_back(drawn: Tensor) -> None:
    """(E10), (E11)."""
    codes, view = drawn
    writer = Writer("message")
    highest, steps = tables.steps_of(codes, view)
    writer.steps(steps)
    reader = Reader(writer.finish(), "message")
    assert np.array_equal(tables.get(reader, view, highest), codes)
    reader.finish()


def test_blocks_double_up_to_their_longest() -> None:
    found = list(tables.blocks(20_000))
    lengths = [stop - start for start, stop in found]
    assert lengths == [64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096, 20_000 - 16320]
    assert [start for start, _ in found[1:]] == [stop for _, stop in found[:-1]]


def kinds_of(writer: Writer, codes: np.ndarray, view: View) -> tuple[int, str]:
    """The form and the coding that were chosen for a tensor, which then came back."""
    weights.put(writer, codes, view)
    message = writer.finish()
    reader = Reader(message, "message")
    assert np.array_equal(weights.get(reader, view), codes)
    reader.finish()
    reader = Reader(message, "message")
    form = natural(reader, None, "form")
    if form == weights.LISTED:
        weights.value_list(reader, None)
    elif form == weights.PRUNED:
        weights.positions(reader, None, codes.size)
    return form, weights.CODINGS[small(reader, None, 2, "coding")]


SMOOTH = np.rint(20 * np.sin(np.arange(7200) / 2)).astype(np.int64)
NOISE = np.random.default_rng(0).integers(-128, 128, 600)
BELL = np.rint(12 * np.random.default_rng(0).normal(size=600)).astype(np.int64)
FEW = np.where(np.random.default_rng(0).random(400_000) < 1e-3, 77, 0)


@pytest.mark.parametrize(
    ("codes", "view", "form", "coding"),
    [
        (SMOOTH, (20, 40, 3, 3), weights.WHOLE, "mixed"),
        (BELL, (60, 10, 1, 1), weights.WHOLE, "alone"),
        (NOISE, (20, 30, 1, 1), weights.WHOLE, "plain"),
        (np.full(30, -9), (5, 6, 1, 1), weights.WHOLE, "plain"),
        (np.tile(SMOOTH, 10), (200, 360, 1, 1), weights.WHOLE, "tables"),
        (spaced(600), (20, 30, 1, 1), weights.LISTED, "tables"),
        (FEW, (500, 800, 1, 1), weights.PRUNED, "plain"),
    ],
)
def test_the_shortest_is_chosen_whichever_it_is(
    codes: np.ndarray, view: View, form: int, coding: str
) -> None:
    found = kinds_of(Writer("message"), codes, view)
    assert found[0] == form
    assert found[1] == coding


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_chosen_is_what_was_chosen_once(name: str) -> None:
    """Every form and every coding, and weights that come after others: not a byte of a file has changed."""
    assert pack(KNOWN[name]()) == (DATA / name).read_bytes()


@given(tensors(most=127))
def test_whatever_is_chosen_comes_back(drawn: Tensor) -> None:
    kinds_of(Writer("message"), *drawn)


def coded(codes: np.ndarray, view: View) -> tuple[float, int]:
    """The entropy of the model that was chosen, in bits, and the bytes of the message."""
    writer = Writer("message")
    weights.put(writer, codes, view)
    return writer.cost / 2**16, len(writer.finish())


def alternatives(codes: np.ndarray, view: View) -> list[tuple[int, int]]:
    """(cost, form) of all forms that a tensor may have, each in its shortest coding."""
    writer = Writer("message")
    found = [(weights.plan(writer, codes, view).cost, weights.WHOLE)]
    listed, present = np.unique(codes), np.flatnonzero(codes)
    if np.ptp(listed) >= 2 * listed.size:
        draft = Writer("message")
        weights.value_list(draft, listed)
        places = [int(np.flatnonzero(listed == code)[0]) for code in codes]
        nearest = int(np.argmin(np.abs(listed)))
        found.append(
            (draft.cost + weights.plan(writer, np.array(places) - nearest, view).cost, weights.LISTED)
        )
    if 0 < 16 * present.size <= codes.size:
        draft = Writer("message")
        weights.positions(draft, present, codes.size)
        rest = weights.plan(writer, codes[present], (1, present.size, 1, 1)).cost
        found.append((draft.cost + rest, weights.PRUNED))
    return found


@pytest.mark.parametrize("density", [1, 1 / 16, 1 / 17, 1 / 40, 1 / 400])
@pytest.mark.parametrize("values", [(-1, 1), (-100, 1, 100), (5,), (-3, 0, 3), (-255, 255)])
def test_the_form_is_the_shortest_with_what_it_needs_before_the_weights(
    density: float, values: tuple[int, ...]
) -> None:
    """Around the limits from which a list and runs are tried at all, too."""
    rng = np.random.default_rng(3)
    codes = np.zeros(3200, np.int64)
    places = rng.permutation(3200)[: round(3200 * density)]
    codes[places] = rng.choice(values, places.size)
    view = (40, 80, 1, 1)
    assert kinds_of(Writer("message"), codes, view)[0] == min(alternatives(codes, view))[1]


def test_a_plan_is_the_cheapest_and_of_the_same_cost_that_of_fewest_steps() -> None:
    writer = Writer("message")
    for codes in (np.full(30, 7), NOISE[:40], BELL, np.array([0, 0, 5])):
        view = (1, codes.size, 1, 1)
        every = weights.plans(writer, codes, view)
        assert [plan.coding for plan in every] == ["mixed", "alone", "tables", "plain"]
        assert (
            weights.plan(writer, codes, view).coding
            == min((p.cost, p.steps.k.size, p.coding) for p in every)[2]
        )
        for plan in every:
            draft = Writer("message")
            draft.steps(plan.steps)
            assert draft.cost == plan.cost


def test_no_weight_is_coded_as_decisions_beyond_2_to_the_19_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (weights.DECISIVE_STEPS, weights.RESERVE) == (2**19, 2**16)
    for most, expected in ((30, 4), (29, 2)):  # of zeros, each of which is one decision
        monkeypatch.setattr(weights, "DECISIVE_STEPS", most)
        assert len(weights.plans(Writer("message"), np.zeros(30, np.int64), (1, 30, 1, 1))) == expected
    codes = np.tile([1, 0, -2], 10)
    decisions = bitwise.decisions_of(codes, (1, 30, 1, 1), True).bit.size
    for before in (0, 7):
        for most, expected in ((before + decisions, 4), (before + decisions - 1, 2), (before + 29, 2)):
            writer = Writer("message")
            for _ in range(before):
                writer.plain(0, 1)
            monkeypatch.setattr(weights, "DECISIVE_STEPS", most)
            assert len(weights.plans(writer, codes, (1, 30, 1, 1))) == expected


def test_a_plan_leaves_the_reserve_to_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, dull = Writer("message"), np.where(np.arange(500) % 50 == 0, -1, 1)
    view = (500, 1, 1, 1)
    best = weights.plan(writer, dull, view)
    assert best.coding != "plain"
    monkeypatch.setattr(
        weights, "RESERVE", max(writer.left(p.steps) for p in weights.plans(writer, dull, view)[:-1])
    )
    assert weights.plan(writer, dull, view).coding != "plain"
    monkeypatch.setattr(weights, "RESERVE", weights.RESERVE + 1)
    assert weights.plan(writer, dull, view).coding == "plain"


@given(tensors(most=127))
@settings(max_examples=100)
def test_coded_size_is_within_one_percent_and_8_bytes_of_the_models_entropy(drawn: Tensor) -> None:
    entropy, size = coded(*drawn)
    assert size <= 1.01 * entropy / 8 + 8


@pytest.mark.parametrize("codes", [SMOOTH, NOISE, FEW, np.tile(SMOOTH, 10), spaced(600)], ids=len)
def test_so_is_that_of_long_tensors(codes: np.ndarray) -> None:
    entropy, size = coded(codes, (codes.size // 8, 8, 1, 1))
    assert entropy / 8 <= size <= 1.001 * entropy / 8 + 5


def entropy_bits(values: np.ndarray) -> float:
    """N·H of these values."""
    counts = np.unique(values, return_counts=True)[1]
    return float(-(counts * np.log2(counts / counts.sum())).sum())


@given(st.integers(1, 20_000), st.floats(0.1, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_weights_cost_their_entropy_and_what_learning_it_costs(count: int, spread: float, seed: int) -> None:
    """(E5) for each of the 8 places that describe magnitudes up to 7, (E6) for signs in 9 places and 13.

    A place that n decisions pass costs ½·log₂ n + 1 over their entropy, and (E6) no more than the mean of its
    two. Rounding to 4096 slots adds, at a chance of p, 1/(4096·p) of it: as both answers of a decision come
    with their own chance, 2/4096·log₂ e bits a decision. A weight takes 7 decisions at most.
    """
    real = np.random.default_rng(seed).normal(0, spread, count)
    codes = np.clip(np.rint(real), -7, 7).astype(np.int64)
    _, size = coded(codes, (1, count, 1, 1))
    learning = (8 + (9 + 13) / 2) * (0.5 * math.log2(count) + 1)
    rounding = 7 * count * 3 / SLOTS
    entropy = entropy_bits(np.abs(codes)) + np.count_nonzero(codes)
    assert 8 * size <= entropy + learning + rounding + 60


def test_a_long_tensor_after_many_decisions_is_read_by_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "DECISIVE_STEPS", 1000)
    assert kinds_of(Writer("message"), SMOOTH, (20, 40, 3, 3)) == (weights.WHOLE, "tables")


def test_where_steps_run_out_weights_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "RESERVE", 2**18)
    dull = np.where(np.arange(50_000) % 50 == 0, -1, 1)
    assert kinds_of(Writer("message"), dull, (50_000, 1, 1, 1)) == (weights.WHOLE, "plain")


def written(*writes: Callable[[Writer], object]) -> Reader:
    writer = Writer("message")
    for write in writes:
        write(writer)
    return Reader(writer.finish(), "net.tz")


def form(number: int) -> Callable[[Writer], object]:
    return lambda writer: natural(writer, number, "form")


def coding(name: str) -> Callable[[Writer], object]:
    return lambda writer: small(writer, weights.CODINGS.index(name), 2, "coding")


@pytest.mark.parametrize(
    ("writes", "what"),
    [
        ([form(3)], "weights of form 3"),
        ([form(0), coding("tables"), lambda w: natural(w, 16, "highest")], "a bucket 16"),
        (
            [form(0), coding("plain"), lambda w: integer(w, -256, "least"), lambda w: natural(w, 0, "bits")],
            "0 bits from -256 on",
        ),
        (
            [form(0), coding("plain"), lambda w: integer(w, 0, "least"), lambda w: natural(w, 9, "bits")],
            "9 bits from 0 on",
        ),
        ([form(1), lambda w: natural(w, 0, "listed")], "a list of 0 values"),
        ([form(1), lambda w: natural(w, 257, "listed")], "a list of 257 values"),
        (
            [
                form(1),
                lambda w: weights.value_list(w, np.array([-5, 9])),
                coding("plain"),
                lambda w: integer(w, 2, "least"),
                lambda w: natural(w, 0, "bits"),
            ],
            "places from 2 to 2 in a list",
        ),
        (
            [form(1), lambda w: natural(w, 1, "listed"), lambda w: integer(w, 256, "first")],
            "values from 256 to",
        ),
        ([form(2), lambda w: natural(w, 0, "present")], "0 of 6 weights"),
        ([form(2), lambda w: natural(w, 7, "present")], "7 of 6 weights"),
        (
            [
                form(2),
                lambda w: natural(w, 2, "present"),
                lambda w: natural(w, 4, "run"),
                lambda w: natural(w, 1, "run"),
            ],
            "a weight at 6",
        ),
    ],
)
def test_what_no_writer_writes_is_refused(writes: list[Callable[[Writer], object]], what: str) -> None:
    with pytest.raises(ValueError, match=rf"net\.tz: found {what}.*, needed "):
        weights.get(written(*writes), (2, 3, 1, 1))


def test_what_stands_at_a_limit_is_read() -> None:
    """Lists of 256 values and of values to ±255, plain codes of 8 bits, and as many positions as weights."""
    listed = np.arange(-255, 256, 2)
    for values in (listed, np.array([-255, 255]), np.array([3])):
        assert (
            weights.value_list(written(lambda w, v=values: weights.value_list(w, v)), None).tolist()
            == values.tolist()
        )
    places = np.arange(6)
    assert weights.positions(written(lambda w: weights.positions(w, places, 6)), None, 6).tolist() == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]
    assert weights.origin(np.array([-9, -2, 2, 5])) == 1
    for least, bits in ((-255, 8), (255, 0), (0, 8)):
        reader = written(
            form(0),
            coding("plain"),
            lambda w, least=least: integer(w, least, "least"),
            lambda w, bits=bits: natural(w, bits, "bits"),
            *([lambda w: [w.plain(k * 51, 8) for k in range(6)]] if bits else []),
        )
        expected = [least + k * 51 if bits else least for k in range(6)]
        found = weights.get(reader, (2, 3, 1, 1))
        assert found.dtype == np.int16 and found.tolist() == expected
    reader = written(
        form(1),
        lambda w: weights.value_list(w, np.array([-5, 9])),
        coding("plain"),
        lambda w: integer(w, 0, "least"),
        lambda w: natural(w, 1, "bits"),
        lambda w: [w.plain(k % 2, 1) for k in range(6)],
    )
    assert weights.get(reader, (2, 3, 1, 1)).tolist() == [-5, 9] * 3
    reader = written(form(0), coding("tables"), lambda w: natural(w, 15, "highest"))
    assert weights.get(reader, (2, 3, 1, 1)).size == 6


def test_a_place_before_the_list_is_refused_too() -> None:
    reader = written(
        form(1),
        lambda w: weights.value_list(w, np.array([-5, 9])),
        coding("plain"),
        lambda w: integer(w, -1, "least"),
        lambda w: natural(w, 0, "bits"),
    )
    with pytest.raises(ValueError, match="found places from -1 to -1 in a list, needed from 0 to 1"):
        weights.get(reader, (2, 3, 1, 1))


@pytest.mark.parametrize("coded", ["mixed", "alone", "tables", "plain"])
@pytest.mark.parametrize("axis", range(4))
def test_more_weights_than_steps_are_refused_before_there_is_room_for_them(coded: str, axis: int) -> None:
    """However they stand."""
    view = [1, 2, 2, 2]
    view[axis] = 4_000_000 * view[axis] // math.prod(view)
    reader = written(
        form(0),
        coding(coded),
        *([lambda w: natural(w, 9, "highest")] if coded == "tables" else []),
        *([lambda w: integer(w, 0, "least"), lambda w: natural(w, 3, "bits")] if coded == "plain" else []),
    )
    with pytest.raises(
        ValueError, match=r"net\.tz: found 4000000 steps to come, needed \d+ or fewer in a file"
    ):
        weights.get(reader, tuple(view))


@pytest.mark.parametrize("view", [(0, 3, 1, 1), (2**40, 2**40, 1, 1)])
def test_shapes_of_nothing_and_of_too_much_are_refused_unread(view: View) -> None:
    with pytest.raises(ValueError, match=r"net\.tz: found (weights of shape|\d+ weights)"):
        weights.weights(Reader(b"\1\2\3", "net.tz"), None, view)
