"""The archive: a program as few bytes on disk, and back, bit for bit.

coder.py       a message as one large number
numbers.py     whole numbers as decisions
neighbours.py  what stands around a weight
bitwise.py     weights as decisions
tables.py      weights as symbols, for long tensors
weights.py     a tensor of weights, in whatever makes it shortest
fields.py      the fields of operators
records.py     a program as a row of numbers
format.py      the file
account.py     where every byte of a file goes
shorten.py     the same program in fewer bits
"""

from tinyzip.archive.account import account
from tinyzip.archive.format import pack, read, unpack, write
from tinyzip.archive.shorten import shorten

__all__ = ["account", "pack", "read", "shorten", "unpack", "write"]
