"""What makes it fast: accelerations, each with its law, its condition and its worth.

A layer says what it computes, in the words of `ops`. Here the same is computed in less time. Each file opens
with a law, an equation between two ways to one number; says when it applies and when it pays; and then uses
it. The tests hold each to the textbook: bit for bit on whole numbers, where sums are exact in any order, and
within the rounding of a sum in another order on real ones, or a bound of its own.

    stage.py        what a network runs: a layer, or some, that are given where to write
    sums.py         sums over the long axis, left to BLAS
    memory.py       results in memory that is there already
    blocks.py       the patches of a convolution in blocks that stay in cache
    rows.py         a convolution whose rows of outputs share their patches
    turned.py       the input's gradient gathered, with turned kernels
    conv.py         the convolution as it runs, by these routes
    shifts.py       a sliding window, seen as shifted images
    bands.py        depthwise convolution as products with band matrices
    pools.py        poolings as running maxima and sums
    norm.py         batch normalisation in few passes
    in_place.py     ReLU in the memory of what it rectifies
    pool_first.py   pooling before the rectifier
    chain.py        how far back a chain of stages goes
    added.py        two such chains, and their sum
    choose.py       the whole list, what each is worth, and which layer gets what

Read `choose.py` first for the list and last for the choice.
"""
