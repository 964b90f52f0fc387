"""The bridge from real numbers to small integers.

Grids: which real numbers a few bits can stand for.

    grid.py                      evenly spaced numbers, and what rounding to them costs
    textbook.py                  two formulas from textbooks, and why they fail
    blocks.py                    which layers share a grid, since they become one integer operator

After training: a grid for everything that a trained network computes.

    fold.py, equalize.py         the same network, easier to quantize
    histogram.py, ranges.py      where a grid should begin and end, from data
    calibrate.py                 from a network and images to its grids
    lowbit.py, powers.py         one bit and three values; scales that are powers of two

During training: a network that learns while its grids are in place.

    lsq.py, lsq_fast.py          rounding and its gradients; the same in memory that is there already
    fake_layer.py                rounding as a layer, and where a network's activations are rounded
    through.py                   a network whose arrays pass through a function on their way in
    fake.py                      a network that computes in float what the integers will compute
    rate.py                      what the weights will cost in the file, as a term of the loss
    masks.py                     which weights a network loses, and when
    pruned.py                    a network that loses weights while it trains
    codebook.py                  a network whose weights share a few values

After training again, with the layer's output in view, which that simulation gives:

    quadratic.py                 which of its two neighbours each weight is rounded to
    surgeon.py, surgeon_fast.py  what the others should become when one is rounded, or taken away
    rounding.py, prune.py        both for a whole network
    lowrank.py                   a layer as two, with few channels between them
    redundancy.py                what each layer could do without

The door: the only way from the float world to the integer world.

    lower.py                     a network and its grids as an integer program
    twin.py                      the way back: the network that a program stands for
    classify.py                  a program, asked with images

Choosing: what to spend, and what was lost.

    explain.py, drawn.py         where the accuracy went, layer by layer; the same as a picture
    allocate.py                  more bits where they count, within a budget of bytes
    auto.py                      all of it in one call
    qat.py                       and with training
    shrink.py                    a program of others in fewer bits
    estimator.py                 all of it as scikit-learn's classifiers are

Keeping: one call to write a network or its grids to a file, and one to have them again.

    saved.py                     files of networks and grids
    calls.py                     what to write instead of what grids do not have

The grids of a network are one flat dict beside its parameters, `grids["conv1.w"]` and `grids["conv1"]`. Each
method is a function from a model to a model or from grids to grids, so any of them can be left out.
"""

from tinyzip.quant import calls as calls
