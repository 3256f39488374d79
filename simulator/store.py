"""The frontiers of this process: one store, so that every room shares what was built."""

from simulator.tiling import Frontier, Shape, Tables, build_tables, frontier
from simulator.unrolling import ArraySpec


class Store:
    """Frontiers and tables in memory."""

    def __init__(self) -> None:
        self._tables: dict[tuple[Shape, ArraySpec], Tables] = {}
        self._frontiers: dict[tuple[Shape, ArraySpec, int], Frontier] = {}

    def tables(self, shape: Shape, spec: ArraySpec) -> Tables:
        """Candidate tables of a layer."""
        if (shape, spec) not in self._tables:
            self._tables[shape, spec] = build_tables(shape, spec)
        return self._tables[shape, spec]

    def get(self, shape: Shape, spec: ArraySpec, resident: int) -> Frontier:
        """The frontier of a layer with some operands resident."""
        key = (shape, spec, resident)
        if key not in self._frontiers:
            self._frontiers[key] = frontier(shape, spec, resident, self.tables(shape, spec))
        return self._frontiers[key]


frontiers = Store()
