"""A small network learns from a large one.

losses.py     the labels' word, the teacher's, and the mixture of both
transfer.py   where the teacher's answers come from: recorded once, or asked again for each new image
objective.py  the mixture as what a training minimises
student.py    training with both
"""
