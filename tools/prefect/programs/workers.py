"""Processes that go through the limit "database" so many times each; they print when they were inside, in ns.

Prefect is imported once, before they part: on a busy machine that takes longer than all else.
"""

import os
import sys
import time

from prefect.concurrency.sync import concurrency

processes, turns = int(sys.argv[1]), int(sys.argv[2])


def work():
    for _ in range(turns):
        with concurrency("database", occupy=1):
            entered = time.monotonic_ns()
            time.sleep(0.2)
            # One write a line: print makes several where output is unbuffered, and others' come in between.
            os.write(1, f"{entered} {time.monotonic_ns()}\n".encode())


children = []
for _ in range(processes):
    child = os.fork()
    if child == 0:
        work()
        sys.exit()
    children.append(child)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
