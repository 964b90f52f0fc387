"""How a network learns: data, optimizers, the loop, and what keeps a run from being lost. Read in this order.

data.py           images and labels: from files, and as a network takes them
pixels.py         the range of numbers that a network has seen, and is asked with
augment.py        each image moved a little whenever it is shown
optim.py          the step downhill, as printed in the papers; how its length changes
evaluate.py       a network's answers, and its errors
watched.py        the door for objectives that look inside a model
shards.py         the gradient of a batch, on several cores and always with the same bits
history.py        a line for each epoch
checkpoint.py     the file that holds a run
optim_fast.py     the same optimizers, fast: to be skipped at first
recipe.py         all that a run is told but data and model, checked
resume.py         whether a run may go on from a checkpoint
state.py          a run between two steps: it can be stepped, saved and loaded back
keeper.py         who saves it, and when
fit.py            the loop around it all
"""
