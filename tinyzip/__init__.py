"""How neural networks are made small, from scratch in NumPy.

A network that reads digits has some twenty thousand weights, 32 bits each, and needs none of that precision.
Four ideas make it small, and this package is one straight path through them:

    images ─► nn, train  a network of real numbers learns, its gradients written by hand
           ─► distill    a smaller one learns from its answers, not only from the labels
           ─► quant      its real numbers become small integers on a grid, real = scale·(code − zero)
           ─► integer    the result runs with integers only, exactly, proved never to overflow
           ─► archive    and is written to disk in as many bits as its entropy asks for

Data goes through once, forward. The world of floats (`nn`) and the world of integers (`integer`) do not know
of each other; `quant` is the one door between them. Activations are (C, H, W, N), the batch last, so that a
convolution is one matrix product and no axis is ever moved.

The source is meant to be read, in this order.

    In an evening:

    base/ refuse, windows               how a convolution becomes a matrix product
    nn/ops/ checks, patches, conv, dense, pool, norm
                                        each operation and its gradient, as on a blackboard
    nn/ layer, layers                   the same with names and sizes, and no hidden state
    nn/ chain, network, losses          a network: a chain, and one flat dict of arrays; what is minimised
    train/ images, optim, loop          the step downhill, and the loop: a training on one page
    distill/ temperature                what a teacher says that labels do not
    quant/grids/ grid, textbook         the formula that holds, and two that fail
    quant/training/ lsq                 rounding to a grid, and its gradients
    integer/ codes, fixedpoint          a real multiplier without a real number
    integer/ operators, maps, residuals, layout, bounds
                                        a network of integers; why nothing overflows
    integer/ softmax, ops               the engine on a page: every operator on codes
    archive/ coder                      a message as one large number

    In a week:

    nn/ residual, probe, inspected      blocks that add to their input; a look between two layers
    nn/ops/ activations                 more functions of one number, and their slopes
    base/ table                         columns that are aligned
    nn/ activations, model              the same as layers; what training needs to know of a network
    nn/ fold                            a network without batch norms
    train/ data, pixels                 images and labels; their range of numbers
    distill/ losses, features           other words of a teacher: scale, layers
    quant/grids/ blocks, fold, equalize
                                        what shares a grid; the same network, easier to quantize
    quant/grids/ histogram, ranges, calibrate
                                        where a grid should begin and end, from data
    quant/grids/ lowbit                 one bit, and three values
    quant/rounding/ quadratic, surgeon  rounding and pruning for the output
    integer/ shapes, table, program     a network of integers as data, checked when it is built
    quant/door/ lower                   the one door from float to integer
    integer/proof/ intervals            which codes each channel can write, whatever goes in
    archive/ numbers, neighbours, bitwise, tables, weights
                                        weights as decisions, whose odds are learned
    base/ kinds, files                  what kind of file it is; the one atomic writer
    archive/ fields, records, format    a program as one message, and the file

All else is depth, and its first line says so: runs that are never lost (train/run/), what makes it fast
(nn/fast/, integer/fast/), proofs about programs (integer/proof/), the formats of others (exchange/), the
command line (cli/), the course (learn/), and memory, threads and processes (machine/).

Nothing is imported here, so `import tinyzip` costs nothing: take what you need from where it is written,
`from tinyzip.train.fit import fit`.
"""

__version__ = "0.1.0"
