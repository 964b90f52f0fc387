"""The ground floor: what every other room may use, and what knows of none of them.

refuse.py   how this library says no
windows.py  how a convolution becomes a matrix product
"""
