"""The page decodes and computes what the library does, code for code, in a real browser and offline."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_programs import programs as archived_programs
from hostile import files
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import EDGES, KINDS, batch, codes, drawn_multipliers, programs
from known_programs import DATA, KNOWN
from parts.browsers import CHROMIUM, bytes_of, load, opened, traced

from tinyzip.archive import pack, read, unpack, weights
from tinyzip.exchange import page as pages
from tinyzip.exchange.page.html import check_size, inline, work_of
from tinyzip.integer import (
    AvgPool2d,
    Codes,
    Conv2d,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    Program,
    Recall,
    run,
)
from tinyzip.integer.fixedpoint import M0_STEP, ROUNDINGS, even, rescale, significant
from tinyzip.nn.models import student_net
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.train.data import mnist, to_input

MNIST = Path(__file__).parents[3] / "examples" / "data" / "mnist"
needs_browser = pytest.mark.needs("playwright", CHROMIUM)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(pages.source(), encoding="utf-8")
    with opened(file) as page:
        yield page


def check(page: Any, program: Program, x: np.ndarray) -> None:
    assert traced(page, program, x) == bytes_of(run(program, x, trace=True))


@needs_browser
@settings(max_examples=50)
@given(programs(), st.data())
def test_every_operator_of_every_program_writes_the_engine_s_codes(page, program, data) -> None:
    check(page, program, batch(data.draw, program.input, (*program.shape, 2)))


@needs_browser
@pytest.mark.parametrize("kind", ["conv", "linear", "max", "avg", "mean", *sorted(set(KINDS))])
@settings(max_examples=10)
@given(data=st.data())
def test_each_kind_of_operator_writes_the_engine_s_codes(page, kind, data) -> None:
    kinds = [kind, "flatten"] if kind == "linear" else [kind]
    program = data.draw(programs(most=3, kinds=kinds))
    check(page, program, batch(data.draw, program.input, (*program.shape, 2)))


@needs_browser
@pytest.mark.parametrize("rounding", ROUNDINGS)
@settings(max_examples=10)
@given(data=st.data())
def test_products_of_62_bits_are_rounded_as_in_int64(page, rounding, data) -> None:
    """(PG1), for sums at powers of two and beside them, each with multipliers that leave few bits of it."""
    y = data.draw(codes())
    bias = np.array([v for v in EDGES if abs(v) < 2**31])
    m0 = drawn_multipliers(data.draw, rounding, len(bias))
    bits = np.array([abs(int(v)).bit_length() for v in bias])
    n = np.maximum(bits + data.draw(st.integers(20, 32)), bits + (bits == 31)).clip(1, 127)
    w = np.zeros((len(bias), 1), int)
    program = Program((Linear(w, bias, m0, n, y, rounding=rounding),), (1,), Codes(0, 255, 0))
    check(page, program, np.zeros((1, 1), np.uint8))


@needs_browser
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_halves_and_what_is_beside_them_are_rounded_as_in_the_engine(page, rounding) -> None:
    """Sums of up to 28 bits, which no float32 holds: some become halves only when they are rounded to 24."""
    places = np.arange(-200, 201, 3)[:, None]
    bias = (places * 2**20 + 2**19 + np.arange(-5, 6)).ravel()
    w, y = np.zeros((len(bias), 1), int), Codes(-128, 127, 0)
    scales = {"m0": 2**30, "rounding": rounding}
    program = Program(
        (
            Linear(w, bias, n=50, y=y, **scales),
            Recall(-1),
            Linear(w, bias, n=50, y=Codes(0, 255, 0), **scales),
            Recall(-1),
            Linear(w, bias, n=49, y=y, **scales),
        ),
        (1,),
        Codes(0, 255, 0),
    )
    check(page, program, np.zeros((1, 1), np.uint8))


@needs_browser
def test_a_sum_is_rounded_to_24_bits_before_it_is_multiplied(page) -> None:
    """(F9): sums for which it matters, one in 2¹⁶, are looked for."""
    rng = np.random.default_rng(0)
    bias = rng.integers(2**25, 2**30, 1 << 21)
    m0 = rng.integers(2**23, 2**24, bias.size) * M0_STEP
    n = np.full(bias.size, 54)
    once = even(significant(bias * (m0 // M0_STEP)), n - 7)
    found = np.flatnonzero((rescale(bias, m0, n, "float32") != once) & (once < 256))
    assert found.size > 5
    y = Codes(0, 255, 0)
    w = np.zeros((found.size, 1), int)
    layer = Linear(w, bias[found], m0[found], n[found], y, rounding="float32")
    check(page, Program((layer,), (1,), y), np.zeros((1, 1), np.uint8))


@needs_browser
@settings(max_examples=50)
@given(archived_programs(), st.data())
def test_the_page_reads_every_field_of_every_file(page, program, data) -> None:
    """Grids, multipliers and sums of every size: what the page makes of them shows in the codes."""
    check(page, program, batch(data.draw, program.input, (*program.shape, 1)))


@needs_browser
@pytest.mark.parametrize("name", KNOWN)
def test_files_that_are_kept_are_read(page, name) -> None:
    program = read(DATA / name)
    rng = np.random.default_rng(0)
    x = rng.integers(program.input.lo, program.input.hi + 1, (*program.shape, 2)).astype(program.input.dtype)
    check(page, program, x)
    fields = page.evaluate(
        "() => tinyzip.program().operators.map(o => [o.kind, o.name, o.codes.lo, o.codes.hi])"
    )
    assert fields == [
        [o.kind, o.name, c.lo, c.hi] for o, c in zip(program.operators, program.codes[1:], strict=True)
    ]
    scales = page.evaluate("() => tinyzip.program().operators.map(o => o.codes.scale)")
    assert scales == [m / 2**n for m, n in (c.scale for c in program.codes[1:])]


@needs_browser
def test_long_tensors_are_read_block_by_block(page, monkeypatch) -> None:
    """So long that the blocks of `tables` have reached their last length: 64, 128, … 4096, 4096, 4096."""
    monkeypatch.setattr(weights, "DECISIVE_STEPS", 0)
    rng = np.random.default_rng(3)
    w = np.rint(rng.normal(0, 1 + 20 * rng.random((60, 1)), (60, 300))).clip(-128, 127).astype(int)
    program = Program((Linear(w, None, 2**30, 44, Codes(-128, 127, 0)),), (300,), Codes(0, 255, 0))
    check(page, program, rng.integers(0, 256, (300, 20)).astype(np.uint8))


@needs_browser
def test_a_student_gives_the_engine_s_codes_on_test_images(page) -> None:
    """`examples/engines/export_page.py` counts the same for all test images."""
    train, test = mnist(MNIST)
    model = student_net(np.random.default_rng(0))
    grids = calibrate(model, train.images[:200])
    program = lower(model, grids)
    check(page, program, grids["input"].quantize(to_input(test.images[:500])))


@needs_browser
def test_damaged_files_are_refused_by_an_error_or_read_as_the_library_reads_them(page) -> None:
    outcomes = {"read": 0, "refused": 0}
    for kind, data in files(150, seed=1):
        if kind.startswith("version 1"):
            continue
        try:
            program = unpack(data)
            check_size(program, "program")
        except ValueError:
            program = None
        try:
            load(page, data)
        except Exception as error:
            assert program is None, f"{error}\n{program}"
            assert "Error: " in str(error)
            outcomes["refused"] += 1
            continue
        outcomes["read"] += 1
        if program is not None and sum(program.multiplications) < 1 << 20:
            check(page, program, np.full((*program.shape, 1), program.input.zero, program.input.dtype))
    assert outcomes["refused"] > 30 and outcomes["read"] > 5


@needs_browser
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the mark of a .tz file"),
        (b"\x89PNG\r\n\x1a\n", "the mark of a .tz file"),
        (b"\x89tz\x1a\x01" + bytes(40), "version 1 of the format"),
        ((DATA / "version2-kinds.tz").read_bytes()[:-1], "checksum"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_and_the_program_stays(page, data, words) -> None:
    program = read(DATA / "version2-kinds.tz")
    load(page, program)
    with pytest.raises(Exception, match=words):
        load(page, data)
    assert page.evaluate("() => tinyzip.program().operators.length") == len(program.operators)


@needs_browser
@pytest.mark.parametrize(
    "operators",
    [
        (Flatten(), Flatten()),
        (MaxPool2d((300, 300), 1),),
    ],
)
def test_page_and_library_agree_on_what_is_too_large_for_a_page(page, operators) -> None:
    for shape in ((1, 2**12, 2**12), (1, 2**12, 2**12 + 1), (1, 400, 400), (1, 500, 500)):
        program = Program(operators, shape, Codes(0, 255, 0))
        try:
            check_size(program, "program")
        except ValueError:
            with pytest.raises(Exception, match="needed"):
                load(page, program)
        else:
            load(page, program)


@needs_browser
def test_codes_that_the_program_does_not_take_are_refused(page) -> None:
    load(page, read(DATA / "version2-kinds.tz"))
    for x, words in (([0], "84"), ([256] * 84, "a code 256"), ([0.5] * 84, "fractions 0.5")):
        with pytest.raises(Exception, match=words):
            page.evaluate("x => tinyzip.run(x)", x)


def test_a_page_takes_tensors_of_2_to_the_24_and_work_of_2_to_the_31_and_no_more() -> None:
    def check_image(shape: tuple[int, ...], *operators: Any) -> None:
        check_size(Program(operators, shape, Codes(0, 255, 0)), "here")

    check_image((1, 1, 2**24), Flatten())
    with pytest.raises(ValueError, match="here: found a tensor of 16,777,217 values, needed 16,777,216 or"):
        check_image((1, 1, 2**24 + 1), Flatten())
    y = Codes(0, 255, 0)
    for operator, before, outputs, own in (
        (Linear(np.ones((6, 24), int), None, 2**30, 40, y), (24,), 6, 24),
        (Linear(np.ones((1, 24), int), None, 2**30, 40, y), (24,), 1, 24),
        (Conv2d(np.ones((6, 3, 2, 5), int), None, 2**30, 40, y, groups=2), (6, 3, 8), 6 * 2 * 4, 30),
        (MaxPool2d((2, 3), 1), (6, 3, 8), 6 * 2 * 6, 6),
        (AvgPool2d((1, 2), 2), (6, 3, 8), 6 * 2 * 4, 2),
        (GlobalAvgPool(), (6, 3, 8), 6, 24),
        (Flatten(), (6, 3, 8), 144, 1),
    ):
        (_, after) = Program((operator,), before, y).shapes
        assert work_of(operator, before, after) == outputs * own
    wide = MaxPool2d((1, 2**14), (1, 1), ((0, 0), (2**13, 2**13 - 1)))
    check_image((2**3, 1, 2**14), wide)
    with pytest.raises(
        ValueError, match=f"here: found {2**31 + 2**17:,} products and comparisons, needed {2**31:,}"
    ):
        check_image((2**3, 1, 2**14), wide, Flatten())


def test_a_page_holds_each_model_with_its_name_and_the_most_bits_of_its_weights(tmp_path) -> None:
    none = Program((Flatten(),), (1, 2, 2), Codes(0, 255, 0))
    both = read(DATA / "version2-kinds.tz")
    (tmp_path / "net.tz").write_bytes(pack(both))
    bits = max(operator.weight_bits for operator in both.operators if hasattr(operator, "weight_bits"))
    assert inline(tmp_path / "net.tz") | {"tz": ""} == {"name": "net.tz", "bits": bits, "tz": ""}
    assert inline(str(tmp_path / "net.tz")) == inline(both) | {"name": "net.tz"}
    assert inline(none) == {"name": "", "bits": 1, "tz": b64encode(pack(none)).decode()}
    text = pages.source([none, tmp_path / "net.tz", none])
    assert text.index(inline(both)["tz"]) < text.index(inline(none)["tz"])
    size = pages.write([none, tmp_path / "net.tz"], tmp_path / "page.html")
    assert size == (tmp_path / "page.html").stat().st_size


def test_the_source_is_small_and_asks_for_nothing() -> None:
    text = pages.source()
    assert len(text.encode()) <= 40_000
    for word in ("http:", "https:", "import ", "fetch(", "src=", "url(", "eval("):
        assert word not in text, word
    assert text.count("</script>") == text.count("<script") == 2


def test_the_page_holds_the_bytes_of_the_file(tmp_path) -> None:
    data = pack(read(DATA / "version2-kinds.tz"))
    file = tmp_path / "some.tz"
    file.write_bytes(data)
    for models in (file, str(file), [file], read(file)):
        assert b64decode(pages.source(models).partition('"tz": "')[2].partition('"')[0]) == data


def test_a_name_cannot_end_the_script(tmp_path) -> None:
    file = tmp_path / "x<!--<script>&'\u2028.tz"
    file.write_bytes(pack(read(DATA / "version2-kinds.tz")))
    text = pages.source(file)
    assert "<!--<" not in text and text.count("<script") == 2


def test_what_is_too_large_or_no_model_is_refused_before_a_byte_is_written(tmp_path) -> None:
    path = tmp_path / "page.html"
    y = Codes(0, 255, 0)
    large = Program((Flatten(),), (2**24 + 1,), y)
    (tmp_path / "large.tz").write_bytes(pack(large))
    for models, error, line in (
        (large, ValueError, r"page: models: found a tensor of 16,777,217 values, needed 16,777,216 or fewer"),
        (tmp_path / "large.tz", ValueError, r"^large.tz: found a tensor of 16,777,217 values"),
        (None, TypeError, "page: models: found None, needed a program, the path of a .tz file, or a list"),
        ([], ValueError, "page: models: found none, needed a program, the path of a .tz file"),
        ([7], TypeError, "page: models: found int, needed programs, or paths of .tz files"),
        (7, TypeError, "page: models: found 7, needed a program, the path of a .tz file, or a list of these"),
        (tmp_path / "none.tz", FileNotFoundError, "none.tz"),
        (MNIST / "README.md", ValueError, "README.md: found .* needed .* the mark of a .tz file"),
    ):
        with pytest.raises(error, match=line):
            pages.write(models, path)
    with pytest.raises(TypeError, match=r"page: path: found 7, needed a path"):
        pages.write([], 7)
    assert not path.exists()
