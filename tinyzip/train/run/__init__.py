"""What `fit` adds to `loop`: a run that uses all cores, always with the same bits, and is never lost.

No equation of training stands here. What each file adds:

recipe.py      all that a run is given but data and model, checked: a mistake comes up before an epoch is over
watched.py     the door for objectives that look inside a model
training.py    a run between two steps, and when it must stop; the one that is made as `loop` prints it
passes.py      forward and backward, written down and repeated
shards.py      the gradient of a batch, on several cores and always with the same bits
optim_fast.py  the same optimizers, fast
checkpoint.py  the file that holds a run
resume.py      whether a run may go on from a checkpoint
state.py       a run that is made of shards; it can be saved after any step, and loaded back
keeper.py      who saves a run, and when
"""
