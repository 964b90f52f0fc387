"""Other people's models in, this library's models out.

tflite_file.py          a .tflite file as plain records, none of it believed
tflite_reference.py     what LiteRT's reference kernels compute from scales: multipliers, clamps, tables
tflite_xnnpack.py       what its default kernels compute otherwise
tflite_chain.py         a graph of tensors as a chain of operators
tflite_operators.py     kind by kind, what a node is in a program
tflite.py               a program from a file
onnx_graph.py           nodes and constants on their way into an .onnx file
onnx_activations.py     functions of single numbers as nodes
onnx_network.py         a float network, layer by layer
onnx_codes.py           codes as bytes; the operators that move them or look them up
onnx_integers.py        floors and roundings of whole numbers as nodes
onnx_exact.py           what computes, in integers only
onnx_qdq.py             the same in float, between quantizers
onnx_program.py         a program in one of these two forms
onnx_wire.py            the bytes of an .onnx file, as numbered fields
onnx_file.py            the same as plain records
onnx_values.py          what is known of its tensors before anything runs
onnx_step.py            one node about to be read, and the layers so far
onnx_windows.py, onnx_affine.py, onnx_layers.py
                        kind by kind, what a node is in a network
onnx_chain.py           a graph of tensors as a chain of layers, with residual blocks
onnx.py                 models to and from .onnx files
page.py                 a page that draws, reads and shows, in a browser

c_text.py               C as lines: names that it can hold, indices, loops, functions
c_plan.py               which outputs exist as rows only, and what shares memory
c_weights.py            weights at their bits, and how C reads them
c_arithmetic.py         rounding in C, as `integer.fixedpoint` rounds
c_draft.py              tables, and how a function reads and writes codes
c_windows.py            convolution, pooling, fully connected layers: sums, row by row
c_operators.py          all other operators
c_file.py               the two files around the functions
c.py                    a program as a header and a source file
"""
