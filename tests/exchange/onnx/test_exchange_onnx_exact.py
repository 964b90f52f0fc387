"""Programs as .onnx files of integer operators: the engine's codes, all of them, in every runtime."""

import numpy as np
import pytest
from drawn_programs import programs as programs_of_files
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from integer_programs import batch, codes, drawn_multipliers, integers, programs, small
from known_texts import PROGRAMS, onnx_text, recorded
from onnx_sessions import batch_first, batch_last, evaluator, session, traced

from tinyzip.exchange import onnx
from tinyzip.exchange.onnx.graph import LARGEST, Draft
from tinyzip.exchange.onnx.integers import clamped_floor, floor, significant, to_even
from tinyzip.exchange.onnx.program import program_graph
from tinyzip.integer import Codes, Flatten, GlobalAvgPool, Linear, MaxPool2d, Program, fixedpoint, run
from tinyzip.integer.fixedpoint import ROUNDINGS

pytestmark = pytest.mark.needs("onnx", "onnxruntime")


def differing(program, x, runtime=session):
    """For each operator how many of its codes are not the engine's."""
    expected = run(program, x, trace=True)
    found = traced(program, x, True, runtime)
    return [int((f != e).sum()) if f.shape == e.shape else -1 for f, e in zip(found, expected, strict=True)]


@pytest.mark.parametrize("value", [np.inf, np.nan, 1e300])
def test_constants_of_a_graph_are_finite(value) -> None:
    graph = Draft("out.onnx")
    graph.scope = "conv1"
    with pytest.raises(
        ValueError, match=r"^out\.onnx: conv1\.w: found values that are not finite in float32"
    ):
        graph.constant([1.0, value], np.float32, "w")
    assert graph.constant([1.0], np.float32, "w") == "conv1/w"


def test_a_known_program_gives_the_graph_that_it_gave() -> None:
    """No node more and none less, and names that say who made a tensor, which no code of an output shows."""
    assert onnx_text("small", exact=True).splitlines() == recorded("small-exact.txt").splitlines()


@pytest.mark.parametrize("name", PROGRAMS)
def test_known_programs_write_the_codes_of_the_engine(name) -> None:
    program = PROGRAMS[name]()
    x = np.random.default_rng(0).integers(program.input.lo, program.input.hi + 1, (*program.shape, 9))
    assert not any(differing(program, x.astype(program.input.dtype)))


@settings(max_examples=150)
@given(st.data())
def test_every_operator_writes_the_codes_of_the_engine(data) -> None:
    """(OC1), (OI1) to (OI3)"""
    program = data.draw(programs())
    assert not any(differing(program, batch(data.draw, program.input, (*program.shape, 5))))


@settings(max_examples=40)
@given(programs_of_files(), st.data())
def test_so_it_does_for_programs_of_files(program, data) -> None:
    """Scales of any size, images with a border, any names."""
    assert not any(differing(program, batch(data.draw, program.input, (*program.shape, 2))))


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # its MaxPool of bytes pads with NaN
@settings(max_examples=60)
@given(st.data())
def test_the_reference_evaluator_of_onnx_writes_them_too(data) -> None:
    """What is meant is what the standard says, and not what one runtime does.

    The standard's pads are top, left, bottom, right. Its evaluator takes those of a max pool for top, bottom,
    left, right (onnx 1.23.2), which is the same only where left and bottom are.
    """
    program = data.draw(programs(most=3))
    pads = (o.padding for o in program.operators if isinstance(o, MaxPool2d))
    assume(all(bottom == left for (_, bottom), (left, _) in pads))
    assert not any(differing(program, batch(data.draw, program.input, (*program.shape, 2)), evaluator))


