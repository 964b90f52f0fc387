"""What the codes mean in C, the vectors that check it on a machine, and files that do not fit each other."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_compiled import STRICT, chain
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_programs import small
from numpy.typing import NDArray

from tinyzip.exchange import c
from tinyzip.exchange.c.sources import drawn
from tinyzip.integer import Codes, Conv2d, Flatten, Program, run
from tinyzip.quant.door.classify import codes_of_pixels
from tinyzip.quant.door.twin import grid_of

REALS = """\
#include <stdio.h>
#include "net.h"
int main(void)
{
    double x;
    for (int k = 0; k < 256; k++)
        printf("%d\\n", (int)net_pixel((uint8_t)k));
    for (int k = LEAST; k <= MOST; k++)
        printf("%.17g\\n", NET_OUTPUT_REAL(k));
    while (fread(&x, sizeof x, 1, stdin) == 1)
        printf("%d\\n", (int)net_quantize(x));
    return 0;
}
"""


def built(folder: Path, *sources: str) -> "subprocess.CompletedProcess[str]":
    words = ["gcc", *STRICT, *sources, "-o", "run"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)


def identity(x: Codes, y: Codes) -> Program:
    return Program((Conv2d(np.ones((1, 1, 1, 1), int), None, 2**30, 30, y),), (1, 1, 1), x)


def reals(x: Codes) -> NDArray[np.float64]:
    """Numbers on the grid, the halves between, what is beside both, and numbers far outside."""
    scale = float(grid_of(x).scale)
    steps = np.arange(-300, 301) / 2
    near = np.concatenate([steps, np.nextafter(steps, np.inf), np.nextafter(steps, -np.inf)]) * scale
    return np.concatenate([near, np.array([1e300, -1e300, 0.0, -0.0])])


@pytest.mark.needs("gcc")
@settings(max_examples=4)
@given(st.data())
def test_real_numbers_and_pixels_have_the_codes_in_c_that_they_have_in_python(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lo, hi = data.draw(st.sampled_from([(0, 255), (-128, 127), (0, 15), (-7, 9)]))
    scales = st.tuples(st.integers(2**52, 2**53 - 1), st.integers(40, 70))
    zero = data.draw(st.integers(lo, hi))
    x, y = (Codes(lo, hi, zero, data.draw(scales)) for _ in range(2))
    x = data.draw(st.sampled_from([x, Codes(0, 255, 0, (4521260802379792, 60))]))  # whose pixels are codes
    folder = tmp_path_factory.mktemp("reals")
    c.write(identity(x, y), folder / "net", "net")
    ends = f"#define LEAST ({y.lo})\n#define MOST ({y.hi})\n"
    (folder / "main.c").write_text(ends + REALS, encoding="ascii")
    done = built(folder, "main.c", "net.c")
    assert done.returncode == 0, done.stderr
    asked = subprocess.run([folder / "run"], input=reals(x).tobytes(), capture_output=True, check=True)
    numbers = np.array(asked.stdout.split(), float)
    pixels, steps, codes = np.split(numbers, [256, 256 + y.hi - y.lo + 1])
    np.testing.assert_array_equal(pixels, codes_of_pixels(grid_of(x), np.arange(256, dtype=np.uint8)))
    scale = np.ldexp(float(y.scale[0]), -y.scale[1])
    np.testing.assert_array_equal(steps, scale * (np.arange(y.lo, y.hi + 1) - y.zero))
    np.testing.assert_array_equal(codes, grid_of(x).quantize(reals(x)))


def test_the_header_has_scale_and_zero_point_of_input_and_output() -> None:
    x, y = Codes(0, 255, 3, (5, 4)), Codes(-128, 127, -9, (3, 7))
    header, _ = c.source(identity(x, y))
    for line in ("INPUT_SCALE 0.3125", "INPUT_ZERO (3)", "OUTPUT_SCALE 0.0234375", "OUTPUT_ZERO (-9)"):
        assert f"#define TZ_{line}\n" in header
    of_classes, _ = c.source(small())
    assert "OUTPUT_SCALE" not in of_classes and "OUTPUT_REAL" not in of_classes


@pytest.mark.parametrize("n", [1100, -1100, 200, -120, 101, -99])
def test_a_scale_that_no_float32_holds_has_no_macro(n: int) -> None:
    header, _ = c.source(identity(Codes(0, 255, 0, (1, n)), Codes(0, 255, 0, (1, n))))
    assert "SCALE" not in header and "tz_quantize(double" not in header


@pytest.mark.parametrize("n", [100, -98])
def test_a_scale_that_it_holds_has_one(n: int) -> None:
    header, _ = c.source(identity(Codes(0, 255, 0, (1, n)), Codes(0, 255, 0, (1, n))))
    assert f"TZ_INPUT_SCALE {2.0**-n!r}" in header and f"TZ_OUTPUT_SCALE {2.0**-n!r}" in header
    assert "tz_quantize(double" in header


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("program", [chain("double", 4, np.random.default_rng(0)), small()])
def test_vectors_are_right_and_notice_one_code_that_is_not(
    program: Program, count: int, tmp_path: Path
) -> None:
    c.write(program, tmp_path / "net", "net", 5)
    written = c.write(program, tmp_path / "net", "net", count)
    assert [file.name for file in written.files] == ["net.h", "net.c", "net_vectors.c"]
    assert built(tmp_path, "net.c", "net_vectors.c").stderr == ""
    done = subprocess.run([tmp_path / "run"], capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (0, f"{count} of {count} examples have the right codes\n")
    text = (tmp_path / "net_vectors.c").read_text(encoding="utf-8")
    before, last = text[: text.index("};\n\nint main")].rstrip().rstrip(",").rsplit(" ", 1)
    wrong = f"{before} {int(last) ^ 1},\n{text[text.index('};' + chr(10) * 2 + 'int main') :]}"
    (tmp_path / "net_vectors.c").write_text(wrong, encoding="utf-8")
    assert built(tmp_path, "net.c", "net_vectors.c").returncode == 0
    done = subprocess.run([tmp_path / "run"], capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (1, f"{count - 1} of {count} examples have the right codes\n")


def test_vectors_reach_different_codes() -> None:
    """Else they would say little."""
    program = chain("double", 4, np.random.default_rng(0))
    assert len(np.unique(run(program, drawn(program, 20)), axis=1).T) > 15


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("old", ["net.h", "net.c", "net_vectors.c"])
def test_a_file_of_another_program_beside_the_new_ones_does_not_compile(old: str, tmp_path: Path) -> None:
    """As after a kill between two of them; shapes, names and types are the same."""
    x, y = Codes(0, 255, 0, (1, 8)), Codes(0, 255, 0, (1, 8))
    c.write(identity(x, y), tmp_path / "net", "net", 2)
    kept = (tmp_path / old).read_bytes()
    other = Conv2d(np.full((1, 1, 1, 1), 2), None, 2**30, 30, y)
    c.write(Program((other,), (1, 1, 1), x), tmp_path / "net", "net", 2)
    assert built(tmp_path, "net.c", "net_vectors.c").returncode == 0
    (tmp_path / old).write_bytes(kept)
    done = built(tmp_path, "net.c", "net_vectors.c")
    assert done.returncode != 0
    assert "net.h is of another program: export all files again" in done.stderr


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "net_vectors.c").mkdir()
    with pytest.raises(OSError, match=r"net_vectors\.c"):
        c.write(small(), tmp_path / "net", vectors=2)
    assert [path.name for path in tmp_path.iterdir()] == ["net_vectors.c"]


def test_vectors_begin_with_both_ends_and_the_zero_point() -> None:
    x = Codes(-100, 90, 7)
    program = identity(x, x)
    for count in (1, 2, 3, 4, 50):
        found = drawn(program, count)
        assert found.shape == (1, 1, 1, count) and found.dtype == np.int8
        assert found.ravel()[:3].tolist() == [-100, 90, 7][:count]
        assert found.min() >= -100 and found.max() <= 90
    many = drawn(Program((Flatten(),), (1, 30, 30), x), 400)
    assert (many.min(), many.max()) == (-100, 90) and {-100, 90} <= {*many[..., 3:].ravel().tolist()}


@pytest.mark.parametrize("count", [-1, 2.0, True, "3", 10**9, 100_001])
def test_a_count_that_is_none_is_refused(count: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"c: vectors: found .*, needed a whole number from 0 to 100000$"):
        c.write(small(), tmp_path / "net", vectors=count)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
