"""The float world: a network, its gradients, and how it learns.

    ops/                     the mathematics, forward and backward side by side, as pure functions
    layers.py, sequential.py the same with names and sizes; a network is layers and one flat dict of arrays
    fuse.py                  convolution, ReLU and pooling in one step, where that is faster
    losses.py, optim.py      what is minimised, and the step downhill
    shards.py                a batch on all cores, and always with the same bits
    training.py, train.py    the loop, which can be interrupted anywhere
    checkpoint.py            a file that is whole or is not there

Nothing here knows of integers. A network is quantized from outside, as a function from its dict of
arrays to another.
"""
