"""Where the pools of networks come from: built when first asked for, kept for a while, shared by all who have one in hand."""

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import networkx as nx

from simulator.chip.schema import Architecture
from simulator.graph.build import Graph
from simulator.lower.rows import lower
from simulator.schedule.pool import Pool, build_pool
from simulator.store.memory import Memory

MOST_POOL_BYTES = 192 * 2**20
"""Pools in memory, of all networks, arrays and batches; those used longest ago go. [B]"""

Pools = Memory[tuple[Any, ...], Pool]
_pools: Pools = Memory(MOST_POOL_BYTES)
_in_hand: "weakref.WeakValueDictionary[tuple[Any, ...], Pool]" = weakref.WeakValueDictionary()
"""What any caller still has, whether it is among the pools kept or not: it is not built twice."""
_numbers: "weakref.WeakKeyDictionary[Graph, int]" = weakref.WeakKeyDictionary()
_next = itertools.count()


def pool_source(graph: Graph, chip: Architecture, precision: str, pools: Pools | None = None) -> Callable[[int], Pool]:
    """Gives the moves and frontiers of a network on a chip at any batch; kept for a while if the graph is frozen.

    pools: where they are kept, instead of among those that all callers share.
    """
    kept = _pools if pools is None else pools
    array = chip.array
    key = (
        precision, chip.vector.model_dump_json(), chip.schedule.residency, chip.keeps_weights, chip.sram.holds,
        chip.sram.bytes_per_cycle, chip.interconnect,
        chip.schedule.overlap, None if array is None else array.model_dump_json(),
        chip.sram.capacity_bytes if chip.is_gpu else None,
    )  # fmt: skip
    number = _number_of(graph) if nx.is_frozen(graph) else None
    own: dict[int, Pool] = {}  # what this caller has in hand stays whatever else is let go

    def pool_of(batch: int) -> Pool:
        if batch in own:
            return own[batch]
        found = None if number is None else kept.get((number, key, batch))
        if found is None:
            found = None if number is None else _in_hand.get((number, key, batch))
            if found is None:
                optimal = chip.schedule.residency == "optimal"
                low = lower(graph, chip, batch, precision)
                found = build_pool(low, float(chip.vector.lanes), optimal, chip.keeps_weights)
            if number is not None:
                kept.put((number, key, batch), found)
                _in_hand[number, key, batch] = found
        own[batch] = found
        return found

    return pool_of


def _number_of(graph: Graph) -> int:
    """A number for a graph, never used again; its pools go with the graph."""
    if graph not in _numbers:
        number = _numbers[graph] = next(_next)
        weakref.finalize(graph, _pools.drop, lambda key: key[0] == number).atexit = False
    return _numbers[graph]
