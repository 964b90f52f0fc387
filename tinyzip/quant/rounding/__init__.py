"""After training again: the weights, with the layer's output in view.

quadratic.py                 which of its two neighbours each weight is rounded to
surgeon.py, surgeon_fast.py  what the others should become when one is rounded, or taken away
layers.py, prune.py          both for a whole network, layer by layer
lowrank.py                   a layer as two, with few channels between them
redundancy.py                what each layer could do without
"""
