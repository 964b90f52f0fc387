"""Other people's models in, this library's models out.

tflite_file.py          a .tflite file as plain records, every byte of it distrusted
tflite_arithmetic.py    how LiteRT computes its multipliers, clamps and tables from scales
tflite_operators.py     operator by operator, records of the file into operators of a program
tflite.py               a program from a file
"""
