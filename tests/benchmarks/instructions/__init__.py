"""How many instructions the functions take that run for each message.

Time on a shared machine is noise; instructions are not. Each function runs N times and 2 N times
under valgrind's callgrind, so that the start of Python cancels out, and a loop that calls
nothing is measured alike and subtracted. What is left differs by less than a percent from run
to run. It counts the process' own instructions: not the kernel's, and not how long a cache miss
takes.

Without valgrind nothing is measured, and the report says so.
"""
