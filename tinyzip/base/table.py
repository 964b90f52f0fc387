"""Rows of text as aligned columns: the one printer of every table of this library.

Words begin under each other, at the left of their column. Numbers end under each other, at its right, so that
digits of equal weight stand in one line. A column is as wide as its widest cell.

What str() makes a table of is `Shown`: in one line at a prompt, as its table in a notebook.
"""

from collections.abc import Collection, Sequence
from html import escape

from tinyzip.base.refuse import printable, refuse

GAP = "  "


def aligned(rows: Sequence[Sequence[str]], words: Collection[int] = (0,)) -> str:
    """One line for each row, with `GAP` between the columns and no spaces at the ends of lines.

    rows    cells, as many in every row; a heading is a row like the others. They are made `printable`: among
            them are names that came from files
    words   the columns that are aligned left, counted from 0; all others are aligned right
    raises  ValueError for a row that has more or fewer cells than the first
    """
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            refuse(f"aligned: rows[{number}]", f"{len(row)} cells", f"{len(rows[0])}, as in the first row")
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        GAP.join(
            cell.ljust(width) if column in words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def as_html(text: str) -> str:
    """Lines under each other as they are, in letters of one width."""
    return f'<pre style="line-height: 1.3">{escape(text)}</pre>'


class Text(str):
    """A text of some lines, which a prompt and a notebook show as it reads."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(self)


class Shown:
    """What str() makes a table of. At a prompt, or in a list of such things, it is one line, with `brief`."""

    def brief(self) -> str:
        """What tells it from another, in a few words."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.brief()})"

    def _repr_html_(self) -> str:
        return as_html(str(self))
