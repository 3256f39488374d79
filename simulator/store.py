"""The frontiers of this process: one store, so that every room shares what was built; slow ones are kept on disk too."""

import time

from simulator import blocks, cache
from simulator.tiling import Frontier, Shape, Tables, build_tables, frontier
from simulator.unrolling import ArraySpec

WORTH_KEEPING_S = 0.005
"""A frontier that takes less to build is not written to disk: reading it would hardly be faster. [s]"""


class Store:
    """Frontiers in memory, and on disk where they took long. (Tables are memoised by `build_tables`.)"""

    def __init__(self) -> None:
        self._frontiers: dict[tuple[Shape, ArraySpec], dict[int, Frontier]] = {}
        self._names: dict[tuple[Shape, ArraySpec], str] = {}

    def tables(self, shape: Shape, spec: ArraySpec) -> Tables:
        """Candidate tables of a layer."""
        return build_tables(shape, spec)

    def get(self, shape: Shape, spec: ArraySpec, resident: int) -> Frontier:
        """The frontier of a layer with some operands resident."""
        key = (shape, spec)
        if spec.kind == "sm":
            return blocks.frontier(shape, spec, resident)
        if key not in self._frontiers:
            self._names[key] = cache.name_of(shape, spec)
            self._frontiers[key] = {mask: Frontier(*points) for mask, points in cache.load(self._names[key]).items()}
        known = self._frontiers[key]
        if resident not in known:
            tables = build_tables(shape, spec)
            begin = time.perf_counter()
            known[resident] = frontier(shape, spec, resident, tables)
            if time.perf_counter() - begin > WORTH_KEEPING_S:
                kept = {mask: (f.footprint, f.bytes_, f.cycles, f.codes) for mask, f in known.items()}
                cache.save(self._names[key], kept)
        return known[resident]


frontiers = Store()
