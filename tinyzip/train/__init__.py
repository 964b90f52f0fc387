"""How a network learns: data, optimizers, the loop, and what keeps a training from being lost.

data.py, augment.py      images, in what order they are shown, and how each is moved
blocks.py, optim.py      the step downhill, over stretches that stay in cache
evaluate.py              a network's answers
packed.py, profile.py    many arrays in two vectors; where a step's time went
shards.py                a batch on all cores, and always with the same bits
history.py               a line for each epoch
checkpoint.py            a file that is whole or is not there
state.py, keeper.py      a training that can be stepped, saved and loaded; who saves it, and when
fit.py                   the loop
"""
