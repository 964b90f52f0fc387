"""How a network learns. All of it is on one page, and needs two more:

images.py       images as a network takes them
optim.py        the step downhill, as printed in the papers; how its length changes
loop.py         the loop: shuffle, forward, loss, backward, step

Then what one has to have besides:

images_fast.py  images as a network takes them, in memory that is there already
data.py         images and labels, from files
pixels.py       the range of numbers that a network has seen, and is asked with
digits1d.py     digits of one row, made and not collected
augment.py      each image moved a little whenever it is shown
evaluate.py     a network's answers, and its errors
history.py      a line for each epoch
run/            what makes a run fast, and what keeps it from being lost
fit.py          training in one call: the loop, fast and never lost
"""
