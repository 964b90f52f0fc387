"""How a network learns: data, optimizers, the loop, and what keeps a run from being lost. Read in this order.

images.py    images as a network takes them
data.py      images and labels, from files
pixels.py    the range of numbers that a network has seen, and is asked with
augment.py   each image moved a little whenever it is shown
optim.py     the step downhill, as printed in the papers; how its length changes
calls.py     what these refuse
loop.py      all of training, on one page
evaluate.py  a network's answers, and its errors
history.py   a line for each epoch
run/         what makes a run fast, and what keeps it from being lost
fit.py       training in one call
"""

from tinyzip.train import calls as calls
