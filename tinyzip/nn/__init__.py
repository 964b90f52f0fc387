"""The float world: a network and its gradients.

The mathematics comes first, as one would write it on a blackboard; then the same with names and sizes, as a
network that runs and trains as it is printed:

    ops/                     each operation and its backward, in NumPy and nothing else
    layer.py, layers.py      the same with names and sizes
    chain.py                 layers one after the other: forward, and backward by the chain rule
    network.py               a network: layers and one flat dict of arrays
    losses.py                what is minimised
    residual.py, joins.py    layers that hold two such chains
    probe.py, inspected.py   a look at what passes between two layers; a network that can be looked into

Then how the same is made fast, each acceleration in a file of its own and proved equal to the blackboard. Who
wants to know what a network computes can leave it out:

    fast/                    one law a file, and on one screen the choice among them
    activations.py           more layers that map every number by itself
    described.py             layers as words and numbers, for a file
    fold.py                  batch norm as part of the layer before it
    sequential.py            the network that runs fast

And what others need to know of both:

    models.py                the networks that examples and tests name
    model.py                 what training needs to know of a network

Nothing here knows of integers. A network is quantized from outside, as a function from its dict of
arrays to another.
"""
