"""Int8 models that others made, and models of all kinds of operators, tensor by tensor against LiteRT."""

from fractions import Fraction
from zlib import crc32

import numpy as np
import pytest
from drawn_models import Dice, drawn_model
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tflite_builder import Model
from tflite_models import FILES, FOLDER, MODELS, batch_last, examples_first, inputs, recorded
from tie_models import tie_models

from tinyzip.exchange import tflite
from tinyzip.exchange.tflite import KERNELS
from tinyzip.exchange.tflite.chain import Chain
from tinyzip.exchange.tflite.file import Graph, graph_of
from tinyzip.exchange.tflite.operators import translate
from tinyzip.exchange.tflite.reference import (
    Grid,
    Reference,
    high16,
    multipliers,
    quantize_multiplier,
    rounded,
    saturated,
    table_of,
    to_16_bits,
)
from tinyzip.exchange.tflite.xnnpack import Xnnpack
from tinyzip.integer import Codes, Product, run
from tinyzip.integer.fixedpoint import rescale

RECORDED = recorded()


def differing(graph: Graph, name: str, kernels: str, checksums: dict[str, int]) -> list[int]:
    """The tensors that are not what was recorded, of those that an operator writes by itself."""
    chain: Chain = translate(graph, KERNELS[kernels]())
    x = inputs(name, *graph.tensors[graph.inputs[0]].shape[1:])
    outputs = run(chain.program(), batch_last(x), trace=True)
    written = {t for t, place in chain.places.items() if place >= 0 and t not in chain.borders}
    assert written & set(graph.outputs) <= set(map(int, checksums)) and len(checksums) <= len(written) + 9
    differ = []
    for t in written & set(map(int, checksums)):
        found = examples_first(outputs[chain.places[t]], graph.tensors[t].shape)
        if crc32(found.tobytes()) != checksums[str(t)]:
            differ.append(t)
    return differ


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_is_that_of_the_reference_kernels(name: str) -> None:
    """(TL1) to (TL8)"""
    graph = graph_of(MODELS[name](), name)
    assert differing(graph, name, "reference", RECORDED[name]["reference"]) == []


@pytest.mark.parametrize("name", MODELS)
def test_the_output_is_that_of_the_default_kernels(name: str) -> None:
    """(XN1) to (XN4)"""
    graph = graph_of(MODELS[name](), name)
    assert differing(graph, name, "xnnpack", RECORDED[name]["xnnpack"]) == []


@pytest.mark.parametrize("name", FILES)
def test_no_code_differs_where_accumulators_are_all_but_a_half(name: str) -> None:
    """For each node with weights and either kernel; where these two were the same nothing would be shown."""
    ties = RECORDED[f"{name} ties"]
    found = {}
    for node, model, x in tie_models(graph_of(FILES[name](), name), name):
        graph = graph_of(model, name)
        for kernels, arithmetic in KERNELS.items():
            y = run(translate(graph, arithmetic()).program(), batch_last(x))
            shape = graph.tensors[graph.outputs[0]].shape
            found[f"{node} {kernels}"] = crc32(examples_first(y, shape).tobytes())
    assert found == ties
    told_apart = sum(ties[key] != ties[key.replace("reference", "xnnpack")] for key in ties)
    assert told_apart > 0 or name in ("ad01_int8", "hello_world_int8")


@pytest.mark.needs("ai_edge_litert")
@settings(max_examples=25)
@example(1513749, "reference")  # a softmax of codes so coarse that its multiplier has 31 bits
@given(st.integers(0, 2**64), st.sampled_from(sorted(KERNELS)))
def test_no_code_of_a_drawn_model_differs_from_litert(seed: int, kernels: str) -> None:
    from litert import tensors

    model = drawn_model(str(seed))
    graph = graph_of(model, "drawn")
    chain = translate(graph, KERNELS[kernels]())
    x = inputs(str(seed), *graph.tensors[graph.inputs[0]].shape[1:])
    outputs = run(chain.program(), batch_last(x), trace=True)
    written = [t for t, place in chain.places.items() if place >= 0 and t not in chain.borders]
    wanted = written if kernels == "reference" else graph.outputs
    for t, y in tensors(model, x, wanted, kernels).items():
        np.testing.assert_array_equal(outputs[chain.places[t]], batch_last(y))


