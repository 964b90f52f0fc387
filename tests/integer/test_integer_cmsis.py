"""Code for code what CMSIS-NN's own tests ask of it."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from cmsis import Case, cases

from tinyzip.integer import run

KEPT = zipfile.Path(Path(__file__).parent.parent / "data" / "cmsis-nn.zip")
CASES = [found for _, found in cases(KEPT) if isinstance(found, Case)]


@pytest.mark.parametrize("product", ["integer", "blas", "printed"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_no_code_of_their_cases_differs(case: Case, product: str) -> None:
    np.testing.assert_array_equal(run(case.program, case.codes, product), case.expected)


def test_every_kind_of_operator_that_they_ask_for_is_among_the_cases_kept() -> None:
    kinds = {operator.kind for case in CASES for operator in case.program.operators}
    assert kinds == {
        *("Conv2d", "Linear", "MaxPool2d", "AvgPool2d", "Add", "Recall", "Product"),
        *("Softmax", "Pad", "Transpose", "Table"),
    }
    assert len(CASES) > 80
    widths = {o.weight_bits for case in CASES for o in case.program.operators if hasattr(o, "weight_bits")}
    assert widths == {4, 8}
