"""The bridge from real numbers to small integers.

    grid.py, textbook.py                 what a few bits can stand for, and two formulas that fail
    histogram.py, ranges.py              where a grid should begin and end, from data
    blocks.py                            which layers become one integer operator
    fold.py                              the same network, easier to quantize
    calibrate.py                         a grid for everything
    lowbit.py                            one bit, three values, and scales that are a shift
    lsq.py, pact.py, fake.py             training while the grids are in place
    agreement.py                         how far the simulation and the engine can part
    rounding.py                          up or down? Decided with the layer's output in view
    lower.py                             the one door to the integer world
    twin.py, explain.py                  where the accuracy went, layer by layer
    allocate.py                          more bits where they count, within a budget of bytes
    auto.py                              all of it in one call

The grids of a network are one flat dict beside its parameters, `grids["conv1.w"]` and `grids["conv1"]`. Each
method is a function from a model to a model or from grids to grids, so any of them can be left out.
"""
