"""The frontiers of this process: one store, so that every room shares what was built; slow ones are kept on disk too."""

import time

from simulator import blocks, cache
from simulator.store.memory import Memory
from simulator.tiling import Frontier, Shape, Tables, build_tables, frontier
from simulator.unrolling import ArraySpec

WORTH_KEEPING_S = 0.005
"""A frontier that takes less to build is not written to disk: reading it would hardly be faster. [s]"""


MOST_BYTES = 4 * 2**20
"""Frontiers in memory; those used longest ago go. [B]"""


class Store:
    """Frontiers in memory, and on disk where they took long. (Tables are memoised by `build_tables`.)"""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._frontiers: Memory[tuple[Shape, ArraySpec], dict[int, Frontier]] = Memory(most_bytes)

    def tables(self, shape: Shape, spec: ArraySpec) -> Tables:
        """Candidate tables of a layer."""
        return build_tables(shape, spec)

    def get(self, shape: Shape, spec: ArraySpec, resident: int) -> Frontier:
        """The frontier of a layer with some operands resident."""
        key = (shape, spec)
        if spec.kind == "sm":
            return blocks.frontier(shape, spec, resident)
        known = self._frontiers.get(key)
        if known is None:
            loaded = cache.load(cache.name_of(shape, spec))
            known = self._frontiers.put(key, {mask: Frontier(*points) for mask, points in loaded.items()})
        if resident not in known:
            tables = build_tables(shape, spec)
            begin = time.perf_counter()
            known[resident] = frontier(shape, spec, resident, tables)
            if time.perf_counter() - begin > WORTH_KEEPING_S:
                kept = {mask: (f.footprint, f.bytes_, f.cycles, f.codes) for mask, f in known.items()}
                cache.save(cache.name_of(shape, spec), kept)
        return known[resident]


frontiers = Store()
