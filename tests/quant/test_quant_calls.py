"""Grids that are asked for what they do not take say what to write instead."""

import pytest

import tinyzip.quant
from tinyzip.quant import calls
from tinyzip.quant.grids.grid import Grid


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Grid(1.0, 0, bits=4), r"bits: found 4, needed Grid\.symmetric\(max_abs, bits\) of weights"),
        (lambda: Grid.symmetric(1.0, bit=8), r"symmetric: bit: found 8, needed bits="),
        (lambda: Grid.affine(0.0, 1.0, bit=8), r"affine: bit: found 8, needed bits="),
    ],
)
def test_what_a_grid_does_not_take_is_said_with_what_it_does(call, words):
    assert calls.Grid is Grid
    with pytest.raises(TypeError, match=words):
        call()


def test_a_name_that_the_room_does_not_have_is_said_with_where_it_is():
    with pytest.raises(
        AttributeError, match=r"quantize\(…\), from tinyzip\.quant\.choose\.auto import quantize"
    ):
        tinyzip.quant.quantize  # noqa: B018
