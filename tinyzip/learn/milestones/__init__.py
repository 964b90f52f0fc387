"""Milestones: what was written function by function runs as a whole.

luck.py      how far an error rate is known, and whether one file is better than another
own.py       the functions that run: the student's where they are solved
layers.py    layers made of them
network.py   your network learns digits of one row
teacher.py   your student learns from it
digits.py    the digits that come along
integers.py  your integers are those of LiteRT
reader.py    your reader opens a file that reads handwriting
golf.py      the fewest bytes that read handwriting
run.py       the milestones in their places, each in a process of its own
"""
