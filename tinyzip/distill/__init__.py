"""A small network learns from a large one.

losses.py    the mixture of the labels' word and the teacher's
transfer.py  where the teacher's answers come from: recorded once, or asked again for each new image
student.py   training with both
"""
