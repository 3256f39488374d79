"""The die of a chip that the calibration covers: its area, and the checks that it can be made."""

from dataclasses import dataclass

from simulator.cost import area
from simulator.cost.book import cost_book, fit, interfaces, reticle_mm2
from simulator.cost.power import PowerModel, powers, without_mm2
from simulator.cost.quantities import Number, Quantities, Silicon, silicon, whole_mm2
from simulator.errors import ChipError


@dataclass(frozen=True)
class Die:
    """A die that the calibration covers: its parts, its area, and what its package must carry."""

    q: Quantities
    parts: Silicon
    mm2: Number
    """Area of the die [mm2]."""
    power: PowerModel

    @property
    def critical_mm2(self) -> Number:
        """Area where a defect kills: all but the part of the SRAM that repair saves [mm2]."""
        saved = (1.0 - cost_book()["yield"]["sram_critical"]["value"]) * self.parts.sram
        return without_mm2(self.q, self.parts, self.mm2, saved)

    @property
    def edge_needed_mm(self) -> Number:
        """Die edge that memory interfaces and links take [mm]."""
        return self.q.io_lanes * interfaces()[self.q.io_interface].edge_mm + _memory_edge_mm(self.q)

    @property
    def edge_usable_mm(self) -> Number:
        """Die edge that they may take [mm]."""
        return area.usable_edge_mm(self.mm2, cost_book()["beachfront"]["usable_share"])

    @property
    def can_be_made(self) -> Number:
        """Whether the die is inside the reticle limit and its interfaces fit its edge; without memory any edge does."""
        fits = self.edge_needed_mm <= self.edge_usable_mm if self.q.memory is not None else True
        return (self.mm2 <= reticle_mm2()) & fits


def die_of(q: Quantities, bottom_up: bool = False) -> Die:
    """The die of a chip, or the dies of the points of a sweep."""
    coefficients = fit()
    parts = silicon(q, coefficients)
    mm2 = parts.counted + fabric_mm2(q, parts) if bottom_up else whole_mm2(parts, coefficients.share)
    return Die(q, parts, mm2, powers(q, parts, mm2))


def check_die(die: Die, bottom_up: bool = False) -> None:
    """Refuse the die of one chip that cannot be made.

    Raises ChipError naming the reticle limit, or how many memory devices fit its edge.
    """
    q, limit = die.q, reticle_mm2()
    if die.mm2 > limit:
        field = cost_book()["reticle"]
        raise ChipError(
            f"{q.name}: die: must be at most the reticle limit of {limit:,.0f} mm2"
            f" ({field['width_mm']} x {field['height_mm']} mm), got {die.mm2:,.0f} mm2"
        )
    if die.can_be_made or q.memory is None:
        return
    # A die grows with its memory, so the answer is tried, not divided.
    most = next(
        (n for n in range(int(q.memory.devices) - 1, 0, -1) if die_of(q.with_devices(n), bottom_up).can_be_made), 0
    )
    raise ChipError(
        f"{q.name}: dram.devices: must be at most {most}: interfaces of {q.memory.devices:g} need"
        f" {die.edge_needed_mm:.0f} mm of die edge, {die.mm2:,.0f} mm2 has {die.edge_usable_mm:.0f} mm"
    )


def _memory_edge_mm(q: Quantities) -> Number:
    """Die edge of the memory interfaces [mm]."""
    if q.memory is None:
        return 0.0
    return q.memory.devices * (interfaces()[q.memory.family.interface].edge_mm * q.memory.channels_each)


def fabric_mm2(q: Quantities, parts: Silicon) -> Number:
    """Interconnect, control and whitespace of a chip from below [mm2].

    One router for each array, as wide as its part of the interconnect; the vector lanes; one control block for each
    array; and the whitespace of placement. An estimate to set beside the calibrated share, not to replace it.
    """
    data = cost_book()["fabric"]
    bits = q.interconnect_bytes_per_cycle * 8.0 / q.arrays
    coefficients = tuple(data[key]["value"] for key in ("router_mm2_256b", "lane_um2", "control_mm2_core"))
    built = area.fabric_mm2(q.arrays, bits, q.vector_lanes, q.arrays, coefficients, parts.scale)
    return (parts.counted + built) / (1.0 - data["whitespace_share"]["value"]) - parts.counted


def fabric_notes(die: Die) -> tuple[str, ...]:
    """Say so where the estimate from below and the calibrated share differ by more than two times."""
    usual = whole_mm2(die.parts, fit().share) - die.parts.counted
    below = die.mm2 - die.parts.counted
    if usual <= 2.0 * below and below <= 2.0 * usual:
        return ()
    return (
        f"interconnect and control: {below:,.1f} mm2 from vector lanes, ports and arrays, {usual:,.1f} mm2 by the"
        " calibrated share: more than two times apart",
    )


def area_items(die: Die) -> dict[str, float]:
    """Parts of a die [mm2]; they sum to it."""
    p = die.parts
    parts = {"macs": p.macs, "sram": p.sram, "dram_interfaces": p.dram, "links": p.io}
    return {name: float(mm2) for name, mm2 in {**parts, "interconnect_control": die.mm2 - p.counted}.items()}