@settings(max_examples=150)
@given(st.data())
def test_sums_of_all_sizes_are_rounded_as_the_engine_does(data) -> None:
    """(OI1) where the lift of (OI2) could leave int64; more than 24 bits to round; every shift."""
    draw, F = data.draw, 6
    rounding = draw(st.sampled_from(ROUNDINGS))
    x = draw(codes())
    w = integers(draw, -128, 127, (F, 2))
    most = 2 ** draw(st.integers(1, 31)) - 1 - 2 * 128 * 255
    bias = integers(draw, -most, most, (F,)) if most > 0 else None
    n = integers(draw, 31, draw(st.sampled_from([50, 62, 127])), (F,))
    layer = Linear(w, bias, drawn_multipliers(draw, rounding, F), n, draw(codes()), rounding=rounding)
    program = Program((layer,), (2,), x)
    assert not any(differing(program, batch(draw, x, (2, 60))))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("y", [Codes(0, 255, 255), Codes(0, 255, 0), Codes(-128, 127, 127)], ids=str)
def test_the_largest_sums_and_lifts_do_not_leave_int64(rounding, y) -> None:
    """(OI1), (OI2): of shifts about that of which 255 times the power and the sum make 2⁶³."""
    n = np.repeat(np.arange(44, 68), 2)
    bias = np.tile([2**31 - 2**8, 2**8 - 2**31], 24)
    m0 = 2**30 if rounding == "shift" else 2**31 - 2**7  # as large as it can be
    layer = Linear(np.zeros((48, 1), int), bias, m0, n, y, rounding=rounding)
    assert not any(differing(Program((layer,), (1,), Codes(0, 255, 0)), np.zeros((1, 1), np.uint8)))


@settings(max_examples=60)
@given(st.data())
def test_means_by_floats_are_rounded_as_the_engine_does(data) -> None:
    """Each of the roundings to 24 bits, with scales and sizes up to the largest."""
    draw = data.draw
    x, size = draw(codes()), draw(st.sampled_from([1, 2, 9, 64]))
    m0 = int(drawn_multipliers(draw, "float32", 1)[0])
    mean = GlobalAvgPool(m0, draw(st.integers(31, 60)), draw(codes()), rounding="float32")
    program = Program((mean,), (2, size, size), x)
    assert not any(differing(program, batch(draw, x, (*program.shape, 4))))


def test_a_sum_of_more_than_24_bits_is_rounded_to_24_first() -> None:
    """With sums and multipliers for which a code would differ otherwise, found by a search."""
    m0 = [1722044672, 1713934464, 1757696256, 1596192256, 1127278592, 1271717632]
    bias = [532205994, 629319325, 1665441248, 651758243, 978801461, 1328006856]
    n, x = [52, 52, 54, 53, 53, 53], Codes(0, 255, 0)
    layer = Linear(np.zeros((6, 1), int), bias, m0, n, x, rounding="float32")
    assert differing(Program((layer,), (1,), x), np.zeros((1, 1), np.uint8)) == [0]


