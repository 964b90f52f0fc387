"""The command line: `tinyzip`, or `python -m tinyzip`.

command.py    what a command is
programs.py   a program from a file, of this library or of another
show.py       what a program computes, and where its bytes go
explain.py    layer by layer, what rounding costs
main.py       all commands, and how a mistake is told
"""