def product_model(shape, one_pixel: bool, swapped: bool, dice: Dice) -> bytes:
    """A product of an image's codes on another grid and of a second such change, or of its means."""
    model = Model()
    x = model.tensor((1, *shape), dice.scale(-7, -2), dice.zero())
    a, b = (model.tensor((1, *shape), dice.scale(-7, -2), dice.zero()) for _ in range(2))
    for y in (a, b):
        model.node("QUANTIZE", [x], y)
    if one_pixel:
        b = model.tensor((1, 1, 1, shape[2]), dice.scale(-9, -4), dice.zero())
        model.node("MEAN", [x, model.constant(np.int32([1, 2]))], b, KeepDims=True)
    s_a, s_b = (model.tensors[t]["scales"][0] for t in (a, b))
    y = model.tensor((1, *shape), s_a * s_b * np.float32(dice.uniform(2, 200)), dice.zero())
    fused = dice.choice([0, 0, 1]) if model.tensors[y]["zeros"][0] != 127 else 0
    model.node("MUL", [b, a] if swapped else [a, b], y, FusedActivationFunction=fused)
    model.inputs, model.outputs = [x], [y]
    return model.build()


@pytest.mark.needs("ai_edge_litert")
@settings(max_examples=40)
@given(
    st.sampled_from([(1, 1, 3), (3, 4, 5), (16, 16, 1)]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32),
    st.sampled_from(sorted(KERNELS)),
)
def test_no_code_of_a_product_of_two_outputs_differs_from_litert(shape, one_pixel, swapped, seed, kernels):
    """(PD1), (TL2), (XN1)"""
    from litert import tensors

    model = product_model(shape, one_pixel, swapped, Dice(f"product {seed}"))
    graph = graph_of(model, "drawn")
    program = translate(graph, KERNELS[kernels]()).program()
    assert isinstance(program.operators[-1], Product)
    x = np.random.default_rng(seed).integers(-128, 128, (4, *shape)).astype(np.int8)
    (y,) = tensors(model, x, graph.outputs, kernels).values()
    np.testing.assert_array_equal(run(program, batch_last(x)), batch_last(y))


def change_of_type(shape: tuple[int, ...], to_bytes: bool, scales: tuple[float, float]) -> bytes:
    """A model that is one QUANTIZE from int8 to bytes or back."""
    model, (x_kind, y_kind) = Model(), (np.int8, np.uint8) if to_bytes else (np.uint8, np.int8)
    x = model.tensor((1, *shape), scales[0], -3 if to_bytes else 120, x_kind)
    y = model.node("QUANTIZE", [x], model.tensor((1, *shape), scales[1], 110 if to_bytes else -5, y_kind))
    model.inputs, model.outputs = [x], [y]
    return model.build()


@pytest.mark.needs("ai_edge_litert")
@given(
    st.sampled_from([(5,), (16,), (37,), (48,), (4, 4, 3), (2, 4, 8), (2, 2, 3)]),
    st.booleans(),
    st.sampled_from([(0.1, 0.3), (0.3, 0.1), (0.1, 0.1), (0.07, 0.11), (0.01, 0.9), (0.2, 0.4)]),
    st.integers(0, 2**32),
)
def test_bytes_become_int8_as_the_kernels_round_sixteen_at_a_time(shape, to_bytes, scales, seed) -> None:
    """(XN5)"""
    from litert import tensors

    model = change_of_type(shape, to_bytes, scales)
    graph = graph_of(model, "drawn")
    drawn = np.random.default_rng(seed).integers(0, 256, (20, *shape)).astype(np.uint8)
    x = drawn.view(np.int8) if to_bytes else drawn
    for kernels, arithmetic in KERNELS.items():
        found = run(translate(graph, arithmetic()).program(), batch_last(x))
        (y,) = tensors(model, x, graph.outputs, kernels).values()
        np.testing.assert_array_equal(found, batch_last(y))


