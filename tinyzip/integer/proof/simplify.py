"""Depth: smaller by proof: a program that writes the same codes for every input, from fewer numbers.

Training leaves much in a network that does nothing: channels that a ReLU has silenced for good, or
that say the same as others, weights that only ever meet zeros. In float nobody can tell, for a number that
is always nearly 0 is not 0. In integers it can be proved, without any data, from the program alone:

    intervals   a channel whose interval is one code writes that code, whatever the image
    absorb      what a constant, or one of several equals, adds to sums goes into biases and other weights
    channels    what nothing needs any more is taken out, with all the weights that made it
    chain       so are operators that do nothing, and borders that can be padding
    clamps      and sums that are smaller now are added up in int16, where that is proved to hold them

Each of these is a function from program to program that changes no code of the last operator, for any input
that the program accepts. Each gives the others more to find: a channel that is gone makes intervals after it
narrower, and those before it needless. So they take turns until none finds anything. What comes out is a
plain `Program` again, that any reader of programs reads.

Training could go further, and make a channel constant that nearly is; but that is no proof.
"""

from tinyzip.base.refuse import refuse
from tinyzip.integer.program import Program
from tinyzip.integer.proof.absorb import with_absorbed_weights
from tinyzip.integer.proof.chain import without_needless_operators
from tinyzip.integer.proof.channels import without_needless_channels
from tinyzip.integer.proof.clamps import with_useful_clamps
from tinyzip.integer.proof.intervals import intervals


def simplify(program: Program) -> Program:
    """A program without anything that can be proved to make no difference.

    returns  of the same input and output, codes and shapes: `run` writes the same for any codes. Simplifying
             it again changes nothing. The operators that are left keep their names; there may be fewer, and
             what others than the last write may have fewer channels
    Raises TypeError for what is no program.
    """
    if not isinstance(program, Program):
        refuse("simplify: program", type(program).__name__, "a Program", TypeError)
    while (smaller := simpler(program)) != program:
        program = smaller
    return program


def simpler(program: Program) -> Program:
    """One turn of all."""
    program = without_needless_operators(program, intervals(program))
    program = without_needless_channels(with_absorbed_weights(program))
    return with_useful_clamps(program, intervals(program))
