"""From a chip file to the numbers that cost depends on, with every assumption that was needed said in words.

A `Number` is a number for one chip, or a numpy array for the points of a sweep: `dataclasses.replace` puts the varied
columns in, and the same functions price one chip and a million.
"""

from dataclasses import dataclass, replace
from typing import Any

from simulator.chip.outer import Dram
from simulator.chip.parts import CUSTOM, dram_part, usual_part
from simulator.chip.schema import Architecture
from simulator.cost import area
from simulator.cost.book import (
    Family,
    Fit,
    Interface,
    Node,
    cost_book,
    families,
    interfaces,
    mac_weight,
    node,
    reticle_mm2,
)
from simulator.errors import ChipError
from simulator.units import GIB

Number = Any
"""A float, or an array of floats."""

FLASH = "nor"
"""Kind of memory that a custom part is taken for where it is read-only."""

SRAM_KINDS = ("scratchpad", "banked_buffer", "cache", "gpu_l2")
"""Kinds of on-chip memory that differ in area."""


@dataclass(frozen=True)
class Memory:
    """The DRAM of a chip as its package and its die see it."""

    family: Family
    devices: Number
    """Packages or stacks that are bought."""
    gib_each: float
    """Usual capacity of one [GiB]."""
    channels_each: float
    """Interfaces on the die for one of them."""
    bytes_per_s_each: float
    """Nominal bandwidth of one [bytes/s]."""
    own_gib: Number | None = None
    """Capacity of all of them, where the file gives it [GiB]."""

    @property
    def gib(self) -> Number:
        """Capacity of all of them [GiB]."""
        return self.devices * self.gib_each if self.own_gib is None else self.own_gib

    @property
    def stacked(self) -> bool:
        """Whether it sits on an interposer instead of on the board."""
        return self.family.interface == "hbm_stack"


@dataclass(frozen=True)
class Quantities:
    """What one chip is made of."""

    name: str
    kind: str
    node: Node
    arrays: Number
    """Arrays of MAC units."""
    rows: Number
    columns: Number
    """Units of one array."""
    rates: dict[str, float]
    """MACs per unit and cycle for each precision."""
    sram_bytes: Number
    """All on-chip memory: shared SRAM, accumulators, the weights' own buffer, and the memory of the units."""
    sram_kind: str
    sram_bytes_per_cycle: Number
    """Ports of the SRAM."""
    interconnect_bytes_per_cycle: Number
    vector_lanes: Number
    memory: Memory | None
    io_lanes: Number
    io_interface: str
    host_bytes_per_s: Number
    """Bandwidth of the link, one direction; 0 without one."""
    clock_hz: Number
    power_limit_w: float | None
    notes: tuple[str, ...]
    """Assumptions that the chip file made necessary."""
    of_gpu: bool
    """Whether the MACs are those of a GPU, a chip of its own or inside an SoC."""
    async_products: bool
    """Whether a GPU's matrix units read the shared memory themselves."""

    @property
    def mac_units(self) -> Number:
        """MAC units of all arrays [-]."""
        return self.arrays * self.rows * self.columns

    def with_devices(self, devices: Number) -> "Quantities":
        """The same chip with another number of memory devices; one without memory stays as it is."""
        return self if self.memory is None else replace(self, memory=replace(self.memory, devices=devices))

    def with_gib(self, gib: Number) -> "Quantities":
        """The same chip with another capacity of its memory [GiB]; one without memory stays as it is."""
        return self if self.memory is None else replace(self, memory=replace(self.memory, own_gib=gib))


def quantities_of(chip: Architecture, sram_kind: str | None = None) -> Quantities:
    """What `chip` is made of; `sram_kind` replaces the kind that follows from `sram.managed`.

    Raises ChipError when the process node is missing or unknown, or no array is described.
    """
    if chip.array is None:
        raise ChipError(f"{chip.name}: array: missing; a cost needs the MAC units")
    sram_kind = sram_kind or chip.sram.kind
    if sram_kind is None:
        cached = "gpu_l2" if chip.kind == "gpu" else "cache"
        sram_kind = cached if chip.sram.managed == "cache" else "scratchpad"
    notes: list[str] = []
    at = node(chip.process_nm, chip.name)
    if at.between:
        notes.append(f"process_nm: {at.nm:g}: interpolated between {at.between[0]} and {at.between[1]} nm")
    memory = None if chip.dram is None else _memory(chip.dram, notes)
    lanes, interface = _lanes(None if chip.host is None else chip.host.link, notes)
    return Quantities(
        name=chip.name,
        kind=chip.kind,
        node=at,
        arrays=float(chip.cores * chip.array.count),
        rows=float(chip.array.rows),
        columns=float(chip.array.columns),
        rates={str(precision): rate for precision, rate in chip.array.rate.items()},
        sram_bytes=chip.cores
        * float(
            chip.sram.capacity_bytes
            + chip.array.accumulator_capacity_bytes
            + chip.sram.weight_fifo_bytes
            + chip.array.unit_memory_bytes
        ),
        sram_kind=sram_kind,
        sram_bytes_per_cycle=chip.cores * float(chip.sram.bytes_per_cycle),
        interconnect_bytes_per_cycle=chip.cores * float(chip.interconnect.bytes_per_cycle),
        vector_lanes=chip.cores * float(chip.vector.lanes),
        memory=memory,
        io_lanes=lanes,
        io_interface=interface,
        host_bytes_per_s=chip.host_bytes_per_s or 0.0,
        clock_hz=chip.clock_hz,
        power_limit_w=chip.power_limit_w,
        notes=tuple(notes),
        of_gpu=chip.kind == "gpu" or chip.array.kind == "sm",
        async_products=chip.array.async_products,
    )


