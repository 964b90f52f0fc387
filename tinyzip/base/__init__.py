"""The ground floor: what every other folder may use, and what knows none of them.

refuse.py    how this library says no: one line with the argument, what was found, what was needed
windows.py   windows over images: how a convolution becomes a matrix product
branches.py  where the branches of a graph part and meet
signs.py     signs that a console does not have
table.py     rows of text as aligned columns
kinds.py     what kind of file it is
files.py     a file that is whole at every moment
arrays.py    one file for arrays by name
"""

from tinyzip.base.signs import let_streams_write

let_streams_write()
