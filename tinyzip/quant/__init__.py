"""The bridge from real numbers to small integers, in five rooms.

    grids/     which real numbers a few bits can stand for, and where their ends should be
    training/  a network that learns while its grids are in place
    rounding/  the weights once more, with the layer's output in view
    door/      the only way from the float world to the integer world
    choose/    what to spend, and what was lost; all of it in one call

After training, `grids` finds a grid for everything that a network computes; `training` simulates what the
integers will compute, and lets a network learn with it; `rounding` uses the same simulation without training.
`door` makes an integer program of a network and its grids, and `choose` decides among all of these.

The grids of a network are one flat dict beside its parameters, `grids["conv1.w"]` and `grids["conv1"]`. Each
method is a function from a model to a model or from grids to grids, so any of them can be left out.
"""
