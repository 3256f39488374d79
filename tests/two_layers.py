"""Two layers with known tilings, to work schedules out by hand."""

from dataclasses import replace

import adapter
import numpy as np
from naive_schedule import Problem, Step, Tensor

from simulator.schedule.pool import Pool

U = 4096.0
"""The smallest room beside kept weights is four of these. [B]"""
C = 1e4
"""Cycles."""


def two_layers() -> Pool:
    """Of each a small tiling of 5 U, and a large one (8 U, 46 U) that takes 10 C and one or two U less; weights of 2 U, and
    of two channels of 4 U, which are traffic unless they are in SRAM.
    """
    steps = [
        Step({0: [(5 * U, 8 * U, 50 * C), (8 * U, 6 * U, 40 * C)],
              2: [(5 * U, 6 * U, 50 * C), (8 * U, 4 * U, 40 * C)]}, inputs=0),
        Step({0: [(5 * U, 12 * U, 30 * C), (46 * U, 11 * U, 20 * C)],
              2: [(5 * U, 4 * U, 30 * C), (46 * U, 3 * U, 20 * C)]}, inputs=1),
    ]  # fmt: skip
    tensors = [Tensor(1, None), Tensor(1, 0), Tensor(1, 1)]
    pool = adapter.pool_of(Problem(tensors, steps, 60 * U), [2 * U, 8 * U], keep=True)
    return replace(pool, least_cycles=np.array([40 * C, 20 * C]))  # without the moves that never fit