def test_a_product_of_more_than_24_bits_is_rounded_before_the_zero_point_is_added() -> None:
    """(GA2) with numbers for which a code would differ otherwise, found by a search."""
    mean = GlobalAvgPool(2086887168, 45, Codes(0, 255, 204), rounding="float32")
    x = np.full((1, 64, 64, 1), 699679 // 4096, np.uint8)
    x.reshape(-1)[: 699679 % 4096] += 1
    assert differing(Program((mean,), (1, 64, 64), Codes(0, 255, 0)), x) == [0]


@given(st.integers(0, 50), st.data())
def test_halves_are_rounded_to_even_and_floors_go_down(e, data) -> None:
    """(OI1), (OI3), on values of either sign around all multiples of a half."""
    graph = Draft("integers")
    p = graph.constant(2**e, np.int64, "p")
    names = [
        floor(graph, "x", p),
        to_even(graph, "x", p),
        significant(graph, "x", 62),
    ]
    values = [*integers(data.draw, -40, 40, (40,)), *integers(data.draw, -(2**9), 2**9, (40,))]
    x = np.array(values) * max(2**e // 2, 1) + integers(data.draw, -1, 1, (80,))
    ends = [graph.value(name, np.int64, (), "") for name in names]
    model = graph.model("integers", graph.value("x", np.int64, (), ""), ends, "")
    down, nearest, rounded = session(model.SerializeToString()).run(names, {"x": x})
    assert np.array_equal(down, x >> e)
    assert np.array_equal(nearest, fixedpoint.even(x, e))
    assert np.array_equal(rounded, fixedpoint.significant(x))


def test_a_lift_that_is_0_for_some_channels_is_none_for_the_others() -> None:
    """(OI2): of the two sums only the first one's bias and half make up 0."""
    layer = Linear([[1], [1]], [-1, 5], 2**30, 31, Codes(0, 255, 0), rounding="single")
    x = np.arange(256, dtype=np.uint8).reshape(1, 256)
    assert differing(Program((layer,), (1,), Codes(0, 255, 0)), x) == [0]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("bias", [[0, 41], [-77, 0], [0, 0], [2**29 + 3, 0]])
def test_a_bias_of_0_for_some_channels_is_none_for_the_others(rounding, bias) -> None:
    x = np.arange(256, dtype=np.uint8).reshape(1, 256)
    for n in (31, 33, 36, 53, 62):
        layer = Linear([[1], [-1]], bias, 2**30, n, Codes(-128, 127, 3), rounding=rounding)
        assert differing(Program((layer,), (1,), Codes(0, 255, 0)), x) == [0]


@pytest.mark.parametrize("most", [2**62 - 1, 2**62, 2**62 + 2**40])
def test_a_clamped_floor_is_right_to_the_ends_of_int64(most) -> None:
    """(OI1), (OI2), where the lift is 2⁶² and the sum of both is around 2⁶³."""
    graph, y = Draft("integers"), Codes(-1, 6, 0)
    name = clamped_floor(graph, "x", 0, 62, y, most, 1)
    end = [graph.value(name, np.uint8, (1,), "")]
    model = graph.model("integers", graph.value("x", np.int64, (1,), ""), end, "")
    x = np.array([-most, -(2**62), -(2**62) + 1, -1, 0, 1, 2**62 - 1, min(2**62, most), most])[:, None]
    (found,) = session(model.SerializeToString()).run([name], {"x": x})
    assert np.array_equal(found.astype(int) - 128, np.clip(x >> 62, -1, 6))


@settings(max_examples=30)
@given(programs())
def test_no_tensor_of_the_graph_is_a_float(program) -> None:
    import onnx as package

    _, model = program_graph(program, "exact.onnx", exact=True)
    graph = package.shape_inference.infer_shapes(model, strict_mode=True).graph
    kinds = {value.type.tensor_type.elem_type for value in [*graph.value_info, *graph.input, *graph.output]}
    kinds |= {tensor.data_type for tensor in graph.initializer}
    types = {package.helper.tensor_dtype_to_np_dtype(kind).kind for kind in kinds}
    assert types <= set("iub")
    assert len(graph.value_info) == len(graph.node) - 1  # no tensor's type is left open


@pytest.mark.parametrize("exact", [True, False])
def test_a_file_has_names_types_and_any_number_of_examples(exact, tmp_path) -> None:
    program = small()
    onnx.write_program(program, tmp_path / "p.onnx", exact)
    served = session(tmp_path / "p.onnx")
    (entry,), (end,) = served.get_inputs(), served.get_outputs()
    assert (entry.name, entry.type, entry.shape) == ("codes", "tensor(uint8)", ["N", 1, 8, 8])
    assert (end.name, end.type, end.shape) == ("output", "tensor(int64)", ["N"])
    for N in (1, 7):
        x = np.random.default_rng(N).integers(0, 256, (1, 8, 8, N), np.uint8)
        (classes,) = served.run(None, {"codes": batch_first(x)})
        assert classes.shape == (N,)
        assert not exact or np.array_equal(classes, run(program, x))


@pytest.mark.parametrize("exact", [True, False])
def test_signed_codes_come_in_and_go_out_as_they_are(exact, tmp_path) -> None:
    grid = Codes(-128, 127, -3)
    program = Program((Linear(np.eye(4, dtype=int), None, 2**30, 30, grid, rounding="shift"),), (4,), grid)
    onnx.write_program(program, tmp_path / "p.onnx", exact)
    x = np.arange(-128, 128, dtype=np.int8).reshape(4, 64)
    (y,) = session(tmp_path / "p.onnx").run(["output"], {"codes": batch_first(x)})
    assert y.dtype == np.int8 and np.array_equal(batch_last(y), x)


@pytest.mark.parametrize("exact", [True, False])
def test_the_same_program_gives_the_same_file(exact, tmp_path) -> None:
    for name in "ab":
        onnx.write_program(small(), tmp_path / name, exact)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_cannot_be_written_is_refused_and_leaves_no_file(tmp_path, monkeypatch) -> None:
    path = tmp_path / "p.onnx"
    with pytest.raises(TypeError, match=r"write_program: program: found None, needed a Program"):
        onnx.write_program(None, path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        onnx.write_program(small(), tmp_path / "none" / "p.onnx")
    assert np.iinfo(np.int32).max == LARGEST  # by which a protobuf counts
    graph, _ = program_graph(small(), path, exact=True)
    held = sum(graph.onnx.numpy_helper.to_array(tensor).nbytes for tensor in graph.constants.values())
    monkeypatch.setattr("tinyzip.exchange.onnx.graph.LARGEST", held)
    onnx.write_program(small(), path)
    path.unlink()
    monkeypatch.setattr("tinyzip.exchange.onnx.graph.LARGEST", held - 1)
    with pytest.raises(
        ValueError, match=rf"p\.onnx: found {held} bytes of constants, needed {held - 1}, all"
    ):
        onnx.write_program(small(), path)
    monkeypatch.setattr("tinyzip.exchange.onnx.graph.LARGEST", 100)
    with pytest.raises(ValueError, match=r"p\.onnx: found \d+ bytes of constants, needed 100"):
        onnx.write_program(small(), path)
    monkeypatch.undo()
    monkeypatch.setattr("tinyzip.exchange.onnx.exact.compute", lambda job: None)
    with pytest.raises(ValueError, match=r"write_program: operator 0 \(Conv2d\): found Conv2d, needed an"):
        onnx.write_program(small(), path, exact=True)
    assert list(tmp_path.iterdir()) == []


def test_long_sums_without_a_bias_are_rounded_to_24_bits_too() -> None:
    """(OI1): of 3,000 products a sum has more."""
    rng = np.random.default_rng(0)
    w = rng.integers(-127, 128, (3, 3000))
    layer = Linear(w, None, 2**30 + 2**7, 50, Codes(-128, 127, 0), rounding="float32")
    program = Program((layer,), (3000,), Codes(0, 255, 0))
    x = np.where(w[0, :, None] > 0, rng.integers(200, 256, (3000, 9)), 0).astype(np.uint8)
    assert np.abs(w.astype(np.int64) @ x).max() > 2**24
    assert not any(differing(program, x))


def test_a_graph_that_onnx_does_not_take_is_not_written(tmp_path, monkeypatch) -> None:
    from onnx import checker

    def refuses(*_, **__):
        raise checker.ValidationError("no")

    monkeypatch.setattr(checker, "check_model", refuses)
    with pytest.raises(ValueError, match=r"found a graph that ONNX does not take \(no\)"):
        onnx.write_program(Program((Flatten(),), (1, 2, 2), Codes(0, 255, 0)), tmp_path / "it.onnx")
    assert not list(tmp_path.iterdir())