def test_images_that_do_not_fill_the_blocks_of_a_change_of_type_are_refused() -> None:
    graph = graph_of(change_of_type((3, 3, 3), True, (0.1, 0.3)), "drawn")
    with pytest.raises(
        ValueError, match=r"drawn: operator 0 \(QUANTIZE\): .*27 codes.*the last 11.*reference"
    ):
        translate(graph, KERNELS["xnnpack"]())
    translate(graph, KERNELS["reference"]())
    translate(graph_of(change_of_type((3, 3, 3), True, (0.3, 0.1)), "drawn"), KERNELS["xnnpack"]())


@given(*[st.floats(2**-9, 2**7, width=32)] * 2)
def test_the_greater_multiplier_of_an_addition_has_21_bits_and_the_other_the_same_unit(x, o):
    """(XN2)"""
    grids = [Grid(Codes(-128, 127, 0), np.float32(scale)) for scale in (x, o, 1)]
    numbers = KERNELS["xnnpack"]().addition(*grids)
    assert 2**20 <= max(numbers["m0"]) <= 2**21 and numbers["rounding"] == "single"
    for m0, real in zip(numbers["m0"].tolist(), (x, o), strict=True):
        assert abs(m0 - real * 2 ** numbers["n"]) <= 0.5


RATIOS = [2.0**-9, 2.0**-8, 2.0**-7, 0.3, 1.0, 2.0**6, 2.0**7, 2.0**8 * 0.999]
RATIOS += [float(np.nextafter(np.float32(2.0**k), np.float32(side))) for k in (-8, 7) for side in (0, 1e9)]
RATIOS += [200.499 / 2**16 * 2**9, 200.499]  # of which a step rounded to 2⁻⁸ shows


def one_to_one(kind: str, ratio: float, **options: float) -> bytes:
    """A model of one node that makes of each code another, from a grid to one of `ratio` times its step."""
    model = Model()
    x = model.tensor((1, 16, 16, 1), 2.0**-5 * np.float32(ratio), -3)
    model.inputs = [x]
    model.outputs = [model.node(kind, [x], model.tensor((1, 16, 16, 1), 2.0**-5, -125), **options)]
    return model.build()


@pytest.mark.needs("ai_edge_litert")
@pytest.mark.parametrize("kind", ["QUANTIZE", "LEAKY_RELU"])
@pytest.mark.parametrize("kernels", KERNELS)
def test_changes_of_grid_are_those_of_litert_as_far_as_its_default_kernels_have_them(
    kind: str, kernels: str
) -> None:
    """(TL4), (TL5), (XN3), for all codes, at the ends of the ratios that they have and beyond."""
    from litert import tensors

    x = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16, 1)
    for ratio in RATIOS:
        for alpha in (0.3, 0.004, 2.0**-8, 1.0, 0.0) if kind == "LEAKY_RELU" else (None,):
            model = one_to_one(kind, ratio, **({} if alpha is None else {"Alpha": alpha}))
            graph = graph_of(model, "drawn")
            found = run(translate(graph, KERNELS[kernels]()).program(), batch_last(x))
            (y,) = tensors(model, x, graph.outputs, kernels).values()
            np.testing.assert_array_equal(found, batch_last(y), f"{ratio} {alpha}")


