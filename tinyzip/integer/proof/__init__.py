"""What can be shown about a program before it runs, and what may go.

intervals.py  which codes each channel can write, whatever goes in
equals.py, absorb.py, channels.py, chain.py, clamps.py, simplify.py
              smaller by proof: the same codes from fewer numbers
"""
