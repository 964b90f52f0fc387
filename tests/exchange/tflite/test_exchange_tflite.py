"""Int8 models that others made, and models of all kinds of operators, tensor by tensor against LiteRT."""

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
from tinyzip.exchange.tflite.file import Graph, graph_of
from tinyzip.exchange.tflite.operators import translate
from tinyzip.exchange.tflite.reference import Grid, Reference
from tinyzip.integer import Codes, Product, run

RECORDED = recorded()


def differing(graph: Graph, name: str, kernels: str, checksums: dict[str, int]) -> list[int]:
    """The tensors that are not what was recorded, of those that an operator writes by itself."""
    chain = translate(graph, KERNELS[kernels]())
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
    st.sampled_from([(5,), (16,), (37,), (48,), (4, 4, 3), (2, 4, 8)]),
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