@pytest.mark.needs("ai_edge_litert")
@pytest.mark.parametrize("kernels", KERNELS)
def test_sums_of_grids_far_apart_are_those_of_litert(kernels: str) -> None:
    """(TL3), (XN2), at the ends of the ratios that the default kernels have and beyond."""
    from litert import tensors

    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (2, 16, 16, 3)).astype(np.int8)
    for first, second in (
        (1, 2.0**-10),
        (1, 0.9 * 2.0**-10),
        (2.0**-11, 3),
        (100, 200),
        (255.9, 0.7),
        (1, 1),
    ):
        model = Model()
        a = model.tensor((1, 16, 16, 3), 2.0**-5 * first, -9)
        b = model.node("QUANTIZE", [a], model.tensor((1, 16, 16, 3), 2.0**-5 * second, 4))
        model.node("ADD", [a, b], model.tensor((1, 16, 16, 3), 2.0**-5, -20))
        model.inputs, model.outputs = [a], [len(model.tensors) - 1]
        graph = graph_of(model.build(), "drawn")
        found = run(translate(graph, KERNELS[kernels]()).program(), batch_last(x))
        (y,) = tensors(model.build(), x, graph.outputs, kernels).values()
        np.testing.assert_array_equal(found, batch_last(y), f"{first} {second}")


def unit(scale: float, lo: int = -128) -> Grid:
    return Grid(Codes(lo, lo + 255, lo + 100), np.float32(scale))


def test_the_default_kernels_have_multipliers_below_256_and_sums_from_a_1024th_on() -> None:
    kernels, below = Xnnpack(), float(np.nextafter(np.float32(256), np.float32(0)))
    one = np.float32([1.0])
    for scale in (256.0, 300.0):
        for numbers in (
            lambda scale=scale: kernels.weighted(unit(scale), one, unit(1), False),
            lambda scale=scale: kernels.weighted(unit(1), np.float32([1, scale]), unit(1), True),
            lambda scale=scale: kernels.product(unit(scale), unit(1), unit(1)),
            lambda scale=scale: kernels.mean(unit(scale), unit(1), 1),
            lambda scale=scale: kernels.addition(unit(1), unit(scale), unit(1)),
        ):
            with pytest.raises(ValueError, match=rf"multiplier: found {scale}, needed less than 256"):
                numbers()
    many = kernels.weighted(unit(1), np.float32([200, 1, 255, 200]), unit(1), True)
    assert (many["m0"] * 2.0 ** -many["n"]).tolist() == [200, 1, 255, 200]
    for numbers in (
        kernels.weighted(unit(below), one, unit(1), False),
        kernels.product(unit(1), unit(below), unit(1)),
        kernels.mean(unit(below), unit(1), 1),
    ):
        assert numbers["rounding"] == "float32" and np.all(numbers["m0"] * 2.0 ** -numbers["n"] == below)
    assert kernels.addition(unit(below), unit(1), unit(1))["rounding"] == "single"
    assert kernels.addition(unit(1), unit(2.0**-10), unit(1))["rounding"] == "single"
    fallen = kernels.addition(unit(1), unit(0.99 * 2.0**-10), unit(1))
    assert fallen["rounding"] == "double"
    assert np.array_equal(fallen["m0"], Reference().addition(unit(1), unit(0.99 * 2.0**-10), unit(1))["m0"])


@given(st.floats(0, 2.0**29) | st.floats(0, 2.0**-90), st.integers(-40, 29))
@example(0.0, 0)
@example(1 - 2.0**-33, 0)
@example(1 - 2.0**-32, 5)
def test_a_multiplier_is_the_nearest_of_31_bits(real: float, e: int) -> None:
    """(TL7), exactly; and what is too small for any sum is the least."""
    for value in (real, real * 2.0**e if real < 1 else real):
        m0, n = quantize_multiplier(np.float64(value))
        exact = Fraction(value)
        if exact < Fraction(1, 2**97):
            assert n == 127 and (m0, n) >= (2**30, 127)
        else:
            assert 2**30 <= m0 < 2**31 and 1 <= n <= 127
            assert abs(Fraction(m0, 2**n) - exact) <= Fraction(1, 2 ** (n + 1))


