"""The bridge from real numbers to small integers.

    textbook.py, grid.py, lowbit.py      which real numbers a few bits can stand for
    ranges.py, calibrate.py              where a grid should begin and end, from data
    fold.py                              the same network, easier to quantize
    rounding.py                          up or down? Decided with the layer's output in view
    lsq.py, pact.py, fake.py             training while the grids are in place
    allocate.py                          more bits where they count, within a budget of bytes
    lower.py                             the one door to the integer world
    explain.py                           where the accuracy went, layer by layer
    auto.py                              all of it in one call

The grids of a network are one flat dict beside its parameters, `grids["conv1.w"]` and `grids["conv1"]`. Each
method is a function from a model to a model or from grids to grids, so any of them can be left out.
"""
