"""The machine room: memory, threads and processes. It changes the speed and not one bit; read it last.

workspace.py  scratch memory that is handed down
recorder.py   an array that writes calls down, and a run that is repeated from that
processes.py  copies of this process, which do not wait for each other's interpreter
blas.py       holding BLAS to one thread
workers.py    one piece of work for several cores
products.py   matrix products in pieces that are multiplied where they lie
packed.py     many small arrays in a few vectors, and these in chunks that stay in cache
"""
