"""SRAM against DRAM: throughput, bill and throughput per dollar of a chip with other sizes of both.

What the map shows on a grid is then found exactly: the SRAM below which nothing runs, that above which more buys nothing, and
the SRAM that another DRAM device is worth. Exact, since more SRAM is never slower: a search by halves ends on one byte.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.chip.change import changed_chip
from simulator.chip.load import Settings
from simulator.chip.schema import Architecture
from simulator.cost.priced import priced_chip
from simulator.errors import InfeasibleError, OptionError, argument
from simulator.graph.build import Graph
from simulator.graph.load import load_network
from simulator.graph.own import Precision, precision_of
from simulator.graph.subject import name_of, subject_of
from simulator.lower.rows import check_batch
from simulator.lower.work import work_of
from simulator.progress import stages
from simulator.store.calls import public
from simulator.store.shown import Shown
from simulator.study.memory_bench import (
    LEAST_BYTES,
    SAME,
    Bench,
    Ints,
    Truths,
    ladder_of,
    least_true,
)
from simulator.study.memory_edges import Exchange, Threshold, exchanges_of, frontier_of, or_none, thresholds_of
from simulator.study.subject import changes_of, chip_of
from simulator.sweeps.table import STATUS
from simulator.units import MIB

Floats = npt.NDArray[np.float64]

PER_OCTAVE = 4
"""Sizes of the curve of traffic in each doubling of the SRAM."""


@dataclass(frozen=True)
class MemoryPoint:
    """The chip with one SRAM and one number of DRAM devices."""

    sram_mib: float
    dram_devices: int
    """0 for a chip without DRAM."""
    throughput_per_s: float | None
    """None where it does not run; the reason says why."""
    latency_s: float | None
    dram_bytes: float | None
    """Of the whole batch, to and from the outer memory."""
    bill_usd: float | None
    """Die with its memory interfaces, package with its balls, DRAM devices, test; best estimate. None: cannot be told."""
    area_mm2: float | None
    throughput_per_usd: float | None
    cheapest: bool
    """No other point of the map gives as much for less, or more for as much."""
    reason: str | None


@dataclass(frozen=True)
class Traffic:
    """Bytes to and from the outer memory at one SRAM, of the whole batch."""

    sram_mib: float
    dram_bytes: float | None
    """Of the fastest schedule, at the chip's own number of devices."""
    least_bytes: float | None
    """Of the schedule that moves the fewest."""
    bound_bytes: float
    """No schedule moves fewer: inputs and outputs, and the weights that cannot stay, once."""