def test_multipliers_have_an_end_and_the_shape_of_the_reals() -> None:
    assert quantize_multiplier(0.0) == (2**30, 127) == quantize_multiplier(2.0**-200)
    assert quantize_multiplier(2.0**30 - 0.5) == (2**31 - 1, 1)
    assert quantize_multiplier(2.0**31 - 1, n_least=0) == (2**31 - 1, 0)
    for real, least in ((2.0**30, 1), (-0.1, 1), (2.0**31, 0), (np.nan, 1)):
        with pytest.raises(ValueError, match=rf"needed a number from 0 up, below 2\^{31 - least}"):
            quantize_multiplier(real, least)
    one, several = multipliers(0.75), multipliers(np.array([0.75, 3.0, 0.0]))
    assert (one["m0"], one["n"]) == (3 * 2**29, 31) and np.ndim(one["m0"]) == 0
    assert several["m0"].tolist() == [3 * 2**29, 3 * 2**29, 2**30] and several["n"].tolist() == [31, 29, 127]


def test_small_steps_of_the_arithmetic_are_what_they_say() -> None:
    """At both ends and at halves."""
    assert [rounded(v) for v in (0.5, -0.5, 1.49, -1.5, 0.0, 1e30, -1e30)] == [
        1,
        -1,
        1,
        -2,
        0,
        2**31,
        -(2**31),
    ]
    assert [rounded(v) for v in (np.inf, -np.inf, 2.0**31 - 1)] == [2**31, -(2**31), 2**31 - 1]
    ends = [-(2**15) - 1, -(2**15), 2**15 - 1, 2**15, 7]
    assert saturated(np.array(ends)).tolist() == [-(2**15), -(2**15), 2**15 - 1, 2**15 - 1, 7]
    for m0 in (2**30, 2**30 + 2**15 - 1, 2**30 + 2**15, 2**31 - 2**15 - 1, 2**31 - 2**15, 2**31 - 1):
        assert to_16_bits(m0) == min(int(Fraction(m0, 2**16) + Fraction(1, 2)), 2**15 - 1)
    for a in (-(2**15), -3, -1, 0, 1, 2**15 - 1):
        for b in (2**14, 2**14 + 1, 2**15 - 1):
            assert high16(a, b) == int((Fraction(a * b, 2**15) + Fraction(1, 2)).__floor__())
    for lo, first in ((0, 0), (-128, -128), (-3, -128), (5, 0)):
        y = Codes(-50, 60, 0)
        table = table_of(Codes(lo, lo + 100, lo), y, lambda code: 2 * code)
        assert table.dtype == np.int16 and table.shape == (256,)
        assert all(table[code % 256] == min(max(2 * code, -50), 60) for code in range(first, first + 256))


@pytest.mark.parametrize(
    ("activation", "scale", "zero", "ends"),
    [
        ("NONE", 0.1, -5, (-128, 127)),
        ("RELU", 0.1, -5, (-5, 127)),
        ("RELU", 0.1, -128, (-128, 127)),
        ("RELU6", 0.1, -5, (-5, 55)),
        ("RELU6", 0.1, 100, (100, 127)),
        ("RELU_N1_TO_1", 0.1, 3, (-7, 13)),
        ("RELU_N1_TO_1", 0.4, 3, (0, 6)),  # halves away from zero
        ("RELU6", 4.0, 0, (0, 2)),
        ("RELU6", 12.0, 0, (0, 1)),
    ],
)
def test_a_fused_activation_is_a_clamp_of_codes(
    activation: str, scale: float, zero: int, ends: tuple[int, int]
) -> None:
    """(TL8)"""
    codes = Grid(Codes(-128, 127, zero, (1, 3)), np.float32(scale)).clamped(activation)
    assert codes == Codes(*ends, zero, (1, 3))


def test_a_clamp_to_one_code_and_an_activation_that_is_none_are_refused() -> None:
    for activation, scale, zero, words in (
        ("RELU", 0.1, 127, "RELU that leaves one code, 127, needed two or more"),
        ("RELU6", 12.1, 0, "RELU6 that leaves one code, 0, needed two or more"),
        ("TANH", 0.1, 0, "TANH, needed one of NONE, RELU, RELU_N1_TO_1, RELU6"),
    ):
        with pytest.raises(ValueError, match=f"fused activation: found {words}"):
            Grid(Codes(-128, 127, zero), np.float32(scale)).clamped(activation)


