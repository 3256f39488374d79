"""What a chip gives to its schedules beside its frontiers: numbers as columns, one entry a chip, made here alone."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from simulator.chip.parts import CUSTOM, dram_part
from simulator.chip.schema import Architecture
from simulator.kernels.layout import SLACK, Machine, Rates, times_grid
from simulator.lower.array import ArraySpec
from simulator.store.memory import of_each
from simulator.units import CACHE_SHARE, GIB, MIB, MICRO, PORT_EFFICIENCY

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, npt.NDArray[Any]]

PHI = {"none": 1.0, "layer": 0.25, "network": 0.0}
"""Share of the shorter of on-chip and outer-memory time that is not hidden. 0.25 fitted on 21 networks of the DPU (docs)."""

COLUMNS = (
    "sram.capacity_mib",
    "clock_mhz",
    "dram.devices",
    "dram.port_bytes_per_cycle",
    "dram.measured_efficiency",
    "overhead_us",
    "dram.capacity_gib",
)
"""Keys of a chip file that change these numbers or the price alone, and not its frontiers."""


@dataclass(frozen=True)
class Machines:
    """Chips that share their frontiers and the rules of their schedules, one entry a chip: SI units."""

    capacity_bytes: Floats
    cycle_s: Floats
    byte_s: Floats
    """Of the outer memory; 0 without a limit."""
    overhead_s: Floats
    overlap: str
    fifo_bytes: float | None = None
    """Where weights have a path of their own, the buffer on it, which takes what is fetched ahead; None: the SRAM does."""
    room_bytes: Floats | None = None
    """Capacity of the outer memory; None where it is not known, or there is none."""

    def __len__(self) -> int:
        return len(self.capacity_bytes)

    @property
    def phi(self) -> float:
        """Share of the shorter of on-chip and outer-memory time that is not hidden [-]."""
        return PHI[self.overlap]

    @property
    def rates(self) -> Rates:
        """Columns as the kernels read them."""
        return Rates(self.cycle_s, self.byte_s, self.overhead_s)

    def row(self, at: int = 0) -> Machine:
        """One of the chips, as the kernels read it."""
        columns = (self.capacity_bytes, self.cycle_s, self.byte_s, self.overhead_s)
        capacity, cycle, byte, overhead = (float(column[at]) for column in columns)
        return Machine(capacity, cycle, byte, self.phi, overhead)

    def part(self, rows: npt.NDArray[Any] | slice) -> Self:
        """Some of the chips."""
        varied = [field.name for field in fields(self) if isinstance(getattr(self, field.name), np.ndarray)]
        return replace(self, **{name: getattr(self, name)[rows] for name in varied})

    def one(self, at: int) -> Self:
        """One of the chips, on its own."""
        return self.part(slice(at, at + 1))


def machines_of(chip: Architecture, columns: Columns | None = None, count: int = 1) -> Machines:
    """A chip as `count` machines, of which `columns` gives values of their own by key of the chip file."""
    return _alone(chip) if columns is None and count == 1 else _machines(chip, columns or {}, count)


@of_each(1024)
def _alone(chip: Architecture) -> Machines:
    """A chip as it is."""
    return _machines(chip, {}, 1)


def _machines(chip: Architecture, given: Columns, count: int) -> Machines:
    """A chip as machines with columns of their own."""
    capacity = capacities(chip, given, count)
    if chip.sram.managed == "cache":
        capacity = capacity * CACHE_SHARE
    clock_hz = clocks(chip, given, count)
    fixed_s, cycles = chip.layer_start
    overhead_s = fixed_s + cycles / clock_hz
    if "overhead_us" in given:
        overhead_s = given["overhead_us"].astype(np.float64) * MICRO
    return Machines(
        capacity,
        1.0 / clock_hz,
        _byte_s(chip, given, clock_hz),
        overhead_s,
        chip.schedule.overlap,
        None if "weights" in chip.sram.holds else float(chip.sram.weight_fifo_bytes),
        _room_bytes(chip, given, count),
    )


def capacities(chip: Architecture, columns: Columns, count: int) -> Floats:
    """SRAM of every machine as the chip file means it [bytes]."""
    return np.asarray(np.floor(column_of(columns, "sram.capacity_mib", float(chip.sram.capacity_mib), count) * MIB))


def clocks(chip: Architecture, columns: Columns, count: int) -> Floats:
    """Clock of every machine [Hz]."""
    return column_of(columns, "clock_mhz", float(chip.clock_mhz), count) * 1e6


def _room_bytes(chip: Architecture, columns: Columns, count: int) -> Floats | None:
    """Capacity of the outer memory of every machine: what is given, else that of its parts. [B]"""
    if chip.dram is None:
        return None
    if "dram.capacity_gib" in columns:
        return np.floor(columns["dram.capacity_gib"].astype(np.float64) * GIB)
    if chip.dram.capacity_bytes is None:
        return None
    if "dram.devices" in columns and chip.dram.capacity_gib is None:
        return columns["dram.devices"].astype(np.float64) * dram_part(chip.dram.part).capacity_bytes
    return np.full(count, float(chip.dram.capacity_bytes))


def _byte_s(chip: Architecture, columns: Columns, clock_hz: Floats) -> Floats:
    """Seconds per byte of the outer memory."""
    count = len(clock_hz)
    if chip.dram is None:
        outer = chip.outer_bytes_per_s
        return np.full(count, 1.0 / outer if outer else 0.0)
    peak = np.full(count, chip.dram.peak_bytes_per_s)
    if "dram.devices" in columns:
        custom = chip.dram.part == CUSTOM
        each = peak[0] / chip.dram.devices if custom else dram_part(chip.dram.part).bytes_per_s
        peak = columns["dram.devices"].astype(np.float64) * each
    devices = peak * column_of(columns, "dram.measured_efficiency", chip.dram.efficiency, count)
    port = chip.dram.port_bytes_per_cycle
    if port is None and "dram.port_bytes_per_cycle" not in columns:
        return np.asarray(1.0 / devices)
    wide = column_of(columns, "dram.port_bytes_per_cycle", float(port or 0.0), count)
    return np.asarray(1.0 / np.minimum(devices, PORT_EFFICIENCY * (chip.cores * wide * clock_hz)))


def column_of(columns: Columns, key: str, otherwise: float, count: int) -> Floats:
    """A varied key as floats, or the chip's own value for every machine."""
    return columns[key].astype(np.float64) if key in columns else np.full(count, otherwise)


def least_of_parts(cycles: Floats, outer_bytes: Floats, steps: int, machines: Machines, spec: ArraySpec) -> Floats:
    """No schedule of so many steps in all, with these cycles and bytes, is faster; one entry a chip. [s]"""
    if spec.systolic:  # each step's last cycle does not count
        cycles = np.maximum(0.0, cycles - steps / spec.rate)
    rates = machines.rates._replace(overhead_s=machines.overhead_s * steps)
    return np.asarray(times_grid(cycles[:, None], outer_bytes[:, None], rates, machines.phi)[:, 0] * SLACK)
