"""The stacked candidate tables of a pool's layers, made once, to read points of its frontiers."""

import numpy as np

from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool
from simulator.store import frontiers
from simulator.tiling import Stack, Tables, breakdowns, stack


def stack_of(pool: Pool) -> tuple[Stack, list[Tables]]:
    """(stacked tables, tables) of the pool's shapes, in the order of `pool.shapes`."""
    if "stack" not in pool.memo:
        built = [frontiers.tables(shape, pool.low.spec) for shape in pool.shapes]
        pool.memo["stack"] = (stack(pool.shapes, pool.low.spec, built), built)
    found: tuple[Stack, list[Tables]] = pool.memo["stack"]
    return found


def fed_bytes(plan: Plan) -> float:
    """Bytes between SRAM and arrays of one batch."""
    feed = 0.0
    for piece in plan.pieces:
        tiled = np.flatnonzero(piece.path[:, 1] >= 0)
        if len(tiled):
            stacked, _ = stack_of(piece.pool)
            points = piece.path[tiled, 1]
            layers = piece.pool.step_shape[piece.start + tiled]
            cycles = breakdowns(stacked, layers, piece.pool.codes[points], piece.pool.points[points, 1])
            feed += float(cycles[:, 7].sum()) * piece.repeats
    return feed
