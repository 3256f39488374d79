"""Where the pools of networks come from: built when first asked for, kept for a while, shared by all who have one in hand."""

import itertools
import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simulator.chip.schema import Architecture
from simulator.graph.build import Graph
from simulator.graph.early import is_frozen
from simulator.kernels.grid_envelope import NO_FLOOR
from simulator.lower.array import Target, target_of
from simulator.lower.rows import Lowered, lower_to
from simulator.schedule.pool import Pool, build_pool
from simulator.store.memory import Memory, array_bytes, of_each, one_each

MOST_POOL_BYTES = 192 * 2**20
"""Pools in memory, of all networks, arrays and batches; those used longest ago go. [B]"""

MOST_IN_HAND = 32
"""Pools that a caller has in hand: more than there are sizes of sub-batches of any batch."""

FLOOR_SHARE, MOST_FLOOR = 2.0**-6, 2.0**17
"""The floor of frontiers as a share of the SRAM, and the largest: one for most chips, which share what was found. [B]"""

Pools = Memory[tuple[Any, ...], Pool]


def pool_bytes(pool: Pool) -> int:
    """Bytes of the arrays of a pool: its rows and shapes, and the lists of its moves, of which there are many, hold none."""
    held = [value for name, value in vars(pool).items() if name not in ("low", "lowered", "shapes", "moves")]
    return array_bytes([*held, *(value for value in vars(pool.moves).values() if isinstance(value, np.ndarray))])


_pools: Pools = Memory(MOST_POOL_BYTES, pool_bytes)
_in_hand: "weakref.WeakValueDictionary[tuple[Any, ...], Pool]" = weakref.WeakValueDictionary()
"""What any caller still has, whether it is among the pools kept or not: it is not built twice."""
_numbers: "weakref.WeakKeyDictionary[Graph, int]" = weakref.WeakKeyDictionary()
_next = itertools.count()


@dataclass(frozen=True)
class Rules:
    """All of a chip that a pool depends on, and so what pools are kept by."""

    target: Target
    optimal: bool
    """Whether activations may be resident."""
    keep: bool
    """Whether constant weights may be in SRAM as a whole."""
    floor: float
    """See `Pool`. [B]"""

    @cached_property
    def number(self) -> int:
        """Its hash, taken once: a target is slow to hash."""
        return hash((self.target, self.optimal, self.keep, self.floor))

    def __hash__(self) -> int:
        return self.number


@of_each(256)
def _known_rules(_: Architecture) -> dict[tuple[str, float], Rules]:
    """Rules of a chip by precision and floor, as far as they were asked for."""
    return {}


def rules_of(chip: Architecture, precision: str, floor: float) -> Rules:
    """The rules of a chip. Raises NetworkError where it does not run the precision."""
    known = _known_rules(chip)
    if (precision, floor) not in known:
        optimal = chip.schedule.residency == "optimal"
        known[precision, floor] = Rules(target_of(chip, precision), optimal, chip.keeps_weights, floor)
    return known[precision, floor]


def pool_source(
    graph: Graph,
    chip: Architecture,
    precision: str,
    pools: Pools | None = None,
    admit: Callable[[Lowered], None] = lambda _: None,
    floor: float | None = None,
) -> Callable[[int], Pool]:
    """Gives the moves and frontiers of a network on a chip at any batch; kept for a while if the graph is frozen.

    pools: where they are kept, instead of among those that all callers share. admit: called with a network at a batch before
    its tilings are sought, which takes longest; what it raises is raised. floor: see `Pool`; that of the chip unless given.
    """
    kept = _pools if pools is None else pools
    rules = rules_of(chip, precision, floor_of(chip) if floor is None else floor)
    number = _number_of(graph) if is_frozen(graph) else None
    own: Memory[int, Pool] = Memory(MOST_IN_HAND, one_each)  # what this caller used last stays whatever else is let go

    def pool_of(batch: int) -> Pool:
        found = own.get(batch)
        if found is not None:
            return found
        found = None if number is None else kept.get((number, rules, batch))
        if found is None:
            found = None if number is None else _in_hand.get((number, rules, batch))
            if found is None:
                low = lower_to(graph, rules.target, batch)
                admit(low)
                found = build_pool(low, float(rules.target.lanes), rules.optimal, rules.keep, floor=rules.floor)
            if number is not None:
                kept.put((number, rules, batch), found)
                _in_hand[number, rules, batch] = found
        return own.put(batch, found)

    return pool_of


def floor_of(chip: Architecture) -> float:
    """The floor of the frontiers for a chip's SRAM: few schedules leave a tile less room. [B]"""
    if chip.is_gpu:
        return NO_FLOOR
    return min(MOST_FLOOR, 2.0 ** math.floor(math.log2(chip.sram.capacity_bytes * FLOOR_SHARE)))


def _number_of(graph: Graph) -> int:
    """A number for a graph, never used again; its pools go with the graph."""
    if graph not in _numbers:
        number = _numbers[graph] = next(_next)
        weakref.finalize(graph, _pools.drop, lambda key: key[0] == number).atexit = False
    return _numbers[graph]