def _memory(dram: Dram, notes: list[str]) -> Memory:
    """The DRAM of a chip file; a part that only gives a bandwidth stands for as many usual devices as that takes."""
    if dram.part == CUSTOM:
        return _custom(dram, notes)
    part = dram_part(dram.part)
    family = families()[dram.part.split("-")[0]]
    gib = part.capacity_bytes / GIB
    return Memory(family, float(dram.devices), gib, part.width_bits / family.bits, part.bytes_per_s, dram.capacity_gib)


def _custom(dram: Dram, notes: list[str]) -> Memory:
    """A part that only gives a bandwidth, as so many usual devices of its family."""
    family = FLASH if dram.read_only and dram.family is None else dram.family
    usual = dram_part(cost_book()["dram"]["custom"]["part"] if family is None else usual_part(family))
    kind = families()[usual.name.split("-")[0]]
    each = dram.peak_bytes_per_s / dram.devices
    for_one = -(-each // usual.bytes_per_s)
    devices = dram.devices * for_one
    assumed = "" if dram.family is not None else "; `dram.family` names another kind"
    notes.append(
        f"dram.part: custom: counted as {devices:g} x{usual.width_bits} {kind.name.upper()} devices of"
        f" {usual.gb_per_s:.5g} GB/s{assumed}"
    )
    gib = usual.capacity_bytes / GIB
    return Memory(kind, devices, gib, usual.width_bits / kind.bits, each / for_one, dram.capacity_gib)


def _lanes(link: str | None, notes: list[str]) -> tuple[float, str]:
    """Lanes of the host link and the interface of one."""
    if link is None:
        return 0.0, "pcie_lane"
    family, _, lanes = link.partition("-x")
    if not family.startswith("pcie"):
        notes.append(f"host.link: {link}: counted as one PCIe lane")
        return 1.0, "pcie_lane"
    return float(lanes or 1), "pcie5_lane" if family == "pcie5" else "pcie_lane"


@dataclass(frozen=True)
class Silicon:
    """Area of the counted parts of a chip [mm2]."""

    macs: Number
    sram: Number
    dram: Number
    io: Number
    scale: float
    """Logic area at this node over 16 nm [-]."""

    @property
    def counted(self) -> Number:
        """All of it [mm2]."""
        return self.macs + self.sram + self.dram + self.io


def whole_mm2(parts: Silicon, share: float, less_mm2: Number = 0.0) -> Number:
    """The die around the counted parts [mm2], but for `less_mm2` of it.

    Near the reticle limit less is taken off: what SRAM takes there, others give up, and no die is better for being fuller.
    """
    return area.die_mm2(parts.counted - less_mm2 * (1.0 - share), share, reticle_mm2())


def silicon(q: Quantities, coefficients: Fit) -> Silicon:
    """Area of MACs, SRAM, DRAM interfaces and links [mm2]."""
    data = cost_book()
    scale = float(area.logic_scale(q.node.logic_mtr_mm2, coefficients.density_exponent))
    scale_7nm = float(area.logic_scale(data["ctrl_density_mtr_mm2"], coefficients.density_exponent))
    weights = {precision: mac_weight(precision, coefficients) for precision in q.rates}
    macs = area.mac_mm2(
        q.mac_units,
        area.unit_weight(q.rates, weights, data["mode_overhead"]["value"]),
        coefficients.mac_um2,
        scale,
    )
    kind = data["sram_kinds"][q.sram_kind]["value"]
    sram = area.sram_mm2(q.sram_bytes, q.node.bitcell_um2, coefficients.sram_efficiency, kind)

    def each(interface: Interface) -> float:
        return float(area.interface_mm2(interface.analog_mm2, interface.ctrl_mtr, scale, scale_7nm))

    dram: Number = 0.0
    if q.memory is not None:
        dram = q.memory.devices * (q.memory.channels_each * each(interfaces()[q.memory.family.interface]))
    return Silicon(macs, sram, dram, q.io_lanes * each(interfaces()[q.io_interface]), scale)
