"""The ground floor: what every other folder may use, and what knows none of them.

refuse.py    how this library says no: one line with the argument, what was found, what was needed
calls.py     calls that are not as a function is declared
windows.py   windows over images: how a convolution becomes a matrix product
branches.py  where the branches of a graph part and meet
table.py     rows of text as aligned columns
files.py     a file that is whole at every moment
kinds.py     what kind of file it is
arrays.py    one file for arrays by name
"""
