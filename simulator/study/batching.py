"""One network on one chip at growing batches: rates, traffic, activations, and what it costs when they leave the SRAM.

A larger batch shares its weights and fills the array, but its activations grow with it. As long as all of them can be
resident, a larger batch is better; beyond that they spill to outer memory, or the batch is taken in parts.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from simulator.chip.change import changed_chip
from simulator.chip.library import Entry, published_of
from simulator.chip.load import Settings
from simulator.chip.published import Row
from simulator.chip.schema import Architecture
from simulator.errors import InfeasibleError, OptionError
from simulator.graph.build import Graph
from simulator.graph.load import load_network
from simulator.graph.own import Precision, precision_of
from simulator.graph.subject import name_of, subject_of
from simulator.kernels.layout import FOOTPRINT, LEAST_ROOM
from simulator.lower.room import live_bytes, staying_bytes
from simulator.lower.rows import check_batch, lower
from simulator.progress import each
from simulator.result.form import Result
from simulator.run import admission, simulate
from simulator.schedule.machines import machines_of
from simulator.schedule.pool import Pool
from simulator.schedule.pools import pool_source
from simulator.store.calls import public
from simulator.store.shown import Shown
from simulator.study.alike import Question, is_of, params_of, remarks_of, same_size
from simulator.study.subject import changes_of, chip_of
from simulator.units import MIB

BATCHES = tuple(2**k for k in range(9))
"""Batches that are run unless others are asked for: 1 to 256."""


@dataclass(frozen=True)
class BatchPoint:
    """The network at one batch. Traffic is that of the whole batch."""

    batch: int
    throughput_per_s: float | None = None
    """None where the network does not fit at this batch; the reason says why."""
    latency_s: float | None = None
    utilisation: float | None = None
    dram_bytes: float | None = None
    """To and from the outer memory (DRAM, or the host link of a chip without)."""
    least_dram_bytes: float | None = None
    """Network inputs and outputs, and all weights, once each; weights that stay for ever can go below it."""
    load_bytes: float | None = None
    """Weights that stay in the SRAM for ever."""
    sram_bytes: float | None = None
    """Largest SRAM use of any layer."""
    activation_bytes: float | None = None
    """The most that tensors between layers take at any moment, were all of them in the SRAM."""
    bound_by: str | None = None
    power_w: float | None = None
    enough_sram_bytes: float | None = None
    """SRAM in which all of them can be resident, with the smallest tiles; None where the chip keeps none of them."""
    unspilled_per_s: float | None = None
    """Throughput with that much SRAM, where the chip has less."""
    reason: str | None = None

    @property
    def spilling(self) -> float | None:
        """Share of the throughput that is lost because the SRAM does not hold all activations; 0 where it does."""
        if self.throughput_per_s is None or self.enough_sram_bytes is None:
            return None
        return 0.0 if self.unspilled_per_s is None else 1.0 - self.throughput_per_s / self.unspilled_per_s


@dataclass(frozen=True)
class PublishedPoint:
    """A published throughput of the chip on the network."""

    batch: int | None
    """None where it was free, or is not told."""
    throughput_per_s: float
    precision: str | None
    mode: str | None
    source: str | None
    remarks: tuple[str, ...]
    """What makes it unfair to compare."""
    like: bool
    """Whether it is of the precision that was run, of the chip with no other settings, and of what the model covers."""


@dataclass(frozen=True, repr=False)
class BatchCurve(Shown):
    """What `batch_curve` finds."""

    network: str
    params: dict[str, Any]
    chip: str
    changes: tuple[str, ...]
    precision: str
    sram_bytes: float
    """That tensors and tiles share: half of a cache."""
    outer: str
    """`DRAM`, or `host link` of a chip without."""
    points: tuple[BatchPoint, ...]
    keeps: bool
    """Whether the chip keeps tensors in the SRAM between layers."""
    caches: bool
    """Whether its SRAM is a cache that keeps what fits of each tensor, without a plan."""
    resident_up_to: int | None
    """Largest batch, up to the largest asked for, at which all activations can be resident; 0: not even one item's. None
    where the chip does not keep them all."""
    published: tuple[PublishedPoint, ...]
    subject: str
    """The network in words, with the size of its input."""

    @property
    def overflows_at(self) -> int | None:
        """Smallest batch whose activations do not all fit the SRAM; None where there is none up to the largest asked for."""
        if self.resident_up_to is None or self.resident_up_to >= max(point.batch for point in self.points):
            return None
        return self.resident_up_to + 1

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; None for what is unknown or not there."""
        data = asdict(self)
        for row, point in zip(data["points"], self.points, strict=True):
            row["spilling"] = point.spilling
        return {**data, "overflows_at": self.overflows_at}


