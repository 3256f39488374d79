"""One chip x one graph -> `Result`: the whole pipeline in a few straight lines."""

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import networkx as nx

from simulator.assemble import assemble, host_seconds
from simulator.chip.load import load_chip
from simulator.chip.schema import Architecture
from simulator.gains import gains as gains_of
from simulator.graph.build import Graph
from simulator.graph.fuse import fuse
from simulator.graph.load import load_network
from simulator.lowering import Lowered, lower
from simulator.pricing import PowerLimit, power_limit
from simulator.result import Result
from simulator.schedule.best import best
from simulator.schedule.plan import Plan
from simulator.schedule.pool import Pool, build_pool
from simulator.schedule.solve import Machine, infeasible
from simulator.schedule.stacks import fed_bytes
from simulator.store.memory import Memory
from simulator.units import CACHE_SHARE

MOST_POOL_BYTES = 192 * 2**20
"""Pools in memory, of all networks, arrays and batches; those used longest ago go. [B]"""

Pools = Memory[tuple[Any, ...], Pool]
_pools: Pools = Memory(MOST_POOL_BYTES)
_in_hand: "weakref.WeakValueDictionary[tuple[Any, ...], Pool]" = weakref.WeakValueDictionary()
"""What any caller still has, whether it is among the pools kept or not: it is not built twice."""
_numbers: "weakref.WeakKeyDictionary[Graph, int]" = weakref.WeakKeyDictionary()
_next = itertools.count()


def simulate(
    network: Graph | str,
    chip: Architecture | str,
    batch: int = 1,
    precision: str = "int8",
    gains: bool = True,
) -> Result:
    """Run one network on one chip.

    network: a layer graph, or the name or path of one. chip: an architecture, or the name or path of one. batch: items
    that arrive together. precision: of inputs and weights, one that the chip has a rate for. gains: whether to fill
    `gain_if_infinite`, which schedules the network once more for each roof.

    Raises NetworkError, ChipError for bad input and InfeasibleError where a layer does not fit the SRAM.
    """
    graph = load_network(network) if isinstance(network, str) else network
    chip = load_chip(chip) if isinstance(chip, str) else chip
    machine = machine_of(chip)
    limit = power_limit(chip, precision)
    if chip.schedule.placement == "space":
        return _in_space(graph, chip, machine, batch, precision, limit)
    optimal = chip.schedule.residency == "optimal"
    split = chip.schedule.sub_batches and optimal

    pools = pool_source(graph, chip, precision)
    keep = chip.keeps_weights
    cold, steady = best(machine, batch, pools, keep, split)
    if cold is None or steady is None:
        raise infeasible(pools(batch), machine, chip.name)
    low = pools(batch).low
    saved = {}
    if gains:
        host_s = host_seconds(chip, low) if chip.dram is not None else 0.0
        saved = gains_of(machine, batch, pools, keep, split, steady, host_s, _limited(limit, low))
        outer = saved.pop("outer")
        saved["dram" if chip.dram is not None else "host"] = outer
    return assemble(chip, machine, low, cold, steady, precision, saved, limit)


def _limited(limit: PowerLimit | None, low: Lowered) -> Callable[[Plan], float] | None:
    """Gives the least time of a schedule under a power limit. [s]"""
    if limit is None:
        return None
    charged = low.macs_charged
    return lambda plan: limit.least_s(charged, fed_bytes(plan), float(plan.outer_bytes().sum()))


def _in_space(
    graph: Graph, chip: Architecture, machine: Machine, batch: int, precision: str, limit: PowerLimit | None
) -> Result:
    """The layers side by side as a pipeline of stages."""
    # Imported here: few chips are placed like this, and the other runs start sooner without.
    from simulator.assemble_space import assemble_space  # noqa: PLC0415
    from simulator.schedule.space import place  # noqa: PLC0415

    low, fused = lower(graph, chip, batch, precision), fuse(graph, chip.vector.fuses)
    period, latency = (
        place(
            low, fused, low.spec, machine.capacity_bytes, machine.cycle_s, machine.byte_s, machine.overhead_s,
            float(chip.vector.lanes), chip.dram is not None, goal,
        )
        for goal in ("period", "latency")
    )  # fmt: skip
    return assemble_space(chip, machine, low, latency, period, precision, limit)


def machine_of(chip: Architecture) -> Machine:
    """The numbers of a chip that its schedules depend on, beside the frontiers."""
    capacity = float(chip.sram.capacity_bytes)
    if chip.sram.managed == "cache":
        capacity *= CACHE_SHARE
    outer = chip.outer_bytes_per_s
    return Machine(
        capacity_bytes=capacity,
        cycle_s=1.0 / chip.clock_hz,
        byte_s=1.0 / outer if outer else 0.0,
        overlap=chip.schedule.overlap,
        overhead_s=chip.overhead_s,
        fifo_bytes=None if "weights" in chip.sram.holds else float(chip.sram.weight_fifo_bytes),
    )


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
