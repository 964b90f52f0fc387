"""For each exercise what is asked, and three hints.

windows.py, im2col.py, col2im.py, linear.py, relu.py  the first operations
conv.py, conv_dw.py, conv_dx.py                      the convolution and its gradients
max_pool.py, avg_pool.py                             poolings
softmax.py, cross_entropy.py                         what is minimised
batch_norm.py, batch_norm_backward.py                one size for each channel
he.py                                                how large weights begin
sgd.py, adamw.py, loop.py                             steps downhill, and the loop of them
differences.py                                       whether a gradient is right
temperature.py, soft_labels.py                       what a teacher says
hint.py, half_teacher.py                             its features, and its weights
two_formulas.py, scale_zero.py, rounding.py          from numbers to codes
round_trip.py, per_channel.py                        what codes lose, and a scale for each output
least_squares.py, fold.py                            where to cut, and fewer layers
straight_through.py, lsq.py                          training through a staircase
up_or_down.py                                        rounding with the output in view
multiplier.py, two_roundings.py, requantize.py       a real number in a world of integers
conv_codes.py, bounds.py, avg_pool_codes.py          layers on codes, and how large their sums become
entropy.py, coder.py, odds.py                        codes as few bytes
magnitude.py, surgeon.py                             weights that may go
"""
