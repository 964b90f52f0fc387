"""The archive: a program as few bytes on disk, and back, bit for bit.

coder.py    a message as one large number
numbers.py  whole numbers as symbols, and tables of frequencies that are worth their own bytes
records.py  a program as a row of numbers
format.py   the file
"""

from tinyzip.archive.format import pack, read, unpack, write

__all__ = ["pack", "read", "unpack", "write"]
