"""How neural networks are made small, from scratch in NumPy.

A network that reads digits has some twenty thousand weights, 32 bits each, and needs none of that precision.
Four ideas make it small, and this package is one straight path through them:

    images ─► nn       train a network in float, gradients by hand
           ─► distill  let a smaller one learn from its answers, not only from the labels
           ─► quant    replace its real numbers by small integers on a grid, real = scale·(code − zero)
           ─► integer  run the result with integers only, exactly, proved never to overflow
           ─► archive  write it to disk in as many bits as its entropy asks for

Data goes through once, forward. The world of floats (`nn`) and the world of integers (`integer`) do not
know of each other; `quant` is the one door between them. Activations are (C, H, W, N), the batch last, so
that a convolution is one matrix product and no axis is ever moved.

The source is meant to be read, in this order:

    base/windows.py               how a convolution becomes a matrix product
    nn/ops, nn/layers.py         each operation and its gradient, then layers and networks
    nn/losses.py, train/optim.py    what is minimised, and how
    train/fit.py                  the loop: two cores, the same bits on every run, never lost
    distill/student.py           a teacher's answers as a loss
    quant/textbook.py            two formulas from textbooks, and why they fail
    quant/grid.py                the formula that works, and what it guarantees
    quant/calibrate.py           from images to ranges; quant/fake.py: training with the grid in place
    quant/lower.py               the door
    integer/fixedpoint.py        a real multiplier without a real number
    integer/program.py           a network as data; integer/bounds.py: why nothing overflows
    integer/gemm.py, run.py      exact products, fast; the engine
    archive/coder.py             a message as one large number

Nothing is imported here, so `import tinyzip` costs nothing: take what you need from where it is written,
`from tinyzip.train.fit import fit`.
"""

__version__ = "0.1.0"
