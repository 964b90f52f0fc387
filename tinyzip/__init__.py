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

The source is meant to be read, in this order. Each room's `__init__.py` lists its files likewise.

    base/windows.py                      how a convolution becomes a matrix product
    nn/ops/                              each operation and its gradient
    nn/layers.py, nn/sequential.py       layers without hidden state; a network, its arrays one flat dict
    nn/losses.py, train/optim.py         what is minimised, and how
    train/fit.py                         the loop: all cores, the same bits on every run, never lost
    distill/                             what a small network can learn from a large one
    quant/textbook.py                    two formulas from textbooks, and why they fail
    quant/grid.py                        the formula that works, and what it guarantees
    quant/calibrate.py                   from images to ranges
    quant/fake.py                        training while the grids are in place
    quant/rounding.py                    up or down, decided with the layer's output in view
    quant/lower.py                       the door
    integer/fixedpoint.py                a real multiplier without a real number
    integer/bounds.py                    why nothing overflows
    integer/program.py, integer/fast/run.py   a network as data, and the engine
    integer/proof/simplify.py                  what can be proved to make no difference, and goes
    archive/                             a program as one large number
    exchange/                            models in the formats of others
    cli/                                 the command `tinyzip`
    nn/fast/choose.py                    last: all that makes it fast, each law proved equal to the textbook
    machine/                             memory, threads, processes: the speed changes and not one bit

Nothing is imported here, so `import tinyzip` costs nothing: take what you need from where it is written,
`from tinyzip.train.fit import fit`.
"""

__version__ = "0.1.0"