SCALES = st.floats(2.0**-9, 2, width=32).map(np.float32)


@settings(max_examples=25)
@given(SCALES, SCALES, SCALES)
def test_multipliers_are_those_of_the_scales_in_the_precision_of_the_kernels(x, o, y):
    """(TL1), (TL2), (TL3), (TL4), (TL6), in Python's numbers, which are float64."""
    kernels, byte = Reference(), Codes(-128, 127, 0)
    in_, other, out = (Grid(byte, scale) for scale in (x, o, y))
    a, b, c, twice = float(x), float(o), float(y), 2 * max(float(x), float(o))
    for found, reals in (
        (kernels.weighted(in_, np.array([o, x]), out, False), [a * b / c, a * a / c]),
        (kernels.product(in_, other, out), [float(np.float32(np.float32(x * o) / y))]),
        (kernels.addition(in_, other, out), [a / twice, b / twice, twice / (2**20 * c)]),
        (kernels.mean(in_, out, 1), [a / c]),
    ):
        wanted = [quantize_multiplier(real) for real in reals]
        assert list(zip(np.ravel(found["m0"]), np.ravel(found["n"]), strict=True)) == wanted
        assert found["rounding"] == "double"
    assert kernels.weighted(in_, np.array([o]), out, True)["rounding"] == "single"
    m0, n = quantize_multiplier(min(b * a * 2**26, 2**31 - 1), 0)
    assert kernels.softmax(in_, b) == {"m0": m0, "n": n}
    m0, n = quantize_multiplier(a / c)
    codes = np.arange(-128, 128)
    table = np.clip(rescale(codes, m0, n, "double"), -128, 127)
    np.testing.assert_array_equal(kernels.change_of_grid(in_, out, (1,))[codes % 256], table)


def test_a_mean_keeps_as_many_bits_of_its_multiplier_as_a_shift_of_62_leaves() -> None:
    """(TL4): (m0·2ˢ) // count, s = min(⌊log₂ count⌋, 32, 62 − n)."""
    for ratio, count in ((0.3, 1), (0.3, 7), (0.3, 8), (2.0**-20, 2**12), (2.0**-28, 49), (1.7, 2**16 + 3)):
        m0, n = quantize_multiplier(np.float64(np.float32(ratio)))
        s = min(int(np.log2(count)), 32, 62 - n)
        found = Reference().mean(unit(ratio), unit(1), count)
        assert found == {"m0": (m0 << s) // count, "n": n + s, "rounding": "double"}


def test_a_hard_swish_needs_an_output_that_is_fine_enough() -> None:
    with pytest.raises(
        ValueError, match=r"scales: found .*, needed an output's of a 128th of the input's or more"
    ):
        Reference().hard_swish(unit(1), unit(1 / 128.1))
    assert Reference().hard_swish(unit(1), unit(1 / 127)).shape == (256,)


def test_a_softmax_of_coarse_codes_has_a_multiplier_of_up_to_31_bits() -> None:
    """(TL6)"""
    for scale, m0 in ((20, 20 * 2**26), (40, 2**31 - 1)):
        assert Reference().softmax(Grid(Codes(-128, 127, 0), np.float32(scale)), 1.0) == {"m0": m0, "n": 0}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_by_one_call(name: str) -> None:
    path = FOLDER / f"{name}.tflite"
    graph = graph_of(FILES[name](), name)
    for kernels in ("reference", "xnnpack"):
        assert tflite.read(path, kernels) == translate(graph, KERNELS[kernels]()).program()
    assert tflite.read(path) == tflite.read(path, "reference")


def test_operators_are_named_after_the_tensors_that_they_write() -> None:
    program = tflite.read(FOLDER / "pretrainedResnet_quant.tflite")
    names = [operator.name for operator in program.operators]
    assert names[:2] == ["activation/Relu", "activation_1/Relu"] and names[3] == "activation_2/Relu"
    assert max(map(len, names)) <= 24
