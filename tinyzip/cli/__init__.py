"""The command line: `tinyzip`, or `python -m tinyzip`.

programs.py   a program from a file, of this library or of another
npy.py        arrays from files, and back
pictures.py   images for a command
show.py       what a program computes, and where its bytes go
explain.py    layer by layer, what rounding costs
run.py        classes of images, codes of codes
compare.py    on which images two programs disagree
quantize.py   the program of a network
export.py     programs as C, as a page, as ONNX
shrink.py     a smaller program that answers the same, or nearly
learn.py      the course
main.py       all commands, and how a mistake is reported
"""
