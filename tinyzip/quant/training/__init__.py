"""During training: a network that learns while its grids are in place, and files of it.

lsq.py, lsq_fast.py  rounding and its gradients; the same in memory that is there already
through.py           a network whose arrays pass through a function on their way in
fake_layer.py        rounding as a layer, and where a network's activations are rounded
fake.py              a network that computes in float what the integers will compute
rate.py              what the weights will cost in the file, as a term of the loss
masks.py             which weights a network loses, and when
pruned.py            a network that loses weights while it trains
codebook.py          a network whose weights share a few values
saved.py             one call to write a network or its grids to a file, and one to have them again
"""
