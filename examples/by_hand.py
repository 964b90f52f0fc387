"""What is an integer program, when nobody trains one?

The integer engine does not need the rest of the package. A `Program` is a tuple of records with integer
arrays; building it checks the shapes, the ranges, and that no accumulator can overflow. This one finds edges
with two kernels written by hand, and says of two images which edge each has: an upright one (0) or a level
one (1). It prints

       operator         name       output  w bits  y bits  bytes  bound  width  rounding
       input                       1×5×5                8
    0  Conv2d 2×2       edges      2×4×4        2       8     20  1,020  int16  double
    1  MaxPool2d 4×4/4  strongest  2×1×1                8
    2  Flatten                     2                    8
    3  Argmax                      class                8
       total                                                  20
    [[200   0]
     [  0  90]] [0 1]

the program, what the pool found in each image, and the two answers.

The arithmetic is that of LiteRT's reference kernels, code for code: tests/data holds tensors that they
computed, and every one is met exactly.
"""

import numpy as np

from tinyzip.integer import Argmax, Codes, Conv2d, Flatten, MaxPool2d, Program, multiplier, run

upright = [[[-1, 1], [-1, 1]]]  # brighter to the right
level = [[[-1, -1], [1, 1]]]  # brighter below
w = np.array([upright, level], np.int8)  # (F, C, kh, kw)
m0, n = multiplier((1, 2))  # a code of the output is worth two of the accumulator
program = Program(
    shape=(1, 5, 5),
    input=Codes(lo=0, hi=255, zero=0),
    operators=(
        Conv2d(w, None, m0, n, y=Codes(lo=0, hi=255, zero=0), weight_bits=2, name="edges"),
        MaxPool2d(4, name="strongest"),
        Flatten(),
        Argmax(),
    ),
)
images = np.zeros((1, 5, 5, 2), np.uint8)  # batch last: (C, H, W, N)
images[0, :, 2:, 0] = 200  # the first image has an upright edge,
images[0, 3:, :, 1] = 90  # the second a level one

if __name__ == "__main__":
    print(program)
    print(run(program, images, trace=True)[2].T, run(program, images))
