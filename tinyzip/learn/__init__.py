"""The course: exercises in plain Python files, and checks that are themselves proved.

    tinyzip learn start FOLDER    writes the exercises, in order
    tinyzip learn                 checks the first that is not solved, in the folder where one stands

An exercise is a lecture, an equation, and one function or two to write. What the student has written is what
runs: a check asks it for answers and compares them with the library's. Answers that are wrong in a way that
many have been wrong before are recognised, and the line names the mistake: for each exercise some are known,
written as small changes of its solution (`mistakes`, a text file for each), and the tests see that each is
caught and called by its name.

    case.py      what is asked, and what else is known of an exercise
    course.py    the exercises in order
    judge.py     one answer looked at: right, or one line on what is wrong
    earlier.py   what was solved before, for the exercises after it
    exercises/   the exercises, solved: what a student gets has `...` in place of each body
    checks/      for each exercise: the questions, and hints
    folder.py    a student's folder: its files, and what is solved
    confined.py  a check that may use only so much memory, and no network
    grade.py     many students' folders
    milestones/  the pieces run as a whole on the student's functions; and golf
    commands.py  what `tinyzip learn` does
"""
