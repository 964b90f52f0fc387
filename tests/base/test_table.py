import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.base.table import GAP, aligned

CELL = st.text(st.characters(categories=["L", "N", "P"]), max_size=6)


@st.composite
def tables(draw):
    """Rows of cells, and which columns hold words."""
    columns = draw(st.integers(1, 4))
    rows = draw(st.lists(st.tuples(*[CELL] * columns), min_size=1, max_size=4))
    return rows, draw(st.sets(st.integers(0, columns - 1)))


@given(tables())
def test_cells_stand_in_columns_as_wide_as_their_widest_words_left_and_numbers_right(case):
    rows, words = case
    lines = aligned(rows, words).split("\n")
    assert len(lines) == len(rows) and all(line == line.rstrip() for line in lines)
    start = 0
    for column, cells in enumerate(zip(*rows, strict=True)):
        width = max(map(len, cells))
        for line, cell in zip(lines, cells, strict=True):
            found = line.ljust(start + width)[start : start + width]
            assert found == (cell + " " * width)[:width] if column in words else found.lstrip(" ") == cell
            assert not line[start + width :][: len(GAP)].strip()
        start += width + len(GAP)


def test_the_first_column_holds_words_where_nothing_else_is_said():
    assert aligned([("layer", "bytes"), ("a", "7,000"), ("total", "")]) == "layer  bytes\na      7,000\ntotal"


def test_a_cell_ends_no_line_and_gives_no_order_to_a_terminal():
    assert aligned([("name", "bytes"), ("a\n\x1b[2J", "7")]) == "name        bytes\na\\n\\x1b[2J      7"


def test_no_rows_are_an_empty_text_and_rows_of_other_lengths_are_refused():
    assert aligned([]) == ""
    with pytest.raises(ValueError, match=r"aligned: rows\[1\]: found 1 cells, needed 2"):
        aligned([("a", "b"), ("c",)])