@public
def batch_curve(
    network: Graph | str,
    chip: Architecture | str,
    batches: Iterable[int] = BATCHES,
    precision: Precision | None = None,
    set: Settings | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> BatchCurve:
    """Run one network on one chip at several batches.

    network, chip, precision: as in `simulate`; `set` changes a chip given by name. batches: each is run once, in rising order.
    tell: called with what is being run. A batch that does not fit the SRAM stays in the answer with the reason.

    Raises NetworkError and ChipError as `simulate` does, OptionError where there is no batch.
    """
    graph = load_network(network) if isinstance(network, str) else network
    precision = precision_of(graph, precision)
    machine = chip_of(chip, set)
    sizes = sorted({*batches})
    if not sizes:
        raise OptionError("batches: must be at least one whole number, got none")
    for size in sizes:
        check_batch(graph, size)
    pools = pool_source(graph, machine, precision, admit=admission(machine, machines_of(machine)))
    in_time = machine.schedule.placement == "time"
    points = []
    for size in each(sizes):
        tell(f"batch {size}")
        enough = _enough(pools, size) if in_time else None
        points.append(_point(graph, machine, size, precision, enough))
    room = offered(machine)
    most = sizes[-1]
    up_to = _resident_up_to(pools, room, most) if in_time and _enough(pools, 1) is not None else None
    return BatchCurve(
        network=name_of(graph),
        params=dict(graph.graph.get("parameters", {})),
        chip=machine.name,
        changes=changes_of(set),
        precision=precision,
        sram_bytes=room,
        outer="DRAM" if machine.dram is not None else "host link",
        points=tuple(points),
        keeps=machine.schedule.residency == "optimal",
        caches=lower(graph, machine, 1, precision).cached_bytes > 0.0,
        resident_up_to=up_to,
        published=tuple(published_points(graph, machine, precision, most)),
        subject=subject_of(graph),
    )


def offered(chip: Architecture) -> float:
    """SRAM that tensors and tiles share: half of a cache. [B]"""
    return chip.sram.capacity_bytes * (0.5 if chip.sram.managed == "cache" else 1.0)


def _point(graph: Graph, chip: Architecture, batch: int, precision: str, enough: float | None) -> BatchPoint:
    """One batch, and the same with SRAM for all activations where the chip has less."""
    low = lower(graph, chip, batch, precision)
    known: dict[str, Any] = {
        "activation_bytes": float(live_bytes(low).max()),
        "least_dram_bytes": low.compulsory_bytes,
        "enough_sram_bytes": enough,
    }
    try:
        found = simulate(graph, chip, batch, precision, gains=False)
    except InfeasibleError as error:
        return BatchPoint(batch, reason=str(error).splitlines()[0], **known)
    if enough is not None and enough > offered(chip):
        known["unspilled_per_s"] = _unspilled(graph, chip, found, enough)
    return BatchPoint(
        batch, found.throughput_per_s, found.latency_s, found.utilisation, found.dram_bytes,
        load_bytes=found.load_bytes, sram_bytes=found.sram_bytes, bound_by=found.bound_by, power_w=found.power_w, **known,
    )  # fmt: skip


def _unspilled(graph: Graph, chip: Architecture, found: Result, enough: float) -> float:
    """Throughput with `enough` bytes of SRAM, whole batches; never less than with what there is, which would do too. [1/s]"""
    capacity = enough * (chip.sram.capacity_bytes / offered(chip))
    larger = changed_chip(chip, {"sram.capacity_mib": capacity / MIB, "schedule.sub_batches": False})
    other = simulate(graph, larger, found.batch, found.precision, gains=False)
    return max(found.throughput_per_s, other.throughput_per_s)


def _enough(pools: Callable[[int], Pool], batch: int) -> float | None:
    """As `enough_sram`; None too where the outer memory has no room for the batch."""
    try:
        return enough_sram(pools(batch))
    except InfeasibleError:
        return None


def enough_sram(pool: Pool) -> float | None:
    """Least SRAM in which every tensor between layers can be resident while it lives, beside the smallest tiles. [B]

    None where the chip keeps no tensors between layers, or there are too many to keep them all.
    """
    if pool.low.cached_bytes > 0.0:
        return None
    live = live_bytes(pool.low)
    plan, needs = pool.moves, np.empty(len(live))
    for step in range(len(live)):
        span = slice(plan.first[step], plan.first[step + 1])
        whole = np.flatnonzero(plan.reserved[span] == live[step]) + plan.first[step]
        if not len(whole):
            return None
        tiles = [float(pool.points[lo, FOOTPRINT]) if lo < hi else 0.0 for lo, hi in pool.spans[whole, :2]]
        needs[step] = live[step] + max(float(pool.steps[step, LEAST_ROOM]), min(tiles))
    return float(needs.max()) + staying_bytes(pool.low)


def _resident_up_to(pools: Callable[[int], Pool], room: float, most: int) -> int:
    """Largest batch up to `most` whose activations can all be resident in `room` bytes, 0 where there is none."""

    def fits(batch: int) -> bool:
        needs = _enough(pools, batch)
        return needs is not None and needs <= room

    per_item = float(live_bytes(pools(1).low).max())
    high = min(most, int(room / per_item)) if per_item > 0.0 else most  # tiles take little: the answer is near
    if high < 1 or fits(high):
        return max(0, high)
    step = 1
    while high - step >= 1 and not fits(high - step):
        high, step = high - step, 2 * step
    low = max(0, high - step)  # fits, or is 0; `high` does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def published_points(graph: Graph, chip: Architecture, precision: str, most: int) -> list[PublishedPoint]:
    """Published throughputs of the chip on this network and its size; of equal conditions the highest."""
    known = Entry(chip.name, chip.name, chip.kind, published_of(chip.published, chip.name), chip)
    params = params_of(graph)
    name = graph.graph.get("file") or name_of(graph)
    question = Question(str(name), params, precision)
    macs = sum(data["layer"].macs for _, data in graph.nodes(data=True))
    best: dict[tuple[Any, ...], Row] = {}
    for row in known.published.results:
        if not is_of(row, question) or row.params or not same_size(row, params):
            continue
        if row.batch is not None and row.batch > most:
            continue
        key = (row.network, row.batch, row.precision, row.mode, str(row.settings), str(row.ran_with))
        if key not in best or row.throughput_per_s > best[key].throughput_per_s:
            best[key] = row
    found = []
    for row in best.values():
        remarks = remarks_of(known, row, question, params, macs)
        source = known.published.sources.get(row.source or "", row.source)
        like = row.precision in (None, precision) and not (row.settings or row.ran_with or row.not_modelled)
        point = PublishedPoint(row.batch, row.throughput_per_s, row.precision, row.mode, source, tuple(remarks), like)
        found.append(point)
    return sorted(found, key=lambda point: (point.batch or 2**31, -point.throughput_per_s))
