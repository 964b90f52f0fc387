"""For each exercise what is asked, which mistakes are known, and what else is right.

windows.py, im2col.py, col2im.py, linear.py, relu.py  the first operations
"""
