"""A small network learns from a large one.

temperature.py  the labels' word, and the teacher's softened one
losses.py       other ways to compare with a teacher, and the mixture with the labels
features.py     what a layer of the student can learn from one of the teacher's
relations.py    how a teacher arranges its examples
teachers.py     several teachers as one
transfer.py     where the teacher's answers come from: recorded once, or asked again for each new image
objective.py    the mixture as what a training minimises
guides.py       layers of the student that follow layers of the teacher
student.py      training with all of it
transplant.py   a student that starts from a part of its teacher
fidelity.py     is the student like its teacher, or only about as good?
"""
