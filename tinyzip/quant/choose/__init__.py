"""Choosing: what to spend, and what was lost.

explain.py, drawn.py  where the accuracy went, layer by layer; the same as a picture
allocate.py           more bits where they count, within a budget of bytes
auto.py               all of it in one call
qat.py                and with training
shrink.py             a program of others in fewer bits
estimator.py          all of it as scikit-learn's classifiers are
"""
