"""Grids: which real numbers a few bits can stand for, and a grid for everything that a network computes.

grid.py                  evenly spaced numbers, and what rounding to them costs
textbook.py              two formulas from textbooks, and why they fail
blocks.py                which layers share a grid, since they become one integer operator
fold.py, equalize.py     the same network, easier to quantize
histogram.py, ranges.py  where a grid should begin and end, from data
calibrate.py             from a network and images to its grids
lowbit.py, powers.py     one bit and three values; scales that are powers of two
"""
