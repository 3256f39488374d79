"""What schedules feed to the arrays, read from the points of their frontiers."""

import numpy as np

from simulator.schedule.plan import Plan
from simulator.tiling import breakdowns


def fed_bytes(plan: Plan) -> float:
    """Bytes between SRAM and arrays of one batch."""
    feed = 0.0
    for piece in plan.pieces:
        tiled = np.flatnonzero(piece.path[:, 1] >= 0)
        if len(tiled):
            points = piece.path[tiled, 1]
            layers = piece.pool.step_shape[piece.start + tiled]
            cycles = breakdowns(piece.pool.stack, layers, piece.pool.codes[points], piece.pool.points[points, 1])
            feed += float(cycles[:, 7].sum()) * piece.repeats
    return feed
