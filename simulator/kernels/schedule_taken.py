"""What the steps of a schedule take, as it was decided."""

from .jit import kernel
from .layout import (
    BESIDE,
    BYTES,
    CYCLES,
    KEPT,
    LEAST_ROOM,
    PATH_MOVE,
    PATH_POINT,
    RESERVED,
    VECTOR_CYCLES,
)

TILE_BYTES, MOVED_BYTES, OWN_CYCLES, OWN_ROOM = range(4)
"""Rows of what steps take in one run: outer-memory bytes of tiles and in all, on-chip cycles, SRAM bytes of tiles and tensors."""

TAKEN = 4


@kernel
def take_steps(points, footprints, costs, steps, begin, path, out):
    """Fill out[TAKEN, step] of the steps of a path, of which the first is step `begin` of the network."""
    for i in range(len(path)):
        move, point, step = path[i, PATH_MOVE], path[i, PATH_POINT], begin + i
        tile, cycles, room = 0.0, steps[step, VECTOR_CYCLES], steps[step, LEAST_ROOM]
        if point >= 0:
            tile, cycles, room = points[point, BYTES], max(points[point, CYCLES], cycles), footprints[point]
        out[TILE_BYTES, i], out[OWN_CYCLES, i] = tile, cycles
        out[MOVED_BYTES, i] = max(0.0, tile + (costs[move, BESIDE] - costs[move, KEPT]))
        out[OWN_ROOM, i] = room + costs[move, RESERVED]
