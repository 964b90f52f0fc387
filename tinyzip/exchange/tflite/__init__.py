"""Other people's int8 models from .tflite files, code for code as LiteRT runs them.

file.py       a .tflite file as plain records, none of it believed
reference.py  what LiteRT's reference kernels compute from scales: multipliers, clamps, tables
xnnpack.py    what its default kernels compute otherwise
chain.py      a graph of tensors as a chain of operators
operators.py  kind by kind, what a node is in a program
model.py      a program from a file
"""

from tinyzip.exchange.tflite.model import KERNELS, Kernels, batch_last, examples_first, of_graph, read

__all__ = ["KERNELS", "Kernels", "batch_last", "examples_first", "of_graph", "read"]
