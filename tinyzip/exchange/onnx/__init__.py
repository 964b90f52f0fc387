"""Models to and from .onnx files.

Out:

graph.py        nodes and constants on their way into an .onnx file
activations.py  functions of single numbers as nodes
network.py      a float network, layer by layer
codes.py        codes as bytes; the operators that move them or look them up
integers.py     floors and roundings of whole numbers as nodes
exact.py        what computes, in integers only
qdq.py          the same in float, between quantizers
program.py      a program in one of these two forms

In:

wire.py         the bytes of an .onnx file, as numbered fields
file.py         the same as plain records
values.py       what is known of its tensors before anything runs
gates.py        activations that are several nodes
step.py         one node about to be read, and the layers so far
windows.py, affine.py, layers.py
                kind by kind, what a node is in a network
chain.py        a graph of tensors as a chain of layers, with residual blocks

models.py       both, in one call each
"""

from tinyzip.exchange.onnx.models import read, write_network, write_program

__all__ = ["read", "write_network", "write_program"]
