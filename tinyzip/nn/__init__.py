"""The float world: a network and its gradients.

The mathematics comes first, as one would write it on a blackboard; then the same with names and sizes; then
how it is made fast, each acceleration in a file of its own and proved equal to the blackboard. Whoever wants
to know what a network computes can leave `fast` out.

    ops/                     each operation and its backward, in NumPy and nothing else
    layer.py, chain.py       the same with names and sizes; layers one after the other
    residual.py              a layer that holds two chains
    activations.py, layers.py
                             those that map every number by itself; all of them
    probe.py                 a look at what passes between two layers
    network.py               a network as it is printed: layers and one flat dict of arrays
    fast/                    what runs: one law a file, and on one screen the choice among them
    described.py             layers as words and numbers, for a file
    sequential.py            the same network, run fast
    losses.py                what is minimised
    models.py                the networks that examples and tests name
    model.py                 what training needs to know of a network

Nothing here knows of integers. A network is quantized from outside, as a function from its dict of
arrays to another.
"""
