"""A run that uses all cores, always with the same bits, and is never lost.

checkpoint.py  the file that holds a run
watched.py     the door for objectives that look inside a model
shards.py      the gradient of a batch, on several cores and always with the same bits
optim_fast.py  the same optimizers, fast
recipe.py      all that a run is given but data and model, checked
resume.py      whether a run may go on from a checkpoint
state.py       a run between two steps: it can be stepped, saved and loaded back
keeper.py      who saves it, and when
"""
