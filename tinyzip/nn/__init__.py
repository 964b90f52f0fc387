"""The float world: a network and its gradients.

    ops/                     the mathematics, forward and backward side by side, as pure functions
    layer.py, layers.py      the same with names and sizes
    fuse.py                  convolution, ReLU and pooling in one step, where that is faster
    sequential.py            a network: layers and one flat dict of arrays
    losses.py                what is minimised
    models.py                the networks that examples and tests name
    model.py                 what training needs to know of a network

Nothing here knows of integers. A network is quantized from outside, as a function from its dict of
arrays to another.
"""
