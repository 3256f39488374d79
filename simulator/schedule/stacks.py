"""What schedules feed to the arrays, read from the points of their frontiers."""

import numpy as np

from simulator import blocks
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Floats, Ints, Pool
from simulator.tiling import breakdowns, tile_sizes, words


def parts_of(pool: Pool, layers: Ints, codes: Ints, outer_bytes: Floats) -> Floats:
    """On-chip parts of points of a pool, float64[points, 9] in the order of `tiling.OnChip`; layers: place in its shapes."""
    if pool.low.spec.kind == "sm":
        return blocks.parts(pool.shapes, pool.low.spec, layers, codes)
    return breakdowns(pool.stack, layers, codes, outer_bytes)


def words_of(pool: Pool, layers: Ints, codes: Ints) -> list[dict[str, object]]:
    """What points of a pool are, in words; layers: place in its shapes. The dictionaries are shared: do not change them."""
    known: dict[tuple[int, int], dict[str, object]] = pool.memo.setdefault("words", {})
    keys = list(zip(layers.tolist(), codes.tolist(), strict=True))
    if not known.keys() >= set(keys):
        if pool.low.spec.kind == "sm":
            known.update({key: blocks.words(key[1]) for key in keys})
        else:
            sizes = tile_sizes(pool.stack, layers, codes)
            units = pool.stack.factors[pool.stack.first_unit[layers] + sizes[:, 8]]
            known.update(zip(keys, map(words, units, sizes), strict=True))
    return [known[key] for key in keys]


def fed_bytes(plan: Plan) -> float:
    """Bytes between SRAM and arrays of one batch."""
    feed = 0.0
    for piece in plan.pieces:
        tiled = np.flatnonzero(piece.path[:, 1] >= 0)
        if len(tiled):
            points = piece.path[tiled, 1]
            layers = piece.pool.step_shape[piece.start + tiled]
            cycles = parts_of(piece.pool, layers, piece.pool.codes[points], piece.pool.points[points, 1])
            feed += float(cycles[:, 7].sum()) * piece.repeats
    return feed
