"""The stacked candidate tables of a pool's layers, made once, to read points of its frontiers."""

from simulator.schedule.pool import Pool
from simulator.store import frontiers
from simulator.tiling import Stack, Tables, stack


def stack_of(pool: Pool) -> tuple[Stack, list[Tables]]:
    """(stacked tables, tables) of the pool's shapes, in the order of `pool.shapes`."""
    if "stack" not in pool.memo:
        built = [frontiers.tables(shape, pool.low.spec) for shape in pool.shapes]
        pool.memo["stack"] = (stack(pool.shapes, pool.low.spec, built), built)
    found: tuple[Stack, list[Tables]] = pool.memo["stack"]
    return found