@dataclass(frozen=True, repr=False)
class MemoryMap(Shown):
    """What `memory_map` finds."""

    network: str
    chip: str
    changes: tuple[str, ...]
    batch: int
    precision: str
    sram_mib: float
    """The chip's own."""
    dram_devices: int
    """The chip's own; 0 without DRAM."""
    dram_part: str | None
    sizes_mib: tuple[float, ...]
    devices: tuple[int, ...]
    points: tuple[MemoryPoint, ...]
    """By number of devices, then by SRAM."""
    thresholds: tuple[Threshold, ...]
    exchanges: tuple[Exchange, ...]
    frontier: tuple[dict[str, float | None], ...]
    """What one more step of DRAM is worth in SRAM at every point of the map, and how much SRAM its dollars buy; between the
    sizes that were run by interpolation."""
    traffic: tuple[Traffic, ...]
    least_traffic_mib: float | None
    """Least SRAM with the fewest bytes that any SRAM allows."""
    notes: tuple[str, ...]
    subject: str
    """The network in words, with the size of its input."""

    def at(self, sram_mib: float, devices: int) -> MemoryPoint | None:
        """One point of the map; None where there is none."""
        return next((p for p in self.points if p.sram_mib == sram_mib and p.dram_devices == devices), None)

    @property
    def own(self) -> Threshold | None:
        """Thresholds at the chip's own number of devices; None where they cannot be told."""
        return next((one for one in self.thresholds if one.dram_devices == self.dram_devices), None)

    @property
    def best(self) -> MemoryPoint | None:
        """Most throughput per dollar of the map; None without prices."""
        known = [point for point in self.points if point.throughput_per_usd is not None]
        return max(known, key=lambda point: point.throughput_per_usd or 0.0, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; None for what is unknown or not there."""
        data = asdict(self)
        for row, one in zip(data["exchanges"], self.exchanges, strict=True):
            row["cheaper"] = one.cheaper
        return data


@public
def memory_map(
    network: Graph | str,
    chip: Architecture | str,
    batch: int = 1,
    precision: Precision | None = None,
    set: Settings | None = None,
    *,
    sizes_mib: Sequence[float] | None = None,
    devices: Sequence[int] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> MemoryMap:
    """Run one network on a chip with other sizes of SRAM and other numbers of its DRAM devices.

    network, chip, batch, precision: as in `simulate`; `set` changes a chip given by name. sizes_mib: SRAM of the map, by
    default around the chip's own from a sixteenth to eight times. devices: by default around the chip's own. tell: called
    with what is being done.

    Raises what `simulate` raises, InfeasibleError where the network runs with no SRAM of the map.
    """
    graph = load_network(network) if isinstance(network, str) else network
    precision = precision_of(graph, precision)
    machine = chip_of(chip, set)
    check_batch(graph, batch)
    own = machine.dram_devices
    sizes = tuple(sorted({float(size) for size in sizes_mib or sizes_around(machine.sram.capacity_mib)}))
    counts = tuple(sorted({*(devices or devices_around(own))}))
    _check(machine, sizes, counts)
    bench = Bench(graph, machine, batch, precision)
    then = stages(4)
    tell(f"{len(sizes) * len(counts)} points")
    points = _points(bench, sizes, counts)
    if all(point.throughput_per_s is None for point in points):
        raise InfeasibleError(points[-1].reason or f"{machine.name}: sram.capacity_mib: nothing runs on this map")
    thresholds: tuple[Threshold, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    frontier: tuple[dict[str, float | None], ...] = ()
    if machine.power_limit_w is None:
        then()
        tell("SRAM that buys nothing")
        ladder = ladder_of(
            bench, sorted({*counts, own}), [int(size * MIB) for size in (*sizes, machine.sram.capacity_mib)]
        )
        thresholds = thresholds_of(bench, ladder, sorted({*counts, own}))
        then()
        tell("DRAM against SRAM")
        exchanges = exchanges_of(bench, ladder, counts)
        frontier = frontier_of(bench, ladder, thresholds, sizes, counts)
    then()
    tell("traffic")
    traffic, least_mib = _traffic(bench, sizes, thresholds)
    return MemoryMap(
        network=name_of(graph),
        chip=machine.name,
        changes=changes_of(set),
        batch=batch,
        precision=precision,
        sram_mib=machine.sram.capacity_mib,
        dram_devices=own,
        dram_part=None if machine.dram is None else machine.dram.part,
        sizes_mib=sizes,
        devices=counts,
        points=points,
        thresholds=thresholds,
        exchanges=exchanges,
        frontier=frontier,
        traffic=traffic,
        least_traffic_mib=least_mib,
        notes=_notes(machine, counts),
        subject=subject_of(graph),
    )


def sizes_around(own_mib: float) -> list[float]:
    """From a sixteenth of a size to eight times it, in steps of 1.5 and 4/3 in turn. [MiB]"""
    found = [own_mib * scale * 2.0**k for k in range(-4, 4) for scale in (1.0, 1.5)]
    return [*found[:-1], own_mib * 8.0] if own_mib * 12.0 not in found else [*found[:-1]]


def devices_around(own: int) -> list[int]:
    """Six or more numbers of devices in equal steps, the chip's own among them; 0 alone without DRAM."""
    if own == 0:
        return [0]
    step = max((each for each in range(1, own // 2 + 1) if own % each == 0), default=1)
    return [step * k for k in range(1, max(6, own // step + 2) + 1)]


def _check(chip: Architecture, sizes: Sequence[float], counts: Sequence[int]) -> None:
    """Refuse sizes and numbers that no chip file may have. Raises ChipError, OptionError."""
    for size in (sizes[0], sizes[-1]):
        changed_chip(chip, {"sram.capacity_mib": size}, "sram")
    if chip.dram is None:
        if counts != (0,):
            how = f"{argument('set', 'dram.part=...')} {argument('set', 'dram.devices=1')}"
            raise OptionError(f"dram: {chip.name} has no DRAM; give it one with {how}")
        return
    for each in counts:
        changed_chip(chip, {"dram.devices": each}, "dram")


def _points(bench: Bench, sizes: Sequence[float], counts: Sequence[int]) -> tuple[MemoryPoint, ...]:
    """The map."""
    mib, devices = np.tile(np.array(sizes), len(counts)), np.repeat(np.array(counts, dtype=np.int64), len(sizes))
    block = bench.run((mib * MIB).astype(np.int64), devices, cost=True)
    numbers = {name: [None if math.isnan(v) else v for v in column.tolist()] for name, column in block.numbers.items()}
    path = cheapest(numbers["bill_usd"], numbers["throughput_per_s"])
    return tuple(
        MemoryPoint(
            size, each, numbers["throughput_per_s"][at], numbers["latency_s"][at], numbers["dram_bytes"][at],
            numbers["bill_usd"][at], numbers["area_mm2"][at], numbers["throughput_per_usd"][at], at in path,
            None if block.status[at] == STATUS.index("ok") else block.reason[at],
        )
        for at, (size, each) in enumerate(zip(mib.tolist(), devices.tolist(), strict=True))
    )  # fmt: skip


def cheapest(bills: Sequence[float | None], rates: Sequence[float | None]) -> set[int]:
    """Places of the points that no other beats in bill and throughput: the cheapest way to each throughput."""
    known = [(b, -r, at) for at, (b, r) in enumerate(zip(bills, rates, strict=True)) if b is not None and r is not None]
    found, most = set(), 0.0
    for _, rate, at in sorted(known):
        if -rate > most / SAME:
            found.add(at)
            most = -rate
    return found


def _traffic(
    bench: Bench, sizes: Sequence[float], thresholds: Sequence[Threshold]
) -> tuple[tuple[Traffic, ...], float | None]:
    """(traffic against SRAM with its lower bound, least SRAM with the fewest bytes of all)."""
    work = work_of(bench.low)
    ample = bench.ample_bytes()
    fewest = float(bench.least_traffic([ample])[0])
    least_mib = None
    if math.isfinite(fewest):

        def enough(_: Ints, at: Ints) -> Truths:
            return np.asarray(bench.least_traffic(at.tolist()) * SAME <= fewest)

        ends = (np.array([LEAST_BYTES - 1], dtype=np.int64), np.array([ample], dtype=np.int64))
        least_mib = float(least_true(enough, *ends)[0]) / MIB
    first = max(sizes[0], thresholds[0].needs_mib) if thresholds else sizes[0]
    flat = max([least_mib or sizes[-1], *(one.nothing_above_mib for one in thresholds)])
    last = max(first, min(sizes[-1], 2.0 * flat), bench.chip.sram.capacity_mib)
    count = max(2, math.ceil(PER_OCTAVE * math.log2(last / first)) + 1) if last > first else 1
    at = np.unique(np.round(np.geomspace(first, last, count) * MIB).astype(np.int64))
    fastest = bench.run(at, np.full(len(at), bench.chip.dram_devices)).numbers["dram_bytes"]
    least = bench.least_traffic(at.tolist())
    held = at.astype(np.float64) if "weights" in bench.chip.sram.holds else np.zeros(len(at))
    bounds = work.least_outer_bytes(held)
    rows = [
        Traffic(size / MIB, or_none(moved), few if math.isfinite(few) else None, bound)
        for size, moved, few, bound in zip(at.tolist(), fastest.tolist(), least.tolist(), bounds.tolist(), strict=True)
    ]
    return tuple(rows), least_mib


def _notes(chip: Architecture, counts: Sequence[int]) -> tuple[str, ...]:
    """What a reader should know."""
    notes = list(priced_chip(chip).notes)
    if chip.dram is None:
        notes.append("no DRAM: the host link is the outer memory, and SRAM alone varies")
    elif chip.dram.port_bytes_per_cycle is not None:
        last = changed_chip(chip, {"dram.devices": counts[-1]}).dram_bytes_per_s
        port = changed_chip(chip, {"dram.devices": 65_536}).dram_bytes_per_s
        if last is not None and port is not None and last >= port:
            notes.append(
                f"dram.port_bytes_per_cycle: the chip's port moves at most {port / 1e9:.3g} GB/s (1e9 bytes), whatever is "
                "behind it; widen it to see more devices at work"
            )
    if chip.power_limit_w is not None:
        notes.append("power_limit_w: more SRAM leaks more, so more may be slower: there are no thresholds")
    return tuple(dict.fromkeys(notes))
