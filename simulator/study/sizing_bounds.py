"""What no design can beat, from the work of the networks and the numbers of a chip alone: time, power, room in the memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from simulator.chip.schema import Architecture
from simulator.graph.build import Graph
from simulator.graph.shallow import decoder_in, depths, with_layers
from simulator.lower.rows import lower
from simulator.lower.work import work_of
from simulator.result.room import used_bytes
from simulator.study.repeating import Depth
from simulator.study.sizing_answer import Targets
from simulator.units import OPERATIONS_PER_MAC

SLACK = 1.0 - 1e-9
"""Bounds are lowered by this share: sums in another order must not rule out what meets a target to the last digit."""


@dataclass(frozen=True)
class Needed:
    """What a batch of one network asks of any chip with the same arrays."""

    share: float
    """Of the inferences. [-]"""
    batch: int
    macs: float
    """Executed; those in other number formats as so many as take the same time."""
    compulsory_bytes: float
    """Of the outer memory, where nothing stays in the SRAM. [B]"""
    room_bytes: float
    """In the outer memory. [B]"""


def demands_of(
    mix: Sequence[tuple[Graph, float]], chip: Architecture, batch: int, precision: str
) -> tuple[Needed, ...]:
    """One for each network of a mix. Raises NetworkError for what the chip cannot run."""
    found = []
    for graph, share in mix:
        decoder = decoder_in(graph)
        pair = depths(decoder) if decoder is not None and not decoder.experts else None
        if decoder is None or pair is None:
            figures = _figures(graph, chip, batch, precision)
        else:  # equal layers once; of experts not each layer meets as many
            low, high = (_figures(with_layers(graph, layers), chip, batch, precision) for layers in pair)
            depth = Depth(decoder.layers, *pair)
            figures = tuple(depth.at(*each) for each in zip(low, high, strict=True))
        found.append(Needed(share, batch, *figures))
    return tuple(found)


def _figures(graph: Graph, chip: Architecture, batch: int, precision: str) -> tuple[float, ...]:
    """MACs and bytes of a demand."""
    low = lower(graph, chip, batch, precision)
    rate = low.spec.rate
    executed = sum(row.macs_executed * (rate / (row.shape.rate or rate)) for row in low.rows if row.shape)
    return float(executed), low.compulsory_bytes, used_bytes(chip, work_of(low))


def has_room(demands: Sequence[Needed], capacity_bytes: int | None) -> bool:
    """Whether a DRAM of that capacity holds each network; None, not known, and 0, no DRAM, hold all."""
    return not capacity_bytes or all(one.room_bytes <= capacity_bytes for one in demands)


class Speeds(NamedTuple):
    """What bounds the time on a chip; numbers, or columns of designs that go together."""

    macs_per_s: Any
    outer_bytes_per_s: Any
    """Of the outer memory; infinite where nothing comes from it."""
    held_bytes: Any
    """Of the SRAM. [B]"""

    @classmethod
    def of(cls, chip: Architecture, precision: str) -> "Speeds":
        """Those of one chip. Raises ChipError as `Architecture.peak_tops`."""
        macs_per_s = chip.peak_tops(precision) * 1e12 / OPERATIONS_PER_MAC
        return cls(macs_per_s, chip.outer_bytes_per_s or np.inf, chip.sram.capacity_bytes)


def least_s(one: Needed, speeds: Speeds) -> Any:
    """No schedule of a batch is faster: every MAC busy, and what does not fit the SRAM comes in once. [s]"""
    outer_s = np.maximum(0.0, one.compulsory_bytes - speeds.held_bytes) / speeds.outer_bytes_per_s
    return np.maximum(one.macs / speeds.macs_per_s, outer_s) * SLACK


def most_per_s(demands: Sequence[Needed], speeds: Speeds) -> Any:
    """No schedule has more throughput. [1/s]"""
    return 1.0 / sum(one.share * least_s(one, speeds) / one.batch for one in demands)


def is_fast(demands: Sequence[Needed], speeds: Speeds, targets: Targets) -> Any:
    """Whether the bounds of throughput and of latency leave a chip, or each of several designs, within the targets."""
    latest = np.inf if targets.latency_s is None else targets.latency_s
    fast = most_per_s(demands, speeds) >= (targets.at_least_per_s or 0.0)
    for one in demands:
        fast = fast & (least_s(one, speeds) <= latest)
    return fast


def least_w(
    demands: Sequence[Needed], targets: Targets, static_w: Any, joules: tuple[float, Any], held_bytes: Any
) -> Any:
    """No design draws less that meets the targets of speed. Numbers, or columns of designs. [W]

    joules: of a MAC, of a byte of the outer memory. held_bytes: of the SRAM. A batch in steady state takes no longer than one on
    its own, so that a latency is a throughput too.
    """
    rate = targets.at_least_per_s or 0.0
    item_j = 0.0
    for one in demands:
        outer = np.maximum(0.0, one.compulsory_bytes - held_bytes)
        item_j = item_j + one.share / one.batch * (one.macs * joules[0] + outer * joules[1])
        rate = rate if targets.latency_s is None else max(rate, one.batch / targets.latency_s)
    return static_w + rate * item_j * SLACK
