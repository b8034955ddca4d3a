#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Microseconds per trivial task of mpi4py.futures, for the table of mpipe_bench. Run it as
`mpirun -n N python3 -m mpi4py.futures mpi4py_futures.py OUTSTANDING TASKS`."""
import sys
import time
from collections import deque

from mpi4py.futures import MPIPoolExecutor


def task(k):
    return 0.5 * k


def main(outstanding, tasks):
    with MPIPoolExecutor() as pool:
        pool.submit(task, 0).result()
        start = time.perf_counter()
        waiting = deque()
        for k in range(tasks):
            if len(waiting) == outstanding:
                waiting.popleft().result()
            waiting.append(pool.submit(task, k))
        for future in waiting:
            future.result()
        print((time.perf_counter() - start) / tasks * 1e6)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
