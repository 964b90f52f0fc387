"""The door: the only way from the float world to the integer world.

lower.py     a network and its grids as an integer program
twin.py      the way back: the network that a program stands for
classify.py  a program, asked with images
"""
