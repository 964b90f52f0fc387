"""Bit for bit what LiteRT's reference kernels compute."""

from pathlib import Path

import numpy as np
import pytest
from golden import read_golden

from tinyzip.integer import run

DATA = Path(__file__).parent.parent / "data"


@pytest.mark.parametrize("product", ["integer", "blas"])
@pytest.mark.parametrize(
    "path", [*sorted(DATA.glob("litert_*.npz")), DATA / "mixed.npz"], ids=lambda path: path.stem
)
def test_no_code_of_any_tensor_differs(path: Path, product: str) -> None:
    golden = read_golden(path)
    outputs = run(golden.program, golden.codes, product, trace=True)
    for i, (found, wanted) in enumerate(zip(outputs, golden.expected, strict=True)):
        np.testing.assert_array_equal(found, wanted, err_msg=f"operator {i}")
    np.testing.assert_array_equal(run(golden.program, golden.codes, product), golden.expected[-1])


def test_the_other_rounding_would_be_seen() -> None:
    """The vectors tell the roundings apart: with `double`, codes of fully connected layers are off by one."""
    from dataclasses import replace

    golden = read_golden(DATA / "mixed.npz")
    last = [replace(o, rounding="double") for o in golden.program.operators[-2:]]
    program = replace(golden.program, operators=(*golden.program.operators[:-2], *last))
    hidden, logits = run(program, golden.codes, trace=True)[-2:]
    assert (hidden != golden.expected[-2]).sum() == 2
    assert (logits != golden.expected[-1]).sum() > 0
